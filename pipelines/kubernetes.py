"""Dagster's launcher of Kubernetes Jobs, for `run_launcher` in the `dagster.yaml` of `deploy/kubernetes`.

It needs the extra `joulehouse[kubernetes]`, and is imported where that file names it and nowhere else.
"""

from typing import Final

from dagster import DagsterRun
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster_k8s import K8sRunLauncher

_UNSEEN: Final = "The cluster does not say what became of the run: its lease does."


class JobLauncher(K8sRunLauncher):
    """Dagster's own, but for one answer: a run of which the cluster says nothing is not dead.

    Dagster 1.13.27 fails a started run, and starts it again beside itself, as soon as one question about its Job has
    failed: while the cluster's API is upgraded, those are all of them. Whether such a run lives is its lease's to say.
    What the cluster does say (evicted, out of memory, ended) is believed at once.
    """

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """What the cluster says of the run's Job; running where it says nothing."""
        health: CheckRunHealthResult = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.UNKNOWN:
            return health
        return CheckRunHealthResult(WorkerStatus.RUNNING, f"{_UNSEEN} {health.msg or ''}".strip())
