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
    means = np.array([day.means for day in (*past, today)])
    n_known = (~np.isnan(means)).sum(axis=1)
    least_known = _COMPLETE * max(n_known[-1], float(np.median(n_known[:-1])))
    if n_known[-1] < least_known:
        return None
    complete = means[n_known >= least_known]
    *totals, now = np.nansum(complete, axis=1) / (~np.isnan(complete)).sum(axis=1)
    if len(totals) < _LEAST_DAYS or not (min(*totals, now) > 0 or max(*totals, now) < 0):
        return None
    now, least, usual, most = (abs(one) for one in (now, *np.quantile(np.abs(totals), (0, 0.5, 1)).tolist()))
    if most > _STEADY * least or max(now / most, least / now) < max(_LEAST_FAR, (most / least) ** _FAR):
        return None
    return Flag(
        "total",
        f"the day's total is {now / usual:.2f} times the usual one;"
        f" those of {len(totals)} days were {least / usual:.2f} to {most / usual:.2f} times as much",
    )
