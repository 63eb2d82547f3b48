"""All commands put together, and the one place where a failure becomes a message and an exit code.

Exit codes: 0 done, 1 failed, 2 the arguments were wrong.
"""

import gc
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Final

import click
import typer
from typer.core import TyperGroup
from typer.main import get_group

from domain.errors import IngestError
from pipelines.console import FAILED, complain

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "demo": ("ui", "demo", "See it work: 60 measured days, then the UI"),
    "ui": ("ui", "ui", "Open the Dagster UI on the same data"),
    "stop": ("ui", "stop", "End whatever of this checkout runs"),
    "doctor": ("doctor", "doctor", "Look at everything this checkout needs"),
    "sources": ("overview", "sources", "Every source, and how far it is loaded"),
    "status": ("overview", "status", "Last loads; missing, rejected, unmapped"),
    "plot": ("plot", "plot", "Draw a day of a source as a PNG"),
    "rejected": ("rejected", "rejected", "What was quarantined, why, since when"),
    "gaps": ("gaps", "gaps", "Which series lack what, and since when"),
    "flags": ("flags", "flags", "Which series are implausible, and why"),
    "assess": ("gaps", "assess", "Judge series and days from their facts"),
    "lateness": ("gaps", "lateness", "How late points come, by device"),
    "changes": ("changes", "changes", "What restatements changed, and by how much"),
    "confirm": ("confirm", "confirm", "Say that a suspect day is right"),
    "backfill": ("days", "backfill", "Ask for days again, and load them"),
    "replay": ("days", "replay", "Load days again without one request"),
    "live": ("live", "live", "Keep a source current from its stream"),
    "worker": ("worker", "worker", "Work at runs that a broker hands out"),
    "watch": ("watch", "watch", "Tell people what is wrong, ping a watchdog"),
    "landing": ("landing", "group", "The answers as received: verify, move"),
    "warehouse": ("warehouse", "group", "The TimescaleDB under everything"),
    "sandbox": ("sandbox", "group", "The providers' twin, every fault on a switch"),
}
"""Name → the module of this package, what it is called there, and what the list of commands says of it."""


class _CommandGroup(TyperGroup):
    """Prints the message of an `IngestError`, without a traceback unless one is asked for.

    The module of a command is imported when the command is named: Dagster and pandas take seconds, and the list of
    commands and a mistyped one need neither.
    """

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 — as typer hands them on
        super().__init__(**attributes)
        self.commands = {name: click.Command(name, short_help=help_) for name, (_, _, help_) in COMMANDS.items()}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, named, rest = super().resolve_command(ctx, args)
        return name, named and _imported(named.name or ""), rest

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except IngestError as error:
            if ctx.params.get("verbose"):
                raise
            complain(f"{type(error).__name__}: {error}")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            complain("interrupted; every day that was reported is committed.")
            raise typer.Exit(128 + 2) from None


def _imported(name: str) -> click.Command:
    module, attribute, _ = COMMANDS[name]
    found = getattr(_module(f"pipelines.cli.{module}"), attribute)
    whole = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if isinstance(found, typer.Typer):
        whole.add_typer(found, name=name)
    else:
        whole.command(name)(found)
    return get_group(whole).commands[name]


@cache
def _module(name: str) -> ModuleType:
    """Import a module, and have the garbage collector look neither at what comes with it nor later (ADR 0042)."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


application = typer.Typer(
    cls=_CommandGroup,
    name="joulehouse",
    help="Energy telemetry, kept as received and loaded exactly once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@application.callback()
def _options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of a failure.")] = False,
) -> None:
    """Energy telemetry, kept as received and loaded exactly once."""
    del verbose  # read by `_CommandGroup`


def main() -> None:
    """Run the command line."""
    application()
