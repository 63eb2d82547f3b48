"""What the assets ask of a warehouse beyond its contract: the ledger, read back."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from domain.contract import LoadReport, Warehouse


class LedgeredWarehouse(Warehouse, Protocol):
    """A warehouse whose ledger can be read."""

    def loads(self, source: str, first: date, last: date) -> Sequence[LoadReport]:
        """The newest committed load of every day of `source` from `first` to `last`, by day; days without one lack."""
