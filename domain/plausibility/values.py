"""Detectors that look at the values: another unit, a turned sign, the day before once more, an impossible value."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.plausibility.flag import Flag
from domain.plausibility.shape import NO_STEP, SETTLED_HISTORY, DayShape, share_off

_OUTLIERS: Final = 20  # one day in so many may have had a finer step than the others
_MOSTLY_OFF: Final = 0.5  # of the day's different values
_LEAST_DIFFERENT: Final = 5  # multiples of ten by chance: one in 100,000
_FAR_ABOVE: Final = 5.0  # nearer than the smallest unit's factor of ten, farther than a sunny day after dull weeks
_FAR_BELOW: Final = 16.0
_FAR_UNSETTLED: Final = 50.0  # from an empty house to a full one; below there is snow, and an empty battery
_TURNED: Final = 3.0  # times the least value there has been
_NOISE: Final = 0.02  # of the largest value: what an idle device draws
_NEARER_TURNED: Final = 0.5
_LEAST_CHANGES: Final = 2  # a day of one value is like any other such day


def factor(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """Values as if they were in another unit: ten, a thousand or 3,600 times, or a part.

    A unit shows in the step of values (watts are whole, kilowatts have three decimals) before it shows in the level,
    and on a dull day, whose level says nothing, there alone.
    """
    steps = sorted(day.step for day in past if day.step is not None)
    if steps and today.step is not None and len(steps) * 2 >= len(past):
        usual = steps[len(steps) // _OUTLIERS]
        different = today.values[today.values != 0]
        if today.step < usual and share_off(np.unique(different), usual) > _MOSTLY_OFF:
            return Flag(
                "factor", f"most values are no multiples of 1e{usual}, as those of {len(steps)} days before are"
            )
        if usual > NO_STEP and today.step > usual and today.n_different >= _LEAST_DIFFERENT:
            return Flag(
                "factor", f"all values are multiples of 1e{today.step}; on the days before they were of 1e{usual}"
            )
    most, least = max(day.largest for day in past), min(day.largest for day in past)
    is_settled = len(past) >= SETTLED_HISTORY
    if today.largest > (_FAR_ABOVE if is_settled else _FAR_UNSETTLED) * most > 0:
        return Flag("factor", f"up to {today.largest:g}; the days before had at most {most:g}")
    if is_settled and 0 < today.largest < least / _FAR_BELOW:
        return Flag("factor", f"at most {today.largest:g}; each of the days before reached {least:g}")
    return None


def sign(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """A turned sign: values where there were none on the other side of zero, or a day that fits when it is turned."""
    least, most = min(day.least for day in past), max(day.most for day in past)
    is_settled = len(past) >= SETTLED_HISTORY
    if (is_settled or least >= 0) and today.least < _TURNED * min(least, 0.0) - _NOISE * max(most, 0.0):
        return Flag("sign", f"down to {today.least:g}; the days before had at least {least:g}")
    if least >= 0:
        return None
    if is_settled and today.most > _TURNED * max(most, 0.0) - _NOISE * least:
        return Flag("sign", f"up to {today.most:g}; the days before had at most {most:g}")
    usual = np.nanmedian([np.nan_to_num(day.means) for day in past], axis=0)
    as_is, turned = (float(np.nansum(np.abs(way * today.means - usual))) for way in (1, -1))
    if turned < _NEARER_TURNED * as_is:
        return Flag("sign", f"turned, the day is {as_is / max(turned, 1e-9):.1f} times nearer to the days before")
    return None


def yesterday(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """All values of the day before once more."""
    before = past[-1]
    if before.day != today.day - 1 or not np.array_equal(before.values, today.values):
        return None
    if np.count_nonzero(np.diff(today.values)) < _LEAST_CHANGES:
        return None
    return Flag("yesterday", f"all {len(today.values)} values are those of the day before")


def limit(today: DayShape, least: float | None, most: float | None) -> Flag | None:
    """A value below or above what a person has declared possible."""
    return beyond(today.least, today.most, least, most)


def beyond(low: float, high: float, least: float | None, most: float | None) -> Flag | None:
    """The same, of a day whose least and largest value are known."""
    if least is not None and low < least:
        return Flag("limit", f"down to {low:g}; {least:g} is the least that is possible")
    if most is not None and high > most:
        return Flag("limit", f"up to {high:g}; {most:g} is the most that is possible")
    return None
