"""The shape of one series' day: what the detectors look at, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Seconds = npt.NDArray[np.int64]

DAY: Final = 86_400
SLOTS: Final = 96
SLOT: Final = DAY // SLOTS
LEAST_POINTS: Final = 24
"""Points of a day below which it has no shape to be judged by."""

LEAST_HISTORY: Final = 10
"""Days with points before a day, below which nothing but a declared limit is judged."""

SETTLED_HISTORY: Final = 28
"""Days with points before a day, below which the least, the most and the longest of them say little: a week away, a
dull fortnight or the first export is none of them."""

NO_STEP: Final = -9
"""The step of values that are multiples of no power of ten: what a float keeps of a measurement ends before it."""

_EXPONENTS: Final = range(6, NO_STEP, -1)
_UNITS: Final = np.array([[10.0**exponent] for exponent in _EXPONENTS])
_FEW: Final = 8
_CLOSE: Final = 1e-6  # of a step: binary floats are no multiples of 0.1
_HALF: Final = 0.5  # of a step: less is no multiple of it, however close to none
_GAP: Final = 8  # times the usual distance of points: what is equal on both sides of a hole is no run
_JOINED: Final = 7_200


class Run(NamedTuple):
    """Equal values one after another.

    Attributes:
        value: The value.
        begin: Seconds since 1970-01-01 UTC of the first of them.
        end: Of the last.
        before: The value before the run; NaN where the day begins with it.
        after: The value behind it; NaN where the day ends with it.
    """

    value: float
    begin: int
    end: int
    before: float
    after: float

    @property
    def hours(self) -> float:
        """How long it lasts."""
        return (self.end - self.begin) / 3600


@dataclass(frozen=True, slots=True)
class DayShape:
    """What a series has shown on one UTC day.

    Attributes:
        day: Days since 1970-01-01.
        values: All of them, in order of time.
        n_different: Different values other than zero.
        step: The largest exponent of ten of which every value is a multiple; `NO_STEP` where there is none, nothing
            where every value is zero.
        means: The mean of each quarter of an hour; NaN where there is no point.
        zeros: The share of zeros in each quarter of an hour; NaN where there is no point.
        runs: The first run of equal values, the last one, and the longest of zeros and of anything else between them.
    """

    day: int
    values: Floats
    n_different: int
    step: int | None
    means: Floats
    zeros: Floats
    runs: tuple[Run, ...]

    @property
    def least(self) -> float:
        """The least value."""
        return float(self.values.min())

    @property
    def most(self) -> float:
        """The largest value."""
        return float(self.values.max())

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(abs(self.least), abs(self.most))


def shape_of(day: int, times: Seconds, values: Floats) -> DayShape | None:
    """The shape of the points of one UTC day; nothing where there are none.

    Args:
        day: Days since 1970-01-01.
        times: Seconds since 1970-01-01 UTC, ascending, within that day.
        values: As many.
    """
    if len(values) == 0:
        return None
    slots = (times - day * DAY) // SLOT
    counts = np.bincount(slots, minlength=SLOTS).astype(np.float64)
    counts[counts == 0] = np.nan
    different = np.unique(values)
    different = different[different != 0]
    means = np.bincount(slots, weights=values, minlength=SLOTS) / counts
    zeros = np.bincount(slots, weights=values == 0, minlength=SLOTS) / counts
    return DayShape(day, values, len(different), _step(different), means, zeros, _runs(times, values))


def shapes_of(times: Seconds, values: Floats, first: int, last: int) -> list[DayShape]:
    """The shapes of the UTC days `first` to `last` (days since 1970-01-01) that have points, ascending."""
    bounds = np.searchsorted(times, np.arange(first, last + 2) * DAY).tolist()
    found = (
        shape_of(first + n, times[begin:end], values[begin:end]) for n, (begin, end) in enumerate(pairwise(bounds))
    )
    return [shape for shape in found if shape is not None]


def share_off(values: Floats, exponent: int) -> float:
    """The share of some values that are no multiples of that power of ten."""
    return float(_is_off(values, 10.0**exponent).mean())


def table(days: Sequence[DayShape], first: int, last: int, field: Literal["means", "zeros"] = "means") -> Floats:
    """The quarters of an hour of the days `first` to `last`: days by `SLOTS`, NaN where there is no point."""
    found = np.full((last - first + 1, SLOTS), np.nan)
    for day in days:
        if first <= day.day <= last:
            found[day.day - first] = day.means if field == "means" else day.zeros
    return found


def joined(days: Sequence[DayShape]) -> list[Run]:
    """The runs of some days, as one where they go on over midnight."""
    found: list[Run] = []
    for day in days:
        for n, run in enumerate(day.runs):
            if n == 0 and found and found[-1].value == run.value and run.begin - found[-1].end <= _JOINED:
                found[-1] = found[-1]._replace(end=run.end, after=run.after)
            else:
                found.append(run)
    return found


def _step(different: Floats) -> int | None:
    if len(different) == 0:
        return None
    # A few values rule most exponents out, all of them in one operation.
    is_left = ~_is_off(different[:_FEW], _UNITS).any(axis=1)
    left = (_EXPONENTS[n] for n in np.flatnonzero(is_left).tolist())
    return next((exponent for exponent in left if share_off(different, exponent) == 0), NO_STEP)


def _is_off(values: Floats, unit: float | Floats) -> npt.NDArray[np.bool_]:
    counted = np.abs(values) / unit
    is_off: npt.NDArray[np.bool_] = np.abs(counted - np.rint(counted)) > _CLOSE * np.maximum(1.0, counted * _CLOSE)
    return is_off | (counted < _HALF)


def _runs(times: Seconds, values: Floats) -> tuple[Run, ...]:
    gaps = np.diff(times)
    is_new = np.ones(len(values), dtype=np.bool_)
    if len(gaps):
        is_new[1:] = (values[1:] != values[:-1]) | (gaps > _GAP * np.median(gaps))
    starts = np.flatnonzero(is_new)
    ends = np.append(starts[1:], len(values)) - 1
    seconds, is_zero = times[ends] - times[starts], values[starts] == 0
    chosen = {0, len(starts) - 1}
    between = np.ones(len(starts), dtype=np.bool_)
    between[[0, -1]] = False
    for which in (np.flatnonzero(is_zero & between), np.flatnonzero(~is_zero & between)):
        if len(which):
            chosen.add(int(which[np.argmax(seconds[which])]))
    around = np.concatenate([[np.nan], values, [np.nan]])
    return tuple(
        Run(
            float(values[starts[n]]),
            int(times[starts[n]]),
            int(times[ends[n]]),
            float(around[starts[n]]),
            float(around[ends[n] + 2]),
        )
        for n in sorted(chosen)
    )
