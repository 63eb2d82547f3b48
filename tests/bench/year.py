"""A backfill of a year of the charging hub through Dagster, its provider 50 ms away, beside what it is made of.

That is: its requests, each of which waits for the one before (a page names the next, and products are asked for one
after the other), and the loads of its days, as the same build loads days that were landed before. What Dagster takes
between one run's last commit and the next one's first request is printed apart. `YEAR_DAYS` (365) makes it shorter.
"""

import os
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from assets.ingest import ingest_days
from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import poll
from pipelines.local.project import Project
from resources.settings import Settings
from sandbox.running import Sandbox, running_sandbox
from tests.bench.history import note
from tests.bench.installation import (
    LATENCY_SECONDS,
    account,
    be_slow,
    installation,
    load_of_machine,
    own_server,
    points_asked,
    shipped,
)
from tests.bench.rooms import database, say, seconds_of
from tests.fakes.deployed_stack import DeployedStack
from warehouse.store import open_warehouse

SOURCE: Final = "charging_hub"
FIRST: Final = date(2025, 6, 1)
DAYS: Final = [FIRST + timedelta(days=n) for n in range(int(os.environ.get("YEAR_DAYS", "365")))]
SAMPLE: Final = DAYS[:: max(1, len(DAYS) // 20)]
"""Days that are loaded apart, from what was landed before."""

AT_ONCE: Final = 1
PROMISED: Final = 1.2
PATIENCE_SECONDS: Final = 3600.0

_RUNS: Final = """
    SELECT runs.start_time, runs.end_time, launched.at FROM runs JOIN run_tags USING (run_id),
    LATERAL (
        SELECT extract(EPOCH FROM min(timestamp) AT TIME ZONE 'UTC')::float8 AS at FROM event_logs
        WHERE event_logs.run_id = runs.run_id AND dagster_event_type = 'PIPELINE_STARTING'
    ) AS launched
    WHERE key = 'dagster/backfill' AND value = %s ORDER BY launched.at
"""
"""Of each run: when its process called it started, when it was over, and when it was launched."""


def main() -> bool:
    """Measure, say the ratio, and whether it is what was promised."""
    with own_server() as embedded, running_sandbox() as sandbox, TemporaryDirectory() as folder:
        variables = account("CHARGING_HUB", sandbox.url, sandbox.control.export_service)
        texts = {SOURCE: shipped()[SOURCE]}
        with installation(embedded, texts, variables, name="year") as stack:
            each = load_seconds(stack, database(embedded.admin_url, "sample"), Path(folder))
            be_slow(sandbox)
            stack.start_dagster()
            dagster = stack.start_webserver()
            sandbox.control.clear_requests()
            launched = datetime.now(UTC)
            backfill = dagster.launch_backfill([f"{SOURCE}/payloads", f"{SOURCE}/measurements"], DAYS)
            wait_for(dagster, backfill)
            return said(stack, sandbox, backfill, launched, each)


def load_seconds(stack: DeployedStack, url: str, folder: Path) -> float:
    """Seconds to load a day of what is landed, as the mean of `SAMPLE`, with nobody else at work."""
    source = Project(Settings(stack.environment)).source(SOURCE)
    with closing(source.open()) as provider, open_warehouse(url, folder / "landing") as warehouse:
        list(ingest_days(SAMPLE[:1], provider, warehouse, SOURCE))  # the catalogue, the imports and the file caches
        for outcome in ingest_days(SAMPLE[1:], provider, warehouse, SOURCE, loads=False):
            if outcome.error:
                raise outcome.error
        seconds = seconds_of(lambda: list(ingest_days(SAMPLE[1:], provider, warehouse, SOURCE, lands=False)))
    return seconds / len(SAMPLE[1:])


def wait_for(dagster: DagsterGraphQL, backfill: str) -> None:
    """Wait until the backfill has ended well."""
    for _ in poll(PATIENCE_SECONDS, every=5.0):
        if (state := dagster.backfill(backfill)).has_ended:
            break
    if not state.is_success:
        raise RuntimeError(f"the backfill ended as {state}")


def said(stack: DeployedStack, sandbox: Sandbox, backfill: str, launched: datetime, each: float) -> bool:
    """Print what was found; whether it is what was promised."""
    runs = stack.asked(_RUNS, backfill)
    requests = sorted(datetime.fromisoformat(entry["wall"]).timestamp() for entry in sandbox.control.requests())
    committed = points_asked(stack, "SELECT loaded_at FROM load WHERE status = 'committed' ORDER BY loaded_at")
    commits = [moment.timestamp() for (moment,) in committed]
    if len(commits) != len(DAYS):
        raise RuntimeError(f"{len(commits)} of {len(DAYS)} days are loaded")
    seconds: float = commits[-1] - runs[0][0]
    asked, loads = len(requests) * LATENCY_SECONDS / AT_ONCE, len(DAYS) * each
    latency: float = runs[0][2] - launched.timestamp()
    ratio = seconds / (asked + loads)
    daemon, starts = between(runs, requests, commits)
    within = (seconds - daemon - starts) / (asked + loads)
    say(f"a year of the charging hub through Dagster: {len(DAYS)} days in {len(runs)} runs, {load_of_machine()}")
    say(f"  from the first run's start to the last commit: {seconds:.0f} s")
    say(f"  {len(requests):,} requests of {1000 * LATENCY_SECONDS:.0f} ms, {AT_ONCE} at once: {asked:.0f} s")
    say(f"  loads of what is landed, {1000 * each:.0f} ms a day: {loads:.0f} s")
    say(f"  ratio {ratio:.2f} (promised: {PROMISED:.2f} or less); {within:.2f} without what lies between two runs:")
    say(f"  from runs' last commits until the daemon launches the next: {daemon:.0f} s; until they ask: {starts:.0f} s")
    say(f"  from the click to the first run's launch: {latency:.0f} s")
    note(
        "year: first run's start to last commit / requests and loads",
        ratio,
        "",
        f"{PROMISED:.2f} or less",
        holds=ratio <= PROMISED,
    )
    note("year: the same without what lies between two runs", within)
    for line, figure in {
        "first run's start to last commit": seconds,
        "latency of its requests": asked,
        "loads of what is landed": loads,
        "runs' last commits to the next one's launch": daemon,
        "runs' launches to their first request": starts,
        "click to the first run's launch": latency,
    }.items():
        note(f"year: {line}", figure, "s")
    return ratio <= PROMISED


def between(
    runs: Sequence[tuple[float, float, float]], requests: Sequence[float], commits: Sequence[float]
) -> tuple[float, float]:
    """Seconds from the runs' last commits to the next one's launch, and from each launch to its first request.

    The first run counts from when its process called it started.
    """
    begins = [runs[0][0], *(launched for _, _, launched in runs[1:])]
    starts = sum(min(moment for moment in requests if moment > begin) - begin for begin in begins)
    daemon = sum(begin - max(moment for moment in commits if moment < begin) for begin in begins[1:])
    return daemon, starts


if __name__ == "__main__":
    raise SystemExit(not main())
