"""What the doctor finds is there, whatever the ledger or the licence say."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.errors import WarehouseUnsuitableError
from domain.live import LivePoint
from domain.records import Series
from domain.window import Window
from pipelines.cli.application import application
from pipelines.cli.doctor_warehouse import of_policy
from pipelines.cli.findings import Health
from tests.fakes.points import DAY, at, batch, landed, load
from warehouse.embedded import EmbeddedWarehouse
from warehouse.inspection import DayCount, Policy, day_counts, policies
from warehouse.schema import check_schema, migrate
from warehouse.server import libpq_environment
from warehouse.statements import script
from warehouse.store import open_warehouse

NEXT = Window.of_day(DAY.day + timedelta(days=1))


@pytest.fixture
def loaded(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse of two days, which the command line is pointed at."""
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for window in (DAY, NEXT):
            load(warehouse, batch({("a", 1): 1.0, ("a", 2): 2.0, ("m", 3): "on"}, window), window=window)
        load(warehouse, {("b", 1): 1.0}, source="other")
    return database


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


def said(answer: Result) -> str:
    return " ".join(f"{answer.stdout} {answer.stderr}".split())


def test_a_dump_that_was_restored_by_the_owner_is_found_to_have_lost_its_hypertables(
    loaded: str, empty_database: str, warehouse_server: EmbeddedWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Path(warehouse_server.psql_command()[0]).parent
    dump = subprocess.run([programs / "pg_dump"], env=libpq_environment(loaded), capture_output=True, check=True)
    restored = subprocess.run(
        [programs / "psql", "-q"],
        env=libpq_environment(empty_database),
        input=dump.stdout,
        capture_output=True,
        check=True,
    )
    assert b"ERROR" in restored.stderr
    with psycopg.connect(empty_database) as owner:  # it looks well: the ledger is full, and the table is there
        assert owner.execute("SELECT count(*) FROM load").fetchone() == (3,)
        assert owner.execute("SELECT count(*) FROM measurement").fetchone() == (0,)
    monkeypatch.setenv("WAREHOUSE_URL", empty_database)
    for command in (["doctor"], ["status"], ["warehouse", "status"], ["warehouse", "migrate"], ["sources"]):
        found = ask(*command)
        assert found.exit_code == 1
        assert "measurement, register_interval, register_local_day, series_day, state, summary_daily" in said(found)
        assert "timescaledb_pre_restore()" in said(found)


def test_every_hypertable_that_the_schema_has_would_be_missed(database: str) -> None:
    with psycopg.connect(database) as owner:
        missed = owner.execute(script("inspection/tables").encode()).fetchall()
        held = owner.execute(script("inspection/hypertables").encode()).fetchall()
    assert sorted(missed) == sorted(held)
    assert len(held) == 8


def test_one_table_that_was_made_anew_is_named_alone(loaded: str) -> None:
    with psycopg.connect(loaded) as owner:
        owner.execute("DROP TABLE state CASCADE")
        owner.execute("CREATE TABLE state (series_id integer, measured_at timestamptz, value text)")
    for look in (check_schema, migrate):
        with pytest.raises(WarehouseUnsuitableError, match=r"^state is no hypertable"):
            look(loaded)


def test_a_day_that_lost_points_behind_the_ledgers_back_is_found_and_mended_by_a_replay(
    loaded: str, tmp_path: Path
) -> None:
    assert "3 days looked at hold what it says" in said(ask("doctor"))
    with psycopg.connect(loaded) as owner:
        owner.execute("DELETE FROM measurement WHERE measured_at = %s", [at(2, NEXT)])
    assert [one for one in day_counts(loaded) if one.n_loaded != one.n_stored] == [DayCount("hub", NEXT.day, 3, 2)]
    found = ask("doctor")
    assert found.exit_code == 1
    assert (
        "1 of 3 days looked at do not hold what it says, a sample (--deep takes all); the first is "
        f"{NEXT.day} of hub, with 2 points for 3. joulehouse replay hub --from {NEXT.day} --to {NEXT.day} mends it."
    ) in said(found)
    with open_warehouse(loaded, tmp_path / "landing") as warehouse:  # as a replay does
        again = [batch({("a", 1): 1.0, ("a", 2): 2.0, ("m", 3): "on"}, NEXT)]
        assert warehouse.load("hub", NEXT, warehouse.payloads("hub", NEXT), again).n_written == 1
    assert [one for one in day_counts(loaded) if one.n_loaded != one.n_stored] == []


def test_all_days_are_looked_at_if_it_is_asked_for_and_else_the_newest_and_some(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        for n in range(15):
            window = Window.of_day(DAY.day + timedelta(days=n))
            load(warehouse, batch({("a", 1): 1.0}, window), window=window)
    assert len(list(day_counts(database, is_deep=True))) == 15
    some = [one.day for one in day_counts(database)]
    assert len(some) == 10
    assert some[:3] == [DAY.day + timedelta(days=n) for n in (14, 13, 12)]


def test_what_a_stream_has_put_and_what_was_loaded_with_other_days_is_no_difference(
    database: str, tmp_path: Path
) -> None:
    week = Window(NEXT.start, NEXT.end + timedelta(days=1))
    with open_warehouse(database, tmp_path) as warehouse:
        load(warehouse, {("a", 1): 1.0})
        warehouse.live.put("hub", [LivePoint(Series("a", "power", device="a"), at(5), 5.0)])
        warehouse.load("hub", week, landed(warehouse, "hub", week), [batch({("a", 1): 1.0}, week)])
    assert list(day_counts(database, is_deep=True)) == [DayCount("hub", DAY.day, 1, 1)]


def test_policies_are_asked_for_in_words_that_both_editions_know(loaded: str) -> None:
    assert [(one.table_name, one.has_columnstore, one.job_id) for one in policies(loaded)] == [
        ("measurement", False, None),
        ("register_interval", False, None),
        ("state", False, None),
    ]


@pytest.mark.parametrize(
    ("changed", "health", "sentence"),
    [
        ({}, Health.GOOD, "All of measurement that is due is compressed (job 1001, last run 2026-03-01 04:30 UTC)."),
        ({"last_run_status": None, "last_run_started_at": None}, Health.GOOD, "(job 1001, last run never)"),
        ({"last_run_status": "Failed"}, Health.LATER, "which failed). timescaledb_information.job_errors says why."),
        (
            {"last_run_status": "Failed", "n_overdue": 1},
            Health.WRONG,
            "1 chunk of measurement is not compressed in time",
        ),
        ({"n_overdue": 4}, Health.WRONG, "4 chunks of measurement are not compressed in time (job 1001"),
        ({"job_id": None, "is_scheduled": None}, Health.WRONG, "measurement: joulehouse warehouse migrate adds it."),
        (
            {"is_scheduled": False},
            Health.WRONG,
            "switched off: let its owner run SELECT alter_job(1001, scheduled => true)",
        ),
        ({"has_columnstore": False, "job_id": None}, Health.LATER, "joulehouse warehouse migrate sets it"),
    ],
)
def test_a_policy_is_judged_by_what_it_has_done(changed: dict[str, Any], health: Health, sentence: str) -> None:
    well: dict[str, Any] = {
        "table_name": "measurement",
        "has_columnstore": True,
        "job_id": 1001,
        "is_scheduled": True,
        "last_run_status": "Success",
        "last_run_started_at": datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
        "n_overdue": 0,
    }
    finding = of_policy(Policy(**well | changed))
    assert finding.health is health
    assert sentence in finding.sentence
