"""`worker`: take runs from the broker, and work at them until it is stopped."""

import os
import secrets
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from domain.errors import ConfigurationError
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.project import Project
from resources.other_hosts import refuse_embedded_warehouse, require_history

PlacesOption = Annotated[int, typer.Option("--places", min=1, help="How many runs at a time.")]


def worker(*, places: PlacesOption = 2) -> None:
    """Take runs from the broker that BROKER_URL names, until Ctrl-C: what has begun is ended first.

    Dagster's own settings are those of DAGSTER_HOME; where it is not set, those that the project ships for workers.
    """
    project = Project()
    settings = project.settings
    broker = settings.broker_url or settings.variable("BROKER_URL", place="joulehouse worker")
    refuse_embedded_warehouse(settings)
    if not settings.environment.get("DAGSTER_HOME"):
        require_history(settings)
    with project.warehouse() as warehouse:  # a worker without the volume would fail every run that it takes
        warehouse.landing_zone.look()
    if find_spec("dagster_celery") is None:  # an extra that few need
        raise ConfigurationError(
            "Celery is not installed here", place="joulehouse worker", fix="pip install 'joulehouse[workers]'"
        )
    # A worker asks for the places, and does not go by them; Celery takes the variable before what its application says.
    environment = {"WORKER_PLACES": str(places)} | project.inherited | {"BROKER_URL": broker}
    if not environment.get("DAGSTER_HOME"):
        environment["DAGSTER_HOME"] = str(DagsterProcesses(project.home, environment).write_instance())
    # A name of its own, also where several share a host's name.
    name = f"joulehouse-{secrets.token_hex(4)}@%h"
    command = [sys.executable, "-P", "-m", "celery", "--app", "pipelines.workers.app", "worker", "--hostname", name]
    options = ["--concurrency", str(places), "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    # Celery imports from the folder it is started in, and Dagster reads the .env there: in this one is neither.
    os.chdir(environment["DAGSTER_HOME"])
    sys.stdout.flush()
    os.execve(sys.executable, [*command, *options], environment)  # noqa: S606  # the worker itself, under our number
