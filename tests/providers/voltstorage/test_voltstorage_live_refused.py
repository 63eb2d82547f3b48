"""How the live stream of VoltStorage is refused: by a wait, by a token that is not valid, by somebody else's wait."""

from collections.abc import Callable, Iterator
from time import sleep as wait

import pytest

from domain.errors import (
    CredentialsRejectedError,
    ProviderUnavailableError,
    RateLimitedError,
    WarehouseUnavailableError,
)
from providers._addresses import Origin
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.live import VoltStorageFeed
from sandbox.voltstorage.twin import ROOT
from tests.fakes.api import Naps, Tally
from tests.fakes.raw_server import RawServer, answer
from tests.providers.voltstorage.harness import Battery, battery

ACCOUNT = AccountConfig(products=(78,))


@pytest.fixture
def home() -> Iterator[Battery]:
    with battery(account=ACCOUNT, has_seconds=True, spacing_ms=100, live_time="fraction") as made:
        yield made


def feed_of(
    home: Battery,
    *,
    port: int | None = None,
    sleep: Callable[[float], None] = wait,
    budget: Tally | None = None,
) -> VoltStorageFeed:
    """The streams of the battery, or of what listens at `port`."""
    origin = home.clients[0].origin if port is None else Origin.parse(f"http://127.0.0.1:{port}{ROOT}", place="test")
    return VoltStorageFeed(
        home.provider.client, origin, home.login, account=ACCOUNT, source="home", budget=budget, sleep=sleep
    )


@pytest.mark.parametrize(
    ("status", "headers", "kind", "seconds"),
    [
        (429, {"Retry-After": "600"}, RateLimitedError, 600),
        (503, {"Retry-After": "PT5M"}, ProviderUnavailableError, 300),
        (403, {"Retry-After": "60"}, RateLimitedError, 60),
    ],
)
def test_a_handshake_that_asks_to_wait_says_for_how_long(
    home: Battery, status: int, headers: dict[str, str], kind: type[ProviderUnavailableError], seconds: float
) -> None:
    with (
        RawServer([answer(b"", status=status, headers=headers)]) as server,
        pytest.raises(kind) as caught,
        feed_of(home, port=server.port).listen("78"),
    ):
        pass
    assert caught.value.retry_after_seconds == seconds
    assert home.logins() == 1


def test_a_long_wait_before_a_stream_is_left_to_all_processes_and_another_one_is_heeded(home: Battery) -> None:
    budget = Tally()
    with RawServer([answer(b"", status=429, headers={"Retry-After": "PT1H"})]) as server:
        feed = feed_of(home, port=server.port, budget=budget)
        with pytest.raises(RateLimitedError), feed.listen("78"):
            pass
        assert (budget.postponed, budget.n_taken, budget.answers) == ([3600.0], 1, [1])

        class Held(Tally):
            def take(self) -> int:
                raise RateLimitedError("held up", place="budget", fix="wait", retry_after_seconds=900)

        with (
            pytest.raises(RateLimitedError, match="held up"),
            feed_of(home, port=server.port, budget=Held()).listen("78"),
        ):
            pass
        assert len(server.seen) == 1

        class Away(Tally):
            def take(self) -> int:
                raise WarehouseUnavailableError("away", place="budget", fix="wait", session_lost=True)

    with feed_of(home, budget=Away()).listen("78") as stream:
        heard = stream.receive(10.0)
    assert heard is not None
    assert heard.points


def test_a_token_that_a_handshake_calls_invalid_by_403_is_renewed_once(home: Battery) -> None:
    refused = answer(b"", status=403, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    naps = Naps()
    with RawServer([refused]) as server:
        feed = feed_of(home, port=server.port, sleep=naps)
        with pytest.raises(CredentialsRejectedError, match="403"), feed.listen("78"):
            pass
    assert (naps.seconds, home.logins()) == ([2, 5], 2)
