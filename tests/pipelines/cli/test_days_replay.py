"""`replay` of days of which some were never landed: it says so, and no load has failed for that."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.records import Payload
from domain.window import Window
from pipelines.cli.application import application
from warehouse.store import open_warehouse

GRID = "audicharginghub_batteriedaten_analysis_batteriedaten_grid"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=n) for n in range(3, -1, -1)]


@pytest.fixture(autouse=True)
def house(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider, no credential: the first and the third of four days are landed, and the second is half."""
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "landing"))
    for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"CHARGING_HUB_{name}", raising=False)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for day in (DAYS[0], DAYS[2]):
            pull = warehouse.begin_pull("charging_hub", Window.of_day(day))
            pull.keep(answer(day))
            pull.finish(n_requests=2)
        warehouse.begin_pull("charging_hub", Window.of_day(DAYS[1])).keep(answer(DAYS[1]))


def answer(day: date) -> Payload:
    window = Window.of_day(day)
    rows = [{"timestamp": int(window.start.timestamp() * 1000), "P_kW": 1.5}]
    body = json.dumps({"continueToken": "", "numResults": 1, "result": rows}).encode()
    return Payload("query", {}, window, GRID, 1, datetime.now(UTC), "application/json", body, "content-length")


def replay(*options: str) -> Result:
    return CliRunner().invoke(application, ["replay", "charging_hub", *options])


def ledger(database: str, folder: Path) -> dict[date, str]:
    with open_warehouse(database, folder / "landing") as warehouse:
        return {day.day: day.status for day in warehouse.ledger.days("charging_hub")}


@pytest.mark.parametrize("first", [[], ["--from", str(DAYS[0])]])
def test_a_replay_without_an_end_takes_what_is_landed_and_counts_the_rest(
    first: list[str], database: str, tmp_path: Path
) -> None:
    done = replay(*first)
    n_ignored = 2 if first else (YESTERDAY - date(2025, 1, 1)).days + 1 - 2
    assert done.exit_code == 0, done.output
    assert f"{n_ignored:,} days left out, because nothing of them is landed:" in done.stdout
    assert ledger(database, tmp_path) == {DAYS[0]: "loaded", DAYS[2]: "loaded"}


def test_named_days_that_were_never_landed_are_named_and_no_load_has_failed(database: str, tmp_path: Path) -> None:
    done = replay("--from", str(DAYS[0]), "--to", str(DAYS[3]))
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"joulehouse: left out, because nothing of them is landed: {DAYS[1]}, {DAYS[3]}.",
        "joulehouse: 2 days of 4 could not be replayed.",
    ]
    assert ledger(database, tmp_path) == {DAYS[0]: "loaded", DAYS[2]: "loaded"}


def test_a_replay_of_nothing_that_is_landed_fails_in_one_sentence(database: str, tmp_path: Path) -> None:
    done = replay("--from", str(DAYS[3]))
    assert done.exit_code == 1
    assert done.stderr == (
        f"joulehouse: nothing of charging_hub is landed from {DAYS[3]} to {DAYS[3]}: backfill asks the provider.\n"
    )
    assert ledger(database, tmp_path) == {}


def test_any_loaded_day_is_drawn_for_whoever_asks_and_a_day_without_numbers_is_said_to_have_none(
    tmp_path: Path,
) -> None:
    replay("--from", str(DAYS[0]), "--to", str(DAYS[0]))
    file = tmp_path / "day.png"
    drawn = CliRunner().invoke(application, ["plot", "charging_hub", str(DAYS[0]), "--output", str(file)])
    assert (drawn.exit_code, drawn.output) == (0, f"{file}\n")
    assert file.read_bytes().startswith(b"\x89PNG")
    refused = CliRunner().invoke(application, ["plot", "charging_hub", str(DAYS[1])])
    assert refused.exit_code == 1
    assert f"charging_hub has no number on {DAYS[1]}" in refused.stderr
