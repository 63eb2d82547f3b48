"""`python -m pipelines.webserver`: the UI behind the guard; DAGSTER_HOME names the instance."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from dagster._utils.log import configure_loggers

from domain.errors import ConfigurationError
from pipelines.console import FAILED, complain
from pipelines.webserver.origins import OwnOrigins
from pipelines.webserver.server import serve
from resources.settings import Settings

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Where it listens.")]
PublishedOption = Annotated[int | None, typer.Option(min=1, max=65535, help="Where the host publishes that port.")]
WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", exists=True, dir_okay=False)]


def main(
    *,
    workspace: WorkspaceOption,
    port: PortOption,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    published_port: PublishedOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="For viewers: nothing is launched.")] = False,
) -> None:
    """Serve Dagster's UI to its own pages alone."""
    configure_loggers(formatter="colored", log_level="INFO")
    logging.basicConfig(format="%(asctime)s %(message)s")  # the guard's lines; Dagster's own have theirs
    ports = [port] if published_port is None else [published_port, port]
    try:
        own = OwnOrigins.of(ports, Settings().ui_origins)
    except ConfigurationError as error:
        complain(str(error))
        sys.exit(FAILED)
    serve(host, port, workspace, own, is_read_only=read_only)


if __name__ == "__main__":
    typer.run(main)
