"""The API's clock is some seconds behind the login's: a fresh token is not valid yet."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from domain.errors import CredentialsRejectedError
from providers._http import ApiClient, Secret
from providers._login import ClientCredentials
from tests.fakes.api import Naps, api
from tests.fakes.raw_server import RawServer, Seen, Steps, answer

SAID = b'{"error":"invalid_token","error_description":"Token used before issued"}'
TOO_EARLY = answer(SAID, status=401)
BY_OTHERS = [
    answer(SAID, status=403),
    answer(SAID, status=400),
    answer(b"", status=403, headers={"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'}),
]


@dataclass
class Behind:
    """A login, and an API that takes a token some seconds after it was issued; time is what the client waits."""

    seconds: float
    naps: Naps = field(default_factory=Naps)
    issued: list[float] = field(default_factory=list)
    refusal: Steps = field(default_factory=lambda: TOO_EARLY)

    def script(self, seen: Seen) -> Steps:
        now = sum(self.naps.seconds)
        if seen.target == "/t":
            self.issued.append(now)
            token = {"access_token": f"{len(self.issued) - 1}", "token_type": "Bearer", "expires_in": 300}
            return answer(json.dumps(token).encode())
        number = int(seen.headers["authorization"].removeprefix("Bearer "))
        return answer(b"[1]") if now - self.issued[number] >= self.seconds else self.refusal


@contextmanager
def client_of(behind: Behind) -> Iterator[ApiClient]:
    with RawServer([behind.script]) as server, api(server, naps=behind.naps) as tokens:
        login = ClientCredentials(tokens, "/t", client_id="c", client_secret=Secret("s"))
        with api(server, credentials=login, naps=behind.naps) as client:
            yield client


def test_a_token_that_is_valid_at_once_costs_no_wait() -> None:
    behind = Behind(0.0)
    with client_of(behind) as client:
        assert client.get("x").body == b"[1]"
    assert (behind.naps.seconds, len(behind.issued)) == ([], 1)


@pytest.mark.parametrize("seconds", [1.0, 3.0, 4.5])
def test_a_fresh_token_that_is_not_valid_yet_is_tried_again_without_a_second_login(seconds: float) -> None:
    behind = Behind(seconds)
    with client_of(behind) as client:
        assert client.get("x").body == b"[1]"
    assert len(behind.issued) == 1
    assert seconds <= sum(behind.naps.seconds) < 10


@pytest.mark.parametrize("refusal", BY_OTHERS)
def test_so_is_one_that_is_called_invalid_by_another_status(refusal: Steps) -> None:
    behind = Behind(3.0, refusal=refusal)
    with client_of(behind) as client:
        assert client.get("x").body == b"[1]"
    assert (behind.naps.seconds, len(behind.issued)) == ([2.0, 5.0], 1)


@pytest.mark.parametrize("refusal", BY_OTHERS)
def test_one_that_is_called_invalid_later_is_renewed_once(refusal: Steps) -> None:
    behind = Behind(0.0, refusal=refusal)
    with client_of(behind) as client:
        client.get("x")
        behind.issued[0] = 1e9  # revoked
        assert client.get("x").body == b"[1]"
        assert len(behind.issued) == 2
        behind.issued[1] = 1e9
        behind.seconds = 1e9
        with pytest.raises(CredentialsRejectedError):
            client.get("x")
    assert len(behind.issued) == 3


def test_a_refusal_that_names_no_token_costs_no_wait_and_no_login() -> None:
    for said in (b'{"error":"insufficient_scope"}', b"", b'{"param": "invalid_token"}'):
        behind = Behind(1e9, refusal=answer(said, status=403))
        with client_of(behind) as client, pytest.raises(CredentialsRejectedError, match="403"):
            client.get("x")
        assert (behind.naps.seconds, len(behind.issued)) == ([], 1)


def test_a_token_that_never_becomes_valid_is_refused() -> None:
    with client_of(Behind(1e9)) as client, pytest.raises(CredentialsRejectedError):
        client.get("x")
