"""The series of an account, device by device: one that cannot be read costs its own series, and no other's."""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar

from domain.errors import ProviderError
from domain.records import Series

_Device = TypeVar("_Device")

_log: Final = logging.getLogger(__name__)


def discovered(
    devices: Collection[_Device],
    series_of: Callable[[_Device], Iterable[Series]],
    name_of: Callable[[_Device], str],
) -> tuple[Series, ...]:
    """The series of `devices`; a device that cannot be read is logged by name and left out, unless none can.

    Raises:
        ProviderError: No device can be read.
    """
    found: dict[str, Series] = {}
    failures: list[ProviderError] = []
    for device in devices:
        try:
            found.update((series.key, series) for series in series_of(device))
        except ProviderError as error:
            _log.warning("The series of %s stay undiscovered: %s", name_of(device), error)
            failures.append(error)
    if failures and len(failures) == len(devices):
        raise failures[0]
    return tuple(found.values())
