"""`rejected`: what was quarantined of a source, why, how much, and since when."""

from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from domain.texts import counted
from domain.window import Window
from pipelines.cli.days import FromLandedOption, SourceArgument, ToOption, day_range
from pipelines.console import console, literal, say
from pipelines.local.project import Project

_MAX_EXAMPLE_LENGTH: Final = 120  # characters of an example
_DEFAULT_MOST: Final = 50  # series and reasons, worst first, unless more are asked for

MostOption = Annotated[int, typer.Option("--most", min=1, help="How many series and reasons, worst first.")]


def rejected(
    source: SourceArgument, first: FromLandedOption = "", last: ToOption = "", *, most: MostOption = _DEFAULT_MOST
) -> None:
    """What was quarantined: which series, why, how many rows, since when, and one of them as it was sent."""
    chosen = Project().source(source)
    days = day_range(chosen, first or chosen.first_day.isoformat(), last)
    with chosen.project.warehouse() as warehouse:
        rejected_rows = warehouse.reading.rejected_series(chosen.slug, Window.of_days(days[0], days[-1]))
    span = f"{chosen.slug}, {days[0]} to {days[-1]}"
    if rejected_rows.empty:
        say(f"{span}: nothing was rejected.")
        return
    table = Table("series", "reason", "rows", "first seen", "last seen", "of days", "example")
    for row in rejected_rows.head(most).to_dict("records"):
        table.add_row(
            literal(_shortened(str(row["series_key"]) or "(none)")),
            row["reason"],
            f"{row['n_rows']:,}",
            f"{row['first_seen_at']:%Y-%m-%d %H:%M}",
            f"{row['last_seen_at']:%Y-%m-%d %H:%M}",
            f"{row['first_window_start']:%Y-%m-%d} to {row['last_window_end'] - timedelta(microseconds=1):%Y-%m-%d}",
            literal(_shortened(row["example"])),
        )
    console.print(table)
    n_rows = int(rejected_rows["n_rows"].sum())
    n_series = rejected_rows["series_key"].nunique()
    omitted = f"; {len(rejected_rows) - most:,} more lines with --most" if len(rejected_rows) > most else ""
    say(f"{span}: {counted(n_rows, 'row')} of {n_series:,} series{omitted}. The runbook says what each reason means.")


def _shortened(text: str) -> str:
    """Foreign content on one line, and short."""
    line = "".join(character if character.isprintable() else "�" for character in text)
    return line if len(line) <= _MAX_EXAMPLE_LENGTH else f"{line[:_MAX_EXAMPLE_LENGTH]}…"
