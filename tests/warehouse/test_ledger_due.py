"""Which days the ledger says are due, and in which order they are asked for."""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from domain.errors import ConfigurationError, PayloadMissingError, ShrinkRefusedError
from domain.window import Window
from tests.fakes.points import batch, landed, load, payload
from warehouse.store import TimescaleWarehouse

FIRST = date(2026, 3, 1)
MARCH = Window.of_days(FIRST, date(2026, 3, 31))
SOON = timedelta(hours=3)
SLOW = timedelta(days=3650)  # whatever was pulled so far, was pulled before the day had settled


def day(n: int) -> date:
    return date(2026, 3, n)


def loaded(warehouse: TimescaleWarehouse, *numbers: int, source: str = "hub") -> None:
    for n in numbers:
        load(warehouse, {("a", 0): float(n)}, source, Window.of_day(day(n)))


def begun(warehouse: TimescaleWarehouse, *numbers: int) -> None:
    """Pulls whose process was killed."""
    for n in numbers:
        warehouse.begin_pull("hub", Window.of_day(day(n)))


def due(
    warehouse: TimescaleWarehouse,
    window: Window = MARCH,
    *,
    finalization_lag: timedelta = SOON,
    as_of: datetime | None = None,
    rests: bool = False,
    n_newest: int = 99,
    n_others: int = 0,
    refetch_after: Mapping[date, datetime] | None = None,
) -> list[int]:
    now = datetime.now(UTC)
    days = warehouse.ledger.due_days(
        "hub",
        window,
        finalization_lag=finalization_lag,
        as_of=as_of or now,
        untried_since=now - timedelta(hours=20) if rests else now + timedelta(seconds=1),
        n_newest=n_newest,
        n_others=n_others,
        refetch_after=refetch_after,
    )
    return [found.day for found in days]


def test_days_that_were_never_loaded_are_due_the_newest_first(warehouse: TimescaleWarehouse) -> None:
    loaded(warehouse, *range(1, 29))
    loaded(warehouse, 30, source="other")
    assert due(warehouse) == [31, 30, 29]


def test_every_day_is_due_before_the_first_load(warehouse: TimescaleWarehouse) -> None:
    assert due(warehouse) == list(range(31, 0, -1))


def test_a_day_that_was_pulled_before_it_had_settled_is_due_once_it_has(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_days(day(1), day(2))
    loaded(warehouse, 1, 2)
    settled_at = Window.of_day(day(1)).end + SLOW

    def owed_at(as_of: datetime) -> list[int]:
        return due(warehouse, window, finalization_lag=SLOW, as_of=as_of)

    assert due(warehouse, window) == []
    assert owed_at(settled_at - timedelta(seconds=1)) == []
    assert owed_at(settled_at) == [1]
    assert owed_at(settled_at + timedelta(days=1)) == [2, 1]


def test_a_day_that_was_pulled_again_after_it_had_settled_is_due_no_more(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_day(day(1))
    loaded(warehouse, 1)
    finalization_lag = datetime.now(UTC) - window.end  # the first pull came before that
    assert due(warehouse, window, finalization_lag=finalization_lag) == [1]
    loaded(warehouse, 1)
    assert due(warehouse, window, finalization_lag=finalization_lag) == []


def test_a_replay_of_an_early_pull_does_not_settle_a_day(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_day(day(1))
    early = landed(warehouse, window=window)
    finalization_lag = datetime.now(UTC) - window.end
    warehouse.load("hub", window, early, [batch({("a", 0): 1.0}, window)])
    assert due(warehouse, window, finalization_lag=finalization_lag) == [1]


def test_a_settled_day_is_due_once_more_until_a_pull_of_it_began_after_a_given_instant(
    warehouse: TimescaleWarehouse,
) -> None:
    window = Window.of_days(day(1), day(2))
    before = datetime.now(UTC)
    loaded(warehouse, 1, 2)
    instant = datetime.now(UTC)
    assert due(warehouse, window, refetch_after={day(1): before, day(2): before}) == []
    assert due(warehouse, window, refetch_after={day(1): instant, day(9): instant}) == [1]
    loaded(warehouse, 1)
    assert due(warehouse, window, refetch_after={day(1): instant}) == []


def test_a_day_whose_new_load_was_refused_is_still_due(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_day(day(1))
    load(warehouse, {("a", minute): 1.0 for minute in range(9)}, window=window)
    with pytest.raises(ShrinkRefusedError):
        load(warehouse, {}, window=window)
    as_of = window.end + SLOW
    assert due(warehouse, window, finalization_lag=SLOW, as_of=as_of) == [1]


def test_a_day_that_was_tried_within_hours_rests(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_days(day(1), day(4))
    begun(warehouse, 4)
    warehouse.record_failure("hub", Window.of_day(day(3)), ConfigurationError("no key", place="hub", fix="set it"))
    warehouse.record_failure("hub", Window.of_day(day(2)), PayloadMissingError("none", place="hub", fix="land it"))
    assert due(warehouse, window) == [4, 3, 2, 1]
    assert due(warehouse, window, rests=True) == [2, 1]  # nobody had asked for the second: a replay found nothing


def test_a_day_that_failed_since_it_was_loaded_is_due_until_it_is_loaded_again(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_days(day(1), day(2))
    loaded(warehouse, 1, 2)
    refused = ShrinkRefusedError("far fewer points", place="hub", fix="wait")
    warehouse.record_failure("hub", Window.of_day(day(1)), refused)
    assert due(warehouse, window) == [1]
    assert due(warehouse, window, rests=True) == []
    loaded(warehouse, 1)
    assert due(warehouse, window) == []


def test_a_pull_of_several_days_is_a_try_of_each(warehouse: TimescaleWarehouse) -> None:
    window = Window.of_days(day(2), day(4))
    warehouse.begin_pull("hub", window).keep(payload(b"{}", window=window))
    assert due(warehouse, Window.of_days(day(1), day(4)), rests=True) == [1]


def test_days_that_cannot_be_healed_hold_up_no_other(warehouse: TimescaleWarehouse) -> None:
    """Every tick tries two of the newest, and two others in turn: within some ticks each day has had its own."""
    window = Window.of_days(day(1), day(10))
    ticks = []
    for _ in range(5):
        ticks.append(due(warehouse, window, n_newest=2, n_others=2))
        begun(warehouse, *ticks[-1])
        warehouse.close()  # the processes are gone, and their pulls with them
    assert ticks[0] == [10, 9, 8, 7]
    assert ticks[1:4] == [[10, 9, 6, 5], [10, 9, 4, 3], [10, 9, 2, 1]]
    assert ticks[4][:2] == [10, 9]
    assert set(ticks[4][2:]) == {8, 7}


def test_ten_years_that_were_pulled_five_times_a_day_are_looked_through_at_once(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    """0.3 s with the making of the rows; the bound is for a machine on which everything runs at once."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO pull (source, window_start, window_end, started_at)"
            " SELECT 'hub', day, day + INTERVAL '24 hours', day + INTERVAL '28 hours'"
            " FROM generate_series('2016-01-01'::timestamptz, '2025-12-31', '24 hours') AS day, generate_series(1, 5)"
        )
        connection.execute(
            "INSERT INTO load (status, source, window_start, window_end, pull_id, proof, code_version, seconds,"
            " is_correction, unmapped, rejected_by_reason)"
            " SELECT 'committed', source, window_start, window_end, pull_id, '', '', 0, false, '{}', '{}' FROM pull"
        )
    started = time.monotonic()
    window = Window.of_days(date(2016, 1, 1), date(2025, 12, 31))
    assert len(due(warehouse, window, finalization_lag=timedelta(hours=12), n_newest=31, n_others=31)) == 62
    assert time.monotonic() - started < 5


def test_days_that_a_complete_pull_covers_whole_can_be_replayed(warehouse: TimescaleWarehouse) -> None:
    def landed_days(window: Window) -> list[int]:
        return [found.day for found in warehouse.ledger.landed("hub", window)]

    landed(warehouse, window=Window.of_day(day(5)))
    landed(warehouse, window=Window.of_days(day(8), day(10)))
    landed(warehouse, window=Window.of_day(day(9)))
    noon = timedelta(hours=12)
    landed(warehouse, window=Window(Window.of_day(day(20)).start + noon, Window.of_day(day(22)).end - noon))
    landed(warehouse, "other", Window.of_day(day(3)))
    begun(warehouse, 4)
    assert landed_days(MARCH) == [5, 8, 9, 10, 21]
    assert landed_days(Window.of_days(day(9), day(21))) == [9, 10, 21]
    assert landed_days(Window.of_day(day(1))) == []
