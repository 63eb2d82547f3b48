"""The queue between streams and warehouse: it holds so much, and remembers what found no room."""

import threading
import time
from datetime import UTC, datetime, timedelta

from domain.live import Gap, LiveMessage, LivePoint
from domain.records import Series
from pipelines.live.queue import Inbox, Item

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OVERLAP = timedelta(seconds=5)
POWER = Series("77/Power_PV", "power", "77")


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def item(second: float, n_points: int = 1) -> Item:
    points = tuple(LivePoint(POWER, at(second), float(number)) for number in range(n_points))
    return Item("77", at(second), LiveMessage(at(second), points))


def put(inbox: Inbox, second: float, n_points: int = 1) -> bool:
    return inbox.put(item(second, n_points), before=at(second - 1), patience_seconds=0.01)


def test_it_holds_so_many_messages() -> None:
    inbox = Inbox(2, OVERLAP, n_points=100)
    assert [put(inbox, second) for second in range(3)] == [True, True, False]
    assert (len(inbox), inbox.n_dropped) == (2, 1)


def test_it_holds_so_many_points_whatever_the_messages_are() -> None:
    inbox = Inbox(100, OVERLAP, n_points=10)
    assert [put(inbox, second, n_points=4) for second in range(3)] == [True, True, False]
    inbox.take(1, 0.01)
    assert put(inbox, 3, n_points=6)


def test_a_long_text_takes_the_room_of_several_points() -> None:
    inbox = Inbox(100, OVERLAP, n_points=10)
    status = LivePoint(Series("77/Status", "state", "77"), at(0), "x" * 900)
    long = Item("77", at(0), LiveMessage(at(0), (status,)))
    assert inbox.put(long, before=at(-1), patience_seconds=0.01)
    assert not put(inbox, 1)


def test_a_message_that_is_too_large_for_it_passes_alone() -> None:
    inbox = Inbox(100, OVERLAP, n_points=10)
    assert put(inbox, 0, n_points=50)
    assert not put(inbox, 1)
    assert len(inbox.take(10, 0.01)) == 1
    assert put(inbox, 2)


def test_what_found_no_room_is_a_gap_before_the_next_message_that_does() -> None:
    inbox = Inbox(1, OVERLAP, n_points=100)
    assert put(inbox, 10)
    assert not put(inbox, 11)
    assert not put(inbox, 12)
    inbox.take(1, 0.01)
    assert put(inbox, 20)
    [after] = inbox.take(1, 0.01)
    assert after.gap == Gap("77", at(5), at(25), "overflow")


def test_a_gap_that_is_handed_in_takes_what_found_no_room_along() -> None:
    inbox = Inbox(1, OVERLAP, n_points=100)
    assert put(inbox, 10)
    assert not put(inbox, 11)
    inbox.take(1, 0.01)
    assert inbox.put_gap(Gap("77", at(30), at(40), "disconnected"), at(35), patience_seconds=0.01)
    [after] = inbox.take(1, 0.01)
    assert (after.gap, after.watermark) == (Gap("77", at(5), at(40), "disconnected"), at(35))


def test_room_that_is_made_is_taken_by_who_waits_for_it() -> None:
    inbox = Inbox(1, OVERLAP, n_points=100)
    assert put(inbox, 0)
    done: list[bool] = []
    waiting = threading.Thread(
        target=lambda: done.append(inbox.put(item(1), before=at(0), patience_seconds=30)), daemon=True
    )
    waiting.start()
    assert len(inbox.take(1, 5)) == 1
    waiting.join(30)
    assert done == [True]


def test_taking_waits_no_longer_than_it_is_told() -> None:
    began = time.monotonic()
    assert inbox_of_nothing().take(10, 0.05) == []
    assert time.monotonic() - began < 5


def inbox_of_nothing() -> Inbox:
    return Inbox(1, OVERLAP, n_points=1)
