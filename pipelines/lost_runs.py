"""`python -m pipelines.lost_runs`: runs that went down with their code server are marked failed before the next begins.

Runs are children of the code server. Killed with it, a run stays STARTED in Dagster's database and holds its source's
pool until the two hours of `max_runtime_seconds` are over. Before the one code server of an instance starts, no run can
be at work, hence each that Dagster believes to be has ended. Marked so, it is started once more by the daemon
(`run_retries`), for the days that the ledger lacks.
"""

import logging
from typing import Final

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason

_AT_WORK: Final = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_SENTENCE: Final = "The code server that this run was a child of has ended, and the run with it."

_log = logging.getLogger(__name__)


def mark_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark every run that Dagster believes to be at work as failed, and one that was being cancelled as cancelled.

    Call it when no code server of the instance runs, and never otherwise.

    Returns:
        The ids of the runs.
    """
    lost = instance.get_runs(dg.RunsFilter(statuses=_AT_WORK))
    for run in lost:
        reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(run, _SENTENCE, reason)
    cancelled = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELING]))
    for run in cancelled:
        instance.report_run_canceled(run, _SENTENCE)
    return [run.run_id for run in (*lost, *cancelled)]


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    _log.setLevel(logging.INFO)
    with dg.DagsterInstance.get() as found:
        for run_id in mark_lost_runs(found):
            _log.info("The run %s went down with its code server, and is marked so.", run_id)
