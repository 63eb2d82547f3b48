"""A login says how long its token lives as a text, as nothing, or as nonsense."""

import json

import pytest

from providers._http import Secret
from providers._login import ClientCredentials
from tests.fakes.api import api
from tests.fakes.raw_server import RawServer, answer

BETWEEN_SECONDS = 5.0
"""Between two questions of somebody who asks all the time."""

NONSENSE: list[object] = [
    None,
    0,
    -1,
    "soon",
    "",
    "-5",
    "PT5M",
    True,
    [300],
    {},
    0.001,
    "0.9",
    1e-300,
    10**11,
    "9" * 400,
]


def logins(said: object, seconds: float) -> int:
    """How many logins `seconds` of steady use cost, where each of them says that its token lives for `said`."""
    document = {"access_token": "a", "token_type": "bearer", "expires_in": said}
    now = 0.0
    with RawServer([answer(json.dumps(document).encode())]) as server, api(server) as http:
        login = ClientCredentials(
            http, "/t", client_id="c", client_secret=Secret("s"), clock=lambda: now, spread=lambda low, _: low
        )
        while now <= seconds:
            login.headers()
            now += BETWEEN_SECONDS
        return len(server.seen)


@pytest.mark.parametrize("said", [3600, 3600.0])
def test_a_token_of_an_hour_is_used_for_most_of_it(said: float) -> None:
    assert logins(said, 2000) == 1


@pytest.mark.parametrize("said", ["3600", "3600.0"])
def test_a_lifetime_that_is_a_text_is_a_number(said: str) -> None:
    assert logins(said, 2000) == 1


@pytest.mark.parametrize("said", NONSENSE)
def test_no_lifetime_costs_two_logins_a_minute_at_most(said: object) -> None:
    assert logins(said, 600) <= 21


@pytest.mark.parametrize("said", NONSENSE)
def test_no_lifetime_is_a_short_one_of_half_a_minute(said: object) -> None:
    assert logins(said, 30) == 2
