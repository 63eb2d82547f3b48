"""What the other series of a device add up to: a grid is its house less the roof and the battery.

Where a series is such a sum, its siblings say what it has to be, and that it is wrong itself: when a sibling is, the
sum is wrong, but neither zero nor turned. Which sum that is, the last weeks show.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.plausibility.flag import Flag
from domain.plausibility.shape import DayShape, Floats, table
from domain.plausibility.siblings import Sibling

_DAYS: Final = 28
_LEAST_KNOWN: Final = 1_344  # quarters of an hour: half of these days
_FITS: Final = 0.1  # of the variance is left at most
_TAIL: Final = 0.99
_TIMES_USUAL: Final = 3.0
_NOISE: Final = 0.02  # of the largest value
_LEAST_ZEROS: Final = 8  # quarters of an hour
_NEARER_TURNED: Final = 0.25


def unlike_sum(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """Zeros where the siblings add up to something else, or a day that fits to their sum when it is turned."""
    is_zero = today.zeros == 1
    is_of_both_signs = min(day.least for day in past) < 0 < max(day.most for day in past)
    if not siblings or (is_zero.sum() < _LEAST_ZEROS and not is_of_both_signs):
        return None
    found = _sum(today, past, siblings)
    if found is None:
        return None
    expected, least = found
    others = ", ".join(sibling.name for sibling in siblings)
    n_unlike = int((np.abs(expected[is_zero]) > least).sum())
    if n_unlike >= _LEAST_ZEROS:
        most = float(np.nanmax(np.abs(expected[is_zero])))
        return Flag("zeros", f"{n_unlike / 4:g} hours of zeros, where {others} add up to as much as {most:g}")
    as_is, turned = (float(np.nansum(np.abs(way * today.means - expected))) for way in (1, -1))
    n_known = int((~np.isnan(today.means - expected)).sum())
    if n_known >= _LEAST_ZEROS and as_is > least * n_known and turned < _NEARER_TURNED * as_is:
        return Flag("sign", f"turned, the day is {as_is / max(turned, 1e-9):.1f} times nearer to the sum of {others}")
    return None


def _sum(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> tuple[Floats, float] | None:
    """What the siblings add up to in each quarter of an hour of the day, and how far off is more than usual.

    Nothing where the series is no sum of theirs.
    """
    first = today.day - _DAYS
    series = table(past, first, today.day - 1).ravel()
    others = np.array([table(sibling.days, first, today.day).ravel() for sibling in siblings])
    others = np.vstack([others, np.ones(others.shape[1])])
    before = others[:, : len(series)]
    is_known = ~np.isnan(series) & ~np.isnan(before).any(axis=0)
    if is_known.sum() < _LEAST_KNOWN:
        return None
    target, terms = series[is_known], before[:, is_known].T
    weights = np.linalg.lstsq(terms, target, rcond=None)[0]
    rest = np.abs(target - terms @ weights)
    if (rest**2).mean() > _FITS * target.var():
        return None
    least = max(_TIMES_USUAL * float(np.quantile(rest, _TAIL)), _NOISE * float(np.abs(target).max()))
    expected: Floats = weights @ others[:, len(series) :]
    return expected, least
