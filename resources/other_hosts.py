"""What runs on other hosts can use."""

from typing import Final

from domain.errors import ConfigurationError, WarehouseError
from resources.settings import DAGSTER_VARIABLES, Settings
from warehouse.embedded import EmbeddedWarehouse

PLACES: Final = "WORKER_PLACES"


def refuse_embedded_warehouse(settings: Settings) -> None:
    """Refuse the embedded warehouse where runs may be on other hosts: it answers on this host's loopback address alone.

    For whoever launches runs for workers, and for a worker before it takes one. It asks nobody, and starts nothing.

    Raises:
        ConfigurationError: `WAREHOUSE_URL` names none, or names the embedded one.
    """
    url = settings.warehouse_url
    if url is None or url == _embedded_url(settings):
        raise ConfigurationError(
            "the embedded warehouse serves this host alone, and runs on workers need one that every worker reaches",
            place="WAREHOUSE_URL",
            fix="let it name a TimescaleDB of yours, the same for the code server and all workers, or unset BROKER_URL",
        )


def require_history(settings: Settings) -> None:
    """Refuse a history of Dagster's that this host alone reaches: on the embedded server, unless another is named.

    Raises:
        ConfigurationError: Not all variables of it are set.
    """
    if settings.dagster_storage is None:
        settings.variable(DAGSTER_VARIABLES[0], place="Dagster's history, which every worker must reach")


def require_places(settings: Settings) -> None:
    """Refuse to launch runs for workers without a number of how many they can work at.

    Raises:
        ConfigurationError: `WORKER_PLACES` is not set, or no such number.
    """
    text = settings.variable(PLACES, place="runs on workers")
    if not text.isdecimal() or not int(text):
        raise ConfigurationError(
            f"{text!r} is no number of runs", place=PLACES, fix="set it to how many all workers together can work at"
        )


def _embedded_url(settings: Settings) -> str | None:
    try:
        return EmbeddedWarehouse(settings.home, cache=settings.cache).url
    except WarehouseError:  # it was never started here
        return None
