"""A run in a process of its own, as a worker begins it: `python -m tests.fakes.leased_run <DAGSTER_HOME> <run id>`.

Its step says that it has begun, and waits for a file `end`. Leases are renewed ten times in a second.
"""

import os
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._cli.api import _execute_run_command_body
from dagster._core.definitions.reconstruct import reconstructable

from pipelines.executor import LeasedExecutor, leased_executor


@dg.op
def wait_for_the_end() -> None:
    """Work until it may end."""
    folder = Path(os.environ["WORK_FOLDER"])
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "end").exists():
        time.sleep(0.02)
    (folder / "done").touch()


@dg.job(executor_def=leased_executor)
def waiting() -> None:
    """The one step."""
    wait_for_the_end()


def made_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run of the job, launched and not begun."""
    job = reconstructable(waiting)
    run = instance.create_run_for_job(waiting, job_code_origin=job.get_python_origin())
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value="PIPELINE_STARTING", job_name=run.job_name), run.run_id
    )
    return run


def execute(run_id: str, instance: dg.DagsterInstance) -> None:
    """What every launcher's process does with a run."""
    _execute_run_command_body(run_id, instance, lambda _: None, set_exit_code_on_failure=True)


defs = dg.Definitions(jobs=[waiting], executor=leased_executor)

if __name__ == "__main__":
    LeasedExecutor.renewed_every = 0.1
    with dg.DagsterInstance.from_config(sys.argv[1]) as found:
        execute(sys.argv[2], found)
