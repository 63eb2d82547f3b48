"""Every source on its course through the demo, all at once, each verified as soon as it is loaded."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.console import console, fail
from pipelines.local.demo_source import Course
from pipelines.local.environment import OpenHouse
from pipelines.local.sandbox_process import Account
from pipelines.local.verified import verified

if TYPE_CHECKING:
    from warehouse.ledger import Totals

_MOST_SECONDS: Final = 1800.0
"""Until the demo counts as stuck: the daemon looks every 30 seconds, and 60 days take less than two of its looks."""


def go_through(
    running: OpenHouse, accounts: Mapping[str, Account], days: Mapping[str, list[date]], *, is_looked_at: bool
) -> None:
    """Load everything, compare everything, load it again, and say what the ledger says.

    Args:
        running: Where.
        accounts: Source → its account.
        days: Source → its days, in the order in which to launch.
        is_looked_at: Whether somebody looks at the UI afterwards.
    """
    orchestra = running.orchestra
    with ExitStack() as opened:
        watched = opened.enter_context(running.house.unopened_warehouse(running.warehouse_url))
        compared = opened.enter_context(running.house.unopened_warehouse(running.warehouse_url))
        beside = ThreadPoolExecutor(1)  # comparing takes long, and the others are to go on
        opened.callback(beside.shutdown, wait=True, cancel_futures=True)
        bars = opened.enter_context(_bars())
        comparisons: list[Future[None]] = []

        def compare(source: str) -> None:
            comparisons.append(beside.submit(verified, running, compared, accounts[source], days[source]))

        catalogue = orchestra.launch_run([f"{source}/catalogue" for source in sorted(days)])
        courses = [
            Course(orchestra, watched.ledger, bars, source, taken, when_loaded=partial(compare, source))
            for source, taken in days.items()
        ]
        # Only now: its first look comes at once.
        running.start_daemon()
        _watch(running, courses, comparisons)
        bars.stop()
        _summary(course.loaded for course in sorted(courses, key=lambda course: course.source))
        for comparison in comparisons:
            comparison.result()
        _await_green(running, courses, is_looked_at=is_looked_at)
        if (status := orchestra.run_status(catalogue)) != "SUCCESS":
            fail(f"the catalogue run did not succeed: {(orchestra.failures_of(catalogue) or [status])[0]}")


def _watch(running: OpenHouse, courses: Iterable[Course], comparisons: Iterable[Future[None]]) -> None:
    waiting = list(courses)
    for _ in running.looks(_MOST_SECONDS):
        waiting = [course for course in waiting if not course.has_come_to_its_end()]
        for comparison in comparisons:
            if comparison.done():
                comparison.result()
        if not waiting:
            return


def _await_green(running: OpenHouse, courses: Iterable[Course], *, is_looked_at: bool) -> None:
    """Wait until Dagster itself calls the backfills a success, which it does up to half a minute late.

    Nobody waits for that of the last ones where nobody will look: every run of theirs has said the same.
    """
    waiting = [
        backfill for course in courses for backfill in (course.backfills if is_looked_at else course.backfills[:1])
    ]
    for _ in running.looks(_MOST_SECONDS):
        waiting = [backfill for backfill in waiting if not backfill.is_green()]
        if not waiting:
            return


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[runs]}[/dim]"),
        console=console,
    )


def _summary(loaded: Iterable["Totals | None"]) -> None:
    """The table of what was loaded, read back from the ledger."""
    table = Table("source", title="What the ledger says")
    for name in ("days", "series", "rows in", "rows loaded", "duplicate", "rejected", "requests", "seconds"):
        table.add_column(name, justify="right")
    for totals in loaded:
        if totals is None:
            continue
        figures = (
            totals.n_windows,
            totals.n_series,
            totals.n_received,
            totals.n_inserted + totals.n_changed,
            totals.n_duplicate,
            totals.n_rejected,
            totals.n_requests,
        )
        seconds = totals.load_seconds + totals.pull_seconds
        table.add_row(totals.source, *(f"{figure:,}" for figure in figures), f"{seconds:.1f}")
    console.print(table)
