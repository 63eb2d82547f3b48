"""Detectors that look at runs of equal values: a stuck sensor, zeros in place of values."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.plausibility.flag import Flag
from domain.plausibility.shape import (
    DAY,
    LEAST_HISTORY,
    LEAST_POINTS,
    SETTLED_HISTORY,
    SLOT,
    SLOTS,
    DayShape,
    Run,
    joined,
)

_LEAST_DAYS: Final = 10  # on which a quarter of an hour was seen
_FIRST_ZEROS: Final = 4  # quarters, in a series that had none at all
_CLEAR_OF_ZERO: Final = 0.1  # of the largest value: a series that came no nearer to zero has no way to it
# Days without a zero at that time of day, quarters of them in a row, and from or to what part of the largest value: on
# a dull day what is left of the sun dwindles away for hours.
_NEVER_ZERO: Final = ((28, 32, 0.0), (56, 12, 0.02))
_ZEROS_HOURS: Final = 2.75  # three, of quarters of an hour
_LEAST_JUMP: Final = 0.2  # of the largest value
_JUMPS: Final = ((28, 1.3, all), (56, 4.0, any))  # days, times what is usual, on both sides or on one
_MOST_USUAL: Final = 0.4  # of the days before had zeros at these times of day: more, and they are nothing new
_STUCK_HOURS: Final = 6.0
_STUCK: Final = ((56, 1.6), (28, 1.7))  # days, times the longest run in them
_STUCK_AT_ZERO: Final = ((56, 2.5),)  # a device that is off may be off for longer than ever


def zeros(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """Zeros for hours, at a time of day that never has any, or between values from which it never falls to zero."""
    is_settled = len(past) >= SETTLED_HISTORY
    if _longest(today.zeros == 1) >= _FIRST_ZEROS and (_has_none(past) if is_settled else _is_clear_of_zero(past)):
        return Flag("zeros", f"{_longest(today.zeros == 1) / 4:g} hours of zeros; the days before had none")
    if not is_settled:
        return None
    runs = [run for run in _runs_on(today, past, is_zero=True) if run.hours >= _ZEROS_HOURS]
    largest = max(day.largest for day in past)
    for n_days, least, edge in _NEVER_ZERO:
        is_steep = _touched(today, [run for run in runs if _steepness(run) >= edge * largest])
        longest = _longest(_never_zero(_last(past, today, n_days)) & (today.zeros == 1) & is_steep)
        if longest >= least:
            return Flag("zeros", f"{longest / 4:g} hours of zeros at a time of day that had none in {n_days} days")
    for run in runs:
        if _jumps(run, today, past):
            return Flag("zeros", f"{run.hours:.1f} hours of zeros between {run.before:g} and {run.after:g}")
    return None


def _has_none(past: Sequence[DayShape]) -> bool:
    return not any(np.nansum(day.zeros) for day in past)


def _is_clear_of_zero(past: Sequence[DayShape]) -> bool:
    nearest = min(float(np.abs(day.values).min()) for day in past)
    return nearest > _CLEAR_OF_ZERO * max(day.largest for day in past)


def stuck(today: DayShape, past: Sequence[DayShape]) -> Flag | None:
    """One value for much longer than ever; said when that becomes so, and not on each day that follows."""
    found = _stuck(today, past)
    if found is None:
        return None
    run, evidence = found
    # A run that is long is long the next day, too, beside what it was itself: that day's flag would say it again.
    before = _stuck(past[-1], past[:-1]) if _was_judged(today, past) else None
    if before is not None and (before[0].begin, before[0].value) == (run.begin, run.value):
        return None
    return Flag("stuck", evidence)


def _was_judged(today: DayShape, past: Sequence[DayShape]) -> bool:
    before = past[-1]
    return before.day == today.day - 1 and len(past) > LEAST_HISTORY and len(before.values) >= LEAST_POINTS


def _stuck(today: DayShape, past: Sequence[DayShape]) -> tuple[Run, str] | None:
    """The run that lasts much longer than ever, and the words for it."""
    for is_zero, limits in ((False, _STUCK), (True, _STUCK_AT_ZERO)):
        if is_zero and len(past) < SETTLED_HISTORY:
            continue
        run = max(_runs_on(today, past, is_zero=is_zero), key=lambda one: one.hours, default=None)
        if run is None or run.hours < _STUCK_HOURS:
            continue
        for n_days, times in limits:
            before = joined(_last(past, today, n_days))
            usual = max((one.hours for one in before if (one.value == 0) == is_zero), default=0.0)
            if run.hours >= times * usual:
                return run, f"{run.value:g} for {run.hours:.1f} hours; at most {usual:.1f} in {n_days} days"
    return None


def _jumps(run: Run, today: DayShape, past: Sequence[DayShape]) -> bool:
    """Whether the values on both sides of a run of zeros are far from those at which zeros usually begin and end."""
    before, after = _magnitude(run.before), _magnitude(run.after)
    if _steepness(run) < _LEAST_JUMP * max(day.largest for day in past):
        return False
    if _usual_share(run, today, past) > _MOST_USUAL:
        return False
    for n_days, times, sides in _JUMPS:
        usual = [one for one in joined(_last(past, today, n_days)) if one.value == 0 and one.end - one.begin >= SLOT]
        usually_before = max((_magnitude(one.before) for one in usual), default=0.0)
        usually_after = max((_magnitude(one.after) for one in usual), default=0.0)
        if sides((before > times * usually_before, after > times * usually_after)):
            return True
    return False


def _usual_share(run: Run, today: DayShape, past: Sequence[DayShape]) -> float:
    """How often the days before had zeros at the times of day of a run."""
    seen = np.array([day.zeros for day in past])[:, _touched(today, [run])]
    return float(np.nansum(seen) / max(int((~np.isnan(seen)).sum()), 1))


def _touched(today: DayShape, runs: Sequence[Run]) -> npt.NDArray[np.bool_]:
    """Which quarters of an hour of the day lie in one of the runs, in whole or in part."""
    begins = today.day * DAY + SLOT * np.arange(SLOTS)
    touched = np.zeros(SLOTS, dtype=np.bool_)
    for run in runs:
        touched |= (run.begin < begins + SLOT) & (begins <= run.end)
    return touched


def _steepness(run: Run) -> float:
    return max(_magnitude(run.before), _magnitude(run.after))


def _magnitude(value: float) -> float:
    return 0.0 if np.isnan(value) else abs(value)


def _never_zero(past: Sequence[DayShape]) -> npt.NDArray[np.bool_]:
    seen = np.array([day.zeros for day in past]).reshape(-1, SLOTS)
    never: npt.NDArray[np.bool_] = (np.nan_to_num(seen) == 0).all(axis=0)
    is_known: npt.NDArray[np.bool_] = (~np.isnan(seen)).sum(axis=0) >= _LEAST_DAYS
    return never & is_known


def _longest(which: npt.NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], which.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _runs_on(today: DayShape, past: Sequence[DayShape], *, is_zero: bool) -> list[Run]:
    """The runs that touch the day, with what they have before it."""
    midnight = today.day * DAY
    return [run for run in joined([*past, today]) if run.end >= midnight and (run.value == 0) == is_zero]


def _last(past: Sequence[DayShape], today: DayShape, n_days: int) -> list[DayShape]:
    return [day for day in past if day.day >= today.day - n_days]
