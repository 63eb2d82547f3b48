import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, quote_plus, unquote_plus

import pytest

from domain.errors import (
    CredentialsRejectedError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from providers._http import ApiClient, Secret
from providers._login import ClientCredentials
from tests.fakes.api import Naps, api
from tests.fakes.raw_server import Act, RawServer, Script, Seen, Steps, answer, cut

PATH = "/auth/realms/efs/protocol/openid-connect/token"
SECRET = "s3cret&/+ä"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def token(value: str = "abc", **more: object) -> Steps:
    return answer(json.dumps({"access_token": value, "token_type": "Bearer", "expires_in": 300, **more}).encode())


def numbered() -> Callable[[Seen], Steps]:
    """A script that gives another token to each request."""
    numbers = iter(range(10**6))
    return lambda _: token(f"token-{next(numbers)}")


@contextmanager
def login(*scripts: Script, scope: str | None = None) -> Iterator[tuple[ClientCredentials, Clock, RawServer]]:
    clock = Clock()
    with RawServer(scripts) as server, api(server) as http:
        credentials = ClientCredentials(
            http, PATH, client_id="cap-client", client_secret=Secret(SECRET), scope=scope, clock=clock
        )
        yield credentials, clock, server


def test_a_token_is_asked_for_with_a_form_and_carried_as_a_bearer() -> None:
    with login(token(), scope="read") as (credentials, _, server):
        assert credentials.headers() == {"authorization": "Bearer abc"}
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("POST", PATH)
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(seen.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["cap-client"],
        "client_secret": [SECRET],
        "scope": ["read"],
    }


@pytest.mark.parametrize("name", ["cap-client", "a:b c/+%&ä"])
def test_a_client_may_prove_itself_in_a_header_whatever_its_name_and_secret_hold(name: str) -> None:
    with RawServer([token()]) as server, api(server) as http:
        basic = ClientCredentials(
            http, PATH, client_id=name, client_secret=Secret(SECRET), scope="read", auth_method="client_secret_basic"
        )
        assert basic.headers() == {"authorization": "Bearer abc"}
    scheme, _, proof = server.seen[0].headers["authorization"].partition(" ")
    user, _, secret = base64.b64decode(proof).decode().partition(":")
    assert (scheme, unquote_plus(user), unquote_plus(secret)) == ("Basic", name, SECRET)
    assert proof == base64.b64encode(f"{quote_plus(name)}:s3cret%26%2F%2B%C3%A4".encode()).decode()
    assert parse_qs(server.seen[0].body.decode()) == {"grant_type": ["client_credentials"], "scope": ["read"]}


@pytest.mark.parametrize("life", [2, 300, 3600.5])
def test_a_token_is_renewed_in_the_second_half_of_its_life(life: float) -> None:
    for _ in range(20):
        with login(token("a", expires_in=life), token("b")) as (credentials, clock, _):
            assert credentials.headers() == {"authorization": "Bearer a"}
            clock.now += life * 0.599
            assert credentials.headers() == {"authorization": "Bearer a"}
            clock.now += life * 0.202
            assert credentials.headers() == {"authorization": "Bearer b"}


NEVER = object()


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        ("300", 300),
        ("300.0", 300),
        (" 3600 ", 3600),
        ("2592000", 86_400),
        (2_592_000, 86_400),
    ],
)
def test_a_lifetime_is_believed_as_a_text_too_and_up_to_a_day(said: object, believed: float) -> None:
    with login(token("a", expires_in=said), token("b")) as (credentials, clock, _):
        credentials.headers()
        clock.now += believed * 0.59
        assert credentials.headers() == {"authorization": "Bearer a"}
        clock.now += believed * 0.22
        assert credentials.headers() == {"authorization": "Bearer b"}


@pytest.mark.parametrize(
    "said",
    [
        NEVER, None, 0, -5, "", "0", "-5", "soon", "1e3", "3_600", "0x10", "٣", "inf", "9" * 5000, True, [300], 1e12,
        10**30, 10**400,
    ],
)  # fmt: skip
def test_an_absurd_lifetime_is_taken_for_half_a_minute_and_no_less(said: object) -> None:
    first = answer(b'{"access_token": "a"}') if said is NEVER else token("a", expires_in=said)
    with login(first, token("b")) as (credentials, clock, _):
        credentials.headers()
        clock.now += 29.9
        assert credentials.headers() == {"authorization": "Bearer a"}
        clock.now += 0.2
        assert credentials.headers() == {"authorization": "Bearer b"}


@pytest.mark.parametrize("said", [b"NaN", b"Infinity", b"1e999"])
def test_a_lifetime_that_is_no_number_is_no_reason_to_keep_a_token_for_ever(said: bytes) -> None:
    with login(answer(b'{"access_token": "a", "expires_in": ' + said + b"}"), token("b")) as (credentials, clock, _):
        try:
            credentials.headers()
        except PayloadUnreadableError:
            return
        clock.now += 60
        assert credentials.headers() == {"authorization": "Bearer b"}


def test_eight_threads_log_in_once() -> None:
    slow: Steps = [0.2, *token()]
    with login(slow) as (credentials, _, server):
        got: list[str] = []
        threads = [
            threading.Thread(target=lambda: got.append(credentials.headers()["authorization"])) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == ["Bearer abc"] * 8
        assert len(server.seen) == 1


def test_eight_threads_with_a_rejected_token_renew_it_once() -> None:
    with login(numbered()) as (credentials, _, server):
        old = credentials.headers()
        barrier = threading.Barrier(8)

        def renew() -> None:
            barrier.wait()
            credentials.renew(old)
            assert credentials.headers() == {"authorization": "Bearer token-1"}

        threads = [threading.Thread(target=renew) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.seen) == 2


def test_a_token_that_expires_in_mid_paging_is_renewed_and_the_request_replayed() -> None:
    def guarded(seen: Seen) -> Steps:
        is_fresh = seen.headers["authorization"] == "Bearer token-1"
        return answer(b"[1]") if is_fresh or len(api_server.seen) <= 2 else answer(b"", status=401)

    with RawServer([guarded]) as api_server, login(numbered()) as (credentials, _, token_server):
        with api(api_server, credentials=credentials) as client:
            bodies = [client.get("page").body for _ in range(5)]
        assert bodies == [b"[1]"] * 5
        assert (len(api_server.seen), len(token_server.seen)) == (6, 2)


def test_an_api_that_always_rejects_costs_two_logins() -> None:
    with RawServer([answer(b"", status=401)]) as api_server, login(numbered()) as (credentials, _, token_server):
        naps = Naps()
        with api(api_server, credentials=credentials, naps=naps) as client:
            for _ in range(10):
                with pytest.raises(CredentialsRejectedError):
                    client.get("x")
        assert len(token_server.seen) == 2
        assert naps.seconds == [2.0, 5.0], "a token that is not valid yet is waited for once"


def test_a_token_that_replaced_a_revoked_one_may_be_too_early_as_well() -> None:
    naps = Naps()

    def guarded(seen: Seen) -> Steps:
        is_old = seen.headers["authorization"] == "Bearer token-0"
        return answer(b"[1]") if len(api_server.seen) == 1 or (not is_old and naps.seconds) else answer(b"", status=401)

    with RawServer([guarded]) as api_server, login(numbered()) as (credentials, _, token_server):
        with api(api_server, credentials=credentials, naps=naps) as client:
            assert [client.get("page").body for _ in range(3)] == [b"[1]"] * 3
        assert (naps.seconds, len(token_server.seen)) == ([2.0], 2)


def test_a_fresh_token_is_not_waited_for_beyond_the_deadline() -> None:
    naps = Naps()
    with (
        RawServer([answer(b"", status=401)]) as api_server,
        login(numbered()) as (credentials, _, _),
        api(api_server, credentials=credentials, naps=naps, total_seconds=1.0) as client,
        pytest.raises(CredentialsRejectedError),
    ):
        client.get("x")
    assert naps.seconds == []


@pytest.mark.parametrize(
    ("status", "said", "shown"),
    [
        (401, b'{"error": "invalid_client", "error_description": "Invalid client secret s3cret"}', "invalid_client"),
        (400, b'{"error": "unauthorized_client"}', "unauthorized_client"),
        (400, b'{"error": "my own words s3cret"}', "400 to our client"),
        (401, b"", "401"),
        (403, b"[]", "403"),
    ],
)
def test_a_wrong_secret_is_rejected_after_one_request_and_left_alone(status: int, said: bytes, shown: str) -> None:
    with login(answer(said, status=status), token()) as (credentials, clock, server):
        for _ in range(5):
            with pytest.raises(CredentialsRejectedError) as caught:
                credentials.headers()
            assert "s3cret" not in str(caught.value)
            assert f"POST 127.0.0.1:{server.port}{PATH}" in str(caught.value)
        assert len(server.seen) == 1
        clock.now += 61  # a secret that has been set right is found out without a restart
        assert credentials.headers() == {"authorization": "Bearer abc"}
        with login(answer(said, status=status)) as (others, _, _), pytest.raises(CredentialsRejectedError, match=shown):
            others.headers()


@pytest.mark.parametrize(
    ("status", "media_type", "said", "kind", "shown"),
    [
        (400, "text/html", b"<html>", PayloadUnreadableError, "answered by a web page, with status 400"),
        (401, "text/html; charset=utf-8", b"<html>", PayloadUnreadableError, "answered by a web page, with status 401"),
        (403, "application/xhtml+xml", b"<html/>", PayloadUnreadableError, "answered by a web page, with status 403"),
        (200, "text/html", b"<html>", PayloadUnreadableError, "the answer is a web page"),
        (400, "text/plain", b"Bad Request", RequestRejectedError, "400 without the error that it has to name"),
        (400, None, b"", RequestRejectedError, "400 without the error that it has to name"),
        (400, "application/json", b'{"message": "no"}', RequestRejectedError, "400 without the error"),
        (404, "text/plain", b"no such page", RequestRejectedError, "answered 404"),
    ],
)
def test_what_does_not_come_from_the_login_accuses_no_credential(
    status: int, media_type: str | None, said: bytes, kind: type[ProviderError], shown: str
) -> None:
    with login(answer(said, status=status, media_type=media_type)) as (credentials, _, server):
        for _ in range(3):
            with pytest.raises(kind, match=shown) as caught:
                credentials.headers()
            assert not isinstance(caught.value, CredentialsRejectedError)
            assert f"POST 127.0.0.1:{server.port}{PATH}" in str(caught.value)
        assert len(server.seen) == (1 if status in {400, 401, 403} else 3)


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"[]", b"null", b'"abc"', b"", b"{", b"\xff\xfe", b'{"access_token": null}', b'{"access_token": 5}',
        b'{"access_token": ""}', b'{"access_token": ["a"]}', b'{"access_token": "a b"}',
        b'{"access_token": "a\\r\\nX-Evil: 1"}', b'{"access_token": "a\\n"}', '{"access_token": "ä"}'.encode(),
        b'{"access_token": "a\\u0000"}', b'{"access_token": "' + b"x" * 20_000 + b'"}',
        b'{"access_token": "a", "token_type": "mac"}', b'{"error": "invalid_client"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_an_answer_without_a_usable_token_is_unreadable_and_not_asked_for_again(body: bytes) -> None:
    with login(answer(body)) as (credentials, _, server):
        with pytest.raises(PayloadUnreadableError) as caught:
            credentials.headers()
        assert len(server.seen) == 1
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_login_page_instead_of_a_token_is_named() -> None:
    with (
        login(answer(b"<html>", media_type="text/html")) as (credentials, _, _),
        pytest.raises(PayloadUnreadableError, match="login"),
    ):
        credentials.headers()


@pytest.mark.parametrize("broken", [answer(b"", status=503), [Act.RESET], cut(token(), 60)])
def test_a_token_endpoint_in_trouble_is_asked_again(broken: Script) -> None:
    with login(broken, token()) as (credentials, _, server):
        assert credentials.headers() == {"authorization": "Bearer abc"}
        assert len(server.seen) == credentials.n_requests == 2


def test_every_login_has_tries_of_its_own() -> None:
    with login(answer(b"", status=503)) as (credentials, _, server):
        for _ in range(4):
            with pytest.raises(ProviderUnavailableError):
                credentials.headers()
        assert len(server.seen) == 20


def test_all_logins_of_a_step_wait_out_of_one_budget() -> None:
    busy = answer(b"", status=429, headers={"Retry-After": "400"})
    with (
        RawServer([answer(b"", status=401)]) as api_server,
        login(busy, token("1"), busy, token("2"), busy, token("3")) as (credentials, _, token_server),
        api(api_server, credentials=credentials) as client,
    ):
        with pytest.raises(CredentialsRejectedError):
            client.get("x")
        credentials.renew(credentials.headers())
        with pytest.raises(RateLimitedError, match="no more than 100 s"):
            client.get("x")
        assert len(token_server.seen) == 5


def test_a_failed_login_is_the_failure_of_the_question() -> None:
    with RawServer([answer(b"[1]")]) as api_server, login(answer(b"", status=401)) as (credentials, _, _):
        with api(api_server, credentials=credentials) as client, pytest.raises(CredentialsRejectedError, match="token"):
            client.get("x")
        assert api_server.n_connections == 0


def test_a_login_ends_with_the_deadline_of_the_question() -> None:
    with (
        RawServer([answer(b"[1]")]) as api_server,
        login([Act.HANG]) as (credentials, _, _),
        api(api_server, credentials=credentials, total_seconds=0.2) as client,
    ):
        began = time.monotonic()
        with pytest.raises(ProviderError):
            client.get("x")
        assert time.monotonic() - began < 2


def test_the_token_goes_to_the_api_and_the_secret_to_the_token_endpoint_alone() -> None:
    with (
        RawServer([answer(b"[1]")]) as api_server,
        login(token("T0KEN")) as (credentials, _, token_server),
        api(api_server, credentials=credentials) as client,
    ):
        client.get("x")
        client.post("x", form={"a": "b"})
    assert all(b"s3cret" not in seen.raw for seen in api_server.seen)
    assert all(b"T0KEN" in seen.raw for seen in api_server.seen)
    assert all(b"T0KEN" not in seen.raw for seen in token_server.seen)


def test_a_client_without_credentials_is_what_it_says() -> None:
    with RawServer([answer(b"[1]")]) as server, api(server) as http:
        http.get("x")
        assert isinstance(http, ApiClient)
    assert "authorization" not in server.seen[0].headers
