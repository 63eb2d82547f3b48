"""Through an outgoing proxy: what it is told, what it is not, and whose fault it is."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from websockets.sync.server import Server, ServerConnection, serve

from domain.errors import (
    AddressRefusedError,
    ConfigurationError,
    CredentialsRejectedError,
    IngestError,
    ProviderUnavailableError,
    ProxyRefusedError,
    ProxyUnavailableError,
)
from providers._http import ApiClient, BlobClient, Origin
from providers._proxy import Proxy
from providers._stream import StreamLimits, open_stream
from tests.fakes.api import QUICK, Naps
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.raw_server import Act, RawServer, Script, answer
from tests.fakes.real_proxies import NAMES
from tests.providers.test_http_secrets import everything_logged, forms, sinks_of

FINE = answer(b"[1]")
API, FILES, _ = NAMES
PASSWORD = "s3cr3t/+ü-of-the-proxy"


def no_lookup(host: str, _port: int) -> Sequence[str]:
    """Only the proxy's own address is looked up here."""
    assert host == "127.0.0.1", f"{host} was looked up"
    return [host]


def parsed(url: str) -> Proxy:
    proxy = Proxy.parse(url, setting="JOULEHOUSE_PROXY")
    assert proxy is not None
    return proxy


def client_by(
    url: str,
    *,
    ca_file: Path | None = None,
    at: str = f"https://{API}",
    tries: int = 2,
    total_seconds: float = 20.0,
) -> ApiClient:
    return ApiClient(
        Origin.parse(at, place="test"),
        source="acme",
        limits=replace(QUICK, connect_seconds=0.5, read_seconds=0.3, max_tries=tries, total_seconds=total_seconds),
        ca_file=ca_file,
        proxy=parsed(url),
        resolve=no_lookup,
        sleep=Naps(),
    )


def test_an_api_is_asked_through_the_proxy_which_alone_looks_its_name_up(trust: ssl.SSLContext, ca_file: Path) -> None:
    with RawServer([FINE], tls=trust) as server, ConnectProxy({API: server.port}) as proxy:
        with client_by(proxy.url, ca_file=ca_file) as client:
            assert [client.get("x").body, client.get("x").body] == [b"[1]", b"[1]"]
        assert proxy.asked == [f"{API}:443"]
        assert server.seen[0].headers["host"] == API
        assert "proxy-authorization" not in server.seen[0].headers


def test_a_file_of_another_host_is_fetched_through_the_proxy(trust: ssl.SSLContext, ca_file: Path) -> None:
    with (
        RawServer([FINE], tls=trust) as server,
        ConnectProxy({FILES: server.port}) as proxy,
        BlobClient(
            frozenset({FILES}), source="acme", ca_file=ca_file, proxy=parsed(proxy.url), resolve=no_lookup
        ) as blobs,
    ):
        into = io.BytesIO()
        blobs.download(f"https://{FILES}/a?signature=1", into)
        with pytest.raises(AddressRefusedError, match="not on the list"):
            blobs.download(f"https://{API}/a", into)
        assert (into.getvalue(), proxy.asked) == (b"[1]", [f"{FILES}:443"])


@contextmanager
def websocket(trust: ssl.SSLContext) -> Iterator[Server]:
    def greet(connection: ServerConnection) -> None:
        connection.send("hello")

    with serve(greet, "127.0.0.1", 0, ssl=trust) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server


def test_a_stream_goes_through_the_proxy(trust: ssl.SSLContext, ca_file: Path) -> None:
    with websocket(trust) as server, ConnectProxy({API: server.socket.getsockname()[1]}, proof="me:pass") as proxy:
        origin = Origin.parse(f"https://{API}", place="test")
        with open_stream(
            origin, "live", {}, {}, source="acme", ca_file=ca_file, proxy=parsed(proxy.url), resolve=no_lookup
        ) as stream:
            assert stream.receive(2.0) == "hello"
        assert proxy.asked == [f"{API}:443"]


def test_a_stream_blames_the_proxy_for_what_is_its_own() -> None:
    origin = Origin.parse(f"https://{API}", place="test")
    limits = StreamLimits(open_seconds=2.0)
    with ConnectProxy({}) as proxy, pytest.raises(ProxyUnavailableError, match="answered 502"):
        open_stream(origin, "live", {}, {}, source="acme", proxy=parsed(proxy.url), limits=limits)


def test_a_redirect_is_followed_through_a_proxy_no_more_than_without(trust: ssl.SSLContext, ca_file: Path) -> None:
    moved = answer(b"", status=302, headers={"Location": f"https://{FILES}/x"})
    with (
        RawServer([moved], tls=trust) as server,
        ConnectProxy({API: server.port, FILES: server.port}) as proxy,
        client_by(proxy.url, ca_file=ca_file) as client,
    ):
        with pytest.raises(AddressRefusedError, match=f"a redirect to the host {FILES}"):
            client.get("x")
        assert proxy.asked == [f"{API}:443"]


@pytest.mark.parametrize("host", ["8.8.8.8", "10.0.0.7", "169.254.169.254", "[2001:4860:4860::8888]", "[fd00::1]"])
def test_the_proxy_is_asked_for_names_and_for_no_address(host: str) -> None:
    with ConnectProxy({}) as proxy, client_by(proxy.url, at=f"https://{host}") as client:
        with pytest.raises(AddressRefusedError, match="is an address and no name, and the proxy 127"):
            client.get("x")
        assert proxy.asked == []


def test_this_machine_is_reached_without_the_proxy() -> None:
    with RawServer([FINE]) as server, ConnectProxy({}) as proxy:
        with client_by(proxy.url, at=server.url) as client:
            assert client.get("x").body == b"[1]"
        assert proxy.asked == []


def test_user_and_password_are_shown_to_the_proxy_alone(trust: ssl.SSLContext, ca_file: Path) -> None:
    with (
        RawServer([FINE], tls=trust) as server,
        ConnectProxy({API: server.port}, proof=f"me:{PASSWORD}") as proxy,
        client_by(f"http://me:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{proxy.port}", ca_file=ca_file) as client,
    ):
        assert client.get("x").body == b"[1]"
        assert b"roxy" not in server.seen[0].raw


BLOCKED = answer(b"<h1>blocked</h1>", status=403, media_type="text/html")
ANSWERS: list[tuple[Script, type[IngestError], str]] = [
    *(
        (
            answer(b"", status=status),
            ProxyRefusedError,
            f"answered {status}: it refuses our user or password.*HOUSE_PROXY",
        )
        for status in (401, 407)
    ),
    (
        answer(b"", status=407, headers={"Proxy-Authenticate": "NTLM"}),
        ProxyRefusedError,
        "answered 407: it takes NTLM alone, and joulehouse shows a user and a password",
    ),
    (BLOCKED, ProxyRefusedError, "answered 403: its rules let nobody through to api.example:443.*permit CONNECT"),
    (answer(b"", status=302, headers={"Location": "http://portal"}), ProxyRefusedError, "302: it opens no way to"),
    (answer(b"", status=405), ProxyRefusedError, "answered 405 to CONNECT: it makes no tunnels, or is no proxy"),
    *(
        (answer(b"", status=status), ProxyUnavailableError, f"{status}: it does not know the name of api.example:443")
        for status in (500, 502, 503, 504)
    ),
    ([Act.HANG], ProxyUnavailableError, "was silent when it was asked for a way to api.example:443"),
    ([Act.CLOSE], ProxyUnavailableError, "broke off, or is no HTTP proxy"),
    ([Act.RESET], ProxyUnavailableError, "broke off, or is no HTTP proxy"),
    ([b"SSH-2.0-server\r\n", Act.CLOSE], ProxyUnavailableError, "broke off, or is no HTTP proxy"),
]


@pytest.mark.parametrize(("said", "kind", "sentence"), ANSWERS)
def test_a_proxy_that_opens_no_tunnel_is_named_with_its_reason(
    said: Script, kind: type[IngestError], sentence: str
) -> None:
    with (
        RawServer([said]) as proxy,
        everything_logged() as log,
        client_by(f"http://me:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{proxy.port}") as client,
    ):
        with pytest.raises(kind, match=f"the proxy 127.0.0.1:{proxy.port} .*{sentence}") as caught:
            client.get("x")
        assert getattr(caught.value, "was_sent", None) is False
        assert len(proxy.seen) == (2 if caught.value.retryable else 1)
        shown = sinks_of(caught.value) + log.getvalue() + repr(client) + str(vars(client))
    for form in forms(PASSWORD) | forms(f"me:{PASSWORD}"):
        assert form not in shown


def test_a_proxy_that_wants_a_user_says_so_where_none_is_set() -> None:
    with (
        RawServer([answer(b"", status=407)]) as proxy,
        client_by(proxy.url) as client,
        pytest.raises(ProxyRefusedError, match=r"it wants a user and a password .*it was named by JOULEHOUSE_PROXY"),
    ):
        client.get("x")


def test_a_proxy_that_is_not_there_is_no_fault_of_the_provider() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with (
        client_by(f"http://127.0.0.1:{port}") as client,
        pytest.raises(ProxyUnavailableError, match=rf"the proxy 127.0.0.1:{port} cannot be reached.*JOULEHOUSE_PROXY"),
    ):
        client.get("x")


def test_a_proxy_that_opens_tls_is_told_from_a_server_that_cannot_prove_itself(ca_file: Path) -> None:
    company = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(API).configure_cert(company)
    with (
        RawServer([FINE], tls=company) as server,
        ConnectProxy({API: server.port}) as proxy,
        client_by(proxy.url, ca_file=ca_file) as client,
    ):
        sentence = r"or the proxy 127.0.0.1:\d+ opens TLS.*the company's certificate authority as ca_file"
        with pytest.raises(AddressRefusedError, match=sentence):
            client.get("x")
        assert server.seen == []


def test_a_page_that_a_proxy_which_opens_tls_may_have_shown_is_not_held_against_the_provider_alone(
    trust: ssl.SSLContext, ca_file: Path
) -> None:
    with (
        RawServer([BLOCKED], tls=trust) as server,
        ConnectProxy({API: server.port}) as proxy,
        client_by(proxy.url, ca_file=ca_file) as client,
        pytest.raises(CredentialsRejectedError, match=r"403 .*a web page that is the proxy's own \(127.0.0.1:\d+\)"),
    ):
        client.get("x")


@pytest.mark.parametrize(("said", "what"), [([Act.HANG], "silent"), ([Act.RESET], "broke off")])
def test_a_provider_that_fails_behind_the_proxy_is_the_one_that_is_named(
    said: Script, what: str, trust: ssl.SSLContext, ca_file: Path
) -> None:
    with (
        RawServer([said], tls=trust) as server,
        ConnectProxy({API: server.port}) as proxy,
        client_by(proxy.url, ca_file=ca_file) as client,
        pytest.raises(ProviderUnavailableError, match=f"{what}.*, through the proxy 127.0.0.1") as caught,
    ):
        client.get("x")
    assert not isinstance(caught.value, ProxyUnavailableError)


def test_the_wait_for_a_silent_proxy_ends_with_the_time_of_the_call() -> None:
    began = time.monotonic()
    with (
        RawServer([[Act.HANG]]) as proxy,
        client_by(proxy.url, tries=1, total_seconds=0.2) as client,
        pytest.raises(ProxyUnavailableError, match="silent"),
    ):
        client.get("x")
    assert time.monotonic() - began < 0.45


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128", "https://proxy.example", "socks5://proxy.example", "http://", "http://a b", "http://p/path",
        "http://p?x=1", f"http://me:{PASSWORD}@p:99999", f"http://{PASSWORD}@proxy.example",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_proxy_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"the proxy's address .* \(JOULEHOUSE_PROXY\): write http://"
    ) as caught:
        parsed(url)
    assert PASSWORD not in str(caught.value)


def test_an_address_of_a_proxy_is_read_as_everybody_writes_it() -> None:
    proxy = parsed("http://me:p%40ss%3A@proxy.example:3128/")
    assert (str(proxy), proxy.user, proxy.password.reveal()) == ("proxy.example:3128", "me", "p@ss:")
    assert parsed("http://me:p@ss/#?@proxy.example").password.reveal() == "p@ss/#?"
    assert Proxy.parse("direct", setting="x") is None
    assert "p@ss" not in repr(proxy)


# The proxy of the tests itself


def test_the_proxy_of_the_tests_tells_what_a_proxy_tells() -> None:
    with RawServer([FINE]) as server, ConnectProxy({API: server.port}, proof="a:b") as proxy:

        def told(request: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", proxy.port), 2) as connection:
                connection.sendall(request)
                return connection.recv(65536)

        proof = b"Proxy-Authorization: Basic YTpi\r\n\r\n"
        assert b" 407 " in told(b"CONNECT api.example:1 HTTP/1.1\r\n\r\n")
        assert b" 502 " in told(b"CONNECT other.example:1 HTTP/1.1\r\n" + proof)
        assert b" 405 " in told(b"GET http://api.example/ HTTP/1.1\r\n" + proof)
        assert b" 200 " in told(b"CONNECT api.example:1 HTTP/1.1\r\n" + proof)
        assert proxy.asked == ["api.example:1", "other.example:1", "http://api.example/", "api.example:1"]
