"""A tick of a schedule as the daemon has it evaluated: in a code server of its own, which reads the real ledger."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.window import Window
from pipelines.schedules import RANGE_END, RANGE_START
from tests.fakes.dagster_stack import clone_of_the_house, running_dagster
from tests.fakes.points import load
from warehouse.store import open_warehouse

# Dagster 1.13.27 calls functions that it has deprecated itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster.*")

SOURCE = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2026-01-01"
  organization: audicharginghub
  client_id_env: NORTH_CLIENT_ID
  client_secret_env: NORTH_CLIENT_SECRET
"""

TICK = """
mutation($schedule: ScheduleSelector!, $at: Float) { scheduleDryRun(selectorData: $schedule, timestamp: $at) {
  __typename ... on PythonError { message }
  ... on DryRunInstigationTick { evaluationResult { error { message } runRequests { tags { key value } } } } } }
"""


def test_a_tick_in_a_code_server_asks_for_what_the_ledger_lacks(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "WAREHOUSE_URL": database,
        "LANDING_URL": tmp_path / "landing",
        "JOULEHOUSE_HOME": tmp_path,
    }.items():
        monkeypatch.setenv(name, str(value))
    clone = clone_of_the_house(tmp_path / "house", {"north": SOURCE})
    monkeypatch.setenv("PYTHONPATH", str(clone))
    monkeypatch.chdir(clone)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for day in (1, 2, 3, 6, 7):
            load(warehouse, {("a", 0): 1.0}, "north", Window.of_day(datetime(2026, 1, day, tzinfo=UTC).date()))
    with running_dagster(clone, tmp_path / "dagster") as stack:
        schedule = {"repositoryName": "__repository__", "repositoryLocationName": "joulehouse", "scheduleName": "north"}
        tick = stack.ask(TICK, schedule=schedule, at=datetime(2026, 1, 10, 4, 34, tzinfo=UTC).timestamp())
    result = tick["scheduleDryRun"]["evaluationResult"]
    assert result["error"] is None
    assert [_days(request) for request in result["runRequests"]] == [
        ("2026-01-08", "2026-01-09"),
        ("2026-01-04", "2026-01-05"),
    ]


def _days(request: dict[str, Any]) -> tuple[str, str]:
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    return tags[RANGE_START], tags[RANGE_END]
