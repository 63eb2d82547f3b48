"""When Climkit says that something was: texts with the site's own offset, or the epoch in a unit that nobody names.

Everything is done by whole columns. A row is looked at alone only where a column shows that one of it is invalid.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from domain.instants import microseconds
from domain.records import Reason
from domain.texts import clipped
from providers._points import CLOCK_TOLERANCE, Integers, earliest_of
from providers._times import lacks_offset, read_column
from providers.climkit.spec import SPEC
from providers.climkit.wire import unreadable

EARLIEST: Final = earliest_of(SPEC.first_day)
"""What is older has a lost clock; an epoch in seconds, read as milliseconds, lies in 1970."""

_EXACT: Final = 2**53


def read_texts(column: Sequence[Any], received_at: datetime, *, place: str) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows that have no usable time, by index.

    Raises:
        PayloadUnreadableError: A timestamp says no offset: which instant it means, nobody can know.
    """
    times, invalid = read_column(column)
    for index, reason in invalid.items():
        if reason is Reason.WRONG_TYPE and isinstance(column[index], str) and lacks_offset(column[index]):
            raise unreadable(f"the timestamp {clipped(column[index])} does not say its offset from UTC", place)
    return _plausible(times, received_at, invalid), invalid


def read_epochs(column: Sequence[Any], received_at: datetime, *, place: str) -> tuple[Integers, dict[int, Reason]]:
    """The same of a sensor's rows, whose integers count seconds or milliseconds: their size decides, for all of them.

    What can be neither is of a clock that was lost or is ahead, or in another unit: that costs this sensor alone.

    Raises:
        PayloadUnreadableError: Some can only be seconds and others only milliseconds.
    """
    invalid: dict[int, Reason] = {}
    sent = [_whole(value, index, invalid) for index, value in enumerate(column)]
    numbers = np.array(sent, dtype=np.int64)
    known = np.ones(len(sent), dtype=bool)
    known[list(invalid)] = False
    low, high = microseconds(EARLIEST) // 10**6, microseconds(received_at + CLOCK_TOLERANCE) // 10**6
    are_seconds = known & (numbers >= low) & (numbers <= high)
    are_millis = known & (numbers >= low * 1000) & (numbers <= high * 1000 + 999)
    if are_seconds.any() and are_millis.any():
        raise unreadable("some timestamps of the sensor are seconds and others milliseconds", place)
    fits, factor = (are_seconds, 10**6) if are_seconds.any() else (are_millis, 10**3)
    for index in np.flatnonzero(known & ~fits).tolist():
        invalid[index] = Reason.IMPLAUSIBLE_TIME
    return np.where(fits, numbers, 0) * factor, invalid


def _plausible(times: Integers, received_at: datetime, invalid: dict[int, Reason]) -> Integers:
    low, high = microseconds(EARLIEST), microseconds(received_at + CLOCK_TOLERANCE)
    for index in np.flatnonzero((times < low) | (times > high)).tolist():
        invalid.setdefault(index, Reason.IMPLAUSIBLE_TIME)
    return times.clip(low, high)


def _whole(value: object, index: int, invalid: dict[int, Reason]) -> int:
    if type(value) is int and abs(value) < _EXACT:
        return value
    if type(value) is float and abs(value) < _EXACT and value.is_integer():
        return int(value)
    if value is None:
        invalid[index] = Reason.NO_TIME
    else:
        invalid[index] = Reason.IMPLAUSIBLE_TIME if type(value) in (int, float) else Reason.WRONG_TYPE
    return 0
