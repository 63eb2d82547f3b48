"""Which readings the intervals of a day depend on.

A hop is the next whole UTC days with readings, until they hold enough of them; where all of these show the same, one
day more, since a whole day of zeros tells nothing of the counter. Whether a reading of a day is trusted
is decided by the readings of that day and of one hop on each side; the intervals that end on a day, by the trusted
readings of the same days. Hence two hops in all, for readings as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

HOPS: Final = 2
"""The intervals that end on a day depend on nothing farther away than this."""

HOP_READINGS: Final = 16
"""Readings that a hop holds at least, unless there are no more."""

DAY_US: Final = 86_400_000_000

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Day:
    """The readings of one UTC day, and those within one hop of it, as positions.

    Attributes:
        start: Its first reading.
        stop: Behind its last one.
        context: The readings within one hop.
    """

    start: int
    stop: int
    context: slice


def changes(value: npt.NDArray[np.float64]) -> _Ints:
    """How often a counter has shown something else by each reading: two of one number have all the same between."""
    return np.cumsum(np.diff(value, prepend=value[:1]) != 0)


def days(at_us: _Ints, value: npt.NDArray[np.float64]) -> Iterator[Day]:
    """Every UTC day with readings, in order. Instants ascend."""
    numbers = at_us // DAY_US
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1)) if len(at_us) else np.empty(0, dtype=np.int64)
    bounds = np.append(starts, len(at_us))
    n_days = len(starts)
    # The day that holds the reading `HOP_READINGS` before this day's first one; at least the day before it.
    before = np.searchsorted(starts, bounds[:-1] - HOP_READINGS, side="right") - 1
    before = np.clip(before, 0, np.maximum(np.arange(n_days) - 1, 0))
    after = np.searchsorted(starts, bounds[1:] + HOP_READINGS - 1, side="right") - 1
    after = np.clip(after, np.minimum(np.arange(n_days) + 1, n_days - 1), n_days - 1)
    if n_days:
        n_changes = changes(value)
        firsts, lasts = n_changes[starts], n_changes[bounds[1:] - 1]
        numbers = np.arange(n_days)
        is_same = firsts[before] == lasts[np.maximum(numbers - 1, 0)]
        before = np.where(is_same, np.maximum(before - 1, 0), before)
        is_same = firsts[np.minimum(numbers + 1, n_days - 1)] == lasts[after]
        after = np.where(is_same, np.minimum(after + 1, n_days - 1), after)
    for number in range(n_days):
        context = slice(int(starts[before[number]]), int(bounds[after[number] + 1]))
        yield Day(int(bounds[number]), int(bounds[number + 1]), context)
