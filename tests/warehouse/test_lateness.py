"""What a device is late by is learned from what it does often and of late, so that no past outage hides a silence."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from domain.records import Series
from domain.window import Window
from tests.fakes.points import Said, load
from warehouse.lateness import usual_lateness
from warehouse.store import TimescaleWarehouse, open_warehouse

FIRST = date(2026, 3, 2)
DAY_SECONDS = 86_400.0


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, tmp_path) as opened:
        quarter, whole = timedelta(minutes=15), timedelta(days=1)
        kinds = {"a": quarter, "b": quarter, "total": whole}
        opened.catalogue("hub", [Series(one, "power", device="gateway", resolution=kinds[one]) for one in kinds])
        yield opened


def day(n: int) -> Window:
    return Window.of_day(FIRST + timedelta(days=n))


def hours(*keys: str, of: int = 24) -> Said:
    return {(key, 60 * hour): float(hour) for key in keys for hour in range(of)}


def answered(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, n: int, said: Said, *, days_later: float = 0
) -> None:
    """Load an answer of the day `n` that came five hours after its end, and so many days later."""
    load(warehouse, said, window=day(n))
    after = {"after": timedelta(days=days_later, hours=5)}
    observer.execute(
        "UPDATE pull SET started_at = window_end + %(after)s, finished_at = window_end + %(after)s"
        " WHERE pull_id = (SELECT max(pull_id) FROM pull)",
        after,
    )
    # As the pull says now.
    observer.execute(
        "UPDATE late_arrival SET late_seconds = %s WHERE load_id = (SELECT max(load_id) FROM load)",
        [days_later * DAY_SECONDS],
    )


def learned(observer: psycopg.Connection) -> dict[str, float]:
    """Series → days after the end of a day within which its late points come."""
    keys: dict[int, str] = dict(observer.execute("SELECT series_id, key FROM series").fetchall())
    return {keys[one]: round(seconds / DAY_SECONDS, 2) for one, seconds in usual_lateness(observer, "hub").items()}


def test_an_outage_that_was_healed_a_month_later_makes_nothing_late(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(10):
        answered(warehouse, observer, n, hours("b") if n not in {4, 5, 6} else {})
    for n in (4, 5, 6):
        answered(warehouse, observer, n, hours("b"), days_later=30)
    assert learned(observer) == {}


def test_three_late_points_in_weeks_make_nothing_late(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(20):
        answered(warehouse, observer, n, hours("b", of=23 if n in {1, 2, 3} else 24))
    for n in (1, 2, 3):
        answered(warehouse, observer, n, hours("b"), days_later=1)
    assert learned(observer) == {}


def test_who_was_late_three_months_ago_is_late_no_longer(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(6):
        answered(warehouse, observer, n, hours("b", of=20))
        answered(warehouse, observer, n, hours("b"), days_later=1)
    assert learned(observer) == {"a": 2, "b": 2}
    answered(warehouse, observer, 90, hours("b"))
    assert learned(observer) == {}


def test_totals_of_days_that_come_a_day_later_say_nothing_of_the_quarters_of_their_device(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(10):
        answered(warehouse, observer, n, hours("b"))
        answered(warehouse, observer, n, {**hours("b"), ("total", 0): 1.0}, days_later=1)
    assert learned(observer) == {"total": 2}


def test_a_series_that_is_new_and_asked_for_again_is_not_late(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(8):
        answered(warehouse, observer, n, hours("a"))
    for n in range(8):  # all within one hour, on the morning behind the last of them
        answered(warehouse, observer, n, hours("a", "b"), days_later=7 - n + 0.01 * (n + 1))
    answered(warehouse, observer, 8, hours("a", "b"))
    assert learned(observer) == {}


@pytest.mark.parametrize(("days_later", "expected"), [([2] * 8, 3), ([2] * 19 + [7], 3), ([12] * 8, 8)])
def test_who_is_late_on_most_days_is_waited_for_as_long_as_usual_and_a_week_at_most(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, days_later: Sequence[int], expected: float
) -> None:
    for n, later in enumerate(days_later):
        answered(warehouse, observer, n, hours("b", of=12))
        answered(warehouse, observer, n, hours("b"), days_later=later)
    assert learned(observer) == {"a": expected, "b": expected}
