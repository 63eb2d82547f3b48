"""All detectors on one day of one series."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.plausibility.balance import unlike_sum
from domain.plausibility.clock import shifted
from domain.plausibility.constant import stuck, zeros
from domain.plausibility.flag import Flag
from domain.plausibility.profile import off_profile
from domain.plausibility.shape import LEAST_HISTORY, SETTLED_HISTORY, DayShape
from domain.plausibility.siblings import Sibling, moved, turned, unlike_zeros
from domain.plausibility.totals import total
from domain.plausibility.values import factor, limit, sign, yesterday

HISTORY_DAYS: Final = 56
"""Days before a day that it is judged by."""

_DETECTORS: Final = (factor, sign, zeros, stuck, yesterday)
_CLOCKS: Final = (moved, shifted, off_profile)
_CLOCK_DAYS: Final = 3


def another_clock(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """What the first detector of another clock says that sees it: when it becomes so, and not on the days behind it."""
    found = _clock(today, past, siblings)
    before = [n for n in range(1, _CLOCK_DAYS) if past[-n].day > today.day - _CLOCK_DAYS]
    is_said = found is not None and any(_clock(past[-n], past[:-n], siblings) is not None for n in before)
    return None if is_said else found


def _clock(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    flags = (detector(today, past, siblings) for detector in _CLOCKS)
    return next((flag for flag in flags if flag is not None), None)


_BESIDE: Final = (unlike_zeros, unlike_sum, turned, another_clock)


def judge(
    today: DayShape,
    past: Sequence[DayShape],
    siblings: Sequence[Sibling] = (),
    limits: tuple[float | None, float | None] = (None, None),
) -> tuple[Flag, ...]:
    """What is implausible about a day of a series, at most one flag of a kind.

    Args:
        today: The day.
        past: The days before it that have points, ascending.
        siblings: The other series of its device, with days that reach to this one.
        limits: The least and the most that is possible, where a person has said so.
    """
    past = [day for day in past if today.day - HISTORY_DAYS <= day.day < today.day]
    flags = [limit(today, *limits)]
    if len(past) >= LEAST_HISTORY:
        with np.errstate(invalid="ignore"):
            flags += [detector(today, past) for detector in _DETECTORS]
            if len(past) >= SETTLED_HISTORY:
                flags += [detector(today, past, siblings) for detector in _BESIDE]
            if not any(flags):  # which would explain the total, too
                flags.append(total(today, past))
    by_kind = {flag.kind: flag for flag in reversed(flags) if flag is not None}
    return tuple(reversed(by_kind.values()))
