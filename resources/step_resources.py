"""What gives a step its provider and its warehouse: both are opened by the step itself, when it needs them.

What Dagster raises from a resource has lost its class and its sentence; so what goes wrong reaches the asset as one of
our errors.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from resources.connection import ConnectionConfig
from resources.provider import LazyProvider
from resources.settings import Settings

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse


@dataclass(frozen=True, slots=True)
class WarehouseOpener:
    """Opens the warehouse that the environment names.

    Attributes:
        settings: What the environment holds.
    """

    settings: Settings

    def open(self) -> "AbstractContextManager[TimescaleWarehouse]":
        """The warehouse, started if need be, for as long as the block lasts.

        Raises:
            IngestError: On entering; see `warehouse_address`.
        """
        # The schema's tools take half a second to import, and a process that only lists definitions needs none.
        from resources.warehouse import opened_warehouse

        return opened_warehouse(self.settings)


@dg.resource(
    description="Where payloads are kept and measurements are loaded; its address is in the environment, and not shown."
)
def warehouse_resource(_context: dg.InitResourceContext) -> WarehouseOpener:
    """The warehouse, to be opened by a step. It has nothing to configure that may be shown."""
    return WarehouseOpener(Settings())


def provider_resource(config: ConnectionConfig) -> dg.ResourceDefinition:
    """What gives a step its provider."""
    source = f"{config.spec.title}, as {config.endpoint.place} says."
    needs = f" Needs {', '.join(config.variables)}, looked up when a request is sent." if config.variables else ""

    @dg.resource(description=source + needs)
    def provider(_context: dg.InitResourceContext) -> Iterator[LazyProvider]:
        with closing(LazyProvider(config, Settings())) as opened:
            yield opened

    return provider
