"""What a series has shown in the weeks before: how many points on such a weekday, and how long it may say nothing.

Robust: a median over weeks, so that a bad day or two change nothing. A week without any point says nothing about a
weekday; a weekday without points in weeks with points is one on which none are expected.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

WEEKS: Final = 5
LOOK_BACK: Final = 7 * WEEKS
"""Days before a day that are looked at."""

_LEAST_WEEKS: Final = 3
_LEAST_DAYS: Final = 5
_STEADY: Final = 0.3  # between the smallest and the largest count, as a share of the median: it is counted by the day
_STEADY_WEEKDAYS: Final = 5
_LEAST_POINTS: Final = 5
_OF_SILENCE: Final = 2.0  # times the longest silence of the weeks before
_LEAST_SILENCE_SECONDS: Final = 86_400.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is expected of a day by the weeks before it; one element for each series.

    Attributes:
        expected: Points; NaN where the series speaks of changes alone, or has shown too little.
        longest_silence: Seconds without a point that are nothing unusual; NaN where too little was shown.
        is_familiar: Whether it has spoken on enough days to say that it speaks of changes alone.
    """

    expected: Floats
    longest_silence: Floats
    is_familiar: npt.NDArray[np.bool_]


def shown_before(found: npt.NDArray[np.int64], silences: Floats, *, is_known: npt.NDArray[np.bool_]) -> Shown:
    """What the last `LOOK_BACK` days say of the day behind them.

    Args:
        found: Points; series by the `LOOK_BACK` days before.
        silences: The longest time without a point that ends on each of these days, seconds; NaN where there is none.
        is_known: Whether the day was loaded after the series had begun, so that no point means no point.
    """
    speaks = found > 0
    by_week = found.reshape(len(found), WEEKS, 7)
    of_week = speaks.reshape(by_week.shape).any(axis=2, keepdims=True)
    is_said = (is_known | speaks).reshape(by_week.shape) & of_week
    weekdays = np.where(is_said, by_week.astype(float), np.nan).transpose(0, 2, 1).reshape(-1, WEEKS)
    by_weekday, is_steady = (one.reshape(-1, 7) for one in _steady(weekdays, _LEAST_WEEKS))
    of_all, is_steady_at_all = _steady(np.where(speaks, found.astype(float), np.nan), _LEAST_DAYS)
    # Three counts may be alike by chance: most weekdays have to be steady.
    is_weekly = is_steady[:, 0] & (is_steady.sum(axis=1) >= _STEADY_WEEKDAYS)
    expected = np.where(is_weekly, by_weekday[:, 0], np.where(is_steady_at_all, of_all, np.nan))
    quiet = np.where(speaks & ~np.isnan(silences), silences, -1.0).max(axis=1)
    has_enough = (found.sum(axis=1) >= _LEAST_POINTS) & (speaks.sum(axis=1) >= 2)  # noqa: PLR2004 — a silence has two ends
    longest = np.where(has_enough, np.maximum(_OF_SILENCE * quiet, _LEAST_SILENCE_SECONDS), np.nan)
    return Shown(expected, longest, speaks.sum(axis=1) >= _LEAST_DAYS)


def _steady(values: Floats, least: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The median of each row without its NaN, and whether enough values lie near enough to it."""
    ordered = np.sort(values, axis=1)  # NaN last
    n = (~np.isnan(values)).sum(axis=1)
    rows, last = np.arange(len(values)), np.maximum(n - 1, 0)
    median = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    # One value in five may lie anywhere, on either side.
    low, high = ordered[rows, last // 5], ordered[rows, last - last // 5]
    return median, (n >= least) & (high - low <= _STEADY * median)
