"""The executor of every job: Dagster's own in-process one, which holds the lease of its run while it is at work."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor

from pipelines.cancellation import interrupted_when_cancelled
from resources.settings import Settings

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan

    from resources.run_lease import RunLease

RENEWED_EVERY_SECONDS: Final = 15.0
"""A third of what a judge waits for: a try that fails, and the next, make nobody lost."""

_LEASES: Final[dict[str, "RunLease"]] = {}
"""Run → the lease that this process holds on it."""


@contextmanager
def held_run(run_id: str, *, renewed_every: float = RENEWED_EVERY_SECONDS) -> "Iterator[RunLease | None]":
    """Hold the lease of a run for as long as the block lasts; None where another process has it, or had it.

    A worker that gets runs as tasks enters it before it looks at the run: a task that is delivered twice then starts
    nothing. What this process holds already stays held when the block ends.
    """
    if run_id in _LEASES:
        yield _LEASES[run_id]
        return
    from resources.run_lease import RunLease  # noqa: PLC0415  # a process that only lists definitions needs none

    lease = RunLease(Settings(), run_id, every=renewed_every)
    if not lease.claim():
        yield None
        return
    _LEASES[run_id] = lease
    try:
        yield lease
    finally:
        del _LEASES[run_id]
        lease.let_go()


def begun_elsewhere(run_id: str) -> str:
    """What is said of a run by a process that was to begin it, and does not."""
    return (
        f"The run {run_id} was begun by another process, or was given up and is another run now: this process, to which"
        " it was delivered as well, does nothing."
    )


class LeasedExecutor(InProcessExecutor):
    """Every step in this process, under the lease of the run."""

    renewed_every: ClassVar[float] = RENEWED_EVERY_SECONDS

    def execute(
        self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan"
    ) -> "Iterator[dg.DagsterEvent]":
        """Claim the run, do its steps, and see whether it is still ours before it is called done."""
        run_id = plan_context.run_id
        with held_run(run_id, renewed_every=self.renewed_every) as lease:
            if lease is None:
                # Whatever is raised or returned here would end the run, which another process is at work on.
                sys.stderr.write(f"{begun_elsewhere(run_id)}\n")
                sys.stderr.flush()
                os._exit(0)
            with interrupted_when_cancelled(plan_context.instance, run_id):
                yield from super().execute(plan_context, execution_plan)
            if not lease.is_held():
                # Of a run that has failed already Dagster then says nothing more: it stays failed.
                raise DagsterExecutionInterruptedError


@dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
def leased_executor(context: dg.InitExecutorContext) -> LeasedExecutor:
    """Every step in the process of its run, which holds the run's lease in the warehouse."""
    config: Mapping[str, Any] = context.executor_config
    return LeasedExecutor(
        retries=RetryMode.from_config(config["retries"]) or RetryMode.ENABLED,
        step_dependency_config=StepDependencyConfig.from_config(config.get("step_dependency_config")),
    )
