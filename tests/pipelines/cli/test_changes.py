"""`joulehouse changes`: a restatement, told by commands."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets.ingest import ingest_days
from pipelines.cli.application import application
from sandbox.climkit.house import SITE
from tests.fakes.points import DAY, batch, load
from tests.providers.climkit.harness import ACCOUNT, FLAT, apartments
from warehouse.store import open_warehouse


@pytest.fixture
def _restated(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A meter's first half of a day is a tenth higher now."""
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "landing"))
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for value in (100.0, 110.0):
            said = {("meter [1]", minute): value if minute < 720 else 100.0 for minute in range(0, 1440, 15)}
            load(warehouse, batch(said, quantities={"meter [1]": "energy"}), source="charging_hub")


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, ["changes", "charging_hub", "--from", str(DAY.day), *words])


@pytest.mark.usefixtures("_restated")
def test_a_restatement_is_told_with_names_amounts_and_per_cent() -> None:
    asked = ask("--to", str(DAY.day))
    assert asked.exit_code == 0, asked.output
    for word in ("meter [1]", "48", "9,600.0 Wh", "10,080.0 Wh", "+480 Wh", "+5.0"):
        assert word in asked.output
    assert "48 points of 1 series on 1 day." in asked.output


@pytest.mark.usefixtures("_restated")
@pytest.mark.parametrize(("by", "series"), [("series", "meter [1]"), ("day", None)])
def test_programs_get_json_by_series_or_day(by: str, series: str | None) -> None:
    [line] = json.loads(ask("--to", str(DAY.day), "--by", by, "--json").output)
    assert (line["series"], line["n_changed"], line["difference"]) == (series, 48, 480.0)
    assert line["percent"] == pytest.approx(5.0)


@pytest.mark.usefixtures("_restated")
def test_where_nothing_was_changed_that_is_said() -> None:
    asked = CliRunner().invoke(application, ["changes", "charging_hub", "--from", "2026-03-01", "--to", "2026-03-02"])
    assert asked.output == "charging_hub, 2026-03-01 to 2026-03-02: nothing was changed.\n"


def test_last_march_is_restated_by_a_rule_and_told_with_names_watt_hours_and_per_cent(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    march = [date(2025, 3, 10), date(2025, 3, 11)]
    account = replace(ACCOUNT, meters=(FLAT,), has_sensors=False, has_site_totals=False)
    with apartments(account=account) as made, open_warehouse(database, tmp_path / "landing") as warehouse:
        list(ingest_days(march, made.provider, warehouse, "apartment_house"))
        made.twin.restate({"meter": FLAT, "start": "2025-03-11T00:00:00", "end": "2025-03-12T00:00:00", "percent": 200})
        outcomes = list(ingest_days(march, made.provider, warehouse, "apartment_house"))
    assert [outcome.error for outcome in outcomes] == [None, None]
    span = ("changes", "apartment_house", "--from", str(march[0]), "--to", str(march[1]))
    lines = json.loads(CliRunner().invoke(application, [*span, "--json"]).output)
    assert {line["from"] for line in lines} == {"2025-03-11"}
    [total] = [line for line in lines if line["series"] == f"{SITE}/{FLAT}/total"]
    assert (total["kind"], total["unit"], total["n_changed"], total["n_removed"]) == ("interval", "Wh", 96, 0)
    assert total["difference"] == pytest.approx(total["before"])
    assert total["percent"] == pytest.approx(100.0)
    shown = CliRunner().invoke(application, [*span, "--by", "day"]).output
    assert " Wh" in shown
    assert "2025-03-10" not in shown.splitlines()[3]
