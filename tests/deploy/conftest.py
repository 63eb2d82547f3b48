"""A cluster on loopback, and Dagster's launcher in front of it, set up by the `dagster.yaml` of an overlay."""

import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import dagster as dg
import kubernetes
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.workspace.context import BaseWorkspaceRequestContext
from dagster._daemon.monitoring.run_monitoring import monitor_canceling_run, monitor_started_run, monitor_starting_run

from tests.fakes.cluster_api import Cluster, cluster_api

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
IMAGE: Final = "images.example.org/joulehouse:0.1.0"


@dataclass(frozen=True)
class Launching:
    """An instance whose launcher speaks to the cluster.

    Attributes:
        overlay: Which one it is.
        instance: As the overlay's `dagster.yaml` sets it up, but for its storage.
        cluster: What it speaks to.
    """

    overlay: str
    instance: dg.DagsterInstance
    cluster: Cluster

    def run(self, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        """A run of a job of ours, as the code server describes it."""
        code = RepositoryPythonOrigin(
            executable_path="/opt/venv/bin/python",
            code_pointer=ModuleCodePointer("pipelines.definitions", "defs", working_directory="/opt/joulehouse"),
            container_image=IMAGE,
            entry_point=["dagster"],
            container_context={},
        )
        run = dg.DagsterRun(
            job_name="measurements",
            status=status,
            tags=tags or {},
            job_code_origin=JobPythonOrigin("measurements", code),
        )
        self.instance.add_run(run)
        return run

    def launch(self, tags: dict[str, str] | None = None) -> dg.DagsterRun:
        """Let the daemon launch a run, and its Job start."""
        run = self.run(dg.DagsterRunStatus.STARTING, tags)
        self.instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        return run

    def monitor(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """What Dagster's monitoring makes of a run."""
        record = self.record(run)
        logger = logging.getLogger("monitor")
        if record.dagster_run.status is dg.DagsterRunStatus.STARTED:
            workspace = cast("BaseWorkspaceRequestContext", None)  # asked only for runs that are resumed, and none is
            monitor_started_run(self.instance, workspace, record, logger)
        elif record.dagster_run.status is dg.DagsterRunStatus.CANCELING:
            monitor_canceling_run(self.instance, record, logger)
        else:
            monitor_starting_run(self.instance, record, logger)
        return self.record(run).dagster_run.status

    def start(self, run: dg.DagsterRun) -> None:
        """Say that the run has begun, as its own process does."""
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def cancel(self, run: dg.DagsterRun, *, seconds_ago: float) -> None:
        """Somebody has cancelled the run, which goes on."""
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_CANCELING.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id, timestamp=time.time() - seconds_ago)

    def messages(self, run: dg.DagsterRun) -> str:
        """The run's log."""
        return "\n".join(entry.message for entry in self.instance.all_logs(run.run_id))

    def job(self, run: dg.DagsterRun) -> dict[str, Any]:
        """The Job that the cluster has for it."""
        return self.cluster.jobs[f"dagster-run-{run.run_id}"]

    def record(self, run: dg.DagsterRun) -> RunRecord:
        """The run as Dagster knows it now."""
        record = self.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        return record


@pytest.fixture(scope="module", params=["small", "large"])
def of_overlay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launching]:
    """The launcher of each overlay before a cluster of its own."""
    home = tmp_path_factory.mktemp(request.param)
    settings = yaml.safe_load((FOLDER / request.param / "dagster.yaml").read_text("utf-8"))
    # The rest is as it is there. One file for all runs, because a file for each takes half a second.
    del settings["storage"]
    event_log = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}
    settings["event_log_storage"] = event_log | {"config": {"base_dir": str(home / "events")}}
    # What the library loads is the process's own.
    was = copy.copy(kubernetes.client.Configuration._default)
    with cluster_api() as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setenv("POD_NAMESPACE", "joulehouse")
        kubeconfig = cluster.write_kubeconfig(home / "kubeconfig")
        settings["run_launcher"]["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
        (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield Launching(request.param, instance, cluster)
    kubernetes.client.Configuration._default = was


@pytest.fixture
def launching(of_overlay: Launching) -> Launching:
    """The same, and nobody has asked for anything yet."""
    of_overlay.cluster.empty()
    return of_overlay
