"""Dagster's GraphQL, asked by the command line: launch a backfill, see how it goes, name what failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from domain.errors import ConfigurationError
from pipelines.local.loopback import Loopback

LOCATION: Final = "joulehouse"
REPOSITORY: Final = "__repository__"
_ASSET_JOB: Final = "__ASSET_JOB"
_RAISED: Final = "dagster._core.definitions.events.Failure: "
_ENDED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

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
    ... on AssetPartitionsStatusCounts { assetKey { path } numPartitionsTargeted numPartitionsMaterialized
      numPartitionsFailed numPartitionsInProgress } } } } } }
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
        n_targeted: Partitions of assets it is to make.
        n_made: Partitions made so far.
        n_failed: Partitions that failed.
        error: Why the backfill itself broke; empty if it did not.
    """

    status: str
    n_targeted: int
    n_made: int
    n_failed: int
    error: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status.startswith(("COMPLETED", "FAILED", "CANCELED"))

    @property
    def is_green(self) -> bool:
        """Whether all of it was made."""
        return self.status == "COMPLETED_SUCCESS" and self.n_failed == 0


@dataclass(frozen=True, slots=True)
class Orchestra:
    """A running Dagster webserver, spoken to over its GraphQL."""

    server: Loopback

    def location_trouble(self) -> str:
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
        answer = self._query(_LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
        return str(self._success(answer, "LaunchBackfillSuccess")["backfillId"])

    def launch_run(self, assets: Sequence[str]) -> str:
        """Start one run of unpartitioned `assets`; its id.

        Raises:
            ConfigurationError: Dagster refuses.
        """
        selection = [{"path": asset.split("/")} for asset in assets]
        params = {
            "selector": _SELECTOR | {"pipelineName": _ASSET_JOB, "assetSelection": selection},
            "mode": "default",
            "runConfigData": {},
        }
        answer = self._query(_LAUNCH_RUN, params=params)["launchRun"]
        return str(self._success(answer, "LaunchRunSuccess")["run"]["runId"])

    def backfill(self, backfill_id: str) -> BackfillState:
        """Where the backfill stands."""
        answer = self._success(self._query(_BACKFILL, id=backfill_id)["partitionBackfillOrError"], "PartitionBackfill")
        counts = (answer["assetBackfillData"] or {}).get("assetBackfillStatuses") or []
        return BackfillState(
            status=answer["status"],
            n_targeted=sum(count.get("numPartitionsTargeted", 0) for count in counts),
            n_made=sum(count.get("numPartitionsMaterialized", 0) for count in counts),
            n_failed=sum(count.get("numPartitionsFailed", 0) for count in counts),
            error=(answer["error"] or {}).get("message", ""),
        )

    def runs_of(self, backfill_id: str) -> dict[str, str]:
        """The runs of a backfill, by id, with their status."""
        return self._runs({"tags": [{"key": "dagster/backfill", "value": backfill_id}]})

    def run_status(self, run_id: str) -> str:
        """The status of one run."""
        return self._runs({"runIds": [run_id]}).get(run_id, "MISSING")

    def failures_of(self, run_id: str) -> list[str]:
        """What the run's failing steps said."""
        events = self._query(_FAILURES, id=run_id)["logsForRun"].get("events", [])
        said = [(event.get("error") or {}).get("message") or event.get("message") for event in events if event]
        return [sentence.strip().removeprefix(_RAISED) for sentence in said if sentence]

    def _runs(self, runs_filter: dict[str, Any]) -> dict[str, str]:
        results = self._query(_RUNS, filter=runs_filter)["runsOrError"].get("results", [])
        return {run["runId"]: run["status"] for run in results}

    def _query(self, text: str, **variables: object) -> dict[str, Any]:
        answer = self.server.ask("POST", "/graphql", {"query": text, "variables": variables})
        if answer.get("errors"):
            raise self._refused(answer["errors"][0].get("message", "no reason given"))
        found: dict[str, Any] = answer["data"]
        return found

    def _success(self, answer: dict[str, Any], expected: str) -> dict[str, Any]:
        if answer["__typename"] != expected:
            raise self._refused(answer.get("message", answer["__typename"]))
        return answer

    def _refused(self, why: str) -> ConfigurationError:
        first_line = why.strip().partition("\n")[0]
        return ConfigurationError(
            f"Dagster refuses: {first_line}", place=self.server.title, fix=f"read {self.server.log}"
        )


def has_ended(status: str) -> bool:
    """Whether a run with this status is over."""
    return status in _ENDED
