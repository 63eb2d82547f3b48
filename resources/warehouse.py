"""The warehouse's address and lifetime: `WAREHOUSE_URL`, or else the embedded one, started on demand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from domain.errors import ConfigurationError, WarehouseError, WarehouseUnsuitableError
from resources.settings import Settings
from warehouse.availability import Availability
from warehouse.connections import Address
from warehouse.embedded import EmbeddedWarehouse
from warehouse.fill import fill
from warehouse.schema_check import check_schema
from warehouse.store import TimescaleWarehouse, open_warehouse


def warehouse_address(settings: Settings) -> str:
    """The URL of a warehouse that runs and has the schema; it holds a password: never show it.

    The embedded warehouse is started if it does not run, and belongs to this checkout alone, so its schema is brought
    up to date here. A server that `WAREHOUSE_URL` names belongs to somebody: there, `joulehouse warehouse migrate` does
    that when they say so, and until then it is refused.

    Raises:
        ConfigurationError: There is no server, and this host cannot run the embedded one.
        WarehouseError: The server does not answer, is no TimescaleDB, or has another schema.
    """
    if settings.warehouse_url:
        address = Address.of(settings.warehouse_url)
        waiting = Availability(address.place, partial(address.connect, autocommit=False))  # for a server that starts
        check_schema(settings.warehouse_url, waiting.connect)
        return settings.warehouse_url
    url = EmbeddedWarehouse(settings.home, cache=settings.cache).start()
    try:
        check_schema(url)
    except WarehouseUnsuitableError:
        # Alembic takes a third of a second to import, and a schema is seldom moved.
        from warehouse.schema import migrate

        migrate(url)
        # What was loaded before derived rows were written at load; it can be resumed by `joulehouse warehouse migrate`.
        with suppress(
            WarehouseUnsuitableError
        ):  # somebody's views stand on the old ones: the doctor says how far it is
            for _ in fill(url):
                pass
    return url


@contextmanager
def opened_warehouse(settings: Settings) -> Iterator[TimescaleWarehouse]:
    """The warehouse of this checkout, open.

    Raises:
        IngestError: See `warehouse_address`.
    """
    url = warehouse_address(settings)
    settings.lend_proxy()
    restart = embedded_restart(settings, url)
    with open_warehouse(url, settings.landing_url, restart=restart, spool=settings.home / "spool") as warehouse:
        yield warehouse


def embedded_restart(settings: Settings, url: str) -> Callable[[], None] | None:
    """Starts the server of `url` again if it does not run; None where it is not the embedded one of this checkout."""
    embedded = EmbeddedWarehouse(settings.home, cache=settings.cache)
    try:
        if not embedded.status().is_made or embedded.url != url:
            return None
    except WarehouseError:  # it was never started, or its password is gone
        return None

    def restart() -> None:
        if not embedded.status().is_made:
            raise ConfigurationError(
                "the embedded warehouse was removed", place=str(settings.home), fix="run the command again"
            )
        if embedded.start() != url:
            raise ConfigurationError(
                "the embedded warehouse runs on another port now", place=str(settings.home), fix="run the command again"
            )

    return restart
