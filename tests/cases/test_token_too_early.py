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

TOO_EARLY = answer(b'{"error":"invalid_token","error_description":"Token used before issued"}', status=401)


@dataclass
class Behind:
    """A login, and an API that takes a token some seconds after it was issued; time is what the client waits."""

    seconds: float
    naps: Naps = field(default_factory=Naps)
    issued: list[float] = field(default_factory=list)

    def script(self, seen: Seen) -> Steps:
        now = sum(self.naps.seconds)
        if seen.target == "/t":
            self.issued.append(now)
            token = {"access_token": f"{len(self.issued) - 1}", "token_type": "Bearer", "expires_in": 300}
            return answer(json.dumps(token).encode())
        number = int(seen.headers["authorization"].removeprefix("Bearer "))
        return answer(b"[1]") if now - self.issued[number] >= self.seconds else TOO_EARLY


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


def test_a_token_that_never_becomes_valid_is_refused() -> None:
    with client_of(Behind(1e9)) as client, pytest.raises(CredentialsRejectedError):
        client.get("x")
