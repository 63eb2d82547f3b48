"""A provider asks to wait for a fraction of a second, by a list, or by an ISO duration: it is waited for."""

import pytest

from tests.fakes.api import Naps, api
from tests.fakes.raw_server import RawServer, answer


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("60", 60.0),
        ("60.0", 60.0),
        ("60.5", 60.5),
        ("0.493", 0.493),
        ("1.5", 1.5),
        ("60, 60", 60.0),
        ("PT60S", 60.0),
    ],
)
def test_what_is_asked_for_is_waited_for_before_the_next_try(said: str, seconds: float) -> None:
    naps = Naps()
    busy = answer(b"", status=429, headers={"Retry-After": said})
    with (
        RawServer([busy, answer(b"[1]")]) as server,
        # Waits of our own are as short as they may be: what is waited is what was asked for.
        api(server, naps=naps, spread=lambda low, _: low, longest_retry_after_seconds=900.0) as client,
    ):
        assert client.get("x").body == b"[1]"
    assert len(server.seen) == 2
    assert seconds <= sum(naps.seconds) <= seconds + 1
