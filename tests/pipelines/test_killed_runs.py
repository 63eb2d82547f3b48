"""A run that was killed, or lost Dagster's history: the run that continues it asks for the missing days alone."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG
from sqlalchemy.exc import OperationalError

from assets.source import measurements_key, payloads_key
from tests.fakes.days import House, Opener, days, provider_of
from warehouse.store import open_warehouse

DAYS = days(5)
MEASUREMENTS, PAYLOADS = measurements_key("roof"), payloads_key("roof")
GONE = OperationalError("INSERT INTO event_logs", {}, Exception("server closed the connection unexpectedly"))


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    settings = {"run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False}}
    with (
        dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance,
        open_warehouse(database, tmp_path / "landing") as warehouse,
    ):
        yield House(instance, provider_of(len(DAYS)), opener=Opener(warehouse))


def is_continued(house: House, result: dg.ExecuteInProcessResult) -> bool:
    """What the daemon decides of a run whose step failed."""
    run = house.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[RUN_FAILURE_REASON_TAG] == RunFailureReason.STEP_FAILURE.value
    return bool(auto_reexecution_should_retry_run(house.instance, run, RunFailureReason.STEP_FAILURE))


def test_a_run_that_lost_the_history_is_continued_by_the_daemon_for_the_missing_days_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.provider.failures[DAYS[3]] = GONE
    with monkeypatch.context() as silent:  # what it did is nowhere but in the ledger
        silent.setattr("assets.factory._record_good_days", lambda *_: None)
        lost = house.run(DAYS[0], DAYS[-1])
    assert not lost.success
    assert is_continued(house, lost)
    assert MEASUREMENTS not in {event.asset_key for event in lost.get_asset_materialization_events()}

    house.provider.failures.clear()
    house.provider.asked.clear()
    assert house.again(lost, "from failure").success
    assert [window.day for window in house.provider.asked] == DAYS[3:]
    for key in (PAYLOADS, MEASUREMENTS):
        assert house.statuses(key, DAYS[0], DAYS[-1]) == {str(day): "MATERIALIZED" for day in DAYS}
        figures = house.figures(key)  # the picture alone is lost
        assert figures[str(DAYS[0])].keys() == figures[str(DAYS[3])].keys() - {"plot"}
    assert {int(figures["inserted"]) for figures in house.figures(MEASUREMENTS).values()} == {24}


def test_a_bug_is_not_continued_by_the_daemon(house: House) -> None:
    house.provider.failures[DAYS[3]] = RuntimeError("a bug")
    assert not is_continued(house, house.run(DAYS[0], DAYS[-1]))


def test_days_that_were_loaded_before_the_killed_run_began_are_asked_for_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.run(DAYS[0], DAYS[1]).success
    house.provider.failures[DAYS[0]] = GONE
    with monkeypatch.context() as silent:
        silent.setattr("assets.factory._record_good_days", lambda *_: None)
        lost = house.run(DAYS[0], DAYS[1])
    house.provider.failures.clear()
    house.provider.asked.clear()
    assert house.again(lost, "from failure").success
    assert [window.day for window in house.provider.asked] == DAYS[:2]
