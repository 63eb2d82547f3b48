"""`sources` and `status`: what there is, how far it is loaded, and what is wrong with it, read from the ledger."""

from collections import Counter
from datetime import date, timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from pipelines.console import console, counted, days_in_words, literal, say, today
from pipelines.local.project import Project, Source
from warehouse.ledger import DayStatus, Ledger

_RECENT: Final = 7  # loads that `status` shows

SourceArgument = Annotated[str, typer.Argument(metavar="[SOURCE]", help="Only this source.")]


def sources() -> None:
    """Every source: its provider, how far it is loaded, and its health."""
    project = Project()
    table = Table("source", "provider", "first day", "days loaded", "last load", "health")
    with project.warehouse() as warehouse:
        for source in project.sources():
            days = warehouse.ledger.days(source.slug)
            loads = [day.loaded_at for day in days if day.loaded_at]
            table.add_row(
                source.slug,
                source.component.facts.spec.title,
                source.first_day.isoformat(),
                f"{len(loads):,}",
                f"{max(loads):%Y-%m-%d %H:%M} UTC" if loads else "never",
                literal(_health(source, days)),
            )
    console.print(table)


def status(source: SourceArgument = "") -> None:
    """How each source stands: its last loads, and what is missing, rejected or not understood."""
    project = Project()
    chosen = [project.source(source)] if source else project.sources()
    with project.warehouse() as warehouse:
        for one in chosen:
            _print_status(one, warehouse.ledger)


def missing_days(loaded: set[date], last: date) -> list[date]:
    """Days between the first that is loaded and `last` that are not loaded."""
    if not loaded:
        return []
    first = min(loaded)
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in every if day not in loaded]


def _last_expected(source: Source, loaded: set[date]) -> date:
    """The newest day that should be loaded; where no schedule asks, no further day is expected."""
    return max(loaded) if source.component.facts.is_asked_by_hand else today() - timedelta(days=1)


def _health(source: Source, days: list[DayStatus]) -> str:
    if source.component.facts.is_retired:
        return "retired"
    if unset := source.missing_variables:
        return f"not set: {', '.join(unset)}"
    if failed := [day for day in days if day.status == "failed"]:
        return f"{counted(len(failed), 'day')} failed, last {failed[-1].day} ({failed[-1].reason})"
    loaded = {day.day for day in days if day.loaded_at}
    if not loaded:
        return "nothing is loaded yet"
    if missing := missing_days(loaded, _last_expected(source, loaded)):
        return f"{counted(len(missing), 'day')} missing"
    return "well"


def _print_status(source: Source, ledger: Ledger) -> None:
    days = ledger.days(source.slug)
    loaded = [day for day in days if day.loaded_at]
    say(f"{source.slug} ({source.component.facts.spec.title}): {_health(source, days)}")
    if not loaded:
        return
    table = Table("day", "loaded at (UTC)")
    for name in ("received", "inserted", "changed", "removed", "unchanged", "rejected", "points"):
        table.add_column(name, justify="right")
    newest = loaded[-_RECENT:]
    for entry in ledger.last_loads(source.slug, newest[0].day, newest[-1].day):
        numbers = (
            entry.n_received,
            entry.n_inserted,
            entry.n_changed,
            entry.n_removed,
            entry.n_unchanged,
            entry.n_rejected,
            entry.n_points,
        )
        table.add_row(
            str(entry.window),
            f"{entry.loaded_at:%Y-%m-%d %H:%M:%S}",
            *(f"{number:,}" for number in numbers),
            style="red" if entry.status == "failed" else None,
        )
    console.print(table)

    loaded_days = {day.day for day in loaded}
    missing = missing_days(loaded_days, _last_expected(source, loaded_days))
    say(f"  loaded    {counted(len(loaded), 'day')}, {sum(day.n_points for day in loaded):,} points")
    say(f"  missing   {days_in_words(missing) or 'no day'}")
    for day in days:
        if day.status == "failed":
            say(f"  failed    {day.day} ({day.reason}): {day.sentence}")
    _print_counts(source, ledger, loaded)


def _print_counts(source: Source, ledger: Ledger, loaded: list[DayStatus]) -> None:
    rejected: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    for entry in ledger.last_loads(source.slug, loaded[0].day, loaded[-1].day):
        rejected.update(entry.rejected_by_reason)
        unmapped.update(entry.unmapped)
    say(f"  rejected  {_listed(rejected) or 'nothing'}")
    say(f"  unmapped  {_listed(unmapped) or 'nothing'}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.most_common())
