"""`joulehouse ui`: the Dagster UI on the data of this checkout, until Ctrl-C."""

from typing import Annotated

import typer

from pipelines.console import say
from pipelines.local.environment import OpenHouse, opened
from pipelines.local.project import House

PortOption = Annotated[int | None, typer.Option(min=1024, max=65535, help="Where the UI listens [default: as last].")]


def ui(*, port: PortOption = None) -> None:
    """Open the Dagster UI again on the same data, with its daemon, until Ctrl-C."""
    house = House()
    twin, environment = house.twin, house.settings.environment
    # The demo's sources point at the sandbox; whoever has set the variables of a real account means that one.
    accounts = [source.account for source in house.sources()] if twin.was_started else []
    meant = [account for account in accounts if twin.serves(account) and twin.is_meant_by(environment, account)]
    with opened(house, accounts=meant, port=port) as running:
        running.start_daemon()
        keep_open(running)


def keep_open(running: OpenHouse) -> None:
    """Say where the UI is, and wait for Ctrl-C."""
    say(f"\nThe asset graph: {running.graph_url}")
    say("Ctrl-C stops everything.")
    try:
        running.wait_for_the_end()
    except KeyboardInterrupt:
        say("\nStopping.")
