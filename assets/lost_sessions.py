"""A step whose database session was lost is repeated on a fresh one; a database that is away is waited for."""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from domain.contract import Warehouse
from domain.errors import WarehouseUnavailableError

Result = TypeVar("Result")

_log: Final = logging.getLogger(__name__)

_MOST_REPEATS: Final = 5  # for it may be the step that ends the session


def on_living_sessions(warehouse: Warehouse, place: str, step: Callable[[], Result]) -> Result:
    """What `step` returns, which is done again where its session was lost.

    A step may be repeated whatever became of it: a pull goes on behind the last page kept, and a load whose commit went
    unanswered finds its points there, and writes none.

    Raises:
        WarehouseUnavailableError: No session is to be had for as long as is waited, or each one is lost.
    """
    for _ in range(_MOST_REPEATS):
        try:
            return step()
        except WarehouseUnavailableError as error:
            if not error.session_lost:
                raise
            _log.warning("%s: a session was lost, and this step is repeated: %s", place, error)
            warehouse.wait_until_available(error)
    return step()
