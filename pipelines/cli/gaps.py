"""`assess`, `gaps` and `lateness`: which series lack what, since when, and how late points come."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from assets.completeness import known_dead_in_words
from assets.coverage import CALENDAR_DAYS, Calendar
from assets.expected import last_expected_day
from domain.texts import counted
from pipelines.cli.days import SourceArgument as OneSource
from pipelines.cli.days import day_of
from pipelines.cli.overview import JsonOption, SourceArgument
from pipelines.console import console, days_in_words, literal, refuse, say, say_json
from pipelines.local.project import Project, Source
from warehouse.completeness import SeriesGap
from warehouse.store import TimescaleWarehouse

_MOST_DAYS: Final = 31  # days that a command names one by one
_DAY: Final = timedelta(days=1)
_WHOLE, _HALF = 0.999, 0.5  # shares of the points, coloured as in the picture
_MARKS: Final = {
    "complete": ("█", "green"),
    "partial": ("▒", "yellow"),
    "silent": ("░", "red"),
    "absent": ("·", "red"),
    "late": ("~", "blue"),
    "unknown": ("?", "bright_black"),
    "not expected": (" ", ""),
    "": (" ", ""),
}

_LACKING: Final = frozenset({"partial", "silent", "absent", "unknown"})

FromOption = Annotated[str, typer.Option("--from", metavar="DAY", help="The first UTC day [default: 4 weeks back].")]
ToOption = Annotated[str, typer.Option("--to", metavar="DAY", help="The last UTC day [default: the newest judged].")]
CalendarOption = Annotated[bool, typer.Option("--calendar", help="Draw a row for each series, a column for each day.")]
AllOption = Annotated[bool, typer.Option("--all", help="Judge every day, whether or not something has changed.")]


def assess(source: SourceArgument = "", *, every: AllOption = False, as_json: JsonOption = False) -> None:
    """Judge the series and days of which something has changed: what is expected, a verdict, since when."""
    project = Project()
    documents = []
    with project.warehouse() as warehouse:
        for one in chosen_sources(project, source):
            facts, now = one.component.facts, datetime.now(UTC)
            through = last_expected_day(facts, now)
            if every:
                warehouse.completeness.forget(facts.slug)
            found = warehouse.completeness.assess(
                facts.slug, through, ended=facts.dead_since, now=now, limits=facts.limits
            )
            documents.append(
                {
                    "source": one.slug,
                    "through": _iso(found.through),
                    "days": found.n_days,
                    "rows": found.n_rows,
                    "flags": found.n_flags,
                }
            )
            if not as_json:
                new = f"; new: {', '.join(found.began)}" if found.began else ""
                until = f" until {found.through}" if found.through else ""
                say(
                    f"{one.slug}: {counted(found.n_days, 'day')} judged{until}, {found.n_rows:,} verdicts written,"
                    f" {counted(found.n_flags, 'flag')} changed{new}."
                )
    if as_json:
        say_json(documents)


def gaps(
    source: SourceArgument = "",
    first: FromOption = "",
    last: ToOption = "",
    *,
    calendar: CalendarOption = False,
    as_json: JsonOption = False,
) -> None:
    """What is missing: which device, since when, how many points, and the command that asks for exactly these days."""
    project = Project()
    documents: list[dict[str, Any]] = []
    with project.warehouse() as warehouse:
        for one in chosen_sources(project, source):
            span = judged_span(one, warehouse, first, last)
            if span is None:
                n_waiting = warehouse.completeness.waiting(one.slug, date.min)
                documents.append({"source": one.slug, "gaps": [], "days_not_judged": n_waiting})
                if not as_json:
                    say(f"{one.slug}: nothing is judged yet.{_waits(one, warehouse, n_waiting)}")
                continue
            n_waiting = warehouse.completeness.waiting(one.slug, span[0], span[1] if last else None)
            if calendar and not as_json:
                _print_calendar(one, Calendar.read(warehouse.completeness, one.slug, *span))
                if n_waiting:
                    say(f" {_waits(one, warehouse, n_waiting)}")
                continue
            found = warehouse.completeness.gaps(one.slug, *span)
            documents.append(_as_json(one, span, found) | {"days_not_judged": n_waiting})
            if not as_json:
                _print_gaps(one, span, found, _waits(one, warehouse, n_waiting))
    if as_json:
        say_json(documents)


def lateness(source: OneSource, *, as_json: JsonOption = False) -> None:
    """How long after the first answer of their day points come, by device, and how many days should be asked again."""
    project = Project()
    chosen = project.source(source)
    with project.warehouse() as warehouse:
        profiles = warehouse.completeness.lateness(chosen.slug)
    spec = chosen.component.facts.spec
    proposed = max((profile.refetch_days for profile in profiles), default=spec.refetch_days)
    if as_json:
        groups = [
            {
                "device": profile.device,
                "points": profile.n_points,
                "days": profile.n_days,
                **{f"p{share:g}_hours": round(seconds / 3600, 2) for share, seconds in profile.percentiles.items()},
            }
            for profile in profiles
        ]
        say_json(
            {
                "source": chosen.slug,
                "refetch_days": spec.refetch_days,
                "proposed_refetch_days": proposed,
                "devices": groups,
            }
        )
        return
    if not profiles:
        say(f"{chosen.slug}: no point has come late; {counted(spec.refetch_days, 'day')} are asked again.")
        return
    table = Table("device", "late points", "days", *(f"{share:g} % within" for share in profiles[0].percentiles))
    for profile in profiles:
        columns = [_duration(seconds) for seconds in profile.percentiles.values()]
        table.add_row(literal(profile.device), f"{profile.n_points:,}", f"{profile.n_days:,}", *columns)
    console.print(table)
    say(
        f"{chosen.slug}: {spec.refetch_days} trailing days are asked again (`refetch_days` in its provider's spec.py);"
        f" {proposed} would have what came late, but for one point in a thousand."
    )


def chosen_sources(project: Project, source: str) -> list[Source]:
    """The one that is named, or all."""
    return [project.source(source)] if source else project.sources()


def judged_span(source: Source, warehouse: TimescaleWarehouse, first: str, last: str) -> tuple[date, date] | None:
    """The days that are asked about; None where nothing is judged."""
    through = warehouse.completeness.through(source.slug)
    if through is None:
        return None
    end = day_of(last, "--to") if last else through
    start = day_of(first, "--from") if first else end - (CALENDAR_DAYS - 1) * _DAY
    if end < start:
        refuse(f"--to {end} lies before --from {start}: name the earlier day first.")
    return start, end


def _waits(source: Source, warehouse: TimescaleWarehouse, n_waiting: int) -> str:
    """A sentence behind another: how many days are still to be judged, and the command; empty where none is."""
    if warehouse.completeness.is_filling():
        return " Facts of older days are being filled: `joulehouse warehouse migrate`."
    if not n_waiting:
        return ""
    verb = "waits" if n_waiting == 1 else "wait"
    return f" {counted(n_waiting, 'day')} {verb} to be judged: `joulehouse assess {source.slug}`."


def _print_gaps(source: Source, span: tuple[date, date], found: Sequence[SeriesGap], waits: str) -> None:
    shown = f"{source.slug}, {span[0]} to {span[1]}"
    for sentence in known_dead_in_words(source.component.facts):
        say(f"{source.slug}: {sentence}")
    if not found:
        say(f"{shown}: what is judged lacks nothing.{waits}" if waits else f"{shown}: nothing is missing.")
        return
    table = Table("device", "series", "verdict", "since", "points missing", "days")
    for gap in found:
        table.add_row(
            literal(gap.name),
            literal(f"{gap.key} (a copy of {gap.copy_of})" if gap.copy_of else gap.key),
            gap.verdict,
            _iso(gap.since) or "",
            "" if gap.n_missing is None else f"{gap.n_missing:,}",
            f"{len(gap.days):,}",
        )
    console.print(table)
    devices = {gap.name for gap in found}
    say(f"{shown}: {counted(len(found), 'series gap')} of {counted(len(devices), 'device')}.{waits}")
    command = _command(source, found)
    say(f"  {command}" if command else f"  {_cannot(source)}")


def _as_json(source: Source, span: tuple[date, date], found: Sequence[SeriesGap]) -> dict[str, Any]:
    return {
        "source": source.slug,
        "from": span[0].isoformat(),
        "to": span[1].isoformat(),
        "gaps": [
            {
                "device": gap.name,
                "series": gap.key,
                "verdict": gap.verdict,
                "since": _iso(gap.since),
                "missing": gap.n_missing,
                "days": [day.isoformat() for day in gap.days],
                "copy_of": gap.copy_of,
            }
            for gap in found
        ],
        "known_dead": known_dead_in_words(source.component.facts),
        "command": _command(source, found),
        "cannot_be_asked": None if _command(source, found) or not found else _cannot(source),
    }


def _command(source: Source, found: Sequence[SeriesGap]) -> str | None:
    """What asks for exactly these days; None where the provider cannot be asked for any."""
    days = sorted({day for gap in found for day in gap.days if day >= source.first_day})
    if not days or source.component.facts.is_retired:
        return None
    if len(days) <= _MOST_DAYS:
        return f"joulehouse backfill {source.slug} --days {','.join(day.isoformat() for day in days)}"
    return f"joulehouse backfill {source.slug} --missing --from {days[0]} --to {days[-1]}"


def _cannot(source: Source) -> str:
    if source.component.facts.is_retired:
        title = source.component.facts.spec.title
        return f"{title} is retired and cannot be asked any more: what is missing stays missing."
    return f"These days lie before {source.first_day}, the first one that is asked for."


def _print_calendar(source: Source, calendar: Calendar) -> None:
    width = max((len(name) for name in (*calendar.series, *calendar.groups)), default=0) + 2
    say(f"{source.slug}, {calendar.days[0]} to {calendar.days[-1]}: the series that lack most")
    for group, shares in calendar.groups.items():
        line = Text(f"  {group:<{width}}")
        for share in shares:
            line.append(" " if share is None else str(min(int(share * 10), 9)), style=_style(share))
        console.print(line)
    for key, verdicts in calendar.series.items():
        line = Text(f"  {key:<{width}}")
        for verdict in verdicts:
            line.append(*_MARKS[verdict])
        console.print(line)
    legend = Text("  ")
    for verdict, (mark, style) in _MARKS.items():
        if mark.strip():
            legend.append(f"{mark} {verdict}  ", style=style)
    console.print(legend)
    lacking = [
        day for n, day in enumerate(calendar.days) if any(one[n] in _LACKING for one in calendar.series.values())
    ]
    say(f"  days that lack something: {days_in_words(lacking) or 'none'}; of groups: tenths of their points")


def _style(share: float | None) -> str:
    if share is None:
        return ""
    return "green" if share > _WHOLE else "yellow" if share >= _HALF else "red"


def _duration(seconds: float) -> str:
    days, hours = divmod(seconds / 3600, 24)
    return f"{days:.0f} d {hours:.0f} h" if days else f"{hours:.1f} h"


def _iso(at: datetime | date | None) -> str | None:
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return at.isoformat() if at else None
