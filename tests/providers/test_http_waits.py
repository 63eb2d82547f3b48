"""How often and when the client asks again, and when it gives up."""

import threading
import time

import pytest

from domain.errors import DeadlineExceededError, ProviderUnavailableError, RateLimitedError
from providers._http import ApiClient, Limits, Origin
from tests.fakes.api import Key, Naps, Tally, api
from tests.fakes.raw_server import Act, RawServer, answer, drip

BUSY = answer(b"", status=503, media_type=None)
FINE = answer(b"[1]")


# Waits


def test_waits_are_spread_over_the_whole_span() -> None:
    waits = []
    for _ in range(60):
        naps = Naps()
        with (
            RawServer([BUSY]) as server,
            api(server, naps=naps, max_tries=4) as client,
            pytest.raises(ProviderUnavailableError),
        ):
            client.get("x")
        waits.append(naps.seconds)
    for bound, drawn in zip((1, 2, 4), zip(*waits, strict=True), strict=True):
        assert all(0 <= wait <= bound for wait in drawn)
        assert min(drawn) < bound / 4 < 3 * bound / 4 < max(drawn)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "least", "most"), [("7", 7, 8), ("0", 0, 1), ("-5", 0, 1), ("soon", 0, 1), (None, 0, 1)]
)
def test_a_wish_to_wait_is_kept_within_a_second(status: int, said: str | None, least: float, most: float) -> None:
    busy = answer(b"", status=status, headers={} if said is None else {"Retry-After": said})
    naps = Naps()
    with RawServer([busy, FINE]) as server, api(server, naps=naps) as client:
        assert client.get("x").body == b"[1]"
    assert len(naps.seconds) == 1
    assert least <= naps.seconds[0] <= most


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("said", "seconds"), [("25", 25), ("600", 600), ("900", 900)])
def test_a_wish_for_a_long_wait_is_kept_up_to_a_quarter_of_an_hour(status: int, said: str, seconds: float) -> None:
    naps = Naps()
    busy = answer(b"", status=status, headers={"Retry-After": said})
    with RawServer([busy, FINE]) as server, api(server, naps=naps, total_seconds=5.0) as client:
        assert client.get("x").body == b"[1]"
    assert len(naps.seconds) == 1
    assert seconds <= naps.seconds[0] <= seconds + 1


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitedError), (503, ProviderUnavailableError)])
@pytest.mark.parametrize(("said", "told"), [("900.5", "900.5"), ("3600", "3600"), ("PT2H", "7200")])
def test_a_longer_wish_ends_the_step_at_once_and_is_said_as_it_was(
    status: int, kind: type[Exception], said: str, told: str
) -> None:
    naps = Naps()
    busy = answer(b"", status=status, headers={"Retry-After": said})
    with RawServer([busy, FINE]) as server, api(server, naps=naps) as client:
        with pytest.raises(kind, match=rf"asks to wait {told} s, and this step may wait no more than 900 s"):
            client.get("x")
        assert (naps.seconds, len(server.seen)) == ([], 1)


@pytest.mark.parametrize(("said", "postponed"), [("60", []), ("3600", [3600.0]), ("604800", [86_400.0])])
def test_a_wait_beyond_a_step_is_left_to_all_processes_by_the_budget(said: str, postponed: list[float]) -> None:
    budget = Tally()
    busy = answer(b"", status=429, headers={"Retry-After": said})
    with RawServer([busy, FINE]) as server, api(server, budget=budget) as client:
        if postponed:
            with pytest.raises(RateLimitedError):
                client.get("x")
        else:
            client.get("x")
    assert budget.postponed == postponed


def test_a_quota_that_is_said_by_403_is_waited_for_and_accuses_no_credential() -> None:
    naps, key = Naps(), Key([{"x-api-key": "ours"}])
    spent = answer(b"", status=403, headers={"Retry-After": "90"})
    with RawServer([spent, FINE]) as server, api(server, naps=naps, credentials=key) as client:
        assert client.get("x").body == b"[1]"
    assert (len(naps.seconds), key.n_renewals) == (1, 0)
    assert 90 <= naps.seconds[0] <= 91


def test_the_renewal_of_a_quota_that_is_used_up_is_waited_for() -> None:
    naps = Naps()
    spent = answer(b"", status=429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"})
    with RawServer([spent, FINE]) as server, api(server, naps=naps) as client:
        assert client.get("x").body == b"[1]"
    assert 30 <= naps.seconds[0] <= 31


def test_what_may_not_be_sent_twice_leaves_the_wait_to_all_processes_too() -> None:
    budget = Tally()
    busy = answer(b"", status=429, headers={"Retry-After": "PT1H"})
    with RawServer([busy]) as server, api(server, budget=budget) as client, pytest.raises(RateLimitedError):
        client.post("x", json={}, is_repeatable=False)
    assert budget.postponed == [3600.0]


def test_a_long_wait_is_said_before_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    busy = answer(b"", status=429, headers={"Retry-After": "600"})
    with RawServer([busy, FINE]) as server, api(server) as client:
        client.get("x")
    assert "acme, GET 127.0.0.1" in caplog.text
    assert "asks to wait 600 s; it is asked again after that" in caplog.text


def test_a_step_waits_a_quarter_of_an_hour_in_all_and_then_passes_the_wish_up() -> None:
    naps = Naps()
    busy = answer(b"", status=429, headers={"Retry-After": "400"})
    with RawServer([busy, FINE, busy]) as server, api(server, naps=naps) as client:
        client.get("x")
        with pytest.raises(RateLimitedError, match=r"asks to wait 400 s.*no more than 100 s, in 2 tries") as caught:
            client.get("x")
        assert (caught.value.retry_after_seconds, len(naps.seconds), len(server.seen)) == (400, 2, 4)
        client.new_step()
        with pytest.raises(RateLimitedError):
            client.get("x")
        assert len(naps.seconds) == 4


def test_a_server_in_trouble_that_asks_for_too_much_stays_unavailable() -> None:
    naps = Naps()
    busy = answer(b"", status=503, headers={"Retry-After": "600"})
    with RawServer([busy]) as server, api(server, naps=naps) as client:
        with pytest.raises(ProviderUnavailableError, match="no more than 300 s"):
            client.get("x")
        assert (len(naps.seconds), len(server.seen)) == (1, 2)


def test_a_rate_limit_that_stays_is_named_after_five_tries() -> None:
    with RawServer([answer(b"", status=429)]) as server, api(server) as client:
        with pytest.raises(RateLimitedError) as caught:
            client.get("x")
        assert (caught.value.retry_after_seconds, len(server.seen)) == (None, 5)


def test_a_step_has_fifteen_failed_requests_and_then_none() -> None:
    with RawServer([BUSY]) as server, api(server) as client:
        for _ in range(6):
            with pytest.raises(ProviderUnavailableError):
                client.get("x")
        assert len(server.seen) == 15
        client.new_step()
        with pytest.raises(ProviderUnavailableError):
            client.get("x")
        assert len(server.seen) == 20


def test_a_step_without_tries_says_what_was_wrong_the_last_time_and_sends_nothing() -> None:
    with RawServer([*[BUSY] * 14, answer(b"", status=502), FINE]) as server, api(server) as client:
        for _ in range(3):
            with pytest.raises(ProviderUnavailableError):
                client.get("x")
        with pytest.raises(ProviderUnavailableError, match=r"used up its 15 .*answered 502") as caught:
            client.get("another")
        assert len(server.seen) == 15
        assert not caught.value.was_sent


def test_answers_cost_a_step_nothing() -> None:
    with RawServer([FINE]) as server, api(server) as client:
        for _ in range(40):
            client.get("x")
        assert len(server.seen) == 40


def test_every_request_takes_its_place_in_the_budget() -> None:
    budget = Tally()
    key = Key([{"x-api-key": "old"}, {"x-api-key": "new"}])
    scripts = [BUSY, answer(b"", status=401), BUSY, FINE]
    with RawServer(scripts) as server, api(server, credentials=key, budget=budget) as client:
        client.get("x")
        assert budget.n_taken == client.n_requests == len(server.seen) == 4


# Deadlines


def test_a_slow_drip_ends_at_the_deadline() -> None:
    with RawServer([drip(answer(bytes(1000)), 0.05)]) as server, api(server, total_seconds=0.7) as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError, match="has run out"):
            client.get("x")
        assert 0.6 < time.monotonic() - began < 2
        assert len(server.seen) == 1


def test_a_drip_in_the_head_ends_at_the_deadline() -> None:
    head = [b"HTTP/1.1 200 X\r\n", *drip([b"X-Slow: " + b"x" * 1000], 0.05)]
    with RawServer([head]) as server, api(server, total_seconds=0.5) as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            client.get("x")
        assert time.monotonic() - began < 2


def test_the_deadline_bounds_the_sum_of_the_tries() -> None:
    with RawServer([[Act.HANG]]) as server, api(server, read_seconds=0.3, total_seconds=1.0, max_tries=50) as client:
        began = time.monotonic()
        with pytest.raises(ProviderUnavailableError):
            client.get("x")
        assert time.monotonic() - began < 2


def test_no_wait_of_our_own_goes_beyond_the_deadline() -> None:
    naps = Naps()
    with RawServer([BUSY]) as server, api(server, naps=naps, spread=max, total_seconds=3.9) as client:
        with pytest.raises(DeadlineExceededError, match="503"):
            client.get("x")
        assert (naps.seconds, len(server.seen)) == ([1, 2], 3)


def test_a_wait_that_was_asked_for_is_not_held_against_the_question() -> None:
    busy = answer(b"", status=429, headers={"Retry-After": "1"})
    with RawServer([busy, FINE]) as server, api(server, sleep=time.sleep, total_seconds=0.9) as client:
        assert client.get("x").body == b"[1]"


def test_waiting_for_the_budget_is_not_held_against_the_provider() -> None:
    class Slow(Tally):
        def take(self) -> int:
            time.sleep(0.6)
            return super().take()

    with RawServer([FINE]) as server, api(server, budget=Slow(), total_seconds=0.5) as client:
        assert client.get("x").body == b"[1]"


def test_the_budget_hears_of_every_answer_and_of_every_failure() -> None:
    tally = Tally()
    cut = answer(b"", status=200, headers={"Content-Length": "9"})
    with RawServer([BUSY, cut, FINE]) as server, api(server, budget=tally) as client:
        assert client.get("x").body == b"[1]"
    with api(server, budget=tally, max_tries=1) as client, pytest.raises(ProviderUnavailableError):
        client.get("x")
    assert tally.answers == [1, 2, 3, 4]
    assert tally.left == [1, 2, 3], "nothing left where there was no connection"


def test_a_slot_that_is_lost_once_the_connection_stands_ends_the_step_before_anything_has_left() -> None:
    class Lost(Tally):
        def renewed(self, slot: int) -> int:
            if slot > 1:
                return slot
            raise RateLimitedError("held up meanwhile", place="budget", fix="wait")

    with RawServer([FINE]) as server, api(server, budget=Lost()) as client:
        with pytest.raises(RateLimitedError, match="held up meanwhile"):
            client.get("x")
        assert server.seen == []
        assert client.n_requests == 0
        assert client.get("x").body == b"[1]"
        assert client.n_requests == 1


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        (Limits(connect_seconds=0.2, total_seconds=60, max_tries=2), ProviderUnavailableError),
        (Limits(connect_seconds=60, total_seconds=0.3), DeadlineExceededError),
    ],
)
def test_a_name_that_nobody_answers_for_is_given_up_in_time(limits: Limits, kind: type[Exception]) -> None:
    is_over = threading.Event()

    def silent(_host: str, _port: int) -> list[str]:
        is_over.wait(20)
        return []

    origin = Origin.parse("https://api.example", place="test")
    with ApiClient(origin, source="acme", limits=limits, resolve=silent, sleep=Naps()) as client:
        began = time.monotonic()
        with pytest.raises(kind, match=r"in time|has run out"):
            client.get("x")
        assert time.monotonic() - began < 3
        assert client.n_requests <= 2
    is_over.set()


def test_a_look_up_that_breaks_in_a_way_of_its_own_is_seen() -> None:
    def broken(_host: str, _port: int) -> list[str]:
        raise ZeroDivisionError

    with (
        ApiClient(Origin.parse("https://api.example", place="test"), source="acme", resolve=broken) as client,
        pytest.raises(ZeroDivisionError),
    ):
        client.get("x")
