"""What a series has shown: how many points on such a weekday in the weeks before, and how long it may say nothing.

Robust: a median over weeks, so that a bad day or two change nothing. A week without any point says nothing about a
weekday; a weekday without points in weeks with points is one on which none are expected. A series that is too young for
that is held against its neighbours, the days up to a week before and behind.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

WEEKS: Final = 5
LOOK_BACK: Final = 7 * WEEKS
"""Days before a day that are looked at."""

LOOK_AHEAD: Final = 7
"""Days behind a day that are looked at."""

_LEAST_WEEKS: Final = 3
_LEAST_DAYS: Final = 5
_LEAST_NEIGHBOURS: Final = 2
_STEADY: Final = 0.01  # half of the counts lie nearer to their median, as a share of it: then it is counted by the day
_ROUGH: Final = 0.1  # the same where polls are lost: then half of a day is missed, if it is missed in one piece
_OF_USUAL_SILENCE: Final = 4.0  # times the longest silence of an ordinary day
_LEAST_POINTS: Final = 5
_OF_SILENCE: Final = 2.0  # times the longest silence of the weeks before
_LEAST_SILENCE_SECONDS: Final = 86_400.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is expected of a day by the weeks before it; one element for each series.

    Attributes:
        expected: Points; NaN where the series speaks of changes alone, or has shown too little.
        rough: Points of such a day where they are no more than roughly the same each time; NaN otherwise.
        rough_silence: Seconds without a point within a day that are nothing unusual; NaN where too little was shown.
        longest_silence: Seconds without a point that are nothing unusual; NaN where too little was shown.
        is_familiar: Whether it has spoken on enough days to say that it speaks of changes alone.
    """

    expected: Floats
    rough: Floats
    rough_silence: Floats
    longest_silence: Floats
    is_familiar: npt.NDArray[np.bool_]


def shown_around(
    found: npt.NDArray[np.int64],
    behind: npt.NDArray[np.int64],
    silences: Floats,
    *,
    is_known: npt.NDArray[np.bool_],
) -> Shown:
    """What the last `LOOK_BACK` days, and the `LOOK_AHEAD` behind it, say of a day.

    Args:
        found: Points; series by the `LOOK_BACK` days before.
        behind: The same of the days behind it.
        silences: The longest time without a point that ends on each of these days, seconds; NaN where there is none.
        is_known: Whether the day was loaded after the series had begun, so that no point means no point.
    """
    speaks = found > 0
    by_week = found.reshape(len(found), WEEKS, 7)
    of_week = speaks.reshape(by_week.shape).any(axis=2, keepdims=True)
    is_said = (is_known | speaks).reshape(by_week.shape) & of_week
    said_so = np.where(is_said, by_week.astype(float), np.nan)
    weekday = said_so[:, :, 0]
    n_weeks = (~np.isnan(weekday)).sum(axis=1)
    of_all, spread = _median_and_spread(said_so.reshape(len(found), -1), _LEAST_DAYS)
    spread[speaks.sum(axis=1) < _LEAST_DAYS] = np.nan
    is_steady = spread <= _STEADY * of_all
    usual = np.where(n_weeks >= _LEAST_WEEKS, _median(weekday, n_weeks), of_all)
    beside = np.concatenate([found[:, -LOOK_AHEAD:], behind], axis=1)
    of_neighbours, spread_beside = _median_and_spread(
        np.where(beside > 0, beside.astype(float), np.nan), _LEAST_NEIGHBOURS
    )
    is_even = (spread_beside <= _STEADY * of_neighbours) & (speaks.sum(axis=1) < _LEAST_DAYS)
    expected = np.where(is_steady, usual, np.where(is_even, of_neighbours, np.nan))
    quiet = np.where(speaks & ~np.isnan(silences), silences, -1.0).max(axis=1)
    has_enough = (found.sum(axis=1) >= _LEAST_POINTS) & (speaks.sum(axis=1) > 1)  # a silence has two ends
    longest = np.where(has_enough, np.maximum(_OF_SILENCE * quiet, _LEAST_SILENCE_SECONDS), np.nan)
    rough = np.where((spread <= _ROUGH * of_all) & np.isnan(expected), usual, np.nan)
    of_days = np.where(speaks, silences, np.nan)
    rough_silence = _OF_USUAL_SILENCE * _median(of_days, (~np.isnan(of_days)).sum(axis=1))
    return Shown(expected, rough, rough_silence, longest, speaks.sum(axis=1) >= _LEAST_DAYS)


def _median_and_spread(values: Floats, least: int) -> tuple[Floats, Floats]:
    """The median of each row without its NaN, and how far half of it is away; NaN where there are too few values."""
    n = (~np.isnan(values)).sum(axis=1)
    median = _median(values, n)
    spread = _median(np.abs(values - median[:, None]), n)
    return median, np.where(n >= least, spread, np.nan)


def _median(values: Floats, n: npt.NDArray[np.int64]) -> Floats:
    """By row, of the `n` that are not NaN. NumPy's own is slow where a value is NaN."""
    ordered = np.sort(values, axis=1)  # NaN last
    rows, last = np.arange(len(values)), np.maximum(n - 1, 0)
    middle: Floats = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return middle
