"""A detector that looks at when a day begins and ends: values as if by another clock.

For series that follow the sun and are zero at night. The sun drifts by minutes a week, and by as much in the morning
as in the evening, so the middle of the day stays where it is. A temperature has such a middle, too, but it wanders by
hours with the weather: on the shipped one it gives more false flags than it finds shifts.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.plausibility.flag import Flag
from domain.plausibility.profile import is_held
from domain.plausibility.shape import SLOT, SLOTS, DayShape, Floats
from domain.plausibility.siblings import Sibling

_DAYS: Final = 3
_BEFORE: Final = 14
_SPREAD_DAYS: Final = 42
_LEAST_KNOWN: Final = 30  # of these: a roof has a middle on every day, and a battery has none when it stays empty
_TIMES_USUAL: Final = 1.8
_TIMES_STILL: Final = 4.0  # less than a quarter and a half: in series whose middle hardly wanders
_MOST_USUAL: Final = 2.5  # quarters of an hour: the middle of such a day says nothing
_LEAST_OFF: Final = 0.75  # quarters of an hour: less is what a coarse grid does by itself
_PLAIN_OFF: Final = 1.25
_LEAST_PLAIN: Final = 16
_LEAST_STEP: Final = 2.0  # quarters of an hour, between the medians of two weeks
_STEADY: Final = 1.0  # and of most days from theirs
_WEEK: Final = 7
_LEAST_OF_WEEK: Final = 5
_LEAST_LIT: Final = 16


def shifted(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """Three days whose middle lies to one side of that of two weeks, farther than a day's does otherwise.

    Unless a sibling says that nothing moved.
    """
    days = [*past, today]
    by_day = {day.day: middle for day in days if (middle := _middle(day.means)) is not None}
    off = _off(by_day, today.day)
    if off is None or is_held(today, past, siblings, round(off)):
        return None
    minutes = off * SLOT / 60
    return Flag("shift", f"the middle of three days is {abs(minutes):.0f} minutes {'late' if minutes > 0 else 'early'}")


def _off(middles: dict[int, float], day: int) -> float | None:
    """By how many quarters of an hour the three days up to this one are off; nothing where that is nothing unusual."""
    off = _distance(middles, day)
    if off is None or abs(off) < _LEAST_OFF:
        return None
    days = range(day - _DAYS, day - _DAYS - _SPREAD_DAYS, -1)
    usual = {one: abs(distance) for one in days if (distance := _distance(middles, one)) is not None}
    if len(usual) < _LEAST_KNOWN:
        return None
    if _is_unusual(off, max(usual.values())):
        return off
    # The clock was changed before: how far the days behind that lie from those before it is no way of wandering.
    steps = _steps(middles, days[_WEEK:])
    if not steps or _straddles(steps, day):
        return None
    plain = [distance for one, distance in usual.items() if not _straddles(steps, one)]
    return off if len(plain) >= _LEAST_PLAIN and _is_unusual(off, max(plain)) else None


def _straddles(steps: Sequence[int], day: int) -> bool:
    """Whether one of these days lies in the weeks that a distance is about."""
    return any(day - _DAYS - _BEFORE < step <= day for step in steps)


def _is_unusual(off: float, most: float) -> bool:
    least = min(_TIMES_STILL * most, max(_PLAIN_OFF, _TIMES_USUAL * most))
    return most <= _MOST_USUAL and abs(off) >= max(_LEAST_OFF, least)


def _steps(middles: dict[int, float], days: range) -> list[int]:
    """The days on which the clock was changed: of those around it, which look like it as well, the middle."""
    near: list[list[int]] = []
    for day in days:
        if _is_step(middles, day):
            if near and near[-1][-1] - day == 1:
                near[-1].append(day)
            else:
                near.append([day])
    return [some[len(some) // 2] for some in near]


def _is_step(middles: dict[int, float], day: int) -> bool:
    """Whether the week from this day on lies to one side of the week before it, and neither wanders."""
    before, behind = (
        [middles[one] for one in range(first, first + _WEEK) if one in middles] for first in (day - _WEEK, day)
    )
    if min(len(before), len(behind)) < _LEAST_OF_WEEK:
        return False
    weeks = [_from(before[0], week) for week in (before, behind)]
    medians = [float(np.median(week)) for week in weeks]
    spreads = [float(np.median(np.abs(week - median))) for week, median in zip(weeks, medians, strict=True)]
    return abs(medians[1] - medians[0]) >= _LEAST_STEP and max(spreads) <= _STEADY


def _distance(middles: dict[int, float], day: int) -> float | None:
    """How far the nearest of three days lies from the two weeks before them; 0 where they lie on both sides."""
    now = [middles[one] for one in range(day - _DAYS + 1, day + 1) if one in middles]
    before = [middles[one] for one in range(day - _DAYS - _BEFORE + 1, day - _DAYS + 1) if one in middles]
    if len(now) < _DAYS or len(before) < _BEFORE // 2:
        return None
    around = before[-1]
    usual = np.median(_from(around, before))
    distances = _from(around, now) - usual
    if len(set(np.sign(distances))) > 1:
        return 0.0
    return float(distances[np.argmin(np.abs(distances))])


def _from(around: float, middles: Sequence[float]) -> Floats:
    """Distances on the circle of a day, -48 to 48 quarters of an hour."""
    return (np.array(middles) - around + SLOTS / 2) % SLOTS - SLOTS / 2


def _middle(means: Floats) -> float | None:
    """The quarter of an hour opposite to the middle of the longest night, wherever on the globe midnight UTC falls.

    Nothing where a hole begins or ends the night: nobody knows when it did.
    """
    lit = np.flatnonzero(np.nan_to_num(means) > 0)
    if not _LEAST_LIT <= len(lit) <= SLOTS - _LEAST_LIT:
        return None
    nights = np.diff(lit, append=lit[0] + SLOTS)
    longest = int(np.argmax(nights))
    begins, ends = lit[longest] + 1, lit[longest] + nights[longest] - 1
    if np.isnan(means[[begins % SLOTS, ends % SLOTS]]).any():
        return None
    return float(lit[longest] + nights[longest] / 2 + SLOTS / 2) % SLOTS
