"""What a stream may do wrong, and what the live service makes of it: a gap, which the export fills, or nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from domain.errors import CredentialsRejectedError
from domain.window import Window
from pipelines.live.filler import first_of_today
from tests.fakes.live_house import QUICK_SETTINGS, SOURCE, LiveHouse, eventually, live_house
from warehouse.statements import statement


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[LiveHouse]:
    with live_house(database, tmp_path) as made:
        yield made


def reasons(house: LiveHouse, since: datetime) -> set[str]:
    """Why there are the gaps that were marked since then."""
    window = Window(since - timedelta(minutes=1), now() + timedelta(minutes=1))
    return {gap["reason"] for gap in house.warehouse.live.gaps(SOURCE, window) if gap["marked_at"] >= since}


def settled(house: LiveHouse) -> bool:
    return eventually(lambda: house.open_gaps() == 0, seconds=90)


def opened(house: LiveHouse) -> bool:
    return eventually(lambda: house.home.twin.streams.n_open == 1)


def test_the_day_until_now_is_filled_when_a_source_is_listened_to_for_the_first_time(house: LiveHouse) -> None:
    began = now()
    with house.listening():
        assert eventually(lambda: house.open_gaps() > 0)
        assert settled(house)
    assert reasons(house, began) == {"first_start"}
    [gap] = house.warehouse.live.gaps(SOURCE, Window(began - timedelta(minutes=1), now()))
    assert abs(gap["gap_start"] - first_of_today(began, QUICK_SETTINGS.look_back)) < timedelta(seconds=2)
    window = Window(began - timedelta(seconds=4), began)
    assert house.said(window) == house.meant(window)


def test_a_service_that_was_away_fills_what_it_missed(house: LiveHouse) -> None:
    with house.listening() as service:
        assert eventually(lambda: service.counts.n_new > 20)
    began = now()
    time.sleep(1.0)
    with house.listening():
        assert opened(house)
        ended = now()
        assert eventually(lambda: "restarted" in reasons(house, began))
        assert settled(house)
    window = Window(began - timedelta(seconds=0.5), ended)
    assert house.said(window) == house.meant(window)


@pytest.mark.parametrize("fault", ["message_twice", "message_late"])
def test_messages_that_come_twice_or_late_leave_every_point_once(house: LiveHouse, fault: str) -> None:
    house.home.twin.fault(fault, probability=0.5)
    with house.listening() as service:
        assert eventually(lambda: service.counts.n_messages > 3)
        began = now()
        assert eventually(lambda: service.counts.n_messages > 30)
        ended = now() - timedelta(seconds=0.5)
        assert eventually(lambda: service.counts.n_messages > 50)
    window = Window(began, ended)
    assert house.said(window) == house.meant(window)


def test_a_message_that_cannot_be_read_becomes_a_gap_and_is_filled(house: LiveHouse) -> None:
    with house.listening() as service:
        assert eventually(lambda: service.counts.n_messages > 10)
        began = now()
        house.home.twin.fault("message", body="no JSON", times=3)
        assert eventually(lambda: "unreadable" in reasons(house, began))
        ended = now()
        assert settled(house)
    window = Window(began, ended)
    assert house.said(window) == house.meant(window)


def test_what_finds_no_room_in_the_queue_becomes_a_gap_and_is_filled(house: LiveHouse, database: str) -> None:
    narrow = replace(QUICK_SETTINGS, queue_messages=2, patience_seconds=0.01, batch_messages=2)
    with house.listening(settings=narrow) as service:
        assert eventually(lambda: service.counts.n_messages > 10)
        assert settled(house)
        began = now()
        with held_day(database):
            assert eventually(lambda: service.counts.n_dropped > 5)
        assert eventually(lambda: "overflow" in reasons(house, began))
        ended = now()
        assert settled(house)
    window = Window(began, ended)
    assert house.said(window) == house.meant(window)


@contextmanager
def held_day(database: str) -> Iterator[None]:
    """Somebody else holds the day, so nothing can be put."""
    with psycopg.connect(database) as connection:
        for day in {now().date(), (now() + timedelta(minutes=1)).date()}:
            connection.execute(statement("load/lock_day"), {"source": SOURCE, "day": day})
        yield
        connection.rollback()


def test_a_stream_in_whole_seconds_is_replaced_by_the_export_where_it_is_asked(database: str, tmp_path: Path) -> None:
    with live_house(database, tmp_path, live_time="seconds") as house, house.listening() as service:
        assert eventually(lambda: service.counts.n_messages > 30)
        began = now()
        house.home.twin.streams.disconnect()
        assert eventually(lambda: "disconnected" in reasons(house, began))
        assert settled(house)
        [gap] = [
            one
            for one in house.warehouse.live.gaps(SOURCE, Window(now() - timedelta(minutes=2), now()))
            if one["reason"] == "disconnected"
        ]
        inside = Window(gap["gap_start"] + timedelta(milliseconds=1), gap["gap_end"] - timedelta(seconds=0.2))
        assert house.said(inside) == house.meant(inside)


def test_rejected_credentials_end_the_service_and_are_not_tried_again(house: LiveHouse) -> None:
    house.home.twin.configure(password="another")
    with pytest.raises(CredentialsRejectedError), house.listening():
        assert eventually(lambda: not house.is_listening)
    assert house.home.logins() == 1


def test_listening_begins_at_midnight_or_as_far_back_as_allowed() -> None:
    noon = datetime(2025, 6, 1, 12, tzinfo=UTC)
    assert first_of_today(noon, timedelta(days=1)) == datetime(2025, 6, 1, tzinfo=UTC)
    assert first_of_today(noon, timedelta(hours=1)) == datetime(2025, 6, 1, 11, tzinfo=UTC)
