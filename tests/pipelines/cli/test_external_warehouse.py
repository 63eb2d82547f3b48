"""A warehouse that WAREHOUSE_URL names belongs to somebody: it is changed when they say so, and not before."""

import os
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from pipelines.cli.application import application
from tests.fakes.points import load
from warehouse.embedded import EmbeddedWarehouse
from warehouse.store import open_warehouse


@pytest.fixture(autouse=True)
def external(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: str) -> str:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", empty_database)
    return empty_database


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, ["warehouse", *words])


def test_an_empty_warehouse_is_refused_until_it_is_migrated_and_fits_afterwards() -> None:
    refused = ask("status")
    assert refused.exit_code == 1
    assert "run `joulehouse warehouse migrate`" in refused.stderr

    migrated = ask("migrate")
    assert migrated.exit_code == 0
    assert migrated.stdout.startswith("The schema is up to date.\nThe next pull makes the landing zone at ")

    fits = ask("status")
    assert fits.exit_code == 0, fits.stderr
    assert "Its schema is the one that this code knows." in fits.stdout


def test_a_warehouse_of_somebody_else_is_neither_started_nor_stopped_here() -> None:
    assert "nothing to start here" in ask("start").stdout
    assert "not ours to stop" in ask("stop").stdout


def test_the_doctor_looks_deep_and_says_what_mends_a_summary(external: str, tmp_path: Path) -> None:
    ask("migrate")
    with open_warehouse(external, tmp_path / "landing") as warehouse:
        load(warehouse, {("a", minute): 1.0 for minute in range(0, 1440, 60)}, source="charging_hub")
    with psycopg.connect(external) as connection:
        connection.execute("UPDATE summary_daily SET n_points = n_points + 1")

    said = " ".join(CliRunner().invoke(application, ["doctor", "--deep"]).stdout.split())
    assert "1 summary not as their points say, the first of charging_hub: a at 2026-03-29" in said
    assert "joulehouse warehouse recompute charging_hub --from 2026-03-29 mends them." in said

    mended = ask("recompute", "charging_hub", "--from", "2026-03-29", "--to", "2026-03-29")
    assert mended.stdout == "1 row of summaries and register intervals of 1 day did not fit, and fit now.\n"
    said = " ".join(CliRunner().invoke(application, ["doctor", "--deep"]).stdout.split())
    assert "Every hour, day and local day is what its points amount to." in said


def test_the_doctor_says_that_nothing_is_judged_while_facts_of_days_are_being_filled(
    external: str, tmp_path: Path
) -> None:
    ask("migrate")
    with open_warehouse(external, tmp_path / "landing") as warehouse:
        load(warehouse, {("a", minute): 1.0 for minute in range(0, 1440, 60)}, source="charging_hub")
    with psycopg.connect(external) as connection:
        connection.execute("UPDATE derived SET complete_at = NULL WHERE name = 'series_days'")

    said = " ".join(CliRunner().invoke(application, ["doctor"]).stdout.split())
    assert "are filled, and nothing is judged meanwhile: joulehouse warehouse migrate." in said

    assert ask("migrate").exit_code == 0
    assert "nothing is judged meanwhile" not in " ".join(CliRunner().invoke(application, ["doctor"]).stdout.split())


def test_psql_opens_a_warehouse_of_somebody_else_and_runs_what_it_is_told(
    external: str,
    warehouse_server: EmbeddedWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    programs = Path(warehouse_server.psql_command()[0]).parent
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    done = ask("psql", "-c", "SELECT current_database(), 'höher'", "-c", "SELECT 1 + 1")
    said = " ".join(capfd.readouterr().out.split())
    assert done.exit_code == 0
    assert f"{conninfo_to_dict(external)['dbname']} | höher" in said
    assert said.count("(1 row)") == 2
    assert ask("psql", "--command", "SELECT 1 / 0").exit_code == 1


def test_without_psql_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = ask("psql", "-c", "SELECT 1")
    assert refused.exit_code == 1
    assert "install the PostgreSQL client" in refused.stderr


def test_without_psql_of_its_own_a_machine_has_the_one_that_was_fetched(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    warehouse_server: EmbeddedWarehouse,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "home" / "warehouse").mkdir(parents=True)
    programs = Path(warehouse_server.psql_command()[0]).parent
    (tmp_path / "home" / "warehouse" / "programs").write_text(str(programs))
    assert ask("psql", "-c", "SELECT 40 + 2 AS answer").exit_code == 0
    assert "42" in capfd.readouterr().out
