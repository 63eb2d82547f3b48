"""`joulehouse warehouse …`: the database under everything, embedded here unless WAREHOUSE_URL names another."""

import shutil
import subprocess
from typing import Annotated, Final

import typer

from domain.errors import WarehouseUnsuitableError
from domain.window import Window
from pipelines.cli.days import FromOption, SourceArgument, ToOption, day_range
from pipelines.console import complain, counted, fail, refuse, say
from pipelines.local.project import House
from warehouse.fill import fill
from warehouse.schema import check_schema, migrate
from warehouse.server import ServerFacts, check_server, libpq_environment
from warehouse.summary_check import recompute as summary_recompute

group: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The TimescaleDB under everything.")


def facts_in_words(facts: ServerFacts) -> str:
    """What a server is, as a person says it."""
    edition = "community" if facts.edition == "community" else "Apache"
    return f"PostgreSQL {facts.postgres} with TimescaleDB {facts.timescaledb}, {edition} edition"


@group.command()
def start() -> None:
    """Start the embedded one, fetching it first if this machine has never had it, and bring its schema up to date."""
    place = House()
    if place.is_external:
        say("WAREHOUSE_URL names the warehouse: there is nothing to start here.")
        return
    url = place.server_url()
    migrate(url)
    _fill(url)
    say(f"The embedded warehouse runs: {facts_in_words(check_server(url))}.")


@group.command()
def stop() -> None:
    """Stop the embedded one; its data stays."""
    place = House()
    if place.is_external:
        say("WAREHOUSE_URL names the warehouse: it is not ours to stop.")
        return
    say("The embedded warehouse is stopped." if place.embedded.stop() else "The embedded warehouse was not running.")


@group.command()
def remove(*, yes: Annotated[bool, typer.Option("--yes", help="Say so, or nothing is deleted.")] = False) -> None:
    """Delete the embedded one with everything in it; the landing zone stays, from which it can be loaded again."""
    if not yes:
        refuse("this deletes every measurement of the embedded warehouse: say --yes.")
    House().embedded.remove()
    say("The embedded warehouse is deleted.")


@group.command()
def status() -> None:
    """Whether it runs, what it is, and whether its schema fits."""
    place = House()
    if not place.is_external and not place.embedded.status().is_running:
        fail("the embedded warehouse is not running (joulehouse warehouse start).")
    url = place.server_url()
    say(f"The {'external' if place.is_external else 'embedded'} warehouse: {facts_in_words(check_server(url))}.")
    check_schema(url)
    say("Its schema is the one that this code knows.")


@group.command()
def url() -> None:
    """Print its address, password included: for a program's configuration, not for a screen that is shared."""
    print(House().server_url())


@group.command()
def psql() -> None:
    """Open psql on it."""
    house = House()
    url = house.server_url()
    command, environment = house.embedded.psql_command(), house.inherited
    if house.is_external:
        command, environment = ["psql"], house.inherited | libpq_environment(url)
    if shutil.which(command[0]) is None:
        fail(f"{command[0]} is not on this machine: install the PostgreSQL client.")
    raise typer.Exit(subprocess.call(command, env=environment))  # noqa: S603 — psql, no shell


@group.command("migrate")
def bring_up_to_date() -> None:
    """Bring its schema up to date, and fill what is derived from points of before. Safe to interrupt and to repeat."""
    url = House().server_url()
    migrate(url)
    say("The schema is up to date.")
    _fill(url)


@group.command()
def recompute(source: SourceArgument, first: FromOption, last: ToOption = "") -> None:
    """Write the summaries of some days anew from their points; what is right already is left alone."""
    house = House()
    chosen = house.source(source)
    days = day_range(chosen, first, last)
    n_rows = summary_recompute(house.server_url(), source, Window.of_days(days[0], days[-1]))
    say(f"{counted(n_rows, 'row')} of summaries of {counted(len(days), 'day')} did not fit, and fit now.")


def _fill(url: str) -> None:
    """Say at each tenth how far it is. A refusal to replace old views is said, and keeps nobody from starting."""
    said: dict[str, int] = {}
    try:
        for one in fill(url):
            tenth = one.n_done * 10 // max(one.n_units, 1)
            if one.n_units and said.get(one.name) != tenth:
                say(f"Filling {one.name}: {one.n_done:,} of {one.n_units:,}.")
            said[one.name] = tenth
    except WarehouseUnsuitableError as error:
        complain(str(error))
