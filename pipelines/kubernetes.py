"""Dagster's launcher of Kubernetes Jobs, for `run_launcher` in the `dagster.yaml` of `deploy/kubernetes`.

It needs the extra `joulehouse[kubernetes]`, and is imported where that file names it and nowhere else.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import ClassVar

from dagster._core.launcher import LaunchRunContext
from dagster_k8s import K8sRunLauncher
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError


class JobLauncher(K8sRunLauncher):
    """Dagster's own, which is not asked whether a run lives: its lease says so (`pipelines.lost_runs`).

    Dagster 1.13.27 would fail a started run, and start it again beside itself, as soon as one question about its Job
    has failed: while the cluster's API is upgraded, those are all of them.
    """

    supports_check_run_worker_health = False
    supports_run_worker_crash_recovery = False

    start_patience: ClassVar[timedelta] = timedelta(minutes=10)
    """How long a run may wait for its pod: a node may have to be made and an image pulled (`pipelines.lost_runs`)."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Make the Job of a run; that it is there already is no error.

        A run's id is in its Job's name. Where the answer to the first request is lost, Dagster asks again, and would
        fail the run for what it has made itself.
        """
        try:
            super().launch_run(context)
        except DagsterK8sUnrecoverableAPIError as error:
            if getattr(error.k8s_api_exception, "status", None) != HTTPStatus.CONFLICT:
                raise
