"""The quota of an hour or of a day is used up: the provider asks for a longer wait than a step has patience for."""

import pytest

from domain.errors import RateLimitedError
from tests.fakes.api import Naps, api
from tests.fakes.raw_server import RawServer, answer

PATIENCE_SECONDS = 900.0


def refused(said: str) -> tuple[Naps, int, RateLimitedError]:
    """The waits, the requests, and the error of a step whose every request is answered by this wish."""
    naps = Naps()
    busy = answer(b"", status=429, headers={"Retry-After": said})
    with (
        RawServer([busy]) as server,
        api(server, naps=naps, longest_retry_after_seconds=PATIENCE_SECONDS) as client,
        pytest.raises(RateLimitedError) as raised,
    ):
        client.get("x")
    return naps, len(server.seen), raised.value


def test_a_wait_within_the_patience_is_kept_and_the_provider_asked_again() -> None:
    naps, n_requests, _ = refused("900")
    assert n_requests == 2
    assert naps.seconds == [pytest.approx(900.5, abs=0.5)]


@pytest.mark.parametrize(
    ("said", "seconds"), [("1800", 1800.0), ("3600", 3600.0), ("86400", 86_400.0), ("604800", 86_400.0)]
)
def test_a_longer_wait_ends_the_step_at_once_with_the_true_figure_up_to_a_day(said: str, seconds: float) -> None:
    naps, n_requests, error = refused(said)
    assert (naps.seconds, n_requests) == ([], 1)
    assert error.retry_after_seconds == seconds
