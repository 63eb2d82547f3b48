"""Dagster's launcher of Kubernetes Jobs, for `run_launcher` in the `dagster.yaml` of `deploy/kubernetes`.

It needs the extra `joulehouse[kubernetes]`, and is imported where that file names it and nowhere else.
"""

from datetime import timedelta
from typing import ClassVar

from dagster_k8s import K8sRunLauncher


class JobLauncher(K8sRunLauncher):
    """Dagster's own, which is not asked whether a run lives: its lease says so (`pipelines.lost_runs`).

    Dagster 1.13.27 would fail a started run, and start it again beside itself, as soon as one question about its Job
    has failed: while the cluster's API is upgraded, those are all of them.
    """

    supports_check_run_worker_health = False
    supports_run_worker_crash_recovery = False

    start_patience: ClassVar[timedelta] = timedelta(minutes=10)
    """How long a run may wait for its pod: a node may have to be made and an image pulled (`pipelines.lost_runs`)."""
