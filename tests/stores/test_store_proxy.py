"""Object stores behind a proxy: each driver goes through the one of `JOULEHOUSE_PROXY`, which looks the name up."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from domain.errors import WarehouseUnavailableError
from pipelines.cli.doctor import _landing_zone
from pipelines.cli.watch import _opened
from pipelines.local.project import Project
from resources.settings import Settings
from resources.warehouse import opened_warehouse
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.object_stores import Store, settings
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.real_proxies import KINDS, NAMES, USER, Kind, real_proxy
from warehouse import store_drivers
from warehouse.embedded.host import free_port
from warehouse.landing import Landing

BODY = os.urandom(100_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
VARIABLES = tuple(Settings({"JOULEHOUSE_PROXY": "direct"}).proxy_variables)


@pytest.fixture
def elsewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store under a name that nobody here can look up; its relay stands for the proxy."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # and so afterwards
    monkeypatch.setenv("LANDING_URL", store.url)
    for name, value in settings(store.kind, store.relay.port).items():
        # Azurite finds the account in a name, and in a path only behind an address; moto takes most names for buckets.
        there = value.replace(f"127.0.0.1:{store.relay.port}/devstoreaccount1", "devstoreaccount1.store.invalid")
        monkeypatch.setenv(name, there.replace(f"127.0.0.1:{store.relay.port}", "localstack.invalid"))
    return store


def test_every_driver_goes_through_the_proxy_of_all(elsewhere: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_PROXY", f"http://me:p%40ss@127.0.0.1:{elsewhere.relay.port}")
    Settings().lend_proxy()
    landing = Landing(Settings().landing_url)
    path = landing.keep("hub", BODY, SHA256)
    assert landing.read(path, len(BODY), SHA256) == BODY
    assert len(elsewhere.relay.asked) == 3


def test_a_store_on_this_machine_is_reached_without_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("JOULEHOUSE_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("LANDING_URL", store.url)
    Settings().lend_proxy()
    landing = Landing(Settings().landing_url)
    assert landing.read(landing.keep("hub", BODY, SHA256), len(BODY), SHA256) == BODY


HTTPS = {
    "s3": {"AWS_ENDPOINT_URL": "https://s3.invalid"},
    "az": {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=a2V5;BlobEndpoint=https://a.invalid"},
    "gs": {"STORAGE_EMULATOR_HOST": "https://gcs.invalid", "NO_GCE_CHECK": "true"},
}


@pytest.mark.parametrize("scheme", HTTPS)
@pytest.mark.parametrize("status", [407, 0])
def test_what_the_proxy_does_to_a_store_is_called_the_proxys(
    scheme: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_drivers, "TRIES", 1)
    with RawServer([answer(b"", status=status)]) as proxy:
        url = f"http://me:s3cr3t@127.0.0.1:{proxy.port if status else free_port()}"
        for name, value in {**dict.fromkeys(VARIABLES, ""), **settings("s3", 1), **HTTPS[scheme]}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("JOULEHOUSE_PROXY", url)
        monkeypatch.setenv("LANDING_URL", f"{scheme}://bucket/zone")
        done = f"answered {status}" if status else "cannot be reached"
        Settings().lend_proxy()
        with pytest.raises(WarehouseUnavailableError, match=rf"\(the proxy on the way .*{done}\)") as caught:
            Landing(Settings().landing_url).probe()
        assert {seen.target.rpartition(".")[2] for seen in proxy.seen} <= {"invalid:443"}
    assert "s3cr3t" not in str(caught.value)


def opened_by_doctor() -> AbstractContextManager[object]:
    next(_landing_zone(Project()))
    return nullcontext()


@pytest.mark.parametrize(
    "opened",
    [lambda: opened_warehouse(Settings()), lambda: Project().warehouse(), lambda: _opened(Project()), opened_by_doctor],
    ids=["run", "command", "watch", "doctor"],
)
def test_whoever_opens_a_landing_zone_lends_its_driver_the_proxy_and_not_to_grpc(
    opened: Callable[[], AbstractContextManager[object]],
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("JOULEHOUSE_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("LANDING_URL", str(tmp_path))
    with opened():
        found = dict(os.environ)
    assert found["https_proxy"] == found["HTTP_PROXY"] == "http://127.0.0.1:1"
    assert found["grpc_proxy"] == ""


def test_an_empty_grpc_proxy_keeps_what_dagsters_processes_say_to_each_other_out_of_the_proxy() -> None:
    ask = (
        "import grpc, contextlib\n"
        "with contextlib.suppress(grpc.FutureTimeoutError):\n"
        "    grpc.channel_ready_future(grpc.insecure_channel('code.invalid:4000')).result(timeout=0.5)"
    )
    with ConnectProxy({}) as proxy:
        lent = Settings({"JOULEHOUSE_PROXY": proxy.url}).proxy_variables
        asked = []
        for ours in (lent, {name: value for name, value in lent.items() if name != "grpc_proxy"}):
            subprocess.run([sys.executable, "-c", ask], env={**os.environ, **ours}, check=True)
            asked.append(bool(proxy.asked))
    assert asked == [False, True]


@pytest.mark.prove
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_puts_through_a_real_proxy_wait_for_nothing(kind: Kind, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {hashlib.sha256(body).hexdigest(): body for body in (os.urandom(300_000) for _ in range(20))}
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
    assert seconds / len(bodies) < 0.5
    assert len([one for one in store.relay.asked if one.method == "PUT"]) == len(bodies)
