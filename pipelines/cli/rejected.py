"""`rejected`: what was quarantined of a source, why, how much, and since when."""

from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from domain.window import Window
from pipelines.cli.days import FromLandedOption, SourceArgument, ToOption, day_range
from pipelines.console import console, counted, literal, say
from pipelines.local.project import House

_LONGEST: Final = 120  # characters of an example
_MOST: Final = 50  # series and reasons, worst first, unless more are asked for

MostOption = Annotated[int, typer.Option("--most", min=1, help="How many series and reasons, worst first.")]


def rejected(
    source: SourceArgument, first: FromLandedOption = "", last: ToOption = "", *, most: MostOption = _MOST
) -> None:
    """What was quarantined: which series, why, how many rows, since when, and one of them as it was sent."""
    chosen = House().source(source)
    days = day_range(chosen, first or chosen.first_day.isoformat(), last)
    with chosen.house.warehouse() as warehouse:
        found = warehouse.reading.rejected_series(chosen.slug, Window.of_days(days[0], days[-1]))
    span = f"{chosen.slug}, {days[0]} to {days[-1]}"
    if found.empty:
        say(f"{span}: nothing was rejected.")
        return
    table = Table("series", "reason", "rows", "first seen", "last seen", "of days", "example")
    for row in found.head(most).to_dict("records"):
        table.add_row(
            literal(_shown(str(row["series_key"]) or "(none)")),
            row["reason"],
            f"{row['n_rows']:,}",
            f"{row['first_seen_at']:%Y-%m-%d %H:%M}",
            f"{row['last_seen_at']:%Y-%m-%d %H:%M}",
            f"{row['first_window_start']:%Y-%m-%d} to {row['last_window_end'] - timedelta(microseconds=1):%Y-%m-%d}",
            literal(_shown(row["example"])),
        )
    console.print(table)
    n_rows = int(found["n_rows"].sum())
    n_series = found["series_key"].nunique()
    left = f"; {len(found) - most:,} more lines with --most" if len(found) > most else ""
    say(f"{span}: {counted(n_rows, 'row')} of {n_series:,} series{left}. The runbook says what each reason means.")


def _shown(text: str) -> str:
    """Foreign content on one line, and short."""
    line = "".join(sign if sign.isprintable() else "�" for sign in text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
