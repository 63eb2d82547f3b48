"""`changes`: what restatements changed of a source, per series and day, in units and per cent."""

from collections.abc import Sequence
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from domain.texts import counted
from pipelines.cli.days import FromLandedOption, SourceArgument, ToOption, day_range
from pipelines.cli.overview import JsonOption
from pipelines.console import console, literal, say, say_json
from pipelines.local.project import Project
from warehouse.changes import Change, summed

_LARGE: Final = 1000  # from here on amounts are written with thousands and one decimal
_MOST: Final = 50  # lines of a table, the largest changes first, unless more are asked for


class By(StrEnum):
    """What changes are summed by."""

    SERIES = "series"
    DAY = "day"


ByOption = Annotated[
    By | None, typer.Option("--by", help="One line for each of these [default: for each series and day].")
]
MostOption = Annotated[int, typer.Option("--most", min=1, help="How many lines, the largest changes first.")]


def changes(
    source: SourceArgument,
    first: FromLandedOption = "",
    last: ToOption = "",
    *,
    by: ByOption = None,
    most: MostOption = _MOST,
    as_json: JsonOption = False,
) -> None:
    """What later loads changed or removed, from what was loaded first to what is there now."""
    chosen = Project().source(source)
    days = day_range(chosen, first or chosen.first_day.isoformat(), last)
    with chosen.project.warehouse() as warehouse:
        found = warehouse.changes.of_days(chosen.slug, days[0], days[-1])
    lines = found if by is None else summed(found, by.value)
    if as_json:
        say_json([_as_json(one) for one in lines])
        return
    span = f"{chosen.slug}, {days[0]} to {days[-1]}"
    if not lines:
        say(f"{span}: nothing was changed.")
        return
    console.print(_table(sorted(lines, key=_size, reverse=True)[:most]))
    n_points = sum(one.n_changed + one.n_removed for one in found)
    n_series, n_days = len({one.key for one in found}), len({one.first_day for one in found})
    omitted = f"; {len(lines) - most:,} more lines with --most" if len(lines) > most else ""
    say(f"{span}: {counted(n_points, 'point')} of {n_series:,} series on {counted(n_days, 'day')}{omitted}.")


def _table(lines: Sequence[Change]) -> Table:
    table = Table("days", "series", "device", "quantity")
    for name in ("changed", "removed", "before", "after", "difference", "%"):
        table.add_column(name, justify="right")
    table.add_column("revised")
    for one in lines:
        span = f"{one.first_day}" if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"
        table.add_row(
            span,
            literal(one.key) or f"{one.n_series:,} series",
            literal(one.device),
            one.quantity,
            f"{one.n_changed:,}",
            f"{one.n_removed:,}",
            _amount(one.before, one.unit),
            _amount(one.after, one.unit),
            _amount(one.difference, one.unit, sign="+"),
            "" if one.percent is None else f"{one.percent:+.1f}",
            f"{one.revised_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        )
    return table


def _amount(value: float | None, unit: str, sign: str = "") -> str:
    if value is None:
        return ""
    return f"{value:{sign},.1f} {unit}" if abs(value) >= _LARGE else f"{value:{sign}.4g} {unit}"


def _size(change: Change) -> float:
    """What the largest changes are found by: per cent, and behind those the ones that have none."""
    return abs(change.percent) if change.percent is not None else 0.0


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "from": change.first_day.isoformat(),
        "to": change.last_day.isoformat(),
        "series": change.key or None,
        "device": change.device or None,
        "site": change.site or None,
        "quantity": change.quantity,
        "unit": change.unit,
        "kind": change.kind,
        "n_series": change.n_series,
        "n_changed": change.n_changed,
        "n_removed": change.n_removed,
        "before": change.before,
        "after": change.after,
        "difference": change.difference,
        "percent": change.percent,
        "revised_at": change.revised_at.astimezone(UTC).isoformat(),
    }
