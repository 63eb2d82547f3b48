"""`joulehouse demo`: measured days through everything, real backfills, checked row for row, then loaded again."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from domain.window import Window
from pipelines.command_line.house import House, Source
from pipelines.command_line.open_house import OpenHouse, opened
from pipelines.command_line.rounds import Round
from pipelines.command_line.speech import console, counted, fail, refuse, say, today
from pipelines.command_line.twin import Account, Twin
from pipelines.command_line.ui import PortOption, keep_open
from resources.settings import DAGSTER_VARIABLES

if TYPE_CHECKING:
    from warehouse.ledger import Ledger, Totals
    from warehouse.store import TimescaleWarehouse

OnceOption = Annotated[bool, typer.Option("--once", help="End after the summary, and stop everything.")]
DaysOption = Annotated[int, typer.Option(min=1, max=300, help="How many whole days to pull at most, ending yesterday.")]


def demo(*, once: OnceOption = False, days: DaysOption = 60, port: PortOption = None) -> None:
    """Pull measured days from the sandbox through real Dagster backfills, verify every row, and leave the UI open."""
    begun = time.monotonic()
    house = House()
    for name in ("WAREHOUSE_URL", "LANDING_URL", *DAGSTER_VARIABLES):
        if house.settings.environment.get(name, "").strip():
            refuse(f"the demo keeps the sandbox's rows apart from all that is yours: unset {name} for it.")
    sources = _sources(house)
    wanted = {source.slug: _days_of(source, days) for source in sources}
    first_days = {slug: taken[0] for slug, taken in wanted.items()}

    with (
        opened(house, accounts=[source.account for source in sources], port=port, first_days=first_days) as running,
        house.unopened_warehouse(running.warehouse_url) as warehouse,
    ):
        served = _served(running.twin, [source.account for source in sources])
        _go_through(running, warehouse, served, wanted)
        say(f"Done in {time.monotonic() - begun:.0f} seconds.")
        if not once:
            keep_open(running)


def _sources(house: House) -> list[Source]:
    """Those that can be pointed at the sandbox; ends the command where one points at a real account."""
    environment = house.settings.environment
    sources = [source for source in house.sources() if source.account.addresses]
    for account in (source.account for source in sources):
        if not house.twin.is_meant_by(environment, account):
            said = ", ".join(name for name in account.variables if environment.get(name, "").strip())
            refuse(f"{account.source} points at a real account here, and the demo would mix into it: unset {said}.")
    if not sources:
        refuse("no source in assets/ names a base_url_env: there is nothing to point at the sandbox.")
    return sources


def _days_of(source: Source, n_days: int) -> list[date]:
    """The whole days to pull, ending yesterday; of a provider that counts requests, one of its widest windows at most.

    What may be asked once a second is asked once a second, of a twin too: 60 days of it would take as many requests
    twice over, and the demo minutes longer.
    """
    spec = source.component.facts.spec
    n_taken = n_days if spec.requests_per_second is None else min(n_days, max(1, spec.max_window.days))
    return [today() - timedelta(days=back) for back in range(n_taken, 0, -1)]


def _served(twin: Twin | None, accounts: Sequence[Account]) -> list[Account]:
    """Those whose provider has a twin."""
    served = [account for account in accounts if twin and twin.serves(account)]
    for account in accounts:
        if account not in served:
            say(f"           no twin of {account.provider}: {account.source} is left out")
    if not served:
        fail("no source has a twin in the sandbox.")
    return served


def _go_through(
    running: OpenHouse, warehouse: "TimescaleWarehouse", accounts: Sequence[Account], days: Mapping[str, list[date]]
) -> None:
    """Both rounds. The daemon looks every 30 seconds: what can be done meanwhile is done meanwhile."""
    ledger, orchestra = warehouse.ledger, running.orchestra
    catalogue = orchestra.launch_run([f"{account.source}/catalogue" for account in accounts])
    before_first = ledger.newest_id()
    first = _launched(running, ledger, "Backfill", accounts, days)
    # Only now: its first look comes at once.
    running.start_daemon()
    first.watch()
    _summary(ledger, accounts, days, before_first)

    before_second = ledger.newest_id()
    second = _launched(running, ledger, "The same again", accounts, days)
    for account in accounts:
        _verified(running, warehouse, account, days[account.source])
    second.watch()
    for account in accounts:
        _nothing_written(ledger, account, days[account.source], before_second)

    for backfills in (first, second):
        backfills.await_end()
    if (status := orchestra.run_status(catalogue)) != "SUCCESS":
        fail(f"the catalogue run did not succeed: {(orchestra.failures_of(catalogue) or [status])[0]}")


def _launched(
    running: OpenHouse, ledger: "Ledger", title: str, accounts: Sequence[Account], days: Mapping[str, list[date]]
) -> Round:
    """A backfill for each source, so that each is seen to go well or to fail by itself."""
    newest = ledger.newest_id()

    def n_done(source: str) -> int:
        totals = _totals(ledger, source, days[source], newest)
        return totals.n_windows if totals else 0

    backfills = {
        account.source: running.orchestra.launch_backfill(
            [f"{account.source}/payloads", f"{account.source}/measurements"], days[account.source]
        )
        for account in accounts
    }
    return Round(running, title, days, backfills, n_done)


def _totals(ledger: "Ledger", source: str, days: list[date], newest: int) -> "Totals | None":
    """What was committed for these days since the ledger's entry `newest`; loads of a schedule's other days are not."""
    return next(iter(ledger.totals(source, Window.of_days(days[0], days[-1]), after_load_id=newest)), None)


def _nothing_written(ledger: "Ledger", account: Account, days: list[date], newest: int) -> None:
    totals = _totals(ledger, account.source, days, newest)
    # A day that a schedule has loaded meanwhile is one day all the same.
    n_days, n_written = (totals.n_windows, totals.n_written) if totals else (0, 0)
    say(f"The same backfill again: {account.source}, {counted(n_days, 'day')} loaded, {n_written:,} rows written.")
    if n_written or n_days != len(days):
        fail(f"the second backfill was to load {counted(len(days), 'day')} of {account.source} and to write nothing.")


def _summary(ledger: "Ledger", accounts: Sequence[Account], days: Mapping[str, list[date]], newest: int) -> None:
    """The table of what was loaded, read back from the ledger."""
    table = Table("source", title="What the ledger says")
    for name in ("days", "series", "rows in", "rows loaded", "duplicate", "rejected", "requests", "seconds"):
        table.add_column(name, justify="right")
    for account in accounts:
        totals = _totals(ledger, account.source, days[account.source], newest)
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


def _verified(running: OpenHouse, warehouse: "TimescaleWarehouse", account: Account, days: list[date]) -> None:
    """Hold what the twin means against what the warehouse holds; ends the command where they differ."""
    if running.twin is None:
        return
    from pipelines.command_line.verification import verify  # noqa: PLC0415 — brings pandas, which no other command needs

    begun, source = time.monotonic(), account.source
    verified = verify(running.twin, warehouse.reading, account, days)
    both = verified.both
    if not both.n_served:
        fail(
            f"the twin of {source} has nothing for these {len(days)} days: clear its faults (joulehouse sandbox clear)."
        )
    if not both.is_equal:
        fail(
            f"the warehouse is not what the sandbox serves: of {both.n_served:,} rows served and {both.n_loaded:,} "
            f"rows loaded of {source}, {both.n_equal:,} are equal; the first that differs is {both.difference}."
        )
    say(
        f"Row for row: {source}, {both.n_served:,} served by its twin, {both.n_loaded:,} in the warehouse, all equal: "
        f"{verified.numbers.n_equal:,} numbers and {verified.texts.n_equal:,} texts "
        f"({time.monotonic() - begun:.0f} s to compare)."
    )
    # A series that got lost would look like a field without a quantity; the ledger knows those that really have none.
    n_unmapped = sum(verified.unmapped.values())
    n_known = sum(sum(load.unmapped.values()) for load in warehouse.ledger.last_loads(source, days[0], days[-1]))
    if n_unmapped > n_known:
        fail(f"the catalogue has no series for {n_unmapped:,} values of {source}; the ledger knows of {n_known:,}.")
    if n_unmapped:
        names = ", ".join(f"{name} ({n:,})" for name, n in sorted(verified.unmapped.items()))
        say(f"Left out on both sides, since no quantity is known for them: {names}.")
