"""A process that has outlived a migration writes nothing: it would leave out what its release does not know of."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import WarehouseUnsuitableError
from domain.live import LivePoint
from domain.records import Series
from tests.fakes.points import DAY, at, load, table
from warehouse import schema, sessions
from warehouse.schema import migrate
from warehouse.store import TimescaleWarehouse, open_warehouse

POWER = Series("a", "power", device="a")
WRITES: dict[str, Callable[[TimescaleWarehouse], object]] = {
    "load": lambda warehouse: load(warehouse, {("a", 0): 1.0}, is_correction=True),
    "stream": lambda warehouse: warehouse.live.put("hub", [LivePoint(POWER, at(1), 2.0)]),
    "end of a stream": lambda warehouse: warehouse.live.put("hub", [], watermarks={"p": at(2)}),
    "catalogue": lambda warehouse: warehouse.catalogue("hub", [Series("b", "power", device="b")]),
    "zone": lambda warehouse: warehouse.catalogue("hub", [Series("a", "power", device="a", time_zone="Asia/Tokyo")]),
}

AGAIN = "INSERT INTO series SELECT * FROM series ON CONFLICT DO NOTHING"


def everything(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT 'p', series_id, measured_at::text FROM measurement UNION ALL SELECT 's', series_id, time_zone FROM"
            " series UNION ALL SELECT 'l', load_id, '' FROM load UNION ALL SELECT 'c', 0, part FROM live_cover"
            " ORDER BY 1"
        ).fetchall()


@pytest.mark.parametrize("write", WRITES)
def test_a_process_that_was_there_before_a_migration_is_refused_what_it_writes(
    database: str, tmp_path: Path, write: str
) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        load(warehouse, {("a", 0): 0.0})
        before = everything(database)
        with psycopg.connect(database) as migration:
            migration.execute("UPDATE alembic_version SET version_num = '9999'")

        with pytest.raises(WarehouseUnsuitableError) as refusal:
            WRITES[write](warehouse)

    sentence = f"the schema is at step 9999 by now, and this process writes as of step {sessions.SCHEMA_STEP}: end it"
    assert sentence in str(refusal.value)
    assert "restart the live processes and Dagster's code servers" in str(refusal.value)
    assert everything(database) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_release_that_says_no_step_is_refused_too(
    database: str, tmp_path: Path, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those before step 0016 cannot be changed any more."""
    with open_warehouse(database, tmp_path) as warehouse:
        load(warehouse, {("a", 0): 0.0})
    before = everything(database)
    monkeypatch.setattr(sessions, "_STEP", "")
    with (
        open_warehouse(database, tmp_path) as warehouse,
        pytest.raises(WarehouseUnsuitableError, match="this process writes as of an earlier step: end it"),
    ):
        WRITES[write](warehouse)
    assert everything(database) == before


def test_a_person_and_a_restored_dump_are_not_asked(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        load(warehouse, {("a", 0): 0.0})
        with psycopg.connect(database) as person:
            person.execute(AGAIN)
        assert table(warehouse, window=DAY) == {("a", 0): 0.0}


def test_a_migration_may_rewrite_what_it_likes(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(connection: sa.Connection, _: str) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        connection.exec_driver_sql(AGAIN)

    monkeypatch.setattr(schema, "upgrade", step)
    migrate(database)


def test_the_step_that_sessions_say_is_the_newest() -> None:
    newest = schema._steps().get_current_head()
    assert newest == sessions.SCHEMA_STEP, "a new step of the schema is said by every session: warehouse/sessions.py"
