"""Where Dagster keeps its own history: a PostgreSQL of yours, or a database of its own on the embedded server."""

import secrets
from typing import Final
from urllib.parse import urlsplit

from domain.errors import ConfigurationError, IngestError
from pipelines.local.loopback import HOST
from pipelines.local.project import House
from pipelines.local.state import kept
from warehouse.server import ensure_database

_DATABASE: Final = "dagster"


def dagster_storage(house: House) -> dict[str, str]:
    """The variables that `pipelines/instance/dagster.yaml` names. The embedded server is started if it is needed.

    Raises:
        ConfigurationError: There is nowhere to keep it, or its variables are incomplete.
        IngestError: The embedded server does not come up.
    """
    if given := house.settings.dagster_storage:
        return dict(given)
    try:
        house.embedded.start()
    except IngestError as error:
        if not house.is_external:
            raise
        raise ConfigurationError(
            f"Dagster has nowhere to keep its own history, since the embedded server cannot be had: {error.culprit}",
            place=error.place,
            fix="set DAGSTER_PG_HOST, DAGSTER_PG_USER, DAGSTER_PG_PASSWORD and DAGSTER_PG_DB to a database of yours",
        ) from None
    facts = kept(house.home / "dagster.json", lambda: {"password": secrets.token_urlsafe(24)})
    server = urlsplit(house.embedded.admin_url)
    ensure_database(house.embedded.admin_url, _DATABASE, _DATABASE, facts["password"])
    return {
        "DAGSTER_PG_HOST": server.hostname or HOST,
        "DAGSTER_PG_PORT": str(server.port or 5432),
        "DAGSTER_PG_DB": _DATABASE,
        "DAGSTER_PG_USER": _DATABASE,
        "DAGSTER_PG_PASSWORD": str(facts["password"]),
    }
