"""Where a counter is back where it would have been: what stands in between may have been counted, or be wrong.

A fall is kept as a reset, and a rise that is faster than usual as counted, where that is less surprising than several
readings that are wrong. Is the counter then found where it would be had it simply gone on, both explanations fit, and
the smaller energy is booked.
"""

from dataclasses import replace
from math import isnan
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.limits import MOST_USUAL, Limits

_BACK_SHARE: Final = 0.8
"""How much of a fall a rise from zero has to make up for to be its way back, and a jitter of a rise."""

_FEW_OTHERS: Final = 1
"""Rises that are about as fast as one that stands alone; the ways up and down of one glitch may be two."""

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]


def smaller_amounts(
    at: _Floats, value: _Floats, amount: _Floats, limits: Limits, *, is_fall: _Bools, is_jitter: _Bools
) -> dict[int, float]:
    """The steps that are to be booked otherwise, and what is to be booked.

    Args:
        at: When each trusted reading was, in seconds.
        value: What it showed.
        amount: What each step would be booked with.
        limits: What is usual there.
        is_fall: The steps by which the counter fell, without those by which it is reset each day.
        is_jitter: The steps by which it fell so little that it may have jittered.
    """
    rise, seconds = np.diff(value), np.diff(at)
    rates = rise / np.maximum(seconds, limits.spacing)
    is_way = (value[:-1] == 0) & (rise > 0)
    is_fast = (rise > limits.possible_each(seconds)) | (_stand_alone(rates) & (rise > limits.resolution))
    # A digit less is not the way back of a much higher rise, which was hours before or after it.
    is_fall = is_fall & ~(is_jitter & (-rise < _BACK_SHARE * rise[is_fast].min(initial=np.inf)))
    base = float(rates[~is_fast].max(initial=0.0))
    limits = replace(limits, usual=base if isnan(limits.usual) else min(base, limits.usual))
    found: dict[int, float] = {}
    begun = 0
    for first in np.flatnonzero(is_fall | is_fast).tolist():
        if first < begun:
            continue
        is_back = is_fast[first:] | (is_way[first:] & (rise[first:] >= _BACK_SHARE * value[first]))
        falls, backs = np.flatnonzero(is_fall[first:]), np.flatnonzero(is_back)
        if not (len(falls) and len(backs)):
            continue
        start = first + 1 + max(int(falls[0]), int(backs[0]))
        more = value[start:] - value[first]
        is_usual = more <= limits.possible_each(at[start:] - at[first])
        # So much at once would be more surprising than what is left of it.
        is_usual[:1] |= more[:1] < rise[first:start][is_fast[first:start]].max(initial=0.0)
        fits = np.flatnonzero((more >= 0) & is_usual)
        if not len(fits):
            continue
        last = start + int(fits[0])  # the reading at which it is back
        span = slice(first, last)
        is_doubtful = is_back[: last - first] | is_fall[span]
        plain = float(amount[span][~is_doubtful].sum())
        smaller = max(plain, float(value[last] - value[first]))
        if smaller < float(amount[span].sum()):
            found |= dict.fromkeys((first + np.flatnonzero(is_doubtful)).tolist(), 0.0)
            found[last - 1] = smaller - plain + (0.0 if is_doubtful[-1] else float(amount[last - 1]))
            begun = last
    return found


def _stand_alone(rates: _Floats) -> _Bools:
    """Which rates are far above nearly all others: so fast a rise says nothing of what is usual."""
    rising = np.sort(rates[rates > 0])
    n_others = len(rising) - np.searchsorted(rising, rates / MOST_USUAL) - 1
    return (rates > 0) & (n_others <= _FEW_OTHERS)
