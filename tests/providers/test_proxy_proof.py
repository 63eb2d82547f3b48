"""tinyproxy and squid themselves: what comes through them, and what they say where nothing does."""

import io
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import AddressRefusedError, IngestError, ProxyRefusedError, ProxyUnavailableError
from providers._http import ApiClient, BlobClient, Origin
from providers._http_types import Limits
from providers._proxy import Proxy
from providers._stream import open_stream
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.real_proxies import FORBIDDEN, KINDS, NAMES, USER, Kind, real_proxy
from tests.providers.test_proxy import websocket

pytestmark = [pytest.mark.prove, pytest.mark.timeout(120)]

API, FILES, _ = NAMES
LIMITS = Limits(connect_seconds=20.0, max_tries=1)


@pytest.fixture(scope="module", params=KINDS)
def proxy(request: pytest.FixtureRequest) -> Iterator[int]:
    kind: Kind = request.param
    with real_proxy(kind) as port:
        yield port


def by(port: int, user: str = USER) -> Proxy:
    made = Proxy.parse(f"http://{user}{'@' if user else ''}127.0.0.1:{port}", setting="JOULEHOUSE_PROXY")
    assert made is not None
    return made


def client(through: Proxy, at: str, ca_file: Path | None = None) -> ApiClient:
    origin = Origin.parse(f"https://{at}", place="test")
    return ApiClient(origin, source="acme", limits=LIMITS, ca_file=ca_file, proxy=through)


def test_requests_files_and_streams_come_through(proxy: int, trust: ssl.SSLContext, ca_file: Path) -> None:
    big = bytes(range(256)) * 4096
    with RawServer([answer(b"[1]"), answer(b"[2]"), answer(big, media_type="application/zip")], tls=trust) as server:
        with client(by(proxy), f"{API}:{server.port}", ca_file) as api:
            assert [api.get("x").body, api.post("x", json={}).body] == [b"[1]", b"[2]"]
        with BlobClient(
            frozenset({f"{FILES}:{server.port}"}), source="acme", ca_file=ca_file, proxy=by(proxy)
        ) as blobs:
            into = io.BytesIO()
            blobs.download(f"https://{FILES}:{server.port}/a?signature=1", into)
            assert into.getvalue() == big
        assert all(b"proxy" not in seen.raw.lower() for seen in server.seen)
    with websocket(trust) as server_of_streams:
        origin = Origin.parse(f"https://{API}:{server_of_streams.socket.getsockname()[1]}", place="test")
        with open_stream(origin, "live", {}, {}, source="acme", ca_file=ca_file, proxy=by(proxy)) as stream:
            assert stream.receive(5.0) == "hello"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("user", "host", "kind", "sentence"),
    [
        ("", API, ProxyRefusedError, "407: it wants a user and a password"),
        ("me:wrong", API, ProxyRefusedError, "40[17]: it refuses our user or password"),
        (USER, FORBIDDEN, ProxyRefusedError, f"403: its rules let nobody through to {FORBIDDEN}"),
        (USER, "nowhere.invalid", ProxyUnavailableError, "50[0-9]: it does not know the name of nowhere.invalid"),
        (USER, API, ProxyUnavailableError, "50[0-9]: it does not know the name of api.example.*, or reaches nothing"),
    ],
)
def test_what_they_refuse_is_said_as_theirs(
    proxy: int, user: str, host: str, kind: type[IngestError], sentence: str
) -> None:
    with (
        client(by(proxy, user), f"{host}:{closed_port()}") as api,
        pytest.raises(kind, match=f"the proxy 127.0.0.1:{proxy} answered {sentence}") as caught,
    ):
        api.get("x")
    assert "p-of-the-tests" not in str(caught.value)


def test_what_does_not_prove_itself_behind_them_is_told_apart(proxy: int, trust: ssl.SSLContext) -> None:
    with (
        RawServer([answer(b"[1]")], tls=trust) as server,
        client(by(proxy), f"{API}:{server.port}") as api,
        pytest.raises(AddressRefusedError, match=rf"or the proxy 127.0.0.1:{proxy} opens TLS"),
    ):
        api.get("x")
