"""Dagster's launcher of runs in a code server's processes, for `run_launcher` in `pipelines/instance/dagster.yaml`."""

import dagster as dg


class CodeServerLauncher(dg.DefaultRunLauncher):
    """Dagster's own, but for how a run is cancelled: it is told by Dagster's history, and nobody else is asked.

    In Dagster 1.13.27 a code server that is asked to cancel may never answer, and then starts no run any more. Here a
    run sees for itself that it is being cancelled (`cancellation.py`); one whose process is gone is ended for its lease
    (`lost_runs.py`).
    """

    def terminate(self, run_id: str) -> bool:
        """Say that the run is being cancelled; whether there is one that is not over."""
        record = self._instance.get_run_record_by_id(run_id)
        if record is None or record.dagster_run.is_finished:
            return False
        report_cancelled(self._instance, record)
        return True


def report_cancelled(instance: dg.DagsterInstance, record: dg.RunRecord) -> None:
    """Say of a run that is not over that it is being cancelled; one that nobody has begun is cancelled at once."""
    instance.report_run_canceling(record.dagster_run)
    if record.start_time is None:
        # A run that begins calls itself started, and would not see it; none begins that is over.
        instance.report_run_canceled(record.dagster_run)
