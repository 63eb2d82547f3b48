"""`assess`, `gaps`, `lateness` and `backfill --missing`: what is missing is named, asked for, and then it is not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.records import Series
from domain.window import Window
from pipelines.cli.application import application
from tests.fakes.points import Said, load
from warehouse.store import TimescaleWarehouse, open_warehouse

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
SOURCE = "charging_hub"


@pytest.fixture
def warehouse(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimescaleWarehouse]:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    with open_warehouse(database, tmp_path) as opened:
        quarter = timedelta(minutes=15)
        opened.catalogue(SOURCE, [Series(one, "power", f"meter {one}", resolution=quarter) for one in ("a", "b")])
        yield opened


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


def said(*words: str) -> str:
    """What is printed, in one line."""
    return " ".join(ask(*words).stdout.split())


def asked(*words: str) -> Any:
    answer = ask(*words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def day(n: int) -> Window:
    """The day `n` days before yesterday."""
    return Window.of_day(YESTERDAY - timedelta(days=n))


def quarters(*devices: str, until: int = 1440, step: int = 15) -> Said:
    return {(device, minute): float(minute + 1) for device in devices for minute in range(0, until, step)}


def test_a_device_that_is_silent_from_noon_is_named_with_the_instant_and_the_days_to_ask_for(
    warehouse: TimescaleWarehouse,
) -> None:
    for n in (3, 2):
        load(warehouse, quarters("a", "b"), SOURCE, window=day(n))
    load(warehouse, {**quarters("a"), **quarters("b", until=720)}, SOURCE, window=day(1))
    load(warehouse, quarters("a"), SOURCE, window=day(0))

    assert "4 days judged" in ask("assess", SOURCE).stdout
    (said,) = asked("gaps", SOURCE)

    noon = f"{day(1).day}T12:00:00Z"
    days = [str(day(1).day), str(day(0).day)]
    assert said["gaps"] == [
        {"device": "meter b", "series": "b", "verdict": "silent", "since": noon, "missing": 144, "days": days}
        | {"copy_of": None}
    ]
    assert said["command"] == f"joulehouse backfill {SOURCE} --days {','.join(days)}"
    shown = ask("gaps", SOURCE).stdout
    assert "meter b" in shown
    assert noon in shown
    assert said["command"] in shown
    calendar = ask("gaps", SOURCE, "--calendar", "--from", str(day(3).day)).stdout.splitlines()
    assert [line.split()[-1] for line in calendar if line.startswith(("  a ", "  b "))] == ["██░░", "████"]


def test_half_the_quarters_are_partial_and_nothing_is_said_of_whole_days(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, quarters("a", "b"), SOURCE, window=day(2))
    load(warehouse, {**quarters("a"), **quarters("b", step=30)}, SOURCE, window=day(1))
    load(warehouse, quarters("a", "b"), SOURCE, window=day(0))
    ask("assess")

    (said,) = asked("gaps", SOURCE)
    assert [(one["series"], one["verdict"], one["missing"], one["days"]) for one in said["gaps"]] == [
        ("b", "partial", 48, [str(day(1).day)])
    ]
    assert "nothing is missing" in ask("gaps", SOURCE, "--from", str(day(0).day)).stdout


def test_while_judging_is_due_gaps_says_how_many_days_wait_and_not_that_nothing_is_missing(
    warehouse: TimescaleWarehouse,
) -> None:
    load(warehouse, quarters("a", "b"), SOURCE, window=day(2))
    assert f"nothing is judged yet. 1 day waits to be judged: `joulehouse assess {SOURCE}`." in said("gaps", SOURCE)
    load(warehouse, quarters("a"), SOURCE, window=day(1))
    load(warehouse, quarters("a", "b"), SOURCE, window=day(0))
    ask("assess", SOURCE)
    load(warehouse, {**quarters("a"), **quarters("b", until=60)}, SOURCE, window=day(1))

    assert "nothing is missing" not in said("gaps", SOURCE)
    assert f"lacks nothing. 1 day waits to be judged: `joulehouse assess {SOURCE}`." in said("gaps", SOURCE)
    assert asked("gaps", SOURCE)[0]["days_not_judged"] == 1
    assert "waits" not in said("gaps", SOURCE, "--to", str(day(2).day))
    ask("assess", SOURCE)
    assert [one["verdict"] for one in asked("gaps", SOURCE)[0]["gaps"]] == ["partial"]
    assert "to be judged" not in said("gaps", SOURCE)


def test_a_gateway_that_hands_in_a_week_late_is_found_asked_for_healed_and_its_lateness_is_learned(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    load(warehouse, quarters("a", "b"), SOURCE, window=day(9))
    for n in range(8, -1, -1):
        load(warehouse, quarters("a"), SOURCE, window=day(n))
    with psycopg.connect(database, autocommit=True) as connection:  # asked for then, whatever the hour is
        moved = "UPDATE pull SET started_at = window_end + INTERVAL '1 s', finished_at = window_end + INTERVAL '2 s'"
        connection.execute(moved.encode())
    ask("assess", SOURCE)
    (said,) = asked("gaps", SOURCE)
    assert [(one["device"], one["verdict"], len(one["days"])) for one in said["gaps"]] == [("meter b", "silent", 9)]

    for n in range(8, -1, -1):
        load(warehouse, quarters("a", "b"), SOURCE, window=day(n))
    ask("assess", SOURCE)

    assert asked("gaps", SOURCE)[0]["gaps"] == []
    profile = asked("lateness", SOURCE)
    assert [(one["device"], one["points"], one["days"]) for one in profile["devices"]] == [("meter b", 9 * 96, 9)]
    assert 8 * 24 < profile["devices"][0]["p99.9_hours"] < 10 * 24
    assert profile["proposed_refetch_days"] in {10, 11}
    assert "meter b" in ask("lateness", SOURCE).stdout


def test_nothing_is_judged_before_something_is_loaded_and_nothing_late_is_said_so(
    warehouse: TimescaleWarehouse,
) -> None:
    assert "nothing is judged yet" in ask("gaps", SOURCE).stdout
    load(warehouse, quarters("a"), SOURCE, window=day(0))
    assert "no point has come late" in ask("lateness", SOURCE).stdout


@pytest.mark.parametrize(
    "words", [(), ("--days", "2026-01-31", "--missing"), ("--from", "2026-01-01", "--days", "2026-01-31")]
)
def test_backfill_has_to_be_told_which_days(warehouse: TimescaleWarehouse, words: tuple[str, ...]) -> None:
    del warehouse
    answer = ask("backfill", SOURCE, *words)
    assert answer.exit_code == 2
    assert "say which days: --from DAY, --days DAY,DAY… or --missing." in answer.output.replace("\n", " ")
