"""Object stores behind a proxy: each driver goes through the one of `JOULEHOUSE_PROXY`, which looks the name up."""

import hashlib
import os

import pytest

from domain.errors import WarehouseUnavailableError
from resources.settings import Settings
from tests.fakes.object_stores import Store, settings
from tests.fakes.raw_server import RawServer, answer
from warehouse import store_drivers
from warehouse.embedded.host import free_port
from warehouse.landing import Landing

BODY = os.urandom(100_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
LOWER = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
VARIABLES = (*LOWER, *(name.upper() for name in LOWER))


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
    landing = Landing(Settings().landing_url)
    path = landing.keep("hub", BODY, SHA256)
    assert landing.read(path, len(BODY), SHA256) == BODY
    assert len(elsewhere.relay.asked) == 3


def test_a_store_on_this_machine_is_reached_without_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("JOULEHOUSE_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("LANDING_URL", store.url)
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
    monkeypatch.setattr(store_drivers, "_TRIES", 1)
    with RawServer([answer(b"", status=status)]) as proxy:
        url = f"http://me:s3cr3t@127.0.0.1:{proxy.port if status else free_port()}"
        for name, value in {**dict.fromkeys(VARIABLES, ""), **settings("s3", 1), **HTTPS[scheme]}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("JOULEHOUSE_PROXY", url)
        monkeypatch.setenv("LANDING_URL", f"{scheme}://bucket/zone")
        done = f"answered {status}" if status else "cannot be reached"
        with pytest.raises(WarehouseUnavailableError, match=rf"\(the proxy on the way .*{done}\)") as caught:
            Landing(Settings().landing_url).probe()
        assert {seen.target.rpartition(".")[2] for seen in proxy.seen} <= {"invalid:443"}
    assert "s3cr3t" not in str(caught.value)
