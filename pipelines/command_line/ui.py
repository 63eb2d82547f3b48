"""`joulehouse ui`: the Dagster UI on the data of this checkout, until Ctrl-C."""

from typing import Annotated

import typer

from pipelines.command_line.house import House
from pipelines.command_line.open_house import OpenHouse, opened
from pipelines.command_line.speech import say
from pipelines.command_line.twin import Twin

PortOption = Annotated[int | None, typer.Option(min=1024, max=65535, help="Where the UI listens [default: as last].")]


def ui(*, port: PortOption = None) -> None:
    """Open the Dagster UI again on the same data, with its daemon, until Ctrl-C."""
    house = House()
    # The demo's source points at the sandbox; whoever has set the variables of a real account means that one.
    twin = Twin(house.home, house.root)
    with_twin = twin.was_started and twin.is_meant_by(house.settings.environment)
    with opened(house, with_twin=with_twin, port=port) as running:
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
