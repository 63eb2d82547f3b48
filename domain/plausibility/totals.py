"""A detector that looks at a day's total: far from those of its own weeks.

Of weeks that are steady: what a roof yields on a dull day is a tenth of a sunny one, and nothing is far from both.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.plausibility.flag import Flag
from domain.plausibility.shape import DayShape

_COMPLETE: Final = 0.9  # of the quarters of an hour of a day: of less, a total says which are missing
_LEAST_DAYS: Final = 42
_STEADY: Final = 2.0  # times the least total: the largest of steady weeks
_FAR: Final = 0.75  # of the ratio of largest and least, by its logarithm, beyond them
_LEAST_FAR: Final = 1.2  # a voltage hardly ever differs by more, and by less every summer


def total(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """A total nearly as far above the largest of six weeks, or below the least, as these are from each other."""
    n_known = [_n_known(day) for day in past]
    least_known = _COMPLETE * max(_n_known(today), float(np.median(n_known)))
    if _n_known(today) < least_known:
        return None
    totals = np.array([_mean(day) for day, n in zip(past, n_known, strict=True) if n >= least_known])
    way, now = np.sign(np.median(totals)) if len(totals) else 0.0, _mean(today)
    if len(totals) < _LEAST_DAYS or (totals * way).min() <= 0 or now * way <= 0:
        return None
    least, most, now = float((totals * way).min()), float((totals * way).max()), now * way
    if most > _STEADY * least or max(now / most, least / now) < max(_LEAST_FAR, (most / least) ** _FAR):
        return None
    usual = float(np.median(totals * way))
    return Flag(
        "total",
        f"the day's total is {now / usual:.2f} times the usual one;"
        f" those of {len(totals)} days were {least / usual:.2f} to {most / usual:.2f} times as much",
    )


def _n_known(day: DayShape) -> int:
    return int((~np.isnan(day.means)).sum())


def _mean(day: DayShape) -> float:
    return float(np.nanmean(day.means))
