import threading
import time
from datetime import UTC, datetime

import httpx
import pytest

from domain.errors import (
    AddressRefusedError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from providers._http import ApiClient, Origin
from tests.fakes.api import QUICK, Naps, api
from tests.fakes.raw_server import Act, RawServer, Script, answer, cut, drip

BUSY = answer(b"", status=503, media_type=None)
FINE = answer(b"[1]")


def test_an_answer_is_handed_back_whole() -> None:
    with (
        RawServer([answer(b'{"a": 1}', media_type="Application/JSON; charset=utf-8")]) as server,
        api(server) as client,
    ):
        got = client.get("x", {"a": "1 2", "b": "ä&c"})
    assert (got.status, got.media_type, got.body, got.proof) == (200, "application/json", b'{"a": 1}', "content-length")
    assert abs((datetime.now(UTC) - got.received_at).total_seconds()) < 10
    assert server.seen[0].target == "/x?a=1%202&b=%C3%A4%26c"
    assert server.seen[0].headers["accept-encoding"] == "gzip"
    assert client.n_requests == 1


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
def test_a_provider_in_trouble_is_asked_again(status: int) -> None:
    trouble = answer(b"", status=status, media_type=None)
    with RawServer([trouble, trouble, FINE]) as server, api(server) as client:
        assert client.get("x").body == b"[1]"
        assert client.n_requests == len(server.seen) == 3


@pytest.mark.parametrize("broken", [[Act.CLOSE], [Act.RESET], cut(FINE, 10), [b"SSH-2.0-x\r\n", Act.CLOSE]])
def test_a_connection_that_breaks_is_made_again(broken: Script) -> None:
    with RawServer([broken, broken, FINE]) as server, api(server) as client:
        assert client.get("x").body == b"[1]"


def test_a_provider_that_stays_away_is_unavailable_after_five_tries() -> None:
    with RawServer([BUSY]) as server, api(server) as client:
        with pytest.raises(ProviderUnavailableError, match="503, in 5 tries"):
            client.get("x")
        assert len(server.seen) == 5


def test_a_closed_port_is_tried_five_times() -> None:
    with RawServer([FINE]) as server:
        pass
    naps = Naps()
    with api(server, naps=naps) as client:
        with pytest.raises(ProviderUnavailableError, match="no connection"):
            client.get("x")
        assert (client.n_requests, len(naps.seconds)) == (5, 4)


def test_an_unknown_name_is_tried_five_times() -> None:
    origin = Origin.parse("https://api.example", place="test")
    with ApiClient(origin, source="acme", limits=QUICK, resolve=gone, sleep=Naps()) as client:
        with pytest.raises(ProviderUnavailableError, match="no connection"):
            client.get("x")
        assert client.n_requests == 5


def gone(_host: str, _port: int) -> list[str]:
    raise OSError(-2, "Name or service not known")


def test_silence_is_broken_off_and_tried_again() -> None:
    with RawServer([[Act.HANG], FINE]) as server, api(server, read_seconds=0.1) as client:
        assert client.get("x").body == b"[1]"


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 414, 415, 422, 451])
def test_a_rejected_request_is_never_sent_twice(status: int) -> None:
    with RawServer([answer(b"", status=status)]) as server, api(server) as client:
        with pytest.raises(RequestRejectedError) as caught:
            client.get("x")
        assert caught.value.status == status
        assert len(server.seen) == 1


def test_a_rejection_repeats_what_the_provider_said() -> None:
    said = b'{"errorCode": 10002,\n "message": "bad startDate, see https://x.example/?sig=abcdef"}'
    with (
        RawServer([answer(said, status=422)]) as server,
        api(server) as client,
        pytest.raises(RequestRejectedError, match=r"10002.*bad startDate") as caught,
    ):
        client.get("x")
    assert "abcdef" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rejection_that_is_dripped_is_not_waited_for() -> None:
    head = b"HTTP/1.1 400 X\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"
    with RawServer([[head, *drip([bytes(1000)], 0.2)]]) as server, api(server) as client:
        began = time.monotonic()
        with pytest.raises(RequestRejectedError):
            client.get("x")
        assert time.monotonic() - began < 4


def test_a_refusal_that_the_caller_takes_is_an_answer() -> None:
    with RawServer([answer(b"gone", status=410, media_type="text/plain")]) as server, api(server) as client:
        got = client.get("x", handled_statuses={410})
    assert (got.status, got.body) == (410, b"gone")


@pytest.mark.parametrize("status", [206, 226])
def test_a_part_that_was_not_asked_for_is_no_answer(status: int) -> None:
    with RawServer([answer(b"[1]", status=status)]) as server, api(server) as client:
        with pytest.raises(ProviderUnavailableError, match="part"):
            client.get("x")
        assert len(server.seen) == 1


@pytest.mark.parametrize("media_type", ["text/html", "application/xhtml+xml; charset=utf-8", "TEXT/HTML"])
def test_a_web_page_is_not_data(media_type: str) -> None:
    with RawServer([answer(b"<html>log in</html>", media_type=media_type)]) as server, api(server) as client:
        with pytest.raises(PayloadUnreadableError, match="login"):
            client.get("x")
        assert len(server.seen) == 1


@pytest.mark.parametrize("media_type", ["text/csv", "application/jsonx", "", None])
def test_a_media_type_that_was_not_asked_for_is_named(media_type: str | None) -> None:
    with (
        RawServer([answer(b"a,b", media_type=media_type)]) as server,
        api(server) as client,
        pytest.raises(PayloadUnreadableError, match="and not application/json"),
    ):
        client.get("x")


def test_a_media_type_that_was_asked_for_is_taken() -> None:
    with RawServer([answer(b"a,b", media_type="text/csv")]) as server, api(server) as client:
        assert client.get("x", accept=("application/json", "text/csv")).media_type == "text/csv"
    assert server.seen[0].headers["accept"] == "application/json, text/csv"


# POST


def test_a_form_is_sent_encoded() -> None:
    with RawServer([FINE]) as server, api(server) as client:
        client.post("x", form={"a": "1&2", "b": "ä ="})
    seen = server.seen[0]
    assert (seen.method, seen.body) == ("POST", b"a=1%262&b=%C3%A4+%3D")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_document_is_sent_as_json() -> None:
    with RawServer([FINE]) as server, api(server) as client:
        client.post("x", json={"a": [1, "ä"]})
    assert server.seen[0].body == b'{"a": [1, "\\u00e4"]}'
    assert server.seen[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("broken", [BUSY, [Act.RESET], [Act.HANG], cut(FINE, 50)])
def test_what_must_not_arrive_twice_is_not_sent_twice(broken: Script) -> None:
    with RawServer([broken, FINE]) as server, api(server, read_seconds=0.1) as client:
        with pytest.raises(ProviderUnavailableError):
            client.post("jobs", json={}, is_repeatable=False)
        assert len(server.seen) == 1


# The rest of the house


def test_many_threads_share_one_client() -> None:
    with RawServer([FINE]) as server, api(server) as client:
        threads = [threading.Thread(target=lambda: [client.get("x") for _ in range(10)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.n_requests == len(server.seen) == 80


def test_one_connection_serves_many_questions() -> None:
    with RawServer([FINE]) as server, api(server) as client:
        for _ in range(5):
            client.get("x")
        assert server.n_connections == 1


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer([FINE]) as sink:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, sink.url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
        with RawServer([FINE]) as server, api(server) as client:
            client.get("x")
        assert sink.n_connections == 0


def test_an_api_inside_a_private_network_has_to_be_permitted() -> None:
    asked: list[str] = []

    def inside(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8", "127.0.0.1"]

    with RawServer([FINE]) as server:
        origin = Origin.parse(f"https://api.example:{server.port}", place="test")
        with (
            ApiClient(origin, source="acme", resolve=inside) as client,
            pytest.raises(AddressRefusedError, match="private"),
        ):
            client.get("x")
        assert (asked, server.n_connections) == (["api.example"], 0)


def test_the_library_lets_us_put_our_sockets_below_it() -> None:
    """`_Transport` replaces a private attribute; here it is seen that the attribute is still the one that is used."""
    used: list[str] = []

    def spy(host: str, _port: int) -> list[str]:
        used.append(host)
        return ["127.0.0.1"]

    with RawServer([FINE]) as server:
        origin = Origin.parse(f"http://localhost:{server.port}", place="test")
        with ApiClient(origin, source="acme", resolve=spy, limits=QUICK) as client:
            client.get("x")
    assert used == ["localhost"]
    assert hasattr(httpx.HTTPTransport(), "_pool")
