"""Runs through Dagster's launcher, a cluster on loopback and processes for pods, with a provider and a warehouse."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.load_target import WorkspaceFileTarget

from pipelines.local.processes import poll
from sandbox.running import Sandbox, running_sandbox
from tests.deploy.conftest import FOLDER, IMAGE
from tests.fakes.cluster_api import Cluster, cluster_api
from tests.fakes.dagster_stack import DagsterStack, clone_of_the_house
from tests.fakes.hub import BOTH, GRID, days, environment, hub
from tests.fakes.kubelet import Kubelet, running_kubelet

# Dagster 1.13.27 calls functions that it has deprecated itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster.*")

DAYS = days(3)


@dataclass
class House:
    sandbox: Sandbox
    dagster: DagsterStack
    cluster: Cluster
    kubelet: Kubelet

    def begun(self) -> dg.DagsterRun:
        """A run that waits for its provider, which takes a minute."""
        asked = self.sandbox.control.requests
        n_asked = len(asked())
        self.sandbox.control.export_service.fault("latency", seconds=60)
        run = self.dagster.start(BOTH, DAYS[:1])
        assert any(len(asked()) > n_asked for _ in poll(60))
        return run

    def ended(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """What the run says of itself once its process has ended."""
        self.kubelet.processes[self.kubelet.of_run(run.run_id)].wait(60)
        found = self.dagster.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status


@pytest.fixture
def house(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    clone = clone_of_the_house(tmp_path / "house", {"north": hub("north")})
    monkeypatch.chdir(clone)
    settings = yaml.safe_load((FOLDER / "large" / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    home = tmp_path / "dagster"
    home.mkdir()
    with cluster_api() as cluster, running_sandbox() as sandbox:
        for name, value in {
            **environment(clone, tmp_path, database, sandbox),
            "DAGSTER_CURRENT_IMAGE": IMAGE,
        }.items():
            monkeypatch.setenv(name, value)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # Without a namespace and a token of the cluster.
        pods = os.environ | {"DAGSTER_HOME": str(home), "PATH": programs}
        monkeypatch.setenv("POD_NAMESPACE", "joulehouse")
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        settings["run_launcher"]["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
        workspace = WorkspaceFileTarget([str(clone / "workspace.yaml")])
        with (
            instance_for_test(temp_dir=str(home), overrides=settings) as instance,
            create_test_daemon_workspace_context(workspace, instance) as context,
            running_kubelet(cluster, tmp_path / "pods", pods) as kubelet,
        ):
            yield House(sandbox, DagsterStack(instance, context), cluster, kubelet)


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_a_job_does_the_run_and_ends_by_what_the_cluster_tells_its_pod(house: House) -> None:
    stack = house.dagster
    [run] = stack.runs_of(stack.backfill(BOTH, DAYS))
    assert house.ended(run) == dg.DagsterRunStatus.SUCCESS
    assert set(stack.statuses(BOTH[1], DAYS, GRID).values()) == {"MATERIALIZED"}
    assert (
        house.cluster.jobs[f"dagster-run-{run.run_id}"]["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    )

    # Terminated in the UI: the Job and its pod are deleted, and the run says itself that it was cancelled.
    cancelled = house.begun()
    assert stack.instance.run_coordinator.cancel_run(cancelled.run_id)
    assert house.ended(cancelled) == dg.DagsterRunStatus.CANCELED
    assert f"dagster-run-{cancelled.run_id}" not in house.cluster.jobs

    # Drained: the run says that nobody wanted it to end, after which the daemon starts another.
    drained = house.begun()
    house.kubelet.stop(house.kubelet.of_run(drained.run_id))
    assert house.ended(drained) == dg.DagsterRunStatus.FAILURE
    failures = [entry.dagster_event for entry in stack.instance.all_logs(drained.run_id) if entry.dagster_event]
    data = [one.event_specific_data for one in failures if isinstance(one.event_specific_data, JobFailureData)]
    assert [one.failure_reason for one in data] == [RunFailureReason.UNEXPECTED_TERMINATION]
