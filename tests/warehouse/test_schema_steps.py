"""The schema: made once, by whoever comes first, checked by everybody, as narrow as its roles."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from domain.errors import ConfigurationError, WarehouseUnavailableError, WarehouseUnsuitableError
from tests.fakes.forked import together
from tests.fakes.points import DAY, batch, load
from warehouse import schema
from warehouse.budget import DatabaseBudget
from warehouse.derived_tables import METADATA
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import check_schema, migrate
from warehouse.schema_check import known_steps
from warehouse.server import with_database
from warehouse.store import open_warehouse

SUMMARIES = {"measurement_hourly", "measurement_daily", "measurement_local_daily", "register_energy_local_daily"}


def test_racing_migrations_leave_one_schema(empty_database: str) -> None:
    together([partial(migrate, empty_database)] * 4)

    check_schema(empty_database)
    with psycopg.connect(empty_database) as connection:
        names = {
            name for (name,) in connection.execute("SELECT hypertable_name FROM timescaledb_information.hypertables")
        }
        assert names == {
            "measurement",
            "state",
            "register_interval",
            "summary_hourly",
            "summary_daily",
            "summary_local_day",
            "register_local_day",
            "series_day",
        }


def test_the_tables_in_code_are_the_tables_in_the_database(database: str) -> None:
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=partial(psycopg.connect, database), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_a_database_without_a_schema_is_refused(empty_database: str) -> None:
    with pytest.raises(WarehouseUnsuitableError, match="the schema is at step none, this code needs 00"):
        check_schema(empty_database)


def test_a_schema_newer_than_the_code_is_refused_by_both(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    for verb in (check_schema, migrate):
        with pytest.raises(WarehouseUnsuitableError, match="at step 9999, which this code does not know"):
            verb(database)


def test_sqlalchemys_spelling_of_the_url_is_understood(database: str) -> None:
    check_schema(database.replace("postgresql://", "postgresql+psycopg://"))


@pytest.mark.parametrize("url", ["", "localhost", "mysql://u:hunter2@h/d", "postgresql://u:hunter2@h:notaport:x/d"])
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises((ConfigurationError, WarehouseUnavailableError)) as caught:
        check_schema(url)

    assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_answer_is_worth_a_retry() -> None:
    with pytest.raises(WarehouseUnavailableError) as caught:
        check_schema("postgresql://u:hunter2@127.0.0.1:1/d")

    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:1/d" in str(caught.value)


def test_a_wrong_password_is_not_worth_a_retry_and_is_not_said(database: str) -> None:
    parts = conninfo_to_dict(database)
    wrong = f"postgresql://{parts['user']}:hunter2@{parts['host']}:{parts['port']}/{parts['dbname']}"

    with pytest.raises(WarehouseUnsuitableError) as caught:
        check_schema(wrong)

    assert "hunter2" not in str(caught.value)


def test_the_summaries_of_hours_and_days_say_what_the_points_say(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as opened:
        load(opened, {("a", minute): float(minute) for minute in range(120)})
    with psycopg.connect(database) as connection:
        hourly = connection.execute(
            "SELECT n_points, mean, minimum, maximum, total, latest FROM measurement_hourly ORDER BY bucket_at"
        ).fetchall()
        daily = connection.execute("SELECT bucket_at, n_points, total FROM measurement_daily").fetchall()

    assert hourly == [(60, 29.5, 0.0, 59.0, 1770.0, 59.0), (60, 89.5, 60.0, 119.0, 5370.0, 119.0)]
    assert daily == [(DAY.start, 120, 7140.0)]


READER_IS_REFUSED = (
    "SELECT * FROM payload",
    "SELECT * FROM rejected",
    "SELECT * FROM checkpoint",
    "SELECT * FROM pull",
    "SELECT * FROM budget",
    "SELECT * FROM retry_after",
    "SELECT * FROM notification",
    "DELETE FROM measurement",
    "DELETE FROM series",
    "DELETE FROM load",
    "DELETE FROM measurement_revision",
    "INSERT INTO measurement VALUES (1, now(), 1)",
    "UPDATE state SET value = ''",
    "TRUNCATE measurement",
    "DROP TABLE load",
    "CREATE TABLE mine (x int)",
    "COPY measurement TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/passwd')",
    "ALTER TABLE measurement ADD COLUMN x int",
    "CREATE ROLE another",
    "SELECT drop_chunks('measurement', now())",
)
LOADER_IS_REFUSED = (
    *(f"{verb} {table}" for verb in ("TRUNCATE", "DROP TABLE") for table in METADATA.tables),
    "DELETE FROM load",
    "UPDATE load SET n_received = 0",
    "DELETE FROM measurement_revision",
    "UPDATE measurement_revision SET value = 0",
    "DELETE FROM series",
    "DELETE FROM rejected",
    "DELETE FROM pull",
    "CREATE TABLE mine (x int)",
    "ALTER TABLE measurement DROP CONSTRAINT pk_measurement",
    "COPY measurement FROM PROGRAM 'echo'",
    "SELECT pg_read_file('/etc/passwd')",
    "UPDATE alembic_version SET version_num = '0'",
    "CREATE ROLE another",
    "SELECT drop_chunks('measurement', now())",
)


@pytest.fixture
def admin_url(warehouse_server: EmbeddedWarehouse, database: str) -> str:
    """The same database as the server's superuser, who may become any role."""
    return with_database(warehouse_server.admin_url, str(conninfo_to_dict(database)["dbname"]))


@pytest.mark.parametrize(
    ("role", "statements"), [("joulehouse_reader", READER_IS_REFUSED), ("joulehouse_loader", LOADER_IS_REFUSED)]
)
def test_a_role_is_refused_what_it_does_not_need(admin_url: str, role: str, statements: tuple[str, ...]) -> None:
    allowed = []
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for forbidden in statements:
            try:
                connection.execute(forbidden.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            allowed.append(forbidden)

    assert allowed == []


def test_a_reader_sees_what_was_loaded(admin_url: str, database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as opened:
        load(opened, {("a", 0): 1.0, ("m", 0): "on"})
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET ROLE joulehouse_reader")
        for table in (
            "series",
            "measurement",
            "state",
            "measurement_revision",
            "measurement_change",
            "load",
            *sorted(SUMMARIES),
        ):
            connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


def test_a_loader_can_do_all_that_a_load_needs(admin_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = psycopg.connect

    def as_loader(*arguments: Any, **named: Any) -> psycopg.Connection:
        connection: psycopg.Connection = connect(*arguments, **named)
        connection.execute("SET ROLE joulehouse_loader")
        return connection

    monkeypatch.setattr(psycopg, "connect", as_loader)
    with open_warehouse(admin_url, tmp_path) as opened, DatabaseBudget(admin_url, "client-1", 1000.0) as budget:
        budget.take()
        budget.postpone(0.0)
        load(opened, {("a", minute): 1.0 for minute in range(10)} | {("m", 0): "on"})
        rejected = [("{}", "no_time", "")]
        second = load(opened, batch({("a", minute): 2.0 for minute in range(9)} | {("b", 0): 1.0}, rejected=rejected))

    assert (second.n_changed, second.n_removed, second.n_inserted, second.n_rejected) == (9, 2, 1, 1)


def test_the_steps_that_are_known_without_alembic_are_its_own() -> None:
    assert known_steps() == {step.revision for step in schema._steps().walk_revisions()}


def test_a_schema_is_checked_without_alembic() -> None:
    """It takes a third of a second to import, in every command and every run."""
    script = "import sys, pipelines.cli.days, resources.warehouse; print('alembic' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
