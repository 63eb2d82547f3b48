"""What `celery --app pipelines.workers.app` starts: the application that the launcher has, and the task of a run.

`joulehouse worker` calls it. Whatever a run imports is imported here, once: each run gets a process of its own, forked
from this one.
"""

import logging
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import unpack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME

import pipelines.definitions as _definitions  # noqa: F401  # imported before runs are forked
from domain.errors import ConfigurationError
from pipelines.executor import begun_elsewhere, held_run
from pipelines.workers.launcher import WorkerLauncher

if TYPE_CHECKING:
    from celery import Celery


_log = logging.getLogger(__name__)


def _application() -> "Celery":
    with dg.DagsterInstance.get() as instance:
        if isinstance(instance.run_launcher, WorkerLauncher):
            return instance.run_launcher.celery
        raise ConfigurationError(
            "Dagster launches no runs for workers",
            place=f"{instance.root_directory}/dagster.yaml",
            fix="copy pipelines/instance/workers/dagster.yaml there, for the daemon, the webserver and every worker",
        )


logging.getLogger("alembic").setLevel(logging.WARNING)  # it greets at every opening of Dagster's history
app = _application()


@app.task(name=TASK_EXECUTE_JOB_NAME)  # type: ignore[untyped-decorator]  # Celery has no types
def execute_job(execute_job_args_packed: dict[str, Any]) -> None:
    """Work at a run that nobody has begun; what becomes of it, it tells Dagster's history itself."""
    args = unpack_value(execute_job_args_packed, as_type=ExecuteRunArgs)
    with held_run(args.run_id) as lease:
        if lease is None:
            _log.warning(begun_elsewhere(args.run_id))
            return
        with dg.DagsterInstance.get() as instance:
            _execute_run_command_body(args.run_id, instance, lambda _event: None, set_exit_code_on_failure=False)
