"""`plot`: the picture of any loaded day of a source."""

from pathlib import Path
from typing import Annotated

import typer

from assets.plot import DayPlot
from domain.window import Window
from pipelines.cli.days import SourceArgument, day_of
from pipelines.console import fail, say
from pipelines.local.project import Project

DayArgument = Annotated[str, typer.Argument(metavar="DAY", help="A UTC day, as 2026-01-31.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The PNG to write [default: SOURCE-DAY.png, in this folder].")
]


def plot(source: SourceArgument, day: DayArgument, *, output: OutputOption = None) -> None:
    """Draw what is loaded of one day: the quantities with most points, means of 15 minutes, as a PNG."""
    chosen = Project().source(source)
    wanted = day_of(day, "DAY")
    with chosen.project.warehouse() as warehouse:
        catalogue = warehouse.reading.series(chosen.slug)
        drawing = DayPlot(wanted)
        quantities = dict(zip(catalogue["key"], catalogue["quantity"], strict=True))
        drawing.add_points(warehouse.reading.measurements(chosen.slug, Window.of_day(wanted)), quantities)
    png = drawing.png()
    if png is None:
        fail(f"{chosen.slug} has no number on {wanted}: joulehouse status {chosen.slug} shows what is loaded.")
    file = output or Path(f"{chosen.slug}-{wanted}.png")
    file.write_bytes(png)
    say(f"{file}")
