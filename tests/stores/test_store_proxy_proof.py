"""S3 through tinyproxy and squid themselves: what is put waits for no word of the proxy."""

import hashlib
import os
import time

import pytest

from resources.settings import Settings
from tests.fakes.object_stores import Store, settings
from tests.fakes.real_proxies import KINDS, NAMES, USER, Kind, real_proxy
from tests.stores.test_store_proxy import VARIABLES
from warehouse.landing import Landing

pytestmark = [pytest.mark.prove, pytest.mark.timeout(120)]

N_BODIES = 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_puts_through_a_real_proxy_wait_for_nothing(kind: Kind, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {hashlib.sha256(body).hexdigest(): body for body in (os.urandom(300_000) for _ in range(N_BODIES))}
    with real_proxy(kind) as port:
        for name in VARIABLES:
            monkeypatch.setenv(name, "")
        for name, value in settings("s3", store.relay.port).items():
            monkeypatch.setenv(name, value.replace("127.0.0.1", NAMES[2]))
        monkeypatch.setenv("JOULEHOUSE_PROXY", f"http://{USER}@127.0.0.1:{port}")
        monkeypatch.setenv("LANDING_URL", store.url)
        Settings().lend_proxy()
        landing = Landing(Settings().landing_url)
        began = time.monotonic()
        paths = {sha256: landing.keep("hub", body, sha256) for sha256, body in bodies.items()}
        seconds = time.monotonic() - began
        assert all(landing.read(paths[sha256], len(body), sha256) == body for sha256, body in bodies.items())
    assert seconds / N_BODIES < 0.5
    assert len([one for one in store.relay.asked if one.method == "PUT"]) == N_BODIES
