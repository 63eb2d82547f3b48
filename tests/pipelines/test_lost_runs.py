from pathlib import Path

import dagster as dg
import yaml
from dagster._core.events import DagsterEventType
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.test_utils import create_run_for_test, instance_for_test

from pipelines.lost_runs import mark_lost_runs
from resources.settings import PROJECT


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status.name


def test_a_run_that_went_down_with_its_code_server_is_marked_and_started_once_more(tmp_path: Path) -> None:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    with instance_for_test(temp_dir=str(tmp_path), overrides=settings) as instance:
        at_work, starting, cancelling, waiting, done = (
            create_run_for_test(instance, job_name="days", status=each)
            for each in (
                dg.DagsterRunStatus.STARTED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.CANCELING,
                dg.DagsterRunStatus.NOT_STARTED,
                dg.DagsterRunStatus.SUCCESS,
            )
        )
        assert sorted(mark_lost_runs(instance)) == sorted(run.run_id for run in (at_work, starting, cancelling))
        assert [status(instance, run) for run in (at_work, starting, cancelling, waiting, done)] == [
            "FAILURE",
            "FAILURE",
            "CANCELED",
            "NOT_STARTED",
            "SUCCESS",
        ]
        failed = instance.get_run_by_id(at_work.run_id)
        assert failed is not None
        events = instance.get_records_for_run(at_work.run_id, of_type=DagsterEventType.RUN_FAILURE).records
        event = events[0].event_log_entry.dagster_event
        assert event is not None
        assert auto_reexecution_should_retry_run(instance, failed, event.job_failure_data.failure_reason)
        assert mark_lost_runs(instance) == []
