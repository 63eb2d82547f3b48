"""Runs as tasks of Celery, by the settings in `pipelines/instance/workers/dagster.yaml`.

The launcher hands a run to the broker and forgets it. Whether somebody is at work at it is known by the lease of the
run in the warehouse, and by nothing that Celery says: a worker that died with all its processes leaves its task as it
was, and a result that expired would fail a run that lives.
"""

from typing import Any

import dagster as dg
import dagster._check as check
from celery.canvas import Signature
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from typing_extensions import override

from pipelines.launcher import report_cancelled
from resources.settings import Settings


class WorkerQueue(QueuedRunCoordinator):
    """Dagster's own queue, as wide as the workers are; a class of its own, so that the width may be a variable."""

    def get_run_queue_config(self) -> RunQueueConfig:
        """The limits, with one more: backfills of years leave a place for the schedules."""
        found = super().get_run_queue_config()
        backfills = {"key": BACKFILL_ID_TAG, "limit": max(1, found.max_concurrent_runs - 1)}
        return found._replace(tag_concurrency_limits=[*found.tag_concurrency_limits, backfills])


class WorkerLauncher(CeleryRunLauncher):
    """`CeleryRunLauncher` that believes no result, keeps a run when the broker is away, and cancels one that waits."""

    supports_check_run_worker_health = False
    supports_resume_run = False

    @override
    def app_args(self) -> dict[str, Any]:
        """The application's, with the broker's password where it stands in a variable of its own."""
        return super().app_args() | {"broker": Settings().with_broker_password(self.broker or "") or None}

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the broker.

        Raises:
            DagsterUserCodeUnreachableError: The broker does not answer: the one error after which the daemon puts a run
                back into its queue, and fails it after all others.
        """
        try:
            self._launch_celery_task_run(context.dagster_run, self.task_of(context.dagster_run), TASK_EXECUTE_JOB_NAME)
        except OperationalError as error:
            raise DagsterUserCodeUnreachableError(f"The broker of the workers does not answer: {error}.") from error

    def task_of(self, run: dg.DagsterRun) -> Signature:
        """A run as a task, by its name: the class above makes a new one each time, of which Celery 5.7 complains."""
        origin = check.not_none(run.job_code_origin)
        args = ExecuteRunArgs(job_origin=origin, run_id=run.run_id, instance_ref=self._instance.get_ref())
        return self.celery.signature(TASK_EXECUTE_JOB_NAME, kwargs={"execute_job_args_packed": pack_value(args)})

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run, which then says itself that it was cancelled; one that nobody has begun ends here.

        Returns:
            Whether there was such a run.
        """
        record = self._instance.get_run_record_by_id(run_id)
        task = record.dagster_run.tags.get(DAGSTER_CELERY_TASK_ID_TAG) if record else None
        if record is None or record.dagster_run.is_finished or task is None:
            return False
        report_cancelled(self._instance, record)
        self.celery.control.revoke(task, terminate=True)  # it may still arrive: a worker starts no run that is over
        return True

    @override
    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What is known of a run that did not start: that nobody has taken it."""
        return f"No worker has begun with its task, {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)}."
