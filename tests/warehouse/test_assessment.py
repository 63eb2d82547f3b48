"""Series and days are judged from stored facts, whatever was loaded in whatever order, and only what has changed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from assets.coverage import Calendar
from domain.live import LivePoint
from domain.records import Series
from domain.window import Window
from tests.fakes.points import Said, batch, landed, load
from tests.fakes.series_days import written
from warehouse.assessment import Assessed
from warehouse.completeness import SilentDevice
from warehouse.fill import fill
from warehouse.plausibility import days_to_flag
from warehouse.statements import script
from warehouse.store import TimescaleWarehouse

FIRST = date(2026, 3, 2)
QUARTERS = range(0, 1440, 15)
Rows = list[tuple[str, date, int, int | None, str | None, datetime | None]]


def day(n: int) -> Window:
    return Window.of_day(FIRST + timedelta(days=n))


def assess(warehouse: TimescaleWarehouse, n: int, source: str = "hub", **more: Any) -> Assessed:
    """Judge until the day `n`, early on the day after it."""
    now = day(n).end + timedelta(hours=5)
    return warehouse.completeness.assess(source, day(n).day, now=now, **more)


def quarters(*devices: str, until: int = 1440) -> Said:
    return {(device, minute): float(minute) for device in devices for minute in QUARTERS if minute < until}


def describe(warehouse: TimescaleWarehouse, *devices: str, source: str = "hub") -> None:
    quarter = timedelta(minutes=15)
    warehouse.catalogue(source, [Series(one, "power", device=f"device {one}", resolution=quarter) for one in devices])


def said(observer: psycopg.Connection, source: str = "hub") -> Rows:
    return observer.execute(
        "SELECT key, day, found, expected, verdict, since FROM series_day JOIN series USING (series_id)"
        " WHERE source = %s ORDER BY 1, 2",
        [source],
    ).fetchall()


def verdicts(observer: psycopg.Connection, key: str, source: str = "hub") -> list[tuple[int, str | None]]:
    return [((row[1] - FIRST).days, row[4]) for row in said(observer, source) if row[0] == key]


def test_a_device_that_is_silent_from_noon_is_named_with_the_instant(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a", "b")
    for n in range(2):
        load(warehouse, quarters("a", "b"), window=day(n))
    load(warehouse, {**quarters("a"), **quarters("b", until=720)}, window=day(2))
    load(warehouse, quarters("a"), window=day(3))

    assess(warehouse, 3)

    assert verdicts(observer, "a") == [(n, "complete") for n in range(4)]
    noon = day(2).start + timedelta(hours=12)
    assert said(observer)[-2:] == [
        ("b", day(2).day, 48, 96, "silent", noon),
        ("b", day(3).day, 0, 96, "silent", noon),
    ]
    (gap,) = warehouse.completeness.gaps("hub", day(0).day, day(9).day)
    assert (gap.device, gap.verdict, gap.since, gap.n_missing) == ("device b", "silent", noon, 48 + 96)
    assert gap.days == [day(2).day, day(3).day]


def test_assessing_again_writes_nothing(warehouse: TimescaleWarehouse, observer: psycopg.Connection) -> None:
    describe(warehouse, "a", "b")
    for n in range(3):
        load(warehouse, quarters("a", "b", until=1440 - 60 * n), window=day(n))
    assert assess(warehouse, 4).n_rows > 0
    before = written(observer)

    assert assess(warehouse, 4) == Assessed(day(4).day)
    assert assess(warehouse, 4, window=Window(day(0).start, day(4).end)) == Assessed(day(4).day, n_days=5)
    assert written(observer) == before
    load(warehouse, quarters("a", "b", until=1380), window=day(1))
    assert written(observer) == before, "an unchanged load writes none"


def test_days_loaded_in_any_order_and_assessed_once_or_after_each_are_judged_alike(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    """A device begins late, pauses, comes back by half, falls silent with the other; one day is not loaded."""
    days = {
        0: quarters("a"),
        1: quarters("a", "b"),
        2: quarters("a"),
        4: {**quarters("a"), **{key: value for key, value in quarters("b").items() if key[1] % 30}},
        5: quarters("b", until=300),
        6: {},
    }
    for source, order in {"once": [*days], "each": [*days], "back": [*reversed(days)]}.items():
        describe(warehouse, "a", "b", source=source)
        for n in order:
            load(warehouse, days[n], source, window=day(n))
            if source != "once":
                assess(warehouse, n, source)
        assess(warehouse, 7, source)

    once = said(observer, "once")
    assert verdicts(observer, "b", "once") == [
        *[(1, "complete"), (2, "absent"), (3, "unknown"), (4, "partial")],
        *[(5, "silent"), (6, "silent"), (7, "unknown")],
    ]
    for source in ("each", "back"):
        assert said(observer, source) == once


def test_what_changes_is_judged_anew_and_points_that_are_removed_leave_an_absent_day(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a", "b")
    for n in range(3):
        load(warehouse, quarters("a", "b"), window=day(n))
    assess(warehouse, 2)
    load(warehouse, quarters("a"), window=day(1), is_correction=True)
    assert verdicts(observer, "b") == [(0, "complete"), (1, None), (2, "complete")]
    assess(warehouse, 2)
    assert verdicts(observer, "b") == [(0, "complete"), (1, "absent"), (2, "complete")]
    load(warehouse, quarters("a"), window=day(2), is_correction=True)
    assess(warehouse, 2)
    assert verdicts(observer, "b") == [(0, "complete"), (1, "silent"), (2, "silent")]


def test_a_new_device_is_said_once_and_none_when_a_source_is_judged_for_the_first_time(
    warehouse: TimescaleWarehouse,
) -> None:
    describe(warehouse, "a", "b")
    load(warehouse, quarters("a"), window=day(0))
    assert assess(warehouse, 0).began == []
    load(warehouse, quarters("a", "b"), window=day(1))
    assert assess(warehouse, 1).began == ["device b"]
    load(warehouse, quarters("a", "b", until=900), window=day(1), is_correction=True)
    assert assess(warehouse, 1).began == []
    warehouse.catalogue("hub", [Series("b2", "power", device="device b")])
    load(warehouse, quarters("a", "b", "b2"), window=day(2))
    assert assess(warehouse, 2).began == []  # a quantity more of a device that is known


def test_a_device_that_is_known_dead_is_expected_no_longer_and_again_when_it_is_not(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a", "b")
    load(warehouse, quarters("a", "b"), window=day(0))
    for n in range(1, 4):
        load(warehouse, quarters("a"), window=day(n))
    assess(warehouse, 3)
    silent = verdicts(observer, "b")
    assess(warehouse, 3, ended={"device b": day(2).day})
    assert verdicts(observer, "b") == [(0, "complete"), (1, "silent")]
    assert warehouse.completeness.silent_devices("hub") == []
    assess(warehouse, 3)  # by whoever does not know
    assert verdicts(observer, "b") == [(0, "complete"), (1, "silent")]
    assess(warehouse, 3, ended={})
    assert verdicts(observer, "b") == silent == [(0, "complete"), (1, "silent"), (2, "silent"), (3, "silent")]


def test_a_gateway_that_hands_in_days_late_is_healed_and_its_lateness_is_learned(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a", "b")
    for n in range(4):
        load(warehouse, quarters("a"), window=day(n))
    load(warehouse, quarters("a", "b"), window=day(9))
    for n in range(4):
        load(warehouse, quarters("a", "b"), window=day(n))  # handed in after all
        # The pull is finished now: let the first one have been a week ago.
    assert observer.execute("SELECT count(*), sum(n_points), count(DISTINCT day) FROM late_arrival").fetchone() == (
        4,
        4 * 96,
        4,
    )
    observer.execute("UPDATE late_arrival SET late_seconds = 7 * 86400")
    load(warehouse, quarters("a"), window=day(10))

    assess(warehouse, 10)
    assert verdicts(observer, "b")[-1] == (10, "late")
    assert {one for n, one in verdicts(observer, "b") if n < 4} == {"complete"}

    # A week and a day later it is no longer usual.
    warehouse.completeness.assess("hub", day(10).day, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert verdicts(observer, "b")[-1] == (10, "silent")


def test_a_replay_brings_nothing_late(warehouse: TimescaleWarehouse, observer: psycopg.Connection) -> None:
    pull = landed(warehouse, window=day(0))
    for devices in ("a",), ("a", "b"):
        warehouse.load("hub", day(0), pull, [batch(quarters(*devices), day(0))])
    assert observer.execute("SELECT count(*) FROM late_arrival").fetchone() == (0,)


def test_an_empty_answer_makes_an_unknown_day_absent(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a")
    for n in (0, 2):
        load(warehouse, quarters("a"), window=day(n))
    assess(warehouse, 2)
    assert verdicts(observer, "a") == [(0, "complete"), (1, "unknown"), (2, "complete")]
    load(warehouse, {}, window=day(1))
    assess(warehouse, 2)
    assert verdicts(observer, "a") == [(0, "complete"), (1, "absent"), (2, "complete")]


def test_a_silent_device_is_named_once_with_its_last_word_and_until_it_speaks_again(
    warehouse: TimescaleWarehouse,
) -> None:
    describe(warehouse, "a", "b")
    for n in range(2):
        load(warehouse, quarters("a", "b"), window=day(n))
    load(warehouse, {**quarters("a"), **quarters("b", until=720)}, window=day(2))
    load(warehouse, quarters("a"), window=day(3))
    assess(warehouse, 3)
    last_word = day(2).start + timedelta(hours=11, minutes=45)
    assert warehouse.completeness.silent_devices("hub") == [SilentDevice("device b", "", 1, 1, last_word)]
    assess(warehouse, 4)  # a day that was never loaded ends no silence
    assert [one.device for one in warehouse.completeness.silent_devices("hub")] == ["device b"]
    load(warehouse, quarters("a", "b"), window=day(4))
    assess(warehouse, 4)
    assert warehouse.completeness.silent_devices("hub") == []


def test_the_calendar_has_the_worst_series_first_and_the_share_of_each_site(warehouse: TimescaleWarehouse) -> None:
    quarter = timedelta(minutes=15)
    warehouse.catalogue(
        "hub", [Series(one, "power", one, f"at {one[0]}", resolution=quarter) for one in ("ab", "ac", "b")]
    )
    for n in range(2):
        load(warehouse, {**quarters("ab", "b"), **quarters("ac", until=1440 - 720 * n)}, window=day(n))
    assess(warehouse, 1)

    calendar = Calendar.read(warehouse.completeness, "hub", day(0).day, day(2).day)

    assert list(calendar.series.items()) == [
        ("ac", ["complete", "silent", ""]),
        ("ab", ["complete", "complete", ""]),
        ("b", ["complete", "complete", ""]),
    ]
    assert calendar.groups == {"at a": [1.0, 0.75, None], "at b": [1.0, 1.0, None]}
    image = calendar.markdown()
    assert image is not None
    assert image.startswith("![coverage](data:image/png;base64,iVBORw0KGgo")
    assert Calendar.read(warehouse.completeness, "other", day(0).day, day(2).day).markdown() is None


def test_a_day_that_is_being_loaded_is_not_waited_for_and_is_judged_the_next_time(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a")
    for n in range(3):
        load(warehouse, quarters("a"), window=day(n))
    with observer.transaction():
        observer.execute(script("load/lock_day").encode(), {"source": "hub", "day": day(1).day})
        assess(warehouse, 2)
        assert verdicts(observer, "a") == [(0, "complete"), (1, None), (2, "complete")]
    assess(warehouse, 2)
    assert verdicts(observer, "a") == [(n, "complete") for n in range(3)]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not yet noted"])
def test_what_a_load_has_noted_is_not_waited_for(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, *, noted: bool
) -> None:
    """Its day is asked for by nobody, or by whoever judges all days."""
    describe(warehouse, "a")
    for n in range(3):
        load(warehouse, quarters("a"), window=day(n))
    if not noted:
        assess(warehouse, 2)
        observer.execute("UPDATE series_day SET verdict = 'partial' WHERE day = %s", [day(1).day])
    with observer.transaction(force_rollback=True):
        values = {"source": "hub", "day": day(1).day, "days": [day(1).day]}
        observer.execute(script("load/lock_day").encode(), values)
        observer.execute(script("series_day/note_empty").encode(), values)
        assess(warehouse, 2, window=Window.of_days(day(0).day, day(2).day))
    assess(warehouse, 2)
    assert verdicts(observer, "a") == [(n, "complete") for n in range(3)]


def test_history_that_comes_behind_a_day_leaves_or_raises_its_flags(warehouse: TimescaleWarehouse) -> None:
    describe(warehouse, "a")
    said = [{("a", minute): 5 + (minute * 7919 + n * 104729) % 997 / 1000 for minute in QUARTERS} for n in range(14)]
    said[-1] = {key: 1000 * value for key, value in said[-1].items()}
    for days in ([13], range(13)):
        for n in days:
            load(warehouse, said[n], window=day(n))
        assess(warehouse, 13, limits={})
    assert [(one.day, one.kind) for one in warehouse.completeness.flags("hub", day(0).day, day(13).day)] == [
        (day(13).day, "factor")
    ]
    # Of the days behind it, those are judged anew that are among the newest four weeks, and look so far back.
    assert days_to_flag([day(0).day], day(99).day) == [day(0).day]
    assert days_to_flag([day(50).day], day(99).day) == [day(n).day for n in (50, *range(72, 100))]


def test_a_day_that_a_person_has_confirmed_lacks_nothing(warehouse: TimescaleWarehouse) -> None:
    describe(warehouse, "a")
    for n in (0, 1, 3):
        load(warehouse, quarters("a"), window=day(n))
    load(warehouse, {}, window=day(2))
    assess(warehouse, 3)
    (gap,) = warehouse.completeness.gaps("hub", day(0).day, day(3).day)
    assert (gap.verdict, gap.days) == ("absent", [day(2).day])

    assert warehouse.ledger.suspects.confirm("hub", day(2).day)

    assert warehouse.completeness.gaps("hub", day(0).day, day(3).day) == []


def test_of_a_day_that_only_a_stream_has_spoken_of_nothing_is_missed_yet(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    describe(warehouse, "a")
    load(warehouse, quarters("a"), window=day(0))
    series = Series("a", "power", device="device a", resolution=timedelta(minutes=15))
    for n in (1, 2):
        warehouse.live.put("hub", [LivePoint(series, day(n).start, 1.0)])
    found = warehouse.completeness.assess("hub", day(1).day, now=day(2).start + timedelta(hours=9))
    assert found.through == day(1).day
    assert verdicts(observer, "a") == [(0, "complete"), (1, "partial"), (2, None)]


def test_facts_that_are_being_filled_judge_no_day(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, database: str
) -> None:
    describe(warehouse, "a")
    for n in range(3):
        load(warehouse, quarters("a"), window=day(n))
    observer.execute("DELETE FROM series_day WHERE day = %s", [day(1).day])
    observer.execute("UPDATE derived SET complete_at = NULL WHERE name = 'series_days'")
    assert assess(warehouse, 2) == Assessed()
    assert [one.suspect for one in warehouse.ledger.days("hub")] == [None] * 3

    list(fill(database))

    assert assess(warehouse, 2).through == day(2).day
    assert verdicts(observer, "a") == [(n, "complete") for n in range(3)]


def test_a_total_of_a_local_day_is_missed_only_once_that_day_is_over(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    whole = timedelta(days=1)
    warehouse.catalogue("hub", [Series("t", "energy", device="t", resolution=whole, time_zone="Europe/Zurich")])
    # The local day that begins on the evening of day n ends on the evening of the day behind it.
    for n in range(4):
        load(warehouse, batch({("t", 23 * 60): 1.0}, day(n), quantities={"t": "energy"}), window=day(n))
    load(warehouse, {}, window=day(4))
    assess(warehouse, 4)
    assert verdicts(observer, "t")[-2:] == [(3, "complete"), (4, "late")]

    load(warehouse, {}, window=day(5))  # the total of day 4 should be there now
    assess(warehouse, 5)
    assert verdicts(observer, "t")[-2:] == [(4, "absent"), (5, "late")]
