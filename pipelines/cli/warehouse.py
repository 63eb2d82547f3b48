"""`joulehouse warehouse …`: the database under everything, embedded here unless WAREHOUSE_URL names another."""

import shutil
import subprocess
from typing import Annotated, Final

import typer

from domain.errors import IngestError, WarehouseUnsuitableError
from domain.texts import counted
from domain.window import Window
from pipelines.cli.days import FromOption, SourceArgument, ToOption, day_range
from pipelines.console import complain, fail, refuse, say
from pipelines.local.project import Project
from warehouse.connections import plain_url
from warehouse.fill import fill
from warehouse.schema import check_schema, migrate
from warehouse.server import ServerFacts, check_server, libpq_environment
from warehouse.summary_check import recompute as summary_recompute

group: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The TimescaleDB under everything.")


def server_description(facts: ServerFacts) -> str:
    """The versions and the edition of a server, in words."""
    edition = "community" if facts.edition == "community" else "Apache"
    return f"PostgreSQL {facts.postgres} with TimescaleDB {facts.timescaledb}, {edition} edition"


@group.command()
def start() -> None:
    """Start the embedded one, fetching it first if this machine has never had it, and bring its schema up to date."""
    project = Project()
    if project.is_external:
        say("WAREHOUSE_URL names the warehouse: there is nothing to start here.")
        return
    url = project.server_url()
    migrate(url)
    _fill(url)
    say(f"The embedded warehouse runs: {server_description(check_server(url))}.")


@group.command()
def stop() -> None:
    """Stop the embedded one; its data stays."""
    project = Project()
    if project.is_external:
        say("WAREHOUSE_URL names the warehouse: it is not ours to stop.")
        return
    say("The embedded warehouse is stopped." if project.embedded.stop() else "The embedded warehouse was not running.")


@group.command()
def remove(*, yes: Annotated[bool, typer.Option("--yes", help="Say so, or nothing is deleted.")] = False) -> None:
    """Delete the embedded one with everything in it; the landing zone stays, from which it can be loaded again."""
    if not yes:
        refuse("this deletes every measurement of the embedded warehouse: say --yes.")
    Project().embedded.remove()
    say("The embedded warehouse is deleted.")


@group.command()
def status() -> None:
    """Whether it runs, what it is, and whether its schema fits."""
    project = Project()
    if not project.is_external and not project.embedded.status().is_running:
        fail("the embedded warehouse is not running (joulehouse warehouse start).")
    url = project.server_url()
    say(f"The {'external' if project.is_external else 'embedded'} warehouse: {server_description(check_server(url))}.")
    check_schema(url)
    say("Its schema is the one that this code knows.")


@group.command()
def url() -> None:
    """Print its address, password included: for a program's configuration, not for a screen that is shared."""
    typer.echo(plain_url(Project().server_url()))


@group.command()
def psql(
    *,
    command: Annotated[
        list[str] | None, typer.Option("-c", "--command", metavar="SQL", help="Run this, and leave; may be repeated.")
    ] = None,
) -> None:
    """Open psql on it."""
    project = Project()
    url = project.server_url()
    words, environment = _psql(project, url)
    if words is None:
        fail("psql is not on this machine: install the PostgreSQL client (Debian: postgresql-client).")
    asked = [word for one in command or () for word in ("-c", one)]
    raise typer.Exit(subprocess.call([*words, *asked], env=environment))  # noqa: S603 — psql, no shell


def _psql(project: Project, url: str) -> tuple[list[str] | None, dict[str, str]]:
    """The program and its environment; of an external warehouse the embedded one's will do, where it was fetched."""
    if not project.is_external:
        return project.embedded.psql_command(), project.inherited
    program = shutil.which("psql") or project.embedded.psql_program
    return [str(program)] if program else None, project.inherited | libpq_environment(url)


@group.command("migrate")
def migrate_schema() -> None:
    """Bring its schema up to date, and fill what is derived from points of before. Safe to interrupt and to repeat."""
    project = Project()
    url = project.server_url()
    migrate(url)
    say("The schema is up to date.")
    try:
        with project.warehouse(url) as warehouse:
            say(warehouse.landing_zone.look())
    except IngestError as error:  # the schema is as it should be, wherever this process would look for answers
        complain(str(error))
    _fill(url)


@group.command()
def recompute(source: SourceArgument, first: FromOption, last: ToOption = "") -> None:
    """Write summaries and register intervals of some days anew from their points; what is right is left alone."""
    project = Project()
    chosen = project.source(source)
    days = day_range(chosen, first, last)
    n_rows = summary_recompute(project.server_url(), source, Window.of_days(days[0], days[-1]))
    which = f"{counted(n_rows, 'row')} of summaries and register intervals of {counted(len(days), 'day')}"
    say(f"{which} did not fit, and fit now.")


def _fill(url: str) -> None:
    """Fill, and print each tenth. A refusal to replace old views is printed, and does not stop a start."""
    printed_tenths: dict[str, int] = {}
    try:
        for one in fill(url):
            tenth = one.n_done * 10 // max(one.n_units, 1)
            if one.n_units and printed_tenths.get(one.name) != tenth:
                say(f"Filling {one.name}: {one.n_done:,} of {one.n_units:,}.")
            printed_tenths[one.name] = tenth
    except WarehouseUnsuitableError as error:
        complain(str(error))
