"""A warehouse that had points before: filled in pieces, while loads run, and read in the old way until it is done."""

from collections.abc import Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from typing import cast

import psycopg
import pytest

from domain.errors import WarehouseUnsuitableError
from domain.records import Series
from domain.window import Window
from tests.fakes.points import load
from tests.fakes.summaries import differences
from tests.warehouse.test_summaries import day, day_of, in_zones
from warehouse import registers, statements, summaries, summary_check, summary_fill
from warehouse.fill import fill, pending
from warehouse.schema import migrate
from warehouse.store import open_warehouse
from warehouse.summary_rows import Summary

BEFORE = "0012"
EMPTIED = "TRUNCATE summary_hourly, summary_daily, summary_local_day; DROP VIEW measurement_local_daily"


@pytest.fixture
def filled_before(empty_database: str, tmp_path: Path) -> str:
    """A database with points of three days, as the release before had left it, brought up to date."""
    migrate(empty_database, step=BEFORE)
    with psycopg.connect(empty_database) as connection:
        old = {
            view: connection.execute("SELECT pg_get_viewdef(%s::regclass)", [view]).fetchone()
            for view in ("measurement_hourly", "measurement_daily")
        }
    migrate(empty_database)
    with open_warehouse(empty_database, tmp_path) as warehouse:
        for n in range(3):
            load(warehouse, in_zones(day_of(n), day(n)), window=day(n))
    with psycopg.connect(empty_database) as connection:
        connection.execute(EMPTIED)
        for view, definition in old.items():
            assert definition is not None
            connection.execute(f"CREATE OR REPLACE VIEW {view} AS {definition[0]}".encode())  # the old one again
        connection.execute("UPDATE derived SET complete_at = NULL WHERE name = 'summaries'")
    return empty_database


def test_a_fill_that_was_interrupted_is_resumed_while_loads_run_beside_it(filled_before: str, tmp_path: Path) -> None:
    with psycopg.connect(filled_before, autocommit=True) as observer:
        observer.execute("SET timezone TO 'UTC'")
        observer.execute("CREATE VIEW of_mine AS SELECT series_id, n_points FROM measurement_daily")
        before = observer.execute("SELECT * FROM measurement_daily ORDER BY 1, 2").fetchall()
        steps = list(islice(fill(filled_before), 2))
        assert [(one.n_done, one.n_units) for one in steps] == [(0, 3), (1, 3)]
        assert [one.name for one in pending(filled_before)] == ["summaries"]
        # The old view answers, and a load beside it is seen at once.
        found = observer.execute("SELECT * FROM measurement_daily ORDER BY 1, 2").fetchall()
        assert [row[:3] for row in found] == [row[:3] for row in before]
        with open_warehouse(filled_before, tmp_path) as warehouse:
            load(warehouse, {("z0d", 3): 1.0}, is_correction=True)
            load(warehouse, in_zones(day_of(9), day(9)), window=day(9))

        assert [(one.n_done, one.n_units) for one in fill(filled_before)] == [(1, 3), (2, 3), (3, 3)]

        assert pending(filled_before) == []
        assert list(fill(filled_before)) == []
        assert differences(observer) == []
        assert observer.execute("SELECT count(*) FROM of_mine").fetchone() == (1 + 12 * 3,)


def test_a_warehouse_without_points_reads_the_new_summaries_at_once(database: str) -> None:
    assert pending(database) == []
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM measurement_local_daily").fetchall() == []
        assert connection.execute("SELECT * FROM register_energy_local_daily").fetchall() == []


STRAY = (
    "INSERT INTO measurement SELECT series_id, '1970-01-02 03:04+00', 1 FROM series WHERE kind <> 'state' LIMIT 1"
    " RETURNING series_id"
)


def test_a_point_decades_before_the_others_costs_one_unit_more(filled_before: str, tmp_path: Path) -> None:
    with open_warehouse(filled_before, tmp_path) as warehouse:
        load(warehouse, in_zones(day_of(9), day(9)), window=day(9))  # days without points between these
    with psycopg.connect(filled_before, autocommit=True) as observer:
        observer.execute("SET timezone TO 'UTC'")
        observer.execute(STRAY)

        assert [(one.n_done, one.n_units) for one in fill(filled_before)] == [(n, 5) for n in range(6)]

        assert differences(observer) == []


def test_a_point_decades_before_the_others_costs_a_recomputation_one_day_more(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    rewrite_day = summary_fill.rewrite_day

    def counted(connection: psycopg.Connection, source: str, one: date) -> int:
        written.append(one.isoformat())
        return rewrite_day(connection, source, one)

    monkeypatch.setattr(summary_check, "rewrite_day", counted)
    with open_warehouse(database, tmp_path) as warehouse, psycopg.connect(database, autocommit=True) as observer:
        observer.execute("SET timezone TO 'UTC'")
        load(warehouse, in_zones(day_of(0), day(0)), window=day(0))
        load(warehouse, in_zones(day_of(2), day(2)), window=day(2))
        observer.execute(STRAY)
        # Summaries of what is gone are looked at, too.
        observer.execute(
            "DELETE FROM measurement WHERE measured_at >= %s AND measured_at < %s", [day(2).start, day(2).end]
        )

        n_rows = summary_check.recompute(database, "hub", Window.of_days(date(1970, 1, 1), day(30).day))

        assert written == ["1970-01-02", day(0).day.isoformat(), day(2).day.isoformat()]
        assert n_rows > 0
        assert differences(observer) == []
        assert list(summary_check.all_disagreements(database)) == []


def test_a_reading_decades_before_the_others_costs_a_register_one_span_more(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse(database, tmp_path) as warehouse, psycopg.connect(database, autocommit=True) as observer:
        observer.execute("SET timezone TO 'UTC'")
        warehouse.catalogue("hub", [Series("without readings", "energy_register", device="a")])
        for n in (0, 60):
            said = {("z1-register", 60 * hour): 1000.0 * n + 9.0 * hour for hour in range(24)}
            load(warehouse, in_zones(said, day(n)), window=day(n))
        (series_id,) = observer.execute(STRAY.replace("<> 'state'", "= 'register' AND key LIKE 'z1%'")).fetchall()[0]
        observer.execute("UPDATE derived SET planned_at = NULL, complete_at = NULL WHERE name = 'registers'")

        assert [span.day.isoformat() for span in registers.spans(observer, [series_id])] == [
            "1970-01-02",
            day(0).day.isoformat(),
            day(60).day.isoformat(),
        ]
        assert [(one.n_done, one.n_units) for one in fill(database)] == [(0, 1), (1, 1)]
        energy = observer.execute("SELECT measured_at, flag FROM register_energy ORDER BY ended_at LIMIT 1").fetchone()
        assert energy is not None
        assert energy[0].year == 1970

        # A zone that changes has everything rewritten that there is, and no more.
        summed: list[str] = []
        computed = summaries.computed

        def counted(connection: psycopg.Connection, zone_of: Mapping[int, str], window: Window) -> Summary:
            summed.append(window.day.isoformat())
            return computed(connection, zone_of, window)

        monkeypatch.setattr(summaries, "computed", counted)
        warehouse.catalogue("hub", [Series("z1-register", "energy_register", device="z1-register", time_zone="UTC")])
        assert summed == ["1970-01-02", day(0).day.isoformat(), day(60).day.isoformat()]
        assert differences(observer) == []


REGISTER = (
    "INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, time_zone, labels)"
    " VALUES ('hub', 'meter', 'energy_register', 'Wh', 'register', 'd', '', 'kWh', 'Europe/Berlin', '{}')"
)
READINGS = (
    "INSERT INTO measurement SELECT series_id, at, extract(epoch FROM at - '2026-03-28'::timestamptz) FROM series,"
    " generate_series('2026-03-28'::timestamptz, '2026-03-30', INTERVAL '1 h') AS at"
)


@pytest.mark.parametrize("has_registers", [True, False])
def test_views_on_the_local_days_of_registers_of_before_are_named_and_stay(
    empty_database: str, *, has_registers: bool
) -> None:
    migrate(empty_database, step=BEFORE)
    with psycopg.connect(empty_database, autocommit=True) as user:
        user.execute("SET timezone TO 'UTC'")
        if has_registers:
            user.execute(REGISTER)
            user.execute(READINGS)
        migrate(empty_database, step="0013")
        user.execute("CREATE VIEW of_mine AS SELECT local_date, amount FROM register_energy_local_daily")
        user.execute('CREATE MATERIALIZED VIEW "Of Mine" AS SELECT amount FROM register_energy_local_daily')
        user.execute(
            "CREATE FUNCTION days_of_mine() RETURNS SETOF register_energy_local_daily"
            " LANGUAGE sql AS 'SELECT * FROM register_energy_local_daily'"
        )
        migrate(empty_database)

        for _ in range(2):
            with pytest.raises(WarehouseUnsuitableError) as refusal:
                list(fill(empty_database))
            assert str(refusal.value) == (
                'the views "Of Mine", function public.days_of_mine(), of_mine read the old view'
                " register_energy_local_daily, which has other columns and stays"
                f" ({user.info.dbname}): drop those views, run `joulehouse warehouse migrate`,"
                " and create them again over the same names."
            )
        assert [one.name for one in pending(empty_database)] == ["registers"], "the summaries are filled all the same"
        days = user.execute("SELECT count(*) FROM of_mine").fetchall()
        assert days == [(3 if has_registers else 0,)]

        user.execute("DROP VIEW of_mine")
        user.execute('DROP MATERIALIZED VIEW "Of Mine"')
        user.execute("DROP FUNCTION days_of_mine")
        list(fill(empty_database))

        assert pending(empty_database) == []
        user.execute("CREATE VIEW of_mine AS SELECT bucket_at, amount FROM register_energy_local_daily")
        assert user.execute("SELECT count(*) FROM of_mine").fetchall() == days
        # Whoever fills the registers anew later has no need to drop the view, and drops nobody's.
        user.execute("UPDATE derived SET planned_at = NULL, complete_at = NULL WHERE name = 'registers'")
        list(fill(empty_database))
        assert pending(empty_database) == []


AS_AGGREGATES = "SELECT unnest(ARRAY['measurement_daily', 'measurement_hourly'])"


def test_views_on_aggregates_of_an_empty_warehouse_are_named_and_stay(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The community edition's way on this one: its aggregates are taken for continuous ones (there: `make prove`)."""
    monkeypatch.setitem(cast("dict[str, str]", statements._scripts()), "fill/aggregates", AS_AGGREGATES)
    statements.statement.cache_clear()
    try:
        migrate(empty_database, step=BEFORE)
        with psycopg.connect(empty_database, autocommit=True) as user:
            user.execute("CREATE VIEW of_mine AS SELECT series_id, n_points FROM measurement_daily")
            migrate(empty_database)

            assert [one.name for one in pending(empty_database)] == ["summaries"]
            with pytest.raises(
                WarehouseUnsuitableError,
                match="the views of_mine read the continuous aggregates measurement_daily, measurement_hourly, which",
            ):
                list(fill(empty_database))
            assert user.execute("SELECT count(*) FROM of_mine").fetchone() == (0,)
    finally:
        statements.statement.cache_clear()


def test_the_hours_of_before_answer_until_they_are_filled_and_then_every_warehouse_reads_them_alike(
    empty_database: str, database: str
) -> None:
    def view(url: str) -> str:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_get_viewdef('measurement_hourly'::regclass)").fetchone()
        return row[0] if row else ""

    migrate(empty_database, step=BEFORE)
    with psycopg.connect(empty_database) as connection:
        connection.execute(REGISTER)
        connection.execute(READINGS)
    before = view(empty_database)
    migrate(empty_database)
    assert view(empty_database) == before

    list(fill(empty_database))

    assert view(empty_database) == view(database) != before
