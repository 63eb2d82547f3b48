"""Dagster without its daemon and its webserver: a real instance, a real code server, real runs, and GraphQL in process.

The backfill daemon ticks every 30 seconds; here its ticks, and those of the run queue, are called until all is done.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.backfill import execute_backfill_jobs
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_graphql.schema import create_schema

from resources.settings import PROJECT

_PATIENCE_SECONDS = 240  # for a machine on which everything runs at once; seconds otherwise
_PACKAGES = ("assets", "domain", "pipelines", "providers", "resources", "warehouse")

_LAUNCH = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_RUN = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_RUN_AGAIN = """
mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_AGAIN = """
mutation($params: ReexecutionParams!) { reexecutePartitionBackfill(reexecutionParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""


def clone_of_the_house(folder: Path, sources: Mapping[str, str], checkout: Path = PROJECT) -> Path:
    """The code of `checkout` in `folder`, with `sources` (slug → defs.yaml) in place of those that ship."""
    shipped = [file.parent.name for file in (checkout / "assets").glob("*/defs.yaml")]
    for package in _PACKAGES:
        shutil.copytree(checkout / package, folder / package, ignore=shutil.ignore_patterns("*.pyc.*", *shipped))
    for slug, text in sources.items():
        (folder / "assets" / slug).mkdir()
        (folder / "assets" / slug / "defs.yaml").write_text(text, "utf-8")
    location = f"{{module_name: pipelines.definitions, working_directory: {folder}, location_name: joulehouse}}"
    (folder / "workspace.yaml").write_text(f"load_from: [{{python_module: {location}}}]\n", "utf-8")
    shutil.copy(checkout / "pyproject.toml", folder / "pyproject.toml")
    return folder


@dataclass
class DagsterStack:
    """A running code location and the instance behind it."""

    instance: dg.DagsterInstance
    context: IWorkspaceProcessContext[Any]

    @cached_property
    def _schema(self) -> Any:
        return create_schema()

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What GraphQL answers."""
        result = self._schema.execute(
            query, variable_values=variables, context_value=self.context.create_request_context()
        )
        assert not result.errors, result.errors
        data: dict[str, Any] = result.data
        return data

    def backfill(self, keys: Sequence[dg.AssetKey], days: Sequence[str], tags: Mapping[str, str] | None = None) -> str:
        """Backfill `days` of the assets `keys`, as the UI does; its id, when it has ended."""
        return self._finished(self._launched(keys, days, tags))

    def start(self, keys: Sequence[dg.AssetKey], days: Sequence[str]) -> dg.DagsterRun:
        """Backfill likewise, and wait for nothing: the one run, when it has been launched."""
        backfill_id = self._launched(keys, days)["backfillId"]
        backfill = self.instance.get_backfill(backfill_id)
        assert backfill is not None
        list(execute_backfill_jobs(self.context, logging.getLogger("backfill"), [backfill]))
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(self.context))
        [run] = self.runs_of(backfill_id)
        return run

    def backfill_again(self, backfill_id: str) -> str:
        """Re-execute a backfill from failure, as the UI does; the new one's id, when it has ended."""
        params = {"parentRunId": backfill_id, "strategy": "FROM_FAILURE"}
        return self._finished(self.ask(_AGAIN, params=params)["reexecutePartitionBackfill"])

    def run_again(self, run_id: str, strategy: str) -> dg.DagsterRun:
        """Execute a failed run again, as the UI's menu does; the new one, when it has ended."""
        params = {"parentRunId": run_id, "strategy": strategy, "useParentRunTags": True}
        launched = self._launched_run(_RUN_AGAIN, params=params)
        queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            run = self.instance.get_run_by_id(launched)
            assert run is not None
            if run.is_finished:
                return run
            list(queue.run_iteration(self.context))
            time.sleep(0.1)
        raise TimeoutError(f"run {launched} is not done after {_PATIENCE_SECONDS} s")

    def launch(self, location: str, job: str) -> str:
        """Launch a job, as the UI does; the run's id, when its process has been started."""
        selector = {"repositoryLocationName": location, "repositoryName": "__repository__", "jobName": job}
        run_id = self._launched_run(_RUN, params={"selector": selector, "mode": "default"})
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(self.context))
        return run_id

    def _launched_run(self, mutation: str, **variables: object) -> str:
        query = self._schema.execute_async(
            mutation, variable_values=variables, context_value=self.context.create_request_context()
        )
        [launched] = asyncio.run(query).data.values()
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def runs_of(self, backfill_id: str) -> list[dg.DagsterRun]:
        """The runs of a backfill."""
        return list(self.instance.get_runs(filters=dg.RunsFilter(tags={"dagster/backfill": backfill_id})))

    def statuses(self, key: dg.AssetKey, days: Sequence[str], grid: dg.PartitionsDefinition) -> dict[str, str]:
        """Day → MATERIALIZED, FAILED …; days without any are left out."""
        found = self.instance.get_status_by_partition(key, list(days), grid) or {}
        return {day: status.name for day, status in found.items() if status is not None}

    def _launched(
        self, keys: Sequence[dg.AssetKey], days: Sequence[str], tags: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        params = {
            "assetSelection": [{"path": list(key.path)} for key in keys],
            "partitionNames": list(days),
            "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
        }
        launched: dict[str, str] = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        return launched

    def _finished(self, launched: dict[str, str]) -> str:
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        backfill_id = launched["backfillId"]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            backfill = self.instance.get_backfill(backfill_id)
            assert backfill is not None
            if backfill.status in BULK_ACTION_TERMINAL_STATUSES:
                return backfill_id
            errors = [
                error
                for error in execute_backfill_jobs(self.context, logging.getLogger("backfill"), [backfill])
                if error
            ]
            assert not errors, errors
            self._run_queued(backfill_id, deadline)
        runs = {run.run_id: run.status.name for run in self.runs_of(backfill_id)}
        raise TimeoutError(f"backfill {backfill_id} is not done after {_PATIENCE_SECONDS} s; its runs: {runs}")

    def _run_queued(self, backfill_id: str, deadline: float) -> None:
        queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        while time.monotonic() < deadline and not all(run.is_finished for run in self.runs_of(backfill_id)):
            list(queue.run_iteration(self.context))
            time.sleep(0.1)


@contextmanager
def running_dagster(house: Path, home: Path, settings_of: str = "") -> Iterator[DagsterStack]:
    """The code location in `house`, with an instance in `home` that has the settings of ours, but on SQLite.

    Args:
        house: The project's code.
        home: DAGSTER_HOME.
        settings_of: Those in this folder of `pipelines/instance`.
    """
    home.mkdir()
    settings = yaml.safe_load((PROJECT / "pipelines/instance" / settings_of / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    with (
        instance_for_test(temp_dir=str(home), overrides=settings) as instance,
        create_test_daemon_workspace_context(WorkspaceFileTarget([str(house / "workspace.yaml")]), instance) as context,
    ):
        yield DagsterStack(instance, context)
