"""Dagster's GraphQL as the command line uses it: launch a backfill, see how it goes, name what failed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NoReturn, Self

from domain.errors import ConfigurationError
from domain.texts import counted
from pipelines.console import fail
from pipelines.local.processes import LoopbackServer

LOCATION: Final = "joulehouse"
REPOSITORY: Final = "__repository__"
_ASSET_JOB: Final = "__ASSET_JOB"
_FAILURE_PREFIX: Final = "dagster._core.definitions.events.Failure: "
_FINISHED_STATUSES: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

_SELECTOR: Final = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}

_LOCATIONS: Final = """
query { workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  __typename ... on PythonError { message } } } } } }
"""
_LAUNCH_BACKFILL: Final = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  ... on UnauthorizedError { message } ... on PartitionSetNotFoundError { message } } }
"""
_LAUNCH_RUN: Final = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_BACKFILL: Final = """
query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PythonError { message }
  ... on PartitionBackfill { status error { message } assetBackfillData { assetBackfillStatuses {
    ... on AssetPartitionsStatusCounts { numPartitionsFailed } } } } } }
"""
_RUNS: Final = """
query($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results { runId status } } } }
"""
_FAILURES: Final = """
query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { error { message } } ... on RunFailureEvent { message error { message } } } } } }
"""


@dataclass(frozen=True, slots=True)
class BackfillState:
    """Where a backfill stands.

    Attributes:
        status: Dagster's word: `REQUESTED`, `COMPLETED_SUCCESS`, `COMPLETED_FAILED` …
        n_failed: Partitions that failed.
        error: Why the backfill itself broke; empty if it did not.
    """

    status: str
    n_failed: int = 0
    error: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status.startswith(("COMPLETED", "FAILED", "CANCELED"))

    @property
    def is_success(self) -> bool:
        """Whether every partition was materialized."""
        return self.status == "COMPLETED_SUCCESS" and self.n_failed == 0


@dataclass(frozen=True, slots=True)
class DagsterGraphQL:
    """A running Dagster webserver, asked over its GraphQL."""

    server: LoopbackServer

    def location_error(self) -> str:
        """Why the code location did not load; empty when it did.

        Raises:
            ConfigurationError: The webserver does not answer.
        """
        entries = self._query(_LOCATIONS)["workspaceOrError"]["locationEntries"]
        for entry in entries:
            if entry["name"] != LOCATION:
                continue
            if entry["loadStatus"] != "LOADED":
                return "it is still loading"
            return str((entry["locationOrLoadError"] or {}).get("message", ""))
        return f"workspace.yaml names no location {LOCATION!r}"

    def launch_backfill(self, assets: Sequence[str], days: Sequence[date]) -> str:
        """Start a backfill of `assets` over `days`; its id.

        Raises:
            ConfigurationError: Dagster refuses.
        """
        params = {
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": [day.isoformat() for day in days],
        }
        result = self._query(_LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
        return str(self._require(result, "LaunchBackfillSuccess")["backfillId"])

    def launch_run(self, assets: Sequence[str], tags: Mapping[str, str] | None = None) -> str:
        """Start one run of `assets`; its id.

        Args:
            assets: `<source>/<name>`.
            tags: The run's, such as those that name its days; unpartitioned assets need none.

        Raises:
            ConfigurationError: Dagster refuses.
        """
        selection = [{"path": asset.split("/")} for asset in assets]
        params = {
            "selector": _SELECTOR | {"pipelineName": _ASSET_JOB, "assetSelection": selection},
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
        }
        result = self._query(_LAUNCH_RUN, params=params)["launchRun"]
        return str(self._require(result, "LaunchRunSuccess")["run"]["runId"])

    def backfill(self, backfill_id: str) -> BackfillState:
        """Where the backfill stands."""
        result = self._require(self._query(_BACKFILL, id=backfill_id)["partitionBackfillOrError"], "PartitionBackfill")
        counts = (result["assetBackfillData"] or {}).get("assetBackfillStatuses") or []
        return BackfillState(
            status=result["status"],
            n_failed=sum(count.get("numPartitionsFailed", 0) for count in counts),
            error=(result["error"] or {}).get("message", ""),
        )

    def runs_of(self, backfill_id: str) -> dict[str, str]:
        """The runs of a backfill, by id, with their status."""
        return self._runs({"tags": [{"key": "dagster/backfill", "value": backfill_id}]})

    def run_status(self, run_id: str) -> str:
        """The status of one run."""
        return self._runs({"runIds": [run_id]}).get(run_id, "MISSING")

    def failures_of(self, run_id: str) -> list[str]:
        """The messages of the run's failed steps."""
        events = self._query(_FAILURES, id=run_id)["logsForRun"].get("events", [])
        messages = [(event.get("error") or {}).get("message") or event.get("message") for event in events if event]
        return [message.strip().removeprefix(_FAILURE_PREFIX) for message in messages if message]

    def _runs(self, runs_filter: dict[str, Any]) -> dict[str, str]:
        results = self._query(_RUNS, filter=runs_filter)["runsOrError"].get("results", [])
        return {run["runId"]: run["status"] for run in results}

    def _query(self, text: str, **variables: object) -> dict[str, Any]:
        document = self.server.request("POST", "/graphql", {"query": text, "variables": variables})
        if document.get("errors"):
            raise self._refusal(document["errors"][0].get("message", "no reason given"))
        data: dict[str, Any] = document["data"]
        return data

    def _require(self, result: dict[str, Any], typename: str) -> dict[str, Any]:
        if result["__typename"] != typename:
            raise self._refusal(result.get("message", result["__typename"]))
        return result

    def _refusal(self, message: str) -> ConfigurationError:
        first_line = message.strip().partition("\n")[0]
        return ConfigurationError(
            f"Dagster refuses: {first_line}", place=self.server.title, fix=f"read {self.server.log}"
        )


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a backfill is.

    Attributes:
        n_done: Days that are committed.
        runs: The status of its runs, for a person.
        is_done: Whether every run has ended well, and every day is committed.
    """

    n_done: int
    runs: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill of one source that was launched; it is done when all its runs and days have ended well.

    Attributes:
        dagster: The Dagster that runs it.
        source: The source's slug.
        days: Its days.
        id: Its id.
        n_committed: How many of the days the ledger has committed since it was launched.
    """

    dagster: DagsterGraphQL
    source: str
    days: Sequence[date]
    id: str
    n_committed: Callable[[], int]

    @classmethod
    def launch(cls, dagster: DagsterGraphQL, source: str, days: Sequence[date], n_committed: Callable[[], int]) -> Self:
        """Launch it for both payloads and measurements.

        Raises:
            ConfigurationError: Dagster refuses.
        """
        assets = [f"{source}/payloads", f"{source}/measurements"]
        return cls(dagster, source, days, dagster.launch_backfill(assets, days), n_committed)

    def progress(self) -> BackfillProgress:
        """How far it is; ends the command if it has ended without being done."""
        runs = Counter(self.dagster.runs_of(self.id).values())
        # Before the ledger is asked: what has ended by now has committed all that it ever will.
        has_no_active_run = not runs or runs.keys() <= _FINISHED_STATUSES
        has_ended = has_no_active_run and self.dagster.backfill(self.id).has_ended
        n_done = min(self.n_committed(), len(self.days))
        is_complete = n_done == len(self.days)
        if has_ended and not is_complete:
            self._fail()
        counts = ", ".join(f"{counted(n, 'run')} {status.lower()}" for status, n in sorted(runs.items()))
        is_done = has_ended or (set(runs) == {"SUCCESS"} and is_complete)
        return BackfillProgress(n_done, counts or "waiting for the daemon", is_done)

    def is_success(self) -> bool:
        """Whether Dagster itself calls it a success; ends the command if it never will."""
        state = self.dagster.backfill(self.id)
        if state.has_ended and not state.is_success:
            self._fail()
        return state.is_success

    def _fail(self) -> NoReturn:
        state = self.dagster.backfill(self.id)
        reason = self._first_failure() or state.error
        fail(f"the backfill {self.id} of {self.source} ended as {state.status}: {reason}")

    def _first_failure(self) -> str:
        for run_id, status in self.dagster.runs_of(self.id).items():
            if status in _FINISHED_STATUSES and status != "SUCCESS":
                return "; ".join(self.dagster.failures_of(run_id)[:1])
        return ""
