"""What runs on other hosts can use."""

from domain.errors import ConfigurationError, WarehouseError
from resources.settings import Settings
from warehouse.embedded import EmbeddedWarehouse


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
            fix="let it name a TimescaleDB of yours, the same for the code server and all workers",
        )


def _embedded_url(settings: Settings) -> str | None:
    try:
        return EmbeddedWarehouse(settings.home, cache=settings.cache).url
    except WarehouseError:  # it was never started here
        return None
