"""`confirm`: a person says that a suspect day is right as it is."""

from datetime import date
from typing import Annotated

import typer

from pipelines.cli.days import SourceArgument
from pipelines.console import fail, refuse, say
from pipelines.local.project import Project

DayArgument = Annotated[
    str, typer.Argument(metavar="DAY", help="The UTC day, as 2026-01-31; `joulehouse status` names it.")
]


def confirm(source: SourceArgument, day: DayArgument) -> None:
    """Say that a suspect day is right as it is: it is not asked for again, and its check is green when it next runs."""
    project = Project()
    chosen = project.source(source)
    try:
        which = date.fromisoformat(day)
    except ValueError:
        refuse(f"{day!r} is not a day: write it as 2026-01-31.")
    with project.warehouse() as warehouse:
        if not warehouse.ledger.suspects.confirm(chosen.slug, which):
            fail(f"{which} of {chosen.slug} is not suspect: joulehouse status {chosen.slug} names those that are.")
    say(f"{which} of {chosen.slug} is confirmed: it stays as it is loaded, and is not asked for again.")
