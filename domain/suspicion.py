"""Which days have fewer points than is usual: the judgement alone, of counts; it asks nobody and remembers nothing.

A day is held against the same weekday of the four weeks before, or, where too few of those are known, against its
neighbours. What is usual is a median: an outage that lies among the days does not change it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

DAYS_BEFORE: Final = 28
"""How many days before a day are looked at to judge it."""

DAYS_BEHIND: Final = 7
"""How many days behind it are."""

_WEEKDAYS: Final = (7, 14, 21, 28)
_FEWEST_WEEKDAYS: Final = 3
_FEWEST_NEIGHBOURS: Final = 2
_SPREADS: Final = 4  # a fall of so many median deviations is none that happens by itself
_FEWEST_POINTS: Final = 4  # of a row that may speak of changes alone: below, it says nothing
_MOSTLY: Final = 0.75  # of the days
_STEADY: Final = 0.05  # of the usual count: a row that may speak of changes alone, and mostly varies by more, does so

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One series, or all of them together, on one day.

    Attributes:
        row: Which row of the counts.
        found: Points of the day.
        usual: Points that such a day has.
    """

    row: int
    found: int
    usual: float


def judged(counts: _Floats, is_regular: _Bools, at: int) -> list[Suspicion]:
    """The rows that have less than half of what is usual on a day, those that miss most first.

    Exempt are rows whose counts vary so much by themselves that the fall says nothing (they speak of changes alone),
    and every day up to the first one with points: a new series, and what was before it.

    Args:
        counts: Points by row (a series; all of them) and day, one column a day without gaps; NaN where not loaded.
        is_regular: By row: whether a resolution is stated for it.
        at: The column of the day. Up to `DAYS_BEFORE` columns before and `DAYS_BEHIND` behind are looked at.
    """
    found = counts[:, at]
    known = counts[:, max(0, at - DAYS_BEFORE) : at + DAYS_BEHIND + 1]
    with np.errstate(invalid="ignore"):
        low = np.flatnonzero(found * 2 < np.nanmax(known, axis=1, initial=0.0))
    place = min(at, DAYS_BEFORE)
    known = known[low]
    has_begun = np.cumsum(np.nan_to_num(known) > 0, axis=1) > 0
    known = np.where(has_begun, known, np.nan)
    # Nothing of a series' first day says that it should have been whole.
    is_older = has_begun[:, place - 1] if place else np.zeros(len(low), dtype=np.bool_)
    neighbours = np.delete(known[:, max(0, place - DAYS_BEHIND) :], min(place, DAYS_BEHIND), axis=1)
    weekdays = known[:, [place - days for days in _WEEKDAYS if days <= place]]
    is_enough = _n_known(weekdays) >= _FEWEST_WEEKDAYS
    usual = np.where(is_enough, _median(weekdays), _median(neighbours))
    fall = usual - found[low]
    with np.errstate(invalid="ignore"):
        is_low = known * 2 < usual[:, None]
    others = np.where(_around(is_low | np.isnan(known), place), np.nan, known)
    deviations = np.abs(others - _median(others)[:, None])
    spread, wide = _middle(deviations, 0.5), _middle(deviations, _MOSTLY)
    with np.errstate(invalid="ignore"):
        is_suspect = is_older & (found[low] * 2 < usual) & (fall > _SPREADS * spread)
    is_suspect &= is_enough | (_n_known(neighbours) >= _FEWEST_NEIGHBOURS)
    is_suspect &= is_regular[low] | ((usual >= _FEWEST_POINTS) & (wide <= _STEADY * usual))
    chosen = [Suspicion(int(low[one]), int(found[low[one]]), float(usual[one])) for one in np.flatnonzero(is_suspect)]
    return sorted(chosen, key=lambda one: (one.found - one.usual, one.row))


def _n_known(values: _Floats) -> npt.NDArray[np.int64]:
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=1), dtype=np.int64)


def _around(is_low: _Bools, at: int) -> _Bools:
    """By row: a day, and the days beside it that are as low without a break: the same outage."""
    before = np.logical_and.accumulate(is_low[:, :at][:, ::-1], axis=1)[:, ::-1]
    behind = np.logical_and.accumulate(is_low[:, at + 1 :], axis=1)
    return np.concatenate([before, np.ones((len(is_low), 1), dtype=np.bool_), behind], axis=1)


def _median(values: _Floats) -> _Floats:
    return _middle(values, 0.5)


def _middle(values: _Floats, share: float) -> _Floats:
    """The value that a share of the known ones is below, by row; NaN where none is. NumPy's own is slow with NaN."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)
    place = np.maximum(_n_known(values) - 1, 0) * share
    rows = np.arange(len(values))
    middle: _Floats = (ordered[rows, np.floor(place).astype(int)] + ordered[rows, np.ceil(place).astype(int)]) / 2
    return middle
