"""Where Dagster keeps its own history: in a PostgreSQL of yours, or in a database on the embedded server."""

import secrets
from typing import Final
from urllib.parse import urlsplit

from domain.errors import ConfigurationError, IngestError
from pipelines.local import state
from pipelines.local.processes import (
    HOST,
)
from pipelines.local.project import Project
from warehouse.server import ensure_database

_DATABASE: Final = "dagster"


def dagster_storage(project: Project) -> dict[str, str]:
    """The variables that `pipelines/instance/dagster.yaml` names: Dagster's own history in a PostgreSQL of yours.

    Without one it is a database of its own on the embedded server, which is started if it does not run.

    Raises:
        ConfigurationError: There is nowhere to keep it, or its variables are incomplete.
        IngestError: The embedded server does not come up.
    """
    if variables := project.settings.dagster_storage:
        return dict(variables)
    try:
        project.embedded.start()
    except IngestError as error:
        if not project.is_external:
            raise
        raise ConfigurationError(
            f"Dagster has nowhere to keep its own history, since the embedded server cannot be had: {error.culprit}",
            place=error.place,
            fix="set DAGSTER_PG_HOST, DAGSTER_PG_USER, DAGSTER_PG_PASSWORD and DAGSTER_PG_DB to a database of yours",
        ) from None
    values = state.read_or_create(project.home / "dagster.json", lambda: {"password": secrets.token_urlsafe(24)})
    ensure_database(project.embedded.admin_url, _DATABASE, _DATABASE, values["password"])
    return _on_embedded(project, values["password"])


def made_dagster_storage(project: Project) -> dict[str, str] | None:
    """The same, where nothing is started or made for it; None if it is nowhere yet, or its server is stopped."""
    if variables := project.settings.dagster_storage:
        return dict(variables)
    password = state.read(project.home / "dagster.json").get("password")
    return _on_embedded(project, password) if password and project.embedded.status().is_running else None


def _on_embedded(project: Project, password: str) -> dict[str, str]:
    server = urlsplit(project.embedded.admin_url)
    return {
        "DAGSTER_PG_HOST": server.hostname or HOST,
        "DAGSTER_PG_PORT": str(server.port or 5432),
        "DAGSTER_PG_DB": _DATABASE,
        "DAGSTER_PG_USER": _DATABASE,
        "DAGSTER_PG_PASSWORD": password,
    }
