"""`joulehouse ui` with its daemon, its code servers and its history, over a server of the test's."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import psycopg

from domain.errors import ConfigurationError
from domain.window import Window
from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import LoopbackServer, poll
from tests.fakes.demo import PROGRAM, environment_of, opened

PATIENCE_SECONDS: Final = 420.0
_GREEN: Final = """
query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { assetPartitionStatuses {
  ... on TimePartitionStatuses { ranges { startKey endKey status } } } } } }
"""


@dataclass(frozen=True)
class OpenUi:
    """A UI that is open.

    Attributes:
        dagster: Its GraphQL.
        url: Of the warehouse.
        environment: What it has inherited.
        lines: What it printed until it was open.
    """

    dagster: DagsterGraphQL
    url: str
    environment: dict[str, str]
    lines: list[str]

    def command(self, *words: str) -> str:
        """What a command says that is typed beside it."""
        done = subprocess.run(
            [PROGRAM, *words], env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        return " ".join(done.stdout.split())

    def loads(self, days: list[date]) -> tuple[int, int]:
        """Days that are committed, and loads of them."""
        window = Window.of_days(days[0], days[-1])
        with psycopg.connect(self.url) as session:
            rows = session.execute(
                "SELECT count(DISTINCT window_start), count(*) FROM load WHERE status = 'committed'"
                " AND window_start >= %s AND window_end <= %s",
                [window.start, window.end],
            ).fetchall()
        return rows[0][0], rows[0][1]

    def n_green(self, source: str, days: list[date]) -> int:
        """Days that Dagster calls materialized."""
        answer = self.dagster.server.request(
            "POST", "/graphql", {"query": _GREEN, "variables": {"key": {"path": [source, "measurements"]}}}
        )
        ranges = answer["data"]["assetNodeOrError"]["assetPartitionStatuses"]["ranges"]
        green = [(one["startKey"], one["endKey"]) for one in ranges if one["status"] == "MATERIALIZED"]
        return sum(any(first <= str(day) <= last for first, last in green) for day in days)

    def backfill(self, source: str, days: list[date], disturb: Callable[[], None], seed: str) -> str:
        """Backfill from the UI, disturbed at a moment between the first day and the last; how it ended."""
        draw = random.Random(seed)
        n_days, delay = draw.randint(1, len(days) - 2), draw.uniform(0.0, 0.3)
        backfill_id = self.dagster.launch_backfill([f"{source}/payloads", f"{source}/measurements"], days)
        for _ in poll(PATIENCE_SECONDS, every=0.02):
            if self.loads(days)[0] >= n_days:
                break
        time.sleep(delay)
        disturb()
        status = "still waiting"
        for _ in poll(PATIENCE_SECONDS, every=1.0):
            try:
                state = self.dagster.backfill(backfill_id)
            except ConfigurationError:
                continue
            status = state.status
            if state.has_ended:
                break
        runs = sorted(self.dagster.runs_of(backfill_id).values())
        return f"{status} {' '.join(runs)}"


@contextmanager
def open_ui(home: Path, url: str, **variables: str) -> Iterator[OpenUi]:
    """Open it, and end it with the block."""
    environment = environment_of(home, WAREHOUSE_URL=url, **variables)
    with opened(["ui"], environment, "Ctrl-C stops everything.") as lines:
        port = int(next(line for line in lines if line.startswith("Dagster: ")).rpartition(":")[2])
        yield OpenUi(DagsterGraphQL(LoopbackServer(port, "the UI", str(home))), url, environment, lines)
