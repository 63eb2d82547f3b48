"""The demo: a backfill loads each source, every row is verified, and the same backfill again has to write nothing."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.texts import counted
from domain.window import Window
from pipelines.console import console, fail, say
from pipelines.local.dagster_graphql import Backfill, DagsterGraphQL
from pipelines.local.environment import RunningEnvironment
from pipelines.local.sandbox_process import SandboxBinding
from pipelines.local.verification import verify
from warehouse.ledger import Ledger, Totals
from warehouse.store import TimescaleWarehouse

_TIMEOUT_SECONDS: Final = 1800.0
"""Until the demo counts as stuck: the daemon looks every 30 seconds, and 60 days take less than two of its looks."""


class DemoSource:
    """One source of the demo. It waits for no other: its second backfill is launched when its first one is done.

    Args:
        dagster: The Dagster that runs the backfills.
        ledger: What was committed.
        bars: The progress bars.
        source: The source's slug.
        days: Its days.
        when_loaded: Called when the first backfill is done and the second one is launched.

    Attributes:
        source: The source's slug.
        backfills: What was launched so far.
        loaded: The ledger's totals of the first backfill; None until it is done.
    """

    def __init__(
        self,
        dagster: DagsterGraphQL,
        ledger: Ledger,
        bars: Progress,
        source: str,
        days: Sequence[date],
        *,
        when_loaded: Callable[[], None],
    ) -> None:
        """Launch the first backfill."""
        self.source = source
        self.backfills: list[Backfill] = []
        self.loaded: Totals | None = None
        self._dagster = dagster
        self._ledger = ledger
        self._bars = bars
        self._days = days
        self._when_loaded = when_loaded
        self._launch("Backfill")

    def is_done(self) -> bool:
        """Look once; whether both backfills are done."""
        progress = self.backfills[-1].progress()
        self._bars.update(self._bar, completed=progress.n_done, runs=progress.runs)
        if not progress.is_done:
            return False
        self._bars.stop_task(self._bar)
        if self.loaded is None:
            self.loaded = self._totals(self._newest_load_id)
            self._launch("The same again")
            self._when_loaded()
            return False
        self._require_nothing_written()
        return True

    def _launch(self, title: str) -> None:
        newest_load_id = self._newest_load_id = self._ledger.newest_id()

        def n_committed() -> int:
            totals = self._totals(newest_load_id)
            return totals.n_windows if totals else 0

        self.backfills.append(Backfill.launch(self._dagster, self.source, self._days, n_committed))
        self._bar = self._bars.add_task(f"{title}: {self.source}", total=len(self._days), runs="")

    def _totals(self, after_load_id: int) -> Totals | None:
        """What was committed for these days after a load; loads of other days do not count."""
        window = Window.of_days(self._days[0], self._days[-1])
        return next(iter(self._ledger.totals(self.source, window, after_load_id=after_load_id)), None)

    def _require_nothing_written(self) -> None:
        totals = self._totals(self._newest_load_id)
        # A day that a schedule has loaded meanwhile is one day all the same.
        n_days, n_written = (totals.n_windows, totals.n_written) if totals else (0, 0)
        say(f"The same backfill again: {self.source}, {counted(n_days, 'day')} loaded, {n_written:,} rows written.")
        if n_written or n_days != len(self._days):
            days = counted(len(self._days), "day")
            fail(f"the second backfill was to load {days} of {self.source} and to write nothing.")


def run_demo(
    running: RunningEnvironment,
    bindings: Mapping[str, SandboxBinding],
    days: Mapping[str, list[date]],
    *,
    stays_open: bool,
) -> None:
    """Load everything, compare everything, load it again, and print the ledger's totals.

    Args:
        running: The environment.
        bindings: Source → its variables.
        days: Source → its days, in the order in which to launch.
        stays_open: Whether the UI stays open afterwards.
    """
    dagster = running.dagster
    with ExitStack() as stack:
        # A connection for each thread.
        warehouse = stack.enter_context(running.project.warehouse(running.warehouse_url))
        compared = stack.enter_context(running.project.warehouse(running.warehouse_url))
        executor = ThreadPoolExecutor(1)  # comparing takes long, and the other sources go on meanwhile
        stack.callback(executor.shutdown, wait=True, cancel_futures=True)
        bars = stack.enter_context(_progress_bars())
        comparisons: list[Future[None]] = []

        def compare(source: str) -> None:
            comparisons.append(executor.submit(verify_source, running, compared, bindings[source], days[source]))

        catalogue = dagster.launch_run([f"{source}/catalogue" for source in sorted(days)])
        sources = [
            DemoSource(dagster, warehouse.ledger, bars, source, its_days, when_loaded=partial(compare, source))
            for source, its_days in days.items()
        ]
        # Only now: its first look comes at once.
        running.start_daemon()
        _wait_until_done(running, sources, comparisons)
        bars.stop()
        _print_totals(source.loaded for source in sorted(sources, key=lambda source: source.source))
        for comparison in comparisons:
            comparison.result()
        _wait_for_success(running, sources, stays_open=stays_open)
        if (status := dagster.run_status(catalogue)) != "SUCCESS":
            fail(f"the catalogue run did not succeed: {(dagster.failures_of(catalogue) or [status])[0]}")


def verify_source(
    running: RunningEnvironment, warehouse: TimescaleWarehouse, binding: SandboxBinding, days: list[date]
) -> None:
    """Compare the twin's true points for `days` with the warehouse, and print the result; fails where they differ."""
    if running.sandbox is None:
        return
    begin, source = time.monotonic(), binding.source
    outcome = verify(running.sandbox, warehouse.reading, binding, days)
    total = outcome.total
    if not total.n_served:
        fail(
            f"the twin of {source} has nothing for these {len(days)} days: clear its faults (joulehouse sandbox clear)."
        )
    if not total.is_equal:
        fail(
            f"the warehouse is not what the sandbox serves: of {total.n_served:,} rows served and {total.n_loaded:,} "
            f"rows loaded of {source}, {total.n_equal:,} are equal; the first that differs is {total.difference}."
        )
    say(
        f"Row for row: {source}, {total.n_served:,} served by its twin, {total.n_loaded:,} in the warehouse, "
        f"all equal: {outcome.numbers.n_equal:,} numbers and {outcome.texts.n_equal:,} texts "
        f"({time.monotonic() - begin:.0f} s to compare)."
    )
    # A series that got lost would look like a field without a quantity; the ledger knows those that really have none.
    n_unmapped = sum(outcome.unmapped.values())
    n_in_ledger = sum(sum(load.unmapped.values()) for load in warehouse.ledger.last_loads(source, days[0], days[-1]))
    if n_unmapped > n_in_ledger:
        fail(f"the catalogue has no series for {n_unmapped:,} values of {source}; the ledger knows of {n_in_ledger:,}.")
    if n_unmapped:
        names = ", ".join(f"{name} ({n:,})" for name, n in sorted(outcome.unmapped.items()))
        say(f"Left out on both sides, since no quantity is known for them: {names}.")


def _wait_until_done(
    running: RunningEnvironment, sources: Iterable[DemoSource], comparisons: Iterable[Future[None]]
) -> None:
    waiting = list(sources)
    for _ in running.poll(_TIMEOUT_SECONDS):
        waiting = [source for source in waiting if not source.is_done()]
        for comparison in comparisons:
            if comparison.done():
                comparison.result()
        if not waiting:
            return


def _wait_for_success(running: RunningEnvironment, sources: Iterable[DemoSource], *, stays_open: bool) -> None:
    """Wait until Dagster itself calls the backfills a success, which it does up to half a minute late.

    The second ones are not waited for when the UI does not stay open: every run of theirs has succeeded already.
    """
    waiting = [
        backfill for source in sources for backfill in (source.backfills if stays_open else source.backfills[:1])
    ]
    for _ in running.poll(_TIMEOUT_SECONDS):
        waiting = [backfill for backfill in waiting if not backfill.is_success()]
        if not waiting:
            return


def _progress_bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[runs]}[/dim]"),
        console=console,
    )


def _print_totals(loaded: Iterable[Totals | None]) -> None:
    """The table of what was loaded, read back from the ledger."""
    table = Table("source", title="What the ledger says")
    for name in ("days", "series", "received", "written", "duplicate", "rejected", "requests", "seconds"):
        table.add_column(name, justify="right")
    for totals in loaded:
        if totals is None:
            continue
        numbers = (
            totals.n_windows,
            totals.n_series,
            totals.n_received,
            totals.n_written,
            totals.n_duplicate,
            totals.n_rejected,
            totals.n_requests,
        )
        seconds = totals.load_seconds + totals.pull_seconds
        table.add_row(totals.source, *(f"{number:,}" for number in numbers), f"{seconds:.1f}")
    console.print(table)
