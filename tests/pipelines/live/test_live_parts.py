"""The parts of an account and their streams: which are listened to, and what one that fails may end.

A stream that is open and silent: opened anew and marked, unless it may be silent; on a clock of the test's.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, CredentialsRejectedError, ProviderUnavailableError
from domain.window import Window
from pipelines.live.listener import Listener, Silence
from pipelines.live.queue import Inbox
from providers._stream import StreamLimits
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.live import VoltStorageFeed
from providers.voltstorage.spec import SPEC
from sandbox.voltstorage.twin import STREAM
from tests.fakes.live_house import ACCOUNT, QUICK_SETTINGS, SOURCE, LiveHouse, eventually, live_house
from tests.fakes.scripted_feed import NOON, PACE, UNREADABLE, Moment, are_covered, gaps_of, minutes
from tests.providers.voltstorage.harness import Battery, battery


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[LiveHouse]:
    with live_house(database, tmp_path) as made:
        yield made


def feed_of(house: LiveHouse, *products: int) -> VoltStorageFeed:
    """The streams of these products, or of all that the account lists."""
    home, account = house.home, AccountConfig(products=products or None, statistics=())
    return VoltStorageFeed(home.provider.client, home.clients[0].origin, home.login, account=account, source=SOURCE)


def failures(house: LiveHouse) -> set[str | None]:
    """Why gaps stay open."""
    window = Window(now() - timedelta(hours=1), now() + timedelta(hours=1))
    return {gap["failure"] for gap in house.warehouse.live.gaps(SOURCE, window) if gap["filled_at"] is None}


def test_a_product_that_is_refused_ends_no_other_stream(house: LiveHouse) -> None:
    with house.listening(feed=feed_of(house, 99, 78)) as service:
        assert eventually(lambda: service.counts.n_new > 20)
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)
        assert house.is_listening


def test_a_product_that_is_let_in_later_is_heard(house: LiveHouse) -> None:
    house.home.twin.configure(has_seconds=False)
    with house.listening(feed=feed_of(house, 78)) as service:
        assert eventually(lambda: len(house.home.asked(STREAM)) > 1)  # noted when it has ended
        house.home.twin.configure(has_seconds=True)
        assert eventually(lambda: service.counts.n_new > 20)


def test_an_account_with_nothing_to_listen_to_is_a_wrong_setting(house: LiveHouse) -> None:
    house.home.twin.fault("answer", endpoint="products", body="[]")
    with pytest.raises(ConfigurationError, match=f"account of {SOURCE}"), house.listening(feed=feed_of(house)):
        assert eventually(lambda: not house.is_listening)


def test_a_battery_that_is_new_is_heard_without_a_restart(house: LiveHouse) -> None:
    house.home.twin.configure(has_seconds=False)
    with house.listening(feed=feed_of(house)) as service:
        assert eventually(lambda: house.home.twin.streams.n_open == 2)
        house.home.twin.configure(has_seconds=True)
        assert eventually(lambda: house.home.twin.streams.n_open == 3)
        assert eventually(lambda: service.counts.n_new > 20)
    assert "78" in house.warehouse.live.watermarks(SOURCE)


def test_a_list_of_products_that_cannot_be_had_now_is_asked_for_again(house: LiveHouse) -> None:
    house.home.twin.fault("status", endpoint="products", code=503, times=40)
    with house.listening(feed=feed_of(house)):
        assert eventually(lambda: house.home.twin.streams.n_open == 3, seconds=60)


@pytest.mark.parametrize("code", [403, 404])
def test_a_list_of_products_that_fails_later_ends_no_stream(house: LiveHouse, code: int) -> None:
    with house.listening(feed=feed_of(house)) as service:
        assert eventually(lambda: house.home.twin.streams.n_open == 3)
        house.home.twin.fault("status", endpoint="products", code=code)
        assert eventually(lambda: house.home.twin.faults()[0]["n_fired"] > 1)
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)


def test_a_login_that_is_rejected_ends_the_service_before_anything_is_listened_to(house: LiveHouse) -> None:
    house.home.twin.configure(password="another")
    with pytest.raises(CredentialsRejectedError), house.listening(feed=feed_of(house)):
        assert eventually(lambda: not house.is_listening)


def test_an_export_that_cannot_be_had_ends_no_stream_and_is_asked_again(house: LiveHouse) -> None:
    house.home.twin.fault("status", code=404)
    began = now()
    with house.listening() as service:
        assert eventually(lambda: failures(house) == {"request_rejected"})
        known = service.counts.n_new
        assert eventually(lambda: service.counts.n_new > known + 20)
        house.home.twin.clear_faults()
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
    window = Window(began - timedelta(seconds=4), began)
    assert house.said(window) == house.meant(window)


def test_an_export_that_is_behind_fills_every_gap_when_it_has_come_so_far(house: LiveHouse) -> None:
    house.home.twin.configure(export_lag_seconds=4.0)
    with house.listening() as service:
        assert eventually(lambda: service.counts.n_new > 20)
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
        began = now()
        house.home.twin.streams.disconnect()
        assert eventually(lambda: "not_yet_published" in failures(house))
        ended = now()
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
    window = Window(began, ended)
    assert house.said(window) == house.meant(window)


CHANGES_ALONE = replace(PACE, longest_silence=None)
MINUTE = timedelta(minutes=1)


def nothing(start: int, end: int) -> list[Moment]:
    """A look at the stream each minute, and nothing to be heard."""
    return [Moment(minute) for minute in range(start, end)]


def test_a_stream_that_never_says_anything_is_opened_anew_and_marked_as_silent() -> None:
    gaps = gaps_of([Moment(0), *nothing(1, 60)], [Moment(60), Moment(60, heard=0)], [Moment(61)])
    assert are_covered(gaps, 0, 60)
    assert [gap.reason for gap in gaps] == ["restarted", "silent", "disconnected"]


def test_the_silence_of_a_clock_that_is_ahead_is_marked_in_its_time() -> None:
    gaps = gaps_of([Moment(0), Moment(0, heard=10), *nothing(1, 60)], [Moment(60)])
    assert are_covered([gap for gap in gaps if gap.reason == "silent"], 10, 70)


def test_rows_once_a_minute_and_one_or_two_that_are_missing_are_no_silence() -> None:
    rows = [Moment(minute, heard=0) if minute % 3 == 0 else Moment(minute) for minute in range(1, 120)]
    gaps = gaps_of([Moment(0), *rows], [Moment(120)])
    assert [gap.reason for gap in gaps] == ["restarted", "disconnected"]


def test_a_stream_of_changes_alone_may_be_silent_for_hours() -> None:
    stream = [Moment(0), Moment(1, heard=0), *nothing(2, 180), Moment(180, heard=0)]
    assert [gap.reason for gap in gaps_of(stream, [Moment(181)], settings=CHANGES_ALONE)] == [
        "restarted",
        "disconnected",
    ]


def test_messages_that_cannot_be_read_are_no_silence() -> None:
    unread = [moment for minute in range(1, 60) for moment in (Moment(minute), Moment(minute, error=UNREADABLE))]
    gaps = gaps_of([Moment(0), *unread], [Moment(60)])
    assert {gap.reason for gap in gaps} == {"restarted", "unreadable", "disconnected"}


def test_a_silence_that_ends_by_itself_is_marked_too() -> None:
    gaps = gaps_of([Moment(0), Moment(1, heard=0), Moment(31, heard=0), Moment(32, heard=0)])
    assert are_covered([gap for gap in gaps if gap.reason == "silent"], 1, 31)
    assert minutes(gaps[-1].end) < 32


def test_a_stream_that_repeats_its_last_message_for_hours_is_a_gap_and_opened_anew() -> None:
    stalled = [Moment(1 + number, heard=-number) for number in range(60)]
    gaps = gaps_of([Moment(0), *stalled], [Moment(62), Moment(63, heard=0)])
    assert are_covered(gaps, 1.5, 61)
    assert "silent" in [gap.reason for gap in gaps]
    twice = [Moment(1 + number / 2, heard=-(number % 2) / 2) for number in range(120)]
    assert "silent" not in [gap.reason for gap in gaps_of([Moment(0), *twice], [Moment(62)])]


def test_a_device_that_is_off_and_whose_last_message_is_repeated_is_tried_ever_more_rarely() -> None:
    off = [Moment(0), *(Moment(minute, heard=1 - minute) for minute in range(1, 10))]
    still_off = [Moment(10), *(Moment(minute, heard=1 - minute) for minute in range(11, 16))]
    assert [gap.reason for gap in gaps_of(off, still_off, [Moment(16)])] == ["restarted", "silent", "disconnected"]


def test_a_provider_that_asks_to_wait_before_its_stream_is_opened_is_left_alone_for_so_long() -> None:
    asked = ProviderUnavailableError("503", place="test", fix="wait", retry_after_seconds=0.3)
    began = time.monotonic()
    gaps = gaps_of([Moment(1, error=asked)], [Moment(2), Moment(3, heard=0)])
    assert time.monotonic() - began >= 0.3
    assert are_covered(gaps, 0, 2)


def test_a_silent_stream_is_said_aloud_once(caplog: pytest.LogCaptureFixture) -> None:
    gaps_of(*([Moment(60 * hour), *nothing(60 * hour + 1, 60 * hour + 60)] for hour in range(4)), [Moment(240)])
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [one.count("says nothing") for one in warnings] == [1]


def allowed(silence: Silence) -> int:
    """How many minutes a stream of that silence is open until it is to be opened anew."""
    silence.begin(NOON)
    return next(number for number in range(1_000) if silence.is_over(NOON + number * MINUTE)) - 1


def test_a_device_that_is_off_is_tried_ever_more_rarely() -> None:
    silence = Silence(3 * MINUTE, timedelta(hours=1), NOON)
    assert [allowed(silence) for _ in range(7)] == [3, 6, 12, 24, 48, 60, 60]


def test_two_messages_within_the_cadence_end_that_and_one_alone_does_not() -> None:
    silence = Silence(3 * MINUTE, timedelta(hours=1), NOON)
    assert (allowed(silence), allowed(silence)) == (3, 6)
    silence.begin(NOON)
    assert not silence.broken(NOON + MINUTE)
    silence.wait_from(NOON + MINUTE)
    assert not silence.is_over(NOON + 12 * MINUTE)
    silence.begin(NOON)
    assert not silence.broken(NOON + MINUTE)
    assert not silence.broken(NOON + 2 * MINUTE)
    assert allowed(silence) == 3


def test_time_in_which_nobody_listened_is_no_silence() -> None:
    silence = Silence(3 * MINUTE, timedelta(hours=1), NOON)
    silence.wait_from(NOON + 30 * MINUTE)
    assert not silence.is_over(NOON + 31 * MINUTE)
    assert not silence.broken(NOON + 31 * MINUTE)


@dataclass
class Clock:
    """Ours, ahead of the world's by what the test says."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The time by it."""
        return datetime.now(UTC) + self.ahead


@contextmanager
def silent(
    home: Battery, clock: Clock, longest_silence: timedelta | None, *, ping_seconds: float = 20.0
) -> Iterator[Listener]:
    """A listener to the twin's websocket, which has been heard and is silent now."""
    limits = StreamLimits(open_seconds=5.0, ping_seconds=ping_seconds)
    feed = VoltStorageFeed(
        home.provider.client, home.clients[0].origin, home.login, account=ACCOUNT, source=SOURCE, limits=limits
    )
    settings = replace(QUICK_SETTINGS, longest_silence=longest_silence)
    inbox, stopping = Inbox(100_000, settings.overlap, n_points=1_000_000), threading.Event()
    listener = Listener(
        feed, "78", inbox, settings, watermark=clock.now(), reason="restarted", stopping=stopping, now=clock.now
    )
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    try:
        assert eventually(lambda: listener.n_messages > 3)
        home.twin.fault("stream_silent", times=1)
        assert eventually(lambda: any(fault["n_fired"] for fault in home.twin.switches.shown()))
        time.sleep(0.3)  # what was sent before is heard
        yield listener
    finally:
        stopping.set()
        thread.join(10)


@pytest.fixture
def home() -> Iterator[Battery]:
    with battery(account=ACCOUNT, has_seconds=True, spacing_ms=100, live_time="fraction") as made:
        yield made


def test_an_open_websocket_that_answers_pings_and_says_nothing_is_opened_anew_and_speaks(home: Battery) -> None:
    clock = Clock()
    with silent(home, clock, SPEC.longest_silence) as listener:
        n_before = listener.n_messages
        assert (listener.n_opened, home.twin.streams.n_open) == (1, 1)
        clock.ahead += timedelta(minutes=4)
        assert eventually(lambda: listener.n_messages > n_before)
        assert listener.n_opened == 2
        assert eventually(lambda: home.twin.streams.n_open == 1)  # the silent one is closed, and not left behind


def test_an_open_websocket_of_changes_alone_that_answers_pings_is_left_alone(home: Battery) -> None:
    clock = Clock()
    with silent(home, clock, None, ping_seconds=1.0) as listener:
        clock.ahead += timedelta(hours=10)
        time.sleep(2.2)  # many looks, and a ping that had a second to be answered
        assert (listener.n_opened, home.twin.streams.n_open) == (1, 1)


def test_what_a_silent_stream_did_not_say_is_filled_from_the_export(database: str, tmp_path: Path) -> None:
    settings = replace(QUICK_SETTINGS, longest_silence=timedelta(seconds=1))
    with live_house(database, tmp_path) as house, house.listening(settings=settings) as service:
        assert eventually(lambda: service.counts.n_messages > 10)
        began = datetime.now(UTC)
        house.home.twin.fault("stream_silent", times=1)
        assert eventually(lambda: service.counts.n_opened > 1)
        ended = datetime.now(UTC)
        assert eventually(lambda: house.open_gaps() == 0, seconds=90)
        window = Window(began, ended)
        assert "silent" in {gap["reason"] for gap in house.warehouse.live.gaps(SOURCE, window)}
        assert house.said(window) == house.meant(window)
