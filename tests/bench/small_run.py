"""What one run of a small source costs, one day of the Smart House: processor seconds in the three ways it is run.

In one process (`dagster asset materialize`), from the command line (`joulehouse backfill`), and launched by the daemon:
there the code server, the daemon and the run, above what the first two do while nothing runs. The database's server and
the twin are left out. `BEFORE` names the worktree of an earlier build, which runs as an installation of its own.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import poll
from pipelines.schedules import RANGE_END, RANGE_START
from resources.settings import PROJECT
from sandbox.running import Sandbox, running_sandbox
from tests.bench.definitions import cost
from tests.bench.history import note
from tests.bench.installation import (
    account,
    earlier_build,
    installation,
    load_of_machine,
    of_command,
    own_server,
    processor_seconds,
    shipped,
)
from tests.bench.rooms import say
from tests.fakes.demo import PROGRAM
from tests.fakes.deployed_stack import DeployedStack
from warehouse.embedded import EmbeddedWarehouse

SOURCE: Final = "smart_homes"
ASSETS: Final = [f"{SOURCE}/payloads", f"{SOURCE}/measurements"]
FIRST: Final = date(2026, 1, 5)
ROUNDS: Final = int(os.environ.get("SMALL_RUN_ROUNDS", "5"))
SETTLED_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 60.0
PROMISED: Final = 0.6

Way = Callable[["Build", str], float]


@dataclass(slots=True)
class Build:
    """A build, installed.

    Attributes:
        stack: What runs.
        dagster: Its GraphQL.
        idle: The share of a processor that its code server and its daemon take while nothing runs.
        runs: Processor seconds of the processes of its runs alone.
    """

    stack: DeployedStack
    dagster: DagsterGraphQL
    idle: float = 0.0
    runs: list[float] = field(default_factory=list)

    def spent(self) -> float:
        """Processor seconds so far, of the code server, the daemon and the runs that are over."""
        return processor_seconds([self.stack.process(name) for name in ("code-server", "daemon")])

    def spent_by_runs(self) -> float:
        """Those of the runs that are over."""
        return sum(self.stack.process("code-server").cpu_times()[2:4])


def in_one_process(build: Build, day: str) -> float:
    """`dagster asset materialize`."""
    command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "--select", ",".join(ASSETS)]
    return of_command(build.stack, *command, "--partition", day, "-m", "pipelines.definitions")


def from_the_command_line(build: Build, day: str) -> float:
    """`joulehouse backfill`."""
    return of_command(build.stack, PROGRAM, "backfill", SOURCE, "--days", day)


def by_the_daemon(build: Build, day: str) -> float:
    """A run that is queued as a schedule queues it."""
    before, began, by_runs = build.spent(), time.monotonic(), build.spent_by_runs()
    run_id = build.dagster.launch_run(ASSETS, {RANGE_START: day, RANGE_END: day})
    query = "SELECT status FROM runs WHERE run_id = %s"
    for _ in poll(600):
        [(status,)] = build.stack.asked(query, run_id)
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            break
    if status != "SUCCESS":
        raise RuntimeError(f"the run of {day} ended as {status}: {build.dagster.failures_of(run_id)}")
    # What a process has taken counts for its parent when that has seen that it is over.
    if not any(build.spent_by_runs() > by_runs for _ in poll(60)):
        raise RuntimeError(f"the process of the run of {day} does not end")
    build.runs.append(build.spent_by_runs() - by_runs)
    return build.spent() - before - build.idle * (time.monotonic() - began)


WAYS: Final[Mapping[str, Way]] = {
    "in one process": in_one_process,
    "command line": from_the_command_line,
    "by the daemon": by_the_daemon,
}


@contextmanager
def installed(embedded: EmbeddedWarehouse, sandbox: Sandbox, name: str, checkout: Path) -> Iterator[Build]:
    """A build with the sources that it ships, the small one pointed at its twin."""
    variables = account("SMART_HOMES", sandbox.url, sandbox.control.twins["smart_house"])
    with installation(embedded, shipped(checkout), variables, name=name, checkout=checkout) as stack:
        stack.start_dagster()
        build = Build(stack, stack.start_webserver())
        by_the_daemon(build, str(FIRST - timedelta(days=1)))  # whatever is done once
        build.runs.clear()
        yield build


def idle_shares(builds: Iterable[Build]) -> None:
    """What each takes while nothing runs, all at the same time, once what is done once is done."""
    time.sleep(SETTLED_SECONDS)
    began = time.monotonic()
    before = [(build, build.spent()) for build in builds]
    time.sleep(IDLE_SECONDS)
    for build, spent in before:
        build.idle = (build.spent() - spent) / (time.monotonic() - began)


def main() -> bool:
    """Measure, say the ratios, and whether they hold."""
    checkouts = {"now": PROJECT} | ({"before": before} if (before := earlier_build()) else {})
    found: dict[str, dict[str, list[float]]] = {build: {way: [] for way in WAYS} for build in checkouts}
    with ExitStack() as opened:
        embedded = opened.enter_context(own_server())
        sandbox = opened.enter_context(running_sandbox())
        builds = {
            name: opened.enter_context(installed(embedded, sandbox, name, checkout))
            for name, checkout in checkouts.items()
        }
        idle_shares(builds.values())
        days = (str(FIRST + timedelta(days=n)) for n in range(ROUNDS * len(WAYS)))
        for _ in range(ROUNDS):
            for way, measured in WAYS.items():
                day = next(days)
                for name, build in builds.items():
                    found[name][way].append(measured(build, day))
        floor = statistics.median(
            cost("import dagster, pandas, sqlalchemy", builds["now"].stack.house)[0] for _ in range(ROUNDS)
        )
    say(f"one run of a small source, medians of {ROUNDS} rounds, {load_of_machine()}")
    say(f"  imports of Dagster, pandas and SQLAlchemy: {floor:.2f} s")
    note("small run: imports of Dagster, pandas and SQLAlchemy", floor, "s")
    kept = [_said(way, found, floor) for way in WAYS]
    for name, build in builds.items():
        say(
            f"  {name}: {statistics.median(build.runs):.2f} s of those by the daemon are the run's own process; while"
            f" nothing runs, the code server and the daemon take {100 * build.idle:.1f} % of a processor"
        )
        note(f"small run: by the daemon, the run's own process, {name}", statistics.median(build.runs), "s")
    return all(kept)


def _said(way: str, found: Mapping[str, Mapping[str, list[float]]], floor: float) -> bool:
    seconds = {name: statistics.median(ways[way]) for name, ways in found.items()}
    line = ", ".join(f"{name} {median:.2f} s" for name, median in seconds.items())
    say(f"  {way:15} {line}; {seconds['now'] / floor:.1f} times the imports")
    for name, median in seconds.items():
        note(f"small run: {way}, {name}", median, "s")
    if "before" not in found:
        return True
    ratio = statistics.median(now / then for now, then in zip(found["now"][way], found["before"][way], strict=True))
    say(f"  {'':15} {ratio:.2f} of the build before (promised: {PROMISED} or less)")
    note(f"small run: {way} / build before", ratio, "", f"{PROMISED} or less", holds=ratio <= PROMISED)
    return ratio <= PROMISED


if __name__ == "__main__":
    raise SystemExit(not main())
