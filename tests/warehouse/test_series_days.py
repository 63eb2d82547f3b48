"""Facts of series and days are right at commit: they say what a plain GROUP BY over the points says."""

from datetime import date, timedelta
from itertools import permutations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.live import LivePoint
from domain.records import Series
from domain.window import Window
from tests.fakes.points import DAY, Said, at, load
from tests.fakes.series_days import differences, written
from warehouse.fill import fill, pending
from warehouse.store import TimescaleWarehouse
from warehouse.summary_check import recompute

_MINUTES = st.integers(0, 1439)
_SAID = st.dictionaries(
    st.tuples(st.sampled_from("abc"), _MINUTES), st.floats(allow_nan=False, allow_infinity=False), max_size=20
).flatmap(
    lambda numbers: st.dictionaries(
        st.tuples(st.sampled_from("xyz"), _MINUTES), st.sampled_from(["on", "off", "ä"]), max_size=8
    ).map(lambda texts: {**numbers, **texts})
)


def day(n: int) -> Window:
    return Window.of_day(DAY.day + timedelta(days=n))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(first=_SAID, second=_SAID, live=_SAID)
def test_whatever_is_loaded_over_whatever_the_facts_say_what_the_points_say(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, first: Said, second: Said, live: Said
) -> None:
    load(warehouse, first, is_correction=True)
    put = [
        LivePoint(Series(key, "state" if isinstance(value, str) else "power", device=key), at(minute), value)
        for (key, minute), value in live.items()
    ]
    if put:
        warehouse.live.put("hub", put)
    assert differences(observer) == []
    load(warehouse, second, is_correction=True)
    assert differences(observer) == []
    before = written(observer)

    load(warehouse, second)

    assert written(observer) == before, "an unchanged load writes none"


def test_days_loaded_in_any_order_and_at_once_have_the_same_facts(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    said: dict[int, Said] = {
        n: {("a", minute): float(minute % 7 - n) for minute in range(n, 1440, 15)} | {("x", 600 + n): "on"}
        for n in range(3)
    }
    found = set()
    for number, order in enumerate(permutations(range(3))):
        for n in order:
            load(warehouse, said[n], f"order-{number}", window=day(n))
    whole = {(key, minute + 1440 * n): value for n, points in said.items() for (key, minute), value in points.items()}
    load(warehouse, whole, "at-once", window=Window(day(0).start, day(2).end))

    assert differences(observer) == []
    for (source,) in observer.execute("SELECT DISTINCT source FROM series").fetchall():
        rows = observer.execute(
            "SELECT key, day, found, first_at, last_at, longest_gap_seconds, minimum, maximum, value_hash"
            " FROM series_day JOIN series USING (series_id) WHERE source = %s ORDER BY 1, 2",
            [source],
        ).fetchall()
        found.add(tuple(rows))
    assert len(found) == 1


def test_a_part_of_a_day_and_a_day_and_a_half_are_loads_like_others(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    evening = Window(at(1200), day(1).start)
    load(warehouse, {("a", minute): 1.0 for minute in range(600)}, window=DAY)
    load(warehouse, {("a", 5): 2.0}, window=evening, is_correction=True)
    wide = Window(day(2).start, day(3).start + timedelta(hours=12))
    load(warehouse, {("b", minute): float(minute) for minute in range(0, 2160, 60)}, window=wide)

    assert differences(observer) == []


def test_values_of_yesterday_sent_again_have_the_hash_of_yesterday(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    said = {("a", minute): minute / 7 for minute in range(0, 1440, 15)}
    for n in range(2):
        load(warehouse, said, window=day(n))
    load(warehouse, {**said, ("a", 0): 0.5}, window=day(2))

    hashes = [one for (one,) in observer.execute("SELECT value_hash FROM series_day ORDER BY day")]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_stream_of_a_day_is_added_without_reading_the_day_again(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Series("a", "power", device="a"), Series("x", "state", device="x")
    warehouse.live.put("hub", [LivePoint(one, at(0), 1.0), LivePoint(other, at(0), "on")])
    monkeypatch.setattr("warehouse.series_days.stored_points", None)
    for minute in range(1, 30):
        warehouse.live.put("hub", [LivePoint(one, at(minute), -minute), LivePoint(other, at(minute), "off")])

    assert differences(observer) == []


def test_a_warehouse_that_had_points_before_is_filled_in_pieces(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, database: str
) -> None:
    for n in range(3):
        load(warehouse, {("a", 5): 1.0, ("x", 7): "on"}, window=day(n))
    load(warehouse, {("x", 7): "only texts"}, window=day(5))
    observer.execute("TRUNCATE series_day")
    observer.execute("UPDATE derived SET complete_at = NULL WHERE name = 'series_days'")
    steps = fill(database)
    assert [next(steps).n_done for _ in range(2)] == [0, 1]
    assert [one.name for one in pending(database)] == ["series_days"]
    load(warehouse, {("a", 5): 2.0}, window=day(2), is_correction=True)

    assert [(one.n_done, one.n_units) for one in fill(database)] == [(n, 4) for n in range(1, 5)]

    assert differences(observer) == []
    assert pending(database) == []


def test_recompute_mends_facts_that_somebody_has_changed_by_hand(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, database: str
) -> None:
    load(warehouse, {("a", 5): 1.0, ("x", 7): "on"})
    observer.execute("UPDATE series_day SET found = found + 1")

    assert recompute(database, "hub", Window.of_days(date(2026, 3, 1), date(2026, 3, 31))) == 2
    assert differences(observer) == []
