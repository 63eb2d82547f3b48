"""`backfill` and `replay`: days of one source, one after another, each committed before the next begins.

Before the first, how many requests they are planned to take; afterwards, how many the ledger has counted.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from assets.expected import last_expected_day
from assets.ingest import DayOutcome, contiguous_ranges, ingest_days
from domain.contract import Provider
from domain.errors import ConfigurationError, IngestError
from domain.texts import counted
from domain.window import Window
from pipelines.cli.overview import is_ignored
from pipelines.console import complain, console, days_in_words, fail, log_to_console, refuse, say, today
from pipelines.local.project import Project, Source
from warehouse.ledger import Ledger
from warehouse.store import TimescaleWarehouse

_RESTS_HOURS: Final = 20
"""A day that was asked for is not missing again before; a daily schedule does so at its next tick."""

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's slug; `joulehouse sources` lists.")]
FromOption = Annotated[str, typer.Option("--from", metavar="DAY", help="The first UTC day, as 2026-01-31.")]
FromLandedOption = Annotated[
    str, typer.Option("--from", metavar="DAY", help="The first UTC day [default: the source's first day].")
]
ToOption = Annotated[str, typer.Option("--to", metavar="DAY", help="The last UTC day, included [default: yesterday].")]
DaysOption = Annotated[str, typer.Option("--days", metavar="DAY,DAY…", help="Exactly these UTC days.")]
MissingOption = Annotated[
    bool,
    typer.Option("--missing", help="The days on which something is missing, and that were not asked for just now."),
]
CorrectionOption = Annotated[
    bool, typer.Option("--correction", help="The provider is right: let a day lose any amount of what it holds.")
]


def backfill(
    source: SourceArgument,
    first: FromOption = "",
    last: ToOption = "",
    *,
    days: DaysOption = "",
    missing: MissingOption = False,
    correction: CorrectionOption = False,
) -> None:
    """Ask the provider for whole days again, and load them. Needs no daemon; one bad day does not stop the others."""
    chosen = Project().source(source)
    if sum([bool(days), missing, bool(first) and not missing]) != 1:
        refuse("say which days: --from DAY, --days DAY,DAY… or --missing.")
    if chosen.component.facts.is_retired and missing:
        refuse(f"{chosen.component.facts.spec.title} is retired and cannot be asked any more.")
    named = [] if missing else _named_days(chosen, days) if days else day_range(chosen, first, last)
    _require_variables(chosen)
    with chosen.project.warehouse() as warehouse, closing(chosen.open()) as provider:
        wanted = _missing_days(chosen, warehouse, first, last) if missing else named
        if not wanted:
            say(f"{chosen.slug}: nothing is due: no day is missing, or all were asked for within {_RESTS_HOURS} hours.")
            return
        warehouse.landing_zone.require()
        planned = print_plan(chosen, provider, wanted)
        newest = warehouse.ledger.newest_id()
        outcomes = _load_days(chosen, wanted, provider, warehouse, asks=True, is_correction=correction)
        print_requests(chosen, warehouse.ledger, planned, newest)
    _print_summary(chosen, outcomes)


def replay(
    source: SourceArgument, first: FromLandedOption = "", last: ToOption = "", *, correction: CorrectionOption = False
) -> None:
    """Load whole days again from the landing zone: what was received then, understood as now. Sends no request."""
    chosen = Project().source(source)
    days = day_range(chosen, first or chosen.first_day.isoformat(), last)
    with chosen.project.warehouse() as warehouse, closing(chosen.open()) as provider:
        landed = warehouse.ledger.landed(chosen.slug, Window.of_days(days[0], days[-1]))
        if not landed:
            fail(f"nothing of {chosen.slug} is landed from {days[0]} to {days[-1]}: backfill asks the provider.")
        outcomes = _load_days(chosen, landed, provider, warehouse, asks=False, is_correction=correction)
    # These days have not failed to load, so the ledger does not record them.
    absent = sorted(set(days) - set(landed))
    if absent and not last:
        say(f"{counted(len(absent), 'day')} left out, because nothing of them is landed: {days_in_words(absent)}.")
        absent = []
    _print_summary(chosen, outcomes, absent)


def day_range(source: Source, first: str, last: str) -> list[date]:
    """The whole UTC days from `first` to `last`, both included; ends the command when they make no sense."""
    yesterday = today() - timedelta(days=1)
    start = day_of(first, "--from")
    end = day_of(last, "--to") if last else yesterday
    if end < start:
        refuse(f"--to {end} lies before --from {start}: name the earlier day first.")
    if start < source.first_day:
        refuse(f"--from {start} lies before {source.slug}'s first day: begin at {source.first_day} or later.")
    if end > yesterday:
        refuse(f"--to {end} is not over yet in UTC: end at {yesterday} or earlier.")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _named_days(source: Source, text: str) -> list[date]:
    """The days of `--days`, in order; ends the command when one of them makes no sense."""
    named = sorted({day_of(one.strip(), "--days") for one in text.split(",") if one.strip()})
    for day in named:
        day_range(source, day.isoformat(), day.isoformat())
    return named


def _missing_days(source: Source, warehouse: TimescaleWarehouse, first: str, last: str) -> list[date]:
    """The days that are due: never loaded, not since they were final, or series lack points on them.

    One that was asked for within the last hours rests, so that asking again and again comes to an end.
    """
    facts, now = source.component.facts, datetime.now(UTC)
    loaded = [day.day for day in warehouse.ledger.unjudged_days(source.slug) if day.loaded_at]
    begin = first or (min(loaded).isoformat() if loaded else source.first_day.isoformat())
    asked = day_range(source, begin, last)
    warehouse.completeness.assess(source.slug, last_expected_day(facts, now), ended=facts.dead_since, now=now)
    rests = now - timedelta(hours=_RESTS_HOURS)
    lacking = {day for gap in warehouse.completeness.gaps(source.slug, asked[0], asked[-1]) for day in gap.days}
    return sorted(
        warehouse.ledger.due_days(
            source.slug,
            Window.of_days(asked[0], asked[-1]),
            finalization_lag=facts.finalization_lag,
            as_of=now,
            untried_since=rests,
            n_newest=len(asked),
            n_others=0,
            refetch_after={day: rests for day in lacking if asked[0] <= day <= asked[-1]},
        )
    )


def _require_variables(source: Source) -> None:
    """Refuse before the first day: that this shell lacks a variable is no failure of a day, and not for the ledger."""
    if unset := source.missing_variables:
        names = ", ".join(unset)
        raise ConfigurationError(
            f"not set in this shell: {names}",
            place=source.file,
            fix="set them and run it again; nothing was asked, and nothing is recorded",
        )


def day_of(text: str, option: str) -> date:
    """The UTC day that `option` names; ends the command when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        refuse(f"{option} {text!r} is not a day: write it as {today() - timedelta(days=1)}.")


def _load_days(
    source: Source,
    days: list[date],
    provider: Provider,
    warehouse: TimescaleWarehouse,
    *,
    asks: bool,
    is_correction: bool,
) -> list[DayOutcome]:
    return _with_progress(
        source,
        len(days),
        ingest_days(
            days,
            provider,
            warehouse,
            source.slug,
            pull_days=source.component.facts.spec.pull_days,
            lands=asks,
            is_correction=is_correction,
        ),
    )


def _with_progress(source: Source, n_days: int, outcomes: Iterable[DayOutcome]) -> list[DayOutcome]:
    """Collect every outcome, with a bar and the time left on a terminal, and elsewhere a line for each day."""
    collected: list[DayOutcome] = []
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/dim]"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with log_to_console(), bar:
        task = bar.add_task(source.slug, total=n_days)
        for outcome in outcomes:
            collected.append(outcome)
            bar.update(task, advance=1, description=f"{source.slug} {outcome.day}")
            if outcome.remark:
                say(f"{source.slug}: {outcome.remark}.")
            if outcome.error is not None and outcome.was_tried:
                complain(f"{outcome.day} failed ({type(outcome.error).__name__}). {outcome.error}")
            elif outcome.load is not None and not console.is_terminal:
                say(f"{source.slug} {outcome.day}: {_description(outcome)}")
    return collected


def _description(outcome: DayOutcome) -> str:
    load, pull = outcome.load, outcome.pull
    if load is None:
        return ""
    requests = f", {counted(pull.n_requests, 'request')}" if pull else ""
    seconds = load.seconds + (pull.seconds if pull else 0)
    return (
        f"{load.n_received:,} received, {load.n_written:,} written, {load.n_points:,} points{requests}, {seconds:.2f} s"
    )


def _print_summary(source: Source, outcomes: list[DayOutcome], absent: Sequence[date] = ()) -> None:
    """Print the totals, and end the command as failed if a day failed, or was named and is not landed."""
    loads = [outcome.load for outcome in outcomes if outcome.load]
    pulls = [outcome.pull for outcome in outcomes if outcome.pull]
    table = Table("source", "days", title=None)
    numbers = {
        "received": sum(load.n_received for load in loads),
        "inserted": sum(load.n_inserted for load in loads),
        "changed": sum(load.n_changed for load in loads),
        "removed": sum(load.n_removed for load in loads),
        "unchanged": sum(load.n_unchanged for load in loads),
        "rejected": sum(load.n_rejected for load in loads),
        "duplicate": sum(load.n_duplicate for load in loads),
        "points": sum(load.n_points for load in loads),
        "requests": sum(pull.n_requests for pull in pulls),
    }
    for name in (*numbers, "seconds"):
        table.add_column(name, justify="right")
    seconds = sum(load.seconds for load in loads) + sum(pull.seconds for pull in pulls)
    table.add_row(source.slug, str(len(loads)), *(f"{number:,}" for number in numbers.values()), f"{seconds:.1f}")
    console.print(table)

    unmapped = sorted({name for load in loads for name in load.unmapped if not is_ignored(name, source)})
    if unmapped:
        say(f"Not loaded, because no quantity is known for them: {', '.join(unmapped)} (map them in {source.file}).")
    if absent:
        complain(f"left out, because nothing of them is landed: {days_in_words(list(absent))}.")
    failed = [outcome.day for outcome in outcomes if outcome.error is not None and outcome.was_tried]
    untried = [outcome.day for outcome in outcomes if not outcome.was_tried]
    if untried:
        complain(f"not tried, because they would fail the same way: {days_in_words(untried)}.")
    if failed:
        fail(f"{counted(len(failed), 'day')} of {len(outcomes)} failed: {days_in_words(failed)}.")
    if absent:
        fail(f"{counted(len(absent), 'day')} of {len(outcomes) + len(absent)} could not be replayed.")


def print_plan(source: Source, provider: Provider, days: Sequence[date]) -> int | None:
    """Print how many requests `days` take, and how long at least; None where that cannot be known before.

    A plan that cannot be made does not stop the backfill: each day then reports its own error.
    """
    spec = source.component.facts.spec
    windows = [Window.of_days(pull_days[0], pull_days[-1]) for pull_days in contiguous_ranges(days, spec.pull_days)]
    try:
        planned = provider.plan(windows)
    except IngestError as error:
        complain(f"no plan can be made ({type(error).__name__}). {error}")
        return None
    if planned is None:
        return None
    span = f"{counted(len(days), 'day')} in {counted(len(windows), 'pull')}"
    at_least = _least_duration(planned, spec.requests_per_second)
    say(f"{source.slug}: {span}, {counted(planned, 'request')} planned{at_least}.")
    return planned


def print_requests(source: Source, ledger: Ledger, planned: int | None, after_load_id: int) -> None:
    """Print how many requests the ledger has of the pulls that were loaded since, beside the planned number.

    Args:
        source: The source.
        ledger: The ledger.
        planned: What `print_plan` returned; nothing is printed without.
        after_load_id: The newest entry when it began.
    """
    totals = ledger.totals(source.slug, after_load_id=after_load_id)
    if planned is None or not totals:
        return
    say(
        f"{source.slug}: {counted(planned, 'request')} planned, {totals[0].n_requests:,} in the ledger; it counts "
        "logins and tries again, nothing of a pull that failed, and all of one that was adopted."
    )


def _least_duration(planned: int, per_second: float | None) -> str:
    """The least duration at the provider's rate, if it has one."""
    if not per_second:
        return ""
    return f", at least {timedelta(seconds=math.ceil(planned / per_second))} at {per_second:g} a second"
