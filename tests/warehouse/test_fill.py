"""A warehouse that had points before: filled in pieces, while loads run, and read in the old way until it is done."""

from itertools import islice
from pathlib import Path

import psycopg
import pytest

from tests.fakes.points import load
from tests.fakes.summaries import differences
from tests.warehouse.test_summaries import day, day_of, in_zones
from warehouse.fill import fill, pending
from warehouse.schema import migrate
from warehouse.store import open_warehouse

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
