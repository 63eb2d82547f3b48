"""A run that is cancelled: over a real code server and its processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg
import psutil
import pytest
import yaml
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from pipelines.launcher import CodeServerLauncher
from pipelines.local.processes import poll
from resources.settings import PROJECT
from tests.fakes import leased_run
from tests.fakes.dagster_stack import DagsterStack
from warehouse.store import open_warehouse

PATIENCE_SECONDS: Final = 60.0


@dataclass
class Waiting:
    """A code location whose job waits, and what its processes have left in a folder."""

    dagster: DagsterStack
    work: Path

    def begun(self) -> tuple[str, int]:
        """A run whose step is at work, and its process."""
        before = set(self.work.iterdir())
        run_id = self.dagster.launch("waiting", "waiting")
        for _ in poll(PATIENCE_SECONDS, every=0.05):
            for file in set(self.work.iterdir()) - before:
                return run_id, int(file.name.rpartition("-")[2])
        pytest.fail(f"the run was not begun, and is {self.status(run_id)}")

    def cancel(self, run_id: str) -> bool:
        return self.dagster.instance.run_launcher.terminate(run_id)

    def status(self, run_id: str) -> str:
        run = self.dagster.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.name

    def ends_as(self, run_id: str, status: str) -> bool:
        return any(self.status(run_id) == status for _ in poll(PATIENCE_SECONDS, every=0.1))


@pytest.fixture
def waiting(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    work = tmp_path / "work"
    work.mkdir()
    for name, value in {"WAREHOUSE_URL": database, "WORK_FOLDER": str(work)}.items():
        monkeypatch.setenv(name, value)
    location = f"{{module_name: tests.fakes.leased_run, working_directory: {PROJECT}, location_name: waiting}}"
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(f"load_from: [{{python_module: {location}}}]\n", "utf-8")
    with (
        open_warehouse(database, tmp_path / "landing"),
        instance_for_test(temp_dir=str(tmp_path), overrides=settings) as instance,
        create_test_daemon_workspace_context(WorkspaceFileTarget([str(workspace)]), instance) as context,
    ):
        yield Waiting(DagsterStack(instance, context), work)
        (work / "end").touch()


def test_a_run_that_is_cancelled_interrupts_itself_and_no_code_server_is_asked(waiting: Waiting) -> None:
    cancelled, _ = waiting.begun()
    launcher = waiting.dagster.instance.run_launcher
    assert isinstance(launcher, CodeServerLauncher)
    client = launcher._get_grpc_client_for_termination(cancelled)  # type: ignore[no-untyped-call]
    assert waiting.cancel(cancelled)
    answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=cancelled))
    assert deserialize_value(answer, CanCancelExecutionResult).can_cancel  # nobody has asked it to
    assert waiting.ends_as(cancelled, "CANCELED")
    assert not (waiting.work / "done").exists()
    assert not waiting.cancel(cancelled)


def test_a_run_that_nobody_has_begun_is_cancelled_at_once_and_never_begins(waiting: Waiting) -> None:
    run = leased_run.made_run(waiting.dagster.instance)
    assert waiting.cancel(run.run_id)
    assert waiting.status(run.run_id) == "CANCELED"
    leased_run.execute(run.run_id, waiting.dagster.instance)  # its process comes late
    assert waiting.status(run.run_id) == "CANCELED"
    assert not list(waiting.work.iterdir())


def test_runs_are_launched_by_ours() -> None:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    assert settings["run_launcher"] == {"module": CodeServerLauncher.__module__, "class": CodeServerLauncher.__name__}
    assert issubclass(CodeServerLauncher, dg.DefaultRunLauncher)


def test_a_run_that_is_called_cancelled_by_force_interrupts_itself_too(waiting: Waiting) -> None:
    run_id, pid = waiting.begun()
    assert waiting.cancel(run_id)
    run = waiting.dagster.instance.get_run_by_id(run_id)
    assert run is not None
    waiting.dagster.instance.report_run_canceled(run)  # what the UI does at once where force is asked for
    assert any(not psutil.pid_exists(pid) for _ in poll(PATIENCE_SECONDS, every=0.1))
    assert not (waiting.work / "done").exists()
    assert waiting.status(run_id) == "CANCELED"
