"""Summaries are right at commit: whatever a load, a stream or a person has done, they say what the points say."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from domain import zones
from domain.live import LivePoint
from domain.measurement import Normalized
from domain.records import Series
from domain.window import Window
from tests.fakes.forked import together
from tests.fakes.points import DAY, Said, at, batch, load
from tests.fakes.summaries import differences, written
from warehouse import local_days
from warehouse.store import TimescaleWarehouse, open_warehouse
from warehouse.summary_check import all_disagreements, other_zones, recompute

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")


def in_zones(said: Said, window: Window = DAY) -> Normalized:
    """The same, series `z…` in the zone of that number."""
    registers = {key: "energy_register" for key, _ in said if key.endswith("register")}
    made = batch(said, window, quantities=registers)
    zoned = [replace(one, time_zone=ZONES[int(one.key[1]) % len(ZONES)]) for one in made.series if one.key[0] == "z"]
    return replace(made, series=(*zoned, *(one for one in made.series if one.key[0] != "z")))


def day_of(seed: int, *, n_dense: int = 400) -> Said:
    """Series of every zone, two of each: one of many points, one of few."""
    random = np.random.default_rng(seed + 100)
    said: dict[tuple[str, int], float | str] = {}
    for number in range(2 * len(ZONES)):
        n_points = n_dense if number < len(ZONES) else 96
        for minute in random.choice(1440, n_points, replace=False).tolist():
            said[f"z{number % len(ZONES)}{'d' if number < len(ZONES) else 's'}", minute] = random.normal(0, 1e3)
    return said


def day(n: int) -> Window:
    return Window.of_day(DAY.day + timedelta(days=n))


def test_whatever_is_loaded_in_whatever_order_the_summaries_say_what_the_points_say(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in (0, 1, -1, 7):  # a backfill of an old day behind a newer one
        load(warehouse, in_zones(day_of(n), day(n)), window=day(n))
        assert differences(observer) == []
    load(warehouse, in_zones(day_of(50)), source="second")
    assert differences(observer) == []

    said = dict(day_of(0))
    keys = sorted(said)
    changed = {key: value for n, (key, value) in enumerate(sorted(said.items())) if n % 7}  # removed, all over
    changed[keys[1]] = 12.5
    load(warehouse, in_zones(changed), is_correction=True)
    assert differences(observer) == []

    few = {key: value for key, value in changed.items() if key[1] % 3 == 0}  # many have become few
    few["new", 5] = 1.0
    load(warehouse, in_zones(few), is_correction=True)
    assert differences(observer) == []

    load(warehouse, in_zones(said))  # and few many
    assert differences(observer) == []


def test_a_series_of_few_points_on_some_days_and_of_many_on_others_has_every_hour_once(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n, n_points in enumerate((96, 97, 5, 1440, 1)):
        said = {("turns", minute): float(minute) for minute in range(n_points)} | {("few", n): 1.0}
        load(warehouse, in_zones(said, day(n)), window=day(n))
    assert differences(observer) == []


def test_hours_of_one_series_cost_what_is_asked_for_whatever_its_history(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in range(12):
        few = {(key, 15 * quarter): 1.0 for key in ("a", "b", "c") for quarter in range(96)}
        many = {("d", minute): 1.0 for minute in range(1440)} if n else {("d", 0): 1.0}
        load(warehouse, in_zones(few | many, day(n)), window=day(n))
    question = (
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM measurement_hourly WHERE series_id ="
        " (SELECT series_id FROM series WHERE key = '{}') AND bucket_at >= '{}' AND bucket_at < '{}'"
    )
    observer.execute("SET enable_seqscan TO off")  # which is as cheap where there is so little
    for key, n_read in (("a", 96), ("d", 24 + 12)):  # of points; of hours, and of days among which few are looked up
        asked = question.format(key, day(5).start, day(5).end)
        row = observer.execute(asked.encode()).fetchone()
        assert row is not None
        rows = rows_read(row[0][0]["Plan"])
        assert n_read <= rows <= n_read + 4, f"{rows} rows are read of {key}"


def rows_read(node: dict[str, Any]) -> int:
    """Rows that the scans of a plan looked at, and that its joins compared in vain."""
    inner = sum(rows_read(one) for one in node.get("Plans", []))
    loops, removed = node["Actual Loops"], node.get("Rows Removed by Join Filter", 0)
    if "Relation Name" in node and node["Node Type"] != "Custom Scan":  # of a hypertable: its chunks are counted
        removed += node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(inner + loops * removed)


def test_a_load_of_the_same_again_writes_no_summary(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    load(warehouse, in_zones(day_of(0)))
    before = written(observer)
    assert all(before.values())

    load(warehouse, in_zones(day_of(0)))

    assert written(observer) == before


def test_a_changed_point_rewrites_its_own_buckets_and_no_other(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    said = dict(day_of(0))
    load(warehouse, in_zones(said))
    before = written(observer)
    key = next(key for key in sorted(said) if key[0] == "z1d")
    said[key] = 1e6
    load(warehouse, in_zones(said))

    after = written(observer)
    changed = {table: len(set(after[table]) - set(before[table])) for table in after}
    assert changed == {"summary_hourly": 1, "summary_daily": 1, "summary_local_day": 1}
    assert {table: len(rows) for table, rows in after.items()} == {table: len(rows) for table, rows in before.items()}


def test_a_series_that_is_said_without_a_point_any_more_has_no_summary(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    kept, whole = batch({("z0", 1): 5.0}), batch({("z0", 1): 5.0, ("z1", 2): 7.0})
    load(warehouse, whole)
    load(warehouse, replace(kept, series=whole.series), is_correction=True)
    assert {table: len(rows) for table, rows in written(observer).items()} == {
        "summary_hourly": 0,
        "summary_daily": 1,
        "summary_local_day": 1,
    }
    assert differences(observer) == []


def test_points_of_a_stream_are_summed_up_as_they_come(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    random = np.random.default_rng(3)
    series = [Series(f"z{n}", "power", device="d", time_zone=zone) for n, zone in enumerate(ZONES)]
    for _ in range(6):
        minutes = random.choice(1440, 60).tolist()
        points = [LivePoint(one, at(minute), random.normal()) for minute in minutes for one in series]
        warehouse.live.put("hub", points)
        assert differences(observer) == []

    # An export that comes as far as noon, and leaves the stream's points behind it alone.
    said: Said = {(one.key, minute): float(minute) for one in series for minute in range(0, 720, 5)}
    load(warehouse, in_zones(said), is_correction=True)
    assert differences(observer) == []
    warehouse.live.put("hub", [LivePoint(series[2], at(1000), 5.0), LivePoint(series[2], at(1000, day(1)), 5.0)])
    assert differences(observer) == []


def test_a_series_whose_zone_changes_has_the_days_of_its_new_zone(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection
) -> None:
    for n in (0, 1):
        load(warehouse, in_zones(day_of(n), day(n)), window=day(n))
    known = in_zones(day_of(0)).series
    warehouse.catalogue("hub", [replace(one, time_zone="Pacific/Chatham") for one in known[:5]])

    assert differences(observer) == []


@pytest.mark.parametrize(
    ("zone", "first", "dates"),
    [
        ("Europe/Berlin", date(2026, 3, 29), {date(2026, 3, 29): 88, date(2026, 3, 30): 8}),
        ("Europe/Berlin", date(2026, 10, 25), {date(2026, 10, 25): 92, date(2026, 10, 26): 4}),
        ("Asia/Kathmandu", date(2026, 1, 1), {date(2026, 1, 1): 73, date(2026, 1, 2): 23}),
        ("Pacific/Apia", date(2011, 12, 30), {date(2011, 12, 29): 40, date(2011, 12, 31): 56}),
    ],
)
def test_a_utc_day_is_cut_at_the_midnights_of_a_zone(zone: str, first: date, dates: dict[date, int]) -> None:
    found = local_days.local_date_ranges(zone, first)
    ends = [second for second, _ in found[1:]] + [86_400]
    quarters: dict[date, int] = {}
    for (second, local), end in zip(found, ends, strict=True):
        quarters[local] = quarters.get(local, 0) + (end - second) // 900

    assert quarters == dates


def test_a_date_that_comes_twice_in_a_utc_day_is_cut_out_both_times() -> None:
    """Newfoundland set its clocks back at one past midnight: a minute of the new date, then an hour of the old one."""
    found = local_days.local_date_ranges("America/St_Johns", date(2006, 10, 29))

    assert [local.day for _, local in found] == [28, 29, 28, 29]
    assert found[2][0] - found[1][0] == 60


def test_a_summary_that_is_wrong_is_named_and_recomputed(
    warehouse: TimescaleWarehouse, observer: psycopg.Connection, database: str
) -> None:
    load(warehouse, in_zones(day_of(0)))
    assert warehouse.reading.wrong_summaries("hub", DAY) == []
    observer.execute("UPDATE summary_hourly SET total = total + 1e-3 WHERE series_id = 1 AND bucket_at = %s", [at(120)])
    observer.execute("UPDATE summary_daily SET latest = latest + 1 WHERE series_id = 2")
    observer.execute("DELETE FROM summary_local_day WHERE series_id = 3 AND local_date = '2026-03-29'")

    found = list(all_disagreements(database))

    assert [(one.source, one.day, one.bucket) for one in found] == [
        ("hub", "2026-03-29", "2026-03-29 02:00:00+00"),
        ("hub", "2026-03-29", "2026-03-29 00:00:00+00"),
        ("hub", "2026-03-29", "2026-03-29 (local)"),
    ]
    assert len(warehouse.reading.wrong_summaries("hub", DAY)) == 3
    assert recompute(database, "hub", DAY) == 3
    assert list(all_disagreements(database)) == []


def test_a_zone_that_the_server_or_the_host_knows_otherwise_is_named(
    warehouse: TimescaleWarehouse, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, in_zones({("z1", 3): 1.0}))
    known = zones.zone
    monkeypatch.setattr(zones, "zone", lambda name: known("Asia/Tokyo" if name == "Europe/Berlin" else name))

    assert ("Europe/Berlin", "the server's") in {(one.name, one.whose) for one in other_zones(database)}


def test_a_zone_whose_name_is_an_abbreviation_too_is_known_to_the_server_as_to_us(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    warehouse.catalogue("hub", [Series("cet", "power", device="d", time_zone="CET")])

    assert ("CET", "the server's") not in {(one.name, one.whose) for one in other_zones(database)}


def test_a_stream_beside_loads_of_its_day_leaves_what_the_points_say(
    database: str, tmp_path: Path, observer: psycopg.Connection
) -> None:
    series = [Series(f"z{n}", "power", device="d", time_zone=zone) for n, zone in enumerate(ZONES)]

    def stream() -> None:
        with open_warehouse(database, tmp_path) as opened:
            for minute in range(0, 1440, 12):
                opened.live.put("hub", [LivePoint(one, at(minute), float(minute)) for one in series])

    def loads() -> None:
        with open_warehouse(database, tmp_path) as opened:
            for until in range(100, 1400, 100):
                said = {(one.key, minute): 0.1 * minute for one in series for minute in range(0, until, 7)}
                load(opened, in_zones(said), is_correction=True)

    together([stream, loads])

    assert differences(observer) == []
    assert observer.execute("SELECT count(*) > 1200 FROM measurement").fetchone() == (True,)
