"""All commands put together, and the one place where a failure becomes a message and an exit code.

Exit codes: 0 done, 1 failed, 2 the arguments were wrong.
"""

from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from domain.errors import IngestError
from pipelines.cli import confirm, days, doctor, live, overview, plot, rejected, sandbox, ui, warehouse, watch
from pipelines.console import FAILED, complain


class _CommandGroup(TyperGroup):
    """Prints the message of an `IngestError`, without a traceback unless one is asked for."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 — as click declares it
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


application.command(short_help="See it work: 60 measured days, then the UI")(ui.demo)
application.command(short_help="Open the Dagster UI on the same data")(ui.ui)
application.command(short_help="End whatever of this checkout runs")(ui.stop)
application.command(short_help="Look at everything this checkout needs")(doctor.doctor)
application.command(short_help="Every source, and how far it is loaded")(overview.sources)
application.command(short_help="Last loads; missing, rejected, unmapped")(overview.status)
application.command(short_help="Draw a day of a source as a PNG")(plot.plot)
application.command(short_help="What was quarantined, why, since when")(rejected.rejected)
application.command(short_help="Say that a suspect day is right")(confirm.confirm)
application.command(short_help="Ask for days again, and load them")(days.backfill)
application.command(short_help="Load days again without one request")(days.replay)
application.command(short_help="Keep a source current from its stream")(live.live)
application.command(short_help="Tell people what is wrong, ping a watchdog")(watch.watch)
application.add_typer(warehouse.group, name="warehouse", short_help="The TimescaleDB under everything")
application.add_typer(sandbox.group, name="sandbox", short_help="The providers' twin, every fault on a switch")


def main() -> None:
    """Run the command line."""
    application()
