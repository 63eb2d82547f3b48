"""`joulehouse demo`: measured days through everything, a real backfill, checked row for row, then loaded again."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.command_line.house import House, Source
from pipelines.command_line.loopback import looks
from pipelines.command_line.open_house import OpenHouse, opened
from pipelines.command_line.orchestra import has_ended
from pipelines.command_line.speech import console, counted, fail, refuse, say, today
from pipelines.command_line.twin import SOURCE, Twin
from pipelines.command_line.ui import PortOption, keep_open

if TYPE_CHECKING:
    from warehouse.ledger import Ledger
    from warehouse.store import TimescaleWarehouse

BACKFILL_SECONDS: Final = 900.0
"""Until a backfill counts as stuck. The daemon looks every 30 seconds; 60 days take less than one of its rounds."""

OnceOption = Annotated[bool, typer.Option("--once", help="End after the summary, and stop everything.")]
DaysOption = Annotated[int, typer.Option(min=1, max=300, help="How many whole days to pull, ending yesterday.")]


def demo(*, once: OnceOption = False, days: DaysOption = 60, port: PortOption = None) -> None:
    """Pull measured days from the sandbox through a real Dagster backfill, verify every row, and leave the UI open."""
    begun = time.monotonic()
    house = House()
    source = house.source(SOURCE)
    if house.is_external:
        refuse("the demo loads the sandbox's rows into its own embedded warehouse: unset WAREHOUSE_URL for it.")
    if not Twin(house.home, house.root).is_meant_by(house.settings.environment):
        refuse(f"{SOURCE} points at a real account here, and the demo would mix into it: unset {SOURCE.upper()}_URL.")
    wanted = [today() - timedelta(days=back) for back in range(days, 0, -1)]

    with (
        opened(house, with_twin=True, port=port, first_day=wanted[0]) as running,
        house.unopened_warehouse(running.warehouse_url) as warehouse,
    ):
        _go_through(running, warehouse, source, wanted)
        say(f"Done in {time.monotonic() - begun:.0f} seconds.")
        if not once:
            keep_open(running)


def _go_through(running: OpenHouse, warehouse: "TimescaleWarehouse", source: Source, days: list[date]) -> None:
    """Both backfills. The daemon looks every 30 seconds: what can be done meanwhile is done meanwhile."""
    ledger, orchestra = warehouse.ledger, running.orchestra
    catalogue = orchestra.launch_run([f"{source.slug}/catalogue"])
    before_first = ledger.newest_id()
    first = _launch(running, source, days)
    # Only now: its first look comes at once.
    running.start_daemon()
    _await_days(running, first, "Backfill", len(days), lambda: _n_days(ledger, source, before_first))
    _summary(ledger, source, before_first)

    before_second = ledger.newest_id()
    second = _launch(running, source, days)
    _verified(running, warehouse, source, days)
    _await_days(running, second, "The same again", len(days), lambda: _n_days(ledger, source, before_second))
    _nothing_written(ledger, source, days, before_second)

    for backfill in (first, second):
        _await_end(running, backfill)
    if (status := orchestra.run_status(catalogue)) != "SUCCESS":
        fail(f"the catalogue run did not succeed: {(orchestra.failures_of(catalogue) or [status])[0]}")


def _nothing_written(ledger: "Ledger", source: Source, days: list[date], newest: int) -> None:
    totals = ledger.totals(source.slug, after_load_id=newest)
    n_loads, n_written = (totals[0].n_loads, totals[0].n_written) if totals else (0, 0)
    say(f"The same backfill again: {counted(n_loads, 'day')} loaded, {n_written:,} rows written.")
    if n_written or n_loads != len(days):
        fail(f"the second backfill was to load {counted(len(days), 'day')} and to write nothing.")


def _n_days(ledger: "Ledger", source: Source, newest: int) -> int:
    """Days committed since the ledger's entry `newest`."""
    return sum(totals.n_windows for totals in ledger.totals(source.slug, after_load_id=newest))


def _launch(running: OpenHouse, source: Source, days: list[date]) -> str:
    return running.orchestra.launch_backfill([f"{source.slug}/payloads", f"{source.slug}/measurements"], days)


def _await_days(running: OpenHouse, backfill: str, title: str, n_days: int, n_loaded: Callable[[], int]) -> None:
    """Wait until every run of the backfill has ended well; the bar is what the ledger has committed."""
    bar = Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[runs]}[/dim]"),
        console=console,
    )
    with bar:
        task = bar.add_task(title, total=n_days, runs="")
        for _ in _while_all_live(running, backfill):
            runs = Counter(running.orchestra.runs_of(backfill).values())
            done = min(n_loaded(), n_days)
            words = ", ".join(f"{counted(n, 'run')} {status.lower()}" for status, n in sorted(runs.items()))
            bar.update(task, completed=done, runs=words or "waiting for the daemon")
            if runs and set(runs) == {"SUCCESS"} and done == n_days:
                return
            if running.orchestra.backfill(backfill).has_ended:
                break
    # It has ended, and not all is there; or it is there since a moment ago.
    if n_loaded() < n_days:
        _refuse_end(running, backfill)


def _await_end(running: OpenHouse, backfill: str) -> None:
    """Wait until Dagster itself calls the backfill a success."""
    for _ in _while_all_live(running, backfill):
        state = running.orchestra.backfill(backfill)
        if state.is_green:
            return
        if state.has_ended:
            _refuse_end(running, backfill)


def _while_all_live(running: OpenHouse, backfill: str) -> Iterator[None]:
    """Again and again, while every process lives and the backfill may still end."""
    for _ in looks(BACKFILL_SECONDS, every=1.0):
        if trouble := running.stack.trouble():
            fail(trouble)
        yield
    fail(f"the backfill {backfill} has not ended in {BACKFILL_SECONDS:.0f} s: read {running.stack.daemon.log}.")


def _refuse_end(running: OpenHouse, backfill: str) -> NoReturn:
    state = running.orchestra.backfill(backfill)
    fail(f"the backfill {backfill} ended as {state.status}: {_why(running, backfill) or state.error}")


def _why(running: OpenHouse, backfill: str) -> str:
    for run, status in running.orchestra.runs_of(backfill).items():
        if has_ended(status) and status != "SUCCESS":
            return "; ".join(running.orchestra.failures_of(run)[:1])
    return ""


def _summary(ledger: "Ledger", source: Source, newest: int) -> None:
    """The table of what was loaded, read back from the ledger."""
    table = Table("source", title="What the ledger says")
    for name in ("days", "series", "rows in", "rows loaded", "rejected", "requests", "seconds"):
        table.add_column(name, justify="right")
    for totals in ledger.totals(source.slug, after_load_id=newest):
        figures = (
            totals.n_windows,
            totals.n_series,
            totals.n_received,
            totals.n_inserted + totals.n_changed,
            totals.n_rejected,
            totals.n_requests,
        )
        seconds = totals.load_seconds + totals.pull_seconds
        table.add_row(totals.source, *(f"{figure:,}" for figure in figures), f"{seconds:.1f}")
    console.print(table)


def _verified(running: OpenHouse, warehouse: "TimescaleWarehouse", source: Source, days: list[date]) -> None:
    """Hold what the sandbox serves against what the warehouse holds; ends the command where they differ."""
    if running.twin is None:
        return
    from pipelines.command_line.verification import verify  # noqa: PLC0415 — brings pandas, which no other command needs

    begun = time.monotonic()
    verified = verify(running.twin, warehouse.reading, source.slug, days)
    both = verified.both
    if not both.n_served:
        fail(f"the sandbox serves nothing for these {len(days)} days: clear its faults (joulehouse sandbox clear).")
    if not both.is_equal:
        fail(
            f"the warehouse is not what the sandbox serves: of {both.n_served:,} rows served and {both.n_loaded:,} "
            f"rows loaded, {both.n_equal:,} are equal; the first that differs is {both.difference}."
        )
    say(
        f"Row for row: {both.n_served:,} served by the sandbox, {both.n_loaded:,} in the warehouse, all equal: "
        f"{verified.numbers.n_equal:,} numbers and {verified.texts.n_equal:,} texts "
        f"({time.monotonic() - begun:.0f} s to compare)."
    )
    # A series that got lost would look like a field without a quantity; the ledger knows those that really have none.
    n_unmapped = sum(verified.unmapped.values())
    loads = warehouse.ledger.last_loads(source.slug, days[0], days[-1])
    n_known = sum(sum(load.unmapped.values()) for load in loads)
    if n_unmapped != n_known:
        fail(f"the catalogue has no series for {n_unmapped:,} values served; the ledger knows of {n_known:,} of them.")
    if n_unmapped:
        names = ", ".join(f"{name} ({n:,})" for name, n in sorted(verified.unmapped.items()))
        say(f"Left out on both sides, since no quantity is known for them: {names}.")
