"""A warehouse that WAREHOUSE_URL names belongs to somebody: it is changed when they say so, and not before."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.command_line.application import application


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
    assert (migrated.exit_code, migrated.stdout) == (0, "The schema is up to date.\n")

    fits = ask("status")
    assert fits.exit_code == 0, fits.stderr
    assert "Its schema is the one that this code knows." in fits.stdout


def test_a_warehouse_of_somebody_else_is_neither_started_nor_stopped_here() -> None:
    assert "nothing to start here" in ask("start").stdout
    assert "not ours to stop" in ask("stop").stdout
