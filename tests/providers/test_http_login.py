"""A login with JSON: what it shares with OAuth2 is tested in `test_http_oauth2.py`; here is what differs."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self

import pytest

from domain.errors import CredentialsRejectedError, PayloadUnreadableError
from providers._login import BearerLogin, Granted, LoginRequest, Rules
from tests.fakes.api import api
from tests.fakes.raw_server import RawServer, Script, answer

RULES = Rules("our user", "check the name and the password", codes=frozenset({"locked"}), otherwise_seconds=840.0)
PASSWORD = "s3cret&/+ä"  # a test's own


class Login:
    """Credentials over a raw server, and a clock that stands still."""

    def __init__(self, *scripts: Script, rules: Rules = RULES) -> None:
        self.now = 1000.0
        self._opened = ExitStack()
        self.server = self._opened.enter_context(RawServer(scripts))
        http = self._opened.enter_context(api(self.server))
        self.credentials = BearerLogin(
            http,
            "auth",
            ask=lambda: LoginRequest(json={"username": "me", "password": PASSWORD}),
            read=_read,
            rules=rules,
            clock=lambda: self.now,
            spread=lambda low, high: (low + high) / 2,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def _read(said: Mapping[str, object]) -> Granted:
    return Granted(said.get("jwt"), said.get("lives"))


def granted(token: str, **more: object) -> Script:
    return answer(json.dumps({"jwt": token, **more}).encode())


def test_a_login_sends_its_json_document_and_shows_the_token_as_a_bearer() -> None:
    with Login(granted("abc", lives=100)) as login:
        assert login.credentials.headers() == {"authorization": "Bearer abc"}
        assert login.credentials.token().reveal() == "abc"
        (seen,) = login.server.seen
    assert (seen.method, seen.target, seen.headers["content-type"]) == ("POST", "/auth", "application/json")
    assert json.loads(seen.body) == {"username": "me", "password": PASSWORD}


def test_headers_that_go_with_the_token_are_sent_with_it_and_do_not_hinder_a_renewal() -> None:
    rules = Rules("our user", "check", beside={"x-tenant": "acme"})
    with Login(granted("a"), granted("b"), rules=rules) as login:
        first = login.credentials.headers()
        login.credentials.renew(first)
        assert (first["x-tenant"], login.credentials.headers()["authorization"]) == ("acme", "Bearer b")


@pytest.mark.parametrize(("said", "believed"), [({}, 840.0), ({"lives": -1}, 840.0), ({"lives": 10}, 10.0)])
def test_a_missing_life_is_the_one_of_the_rules(said: dict[str, object], believed: float) -> None:
    with Login(granted("a", **said), granted("b")) as login:
        login.credentials.headers()
        login.now += believed * 0.699
        assert login.credentials.headers() == {"authorization": "Bearer a"}
        login.now += believed * 0.002
        assert login.credentials.headers() == {"authorization": "Bearer b"}


def test_a_rejected_login_is_named_after_the_user_and_shows_no_password() -> None:
    refusal = json.dumps({"error": "locked", "message": f"{PASSWORD} is wrong"}).encode()
    with Login(answer(refusal, status=401)) as login, pytest.raises(CredentialsRejectedError) as caught:
        login.credentials.headers()
    assert "answered 401 (locked) to our user" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_answer_that_is_no_object_has_no_token() -> None:
    with Login(answer(b'["abc"]')) as login, pytest.raises(PayloadUnreadableError):
        login.credentials.headers()
