"""A detector that looks at a whole day's profile: three days that are likelier by another clock.

How often each quarter of an hour has shown which level, which change from the quarter before, and how unsteady it was,
is what the fortnight before says; a shift is what makes three days together likelier than they are as they stand. How
much likelier days are at a wrong place by chance, the weeks before show: a temperature wanders by hours with the
weather, but the sun rises on it every day at its time, and clouds end with the sun.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.plausibility.flag import Flag
from domain.plausibility.shape import SLOT, SLOTS, DayShape, Floats, table
from domain.plausibility.siblings import Sibling, is_in_place

_HISTORY: Final = 54  # days: of the 56 that are known, so that the two days before see as many once more
_DAYS: Final = 3
_BEFORE: Final = 14
_PROFILE_DAYS: Final = 28
_FIRST_KNOWN: Final = _BEFORE + _DAYS - 1
_LEAST_KNOWN: Final = 28
_LEAST_PROFILE: Final = 1 / 3  # of the variance: what goes with the time of day less tells habits, and no clock
_MOST: Final = 8  # quarters of an hour: two hours either way
_LAGS: Final = np.arange(-_MOST, _MOST + 1)
_LEVELS, _CHANGES, _UNSTEADY = 8, 7, 4  # into how many parts, each as frequent, what a series shows is divided
_PRIOR: Final = 4.0  # quarters of an hour: what all of them show together counts as many of each
_NEVER: Final = 1e-3
_TIMES_USUAL: Final = 2.5
_LEAST_USUAL: Final = 11.0  # as a logarithm
_TIMES_BEHIND_HOLE: Final = 0.7
_LEAST_BEHIND_HOLE: Final = 3.0
_MOST_HOLES: Final = 2  # days: where holes are nothing unusual, they say nothing
_FITS: Final = -2.0  # standard deviations: the days have to be as likely, where they are moved to, as days usually are


class _Shift(NamedTuple):
    """A shift that makes three days likelier: by how much (a logarithm), and what chance alone did at most."""

    quarters: int
    likelier: float
    usual: float
    is_behind_hole: bool


def off_profile(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling]) -> Flag | None:
    """Three days that are much likelier by another clock, unless a sibling says that they are in their place.

    A clock that is set forward leaves a hole: behind one of as much, less is needed.
    """
    means = table([*past, today], today.day - _HISTORY, today.day)
    shift = _shift(means)
    if shift is None or is_held(today, past, siblings, shift.quarters):
        return None
    minutes = shift.quarters * SLOT // 60
    hole = f", behind a hole of {minutes} minutes" if shift.is_behind_hole else ""
    return Flag(
        "shift",
        f"three days are e^{shift.likelier:.0f} times likelier as {abs(minutes)} minutes"
        f" {'late' if minutes > 0 else 'early'}{hole}; other days by chance at most e^{shift.usual:.0f} times",
    )


def _shift(means: Floats) -> _Shift | None:
    """The shift of the last three of these days, if there is one."""
    last = len(means) - 1
    parts = list(_parts(means))
    if not parts or _profile_share(means[-_PROFILE_DAYS - _DAYS : -_DAYS]) < _LEAST_PROFILE:
        return None
    now = _likelihoods(parts, last)
    likelier = now - now[_MOST]
    lag = int(np.argmax(likelier))
    hole = _hole(means)
    behind = _MOST + (hole or 0)
    if likelier[lag] < _TIMES_USUAL * _LEAST_USUAL and likelier[behind] < _LEAST_BEHIND_HOLE:
        return None  # as nearly always, and without what follows, which costs much more
    n_known = (~np.isnan(means)).sum(axis=1)
    known = [day for day in range(_FIRST_KNOWN, last - _DAYS + 1) if n_known[day - _DAYS + 1 : day + 1].all()]
    if len(known) < _LEAST_KNOWN:
        return None
    before = np.array([_likelihoods(parts, day) for day in known])
    least_fit = float(before[:, _MOST].mean() + _FITS * before[:, _MOST].std())
    by_chance = before - before[:, [_MOST]]
    usual = float(np.delete(by_chance, _MOST, axis=1).max())
    if now[lag] >= least_fit and likelier[lag] >= _TIMES_USUAL * max(usual, _LEAST_USUAL):
        return _Shift(int(_LAGS[lag]), float(likelier[lag]), usual, lag == behind)
    usual = float(by_chance[:, behind].max())
    if hole and now[behind] >= least_fit and likelier[behind] >= max(_LEAST_BEHIND_HOLE, _TIMES_BEHIND_HOLE * usual):
        return _Shift(hole, float(likelier[behind]), usual, is_behind_hole=True)
    return None


def is_held(today: DayShape, past: Sequence[DayShape], siblings: Sequence[Sibling], quarters: int) -> bool:
    """Whether a sibling says that nothing moved: it goes with the series as it did, and has not moved so itself.

    A device whose clock is changed moves with all of its series, which go together as they did.
    """
    lag = _MOST + max(-_MOST, min(quarters, _MOST))
    for one in siblings:
        if is_in_place(today, past, one):
            parts = list(_parts(table(one.days, today.day - _HISTORY, today.day)))
            likelihoods = _likelihoods(parts, _HISTORY)
            if likelihoods[lag] <= likelihoods[_MOST]:
                return True
    return False


def _profile_share(means: Floats) -> float:
    """How much of the variance of some days is that of their mean day."""
    is_known = ~np.isnan(means)
    if not is_known.any():
        return 0.0
    rest = means - np.nansum(means, axis=0) / np.maximum(is_known.sum(axis=0), 1)
    variance = float(means[is_known].var())
    return 1 - float((rest[is_known] ** 2).mean()) / variance if variance > 0 else 0.0


class _Parts(NamedTuple):
    """Of each quarter of an hour, which part of what the series has shown it shows; -1 where that is not known."""

    shown: npt.NDArray[np.int64]
    n: int


def _parts(means: Floats) -> Iterator[_Parts]:
    """Of its levels, of its changes and of how unsteady it was: days by `SLOTS` each."""
    flat = means.ravel()
    changes = np.diff(flat, prepend=np.nan)
    for values, n_parts in (
        (flat, _LEVELS),
        (changes, _CHANGES),
        (np.abs(np.diff(changes, prepend=np.nan)), _UNSTEADY),
    ):
        is_known = ~np.isnan(values)
        found = values[: -_DAYS * SLOTS][is_known[: -_DAYS * SLOTS]]
        if len(found) == 0:
            return
        bounds = np.unique(np.quantile(found, np.arange(1, n_parts) / n_parts))
        shown = np.where(is_known, np.searchsorted(bounds, values), -1)
        yield _Parts(shown.reshape(means.shape), len(bounds) + 1)


def _likelihoods(parts: Sequence[_Parts], last: int) -> Floats:
    """How likely the three days up to one are by the fortnight before them, as a logarithm, at each lag."""
    first = last - _DAYS + 1
    found = np.zeros(len(_LAGS))
    for shown, n in parts:
        seen = _counts(shown[first - _BEFORE : first], n)
        seen = (np.roll(seen, 1, axis=0) + 2 * seen + np.roll(seen, -1, axis=0)) / 4
        overall = seen.sum(axis=0) / max(float(seen.sum()), 1.0) + _NEVER
        usual = np.log((seen + _PRIOR * overall) / (seen.sum(axis=1, keepdims=True) + _PRIOR))
        now = _counts(shown[first : last + 1], n).ravel()
        found += usual[(np.arange(SLOTS) - _LAGS[:, None]) % SLOTS].reshape(len(_LAGS), -1) @ now
    return found


def _counts(shown: npt.NDArray[np.int64], n: int) -> Floats:
    """How often each quarter of an hour shows each of `n` parts: `SLOTS` by parts."""
    days, slots = np.nonzero(shown >= 0)
    return np.bincount(slots * n + shown[days, slots], minlength=SLOTS * n).reshape(SLOTS, n).astype(np.float64)


def _hole(means: Floats) -> int | None:
    """How many quarters of an hour the hole of the last three days is wide; nothing where there are more, or none."""
    is_missing = np.isnan(means)
    if is_missing[:-_DAYS].any(axis=1).sum() > _MOST_HOLES:
        return None
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_missing[-_DAYS:].ravel(), [False]])))
    if len(edges) // 2 != 1:
        return None
    width = int(edges[1] - edges[0])
    return width if width <= _MOST and edges[1] < _DAYS * SLOTS else None
