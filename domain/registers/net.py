"""Which readings of a counter that counts both ways are to be trusted.

Its falls are what it counts, so that a fall alone tells nothing. What jumps away faster than is usual, and jumps back
to where the counter would be, is wrong: it cannot have counted that and taken it back.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.limits import Limits, digit_of, highest_without_outliers
from domain.registers.register import Register

_MOST_JUMPS: Final = 8
"""Jumps that are not taken for usual: four glitches in what is looked at."""

_UNDONE_SHARE: Final = 0.8
"""How much of a jump the one back undoes: two loads that are as fast as no other are no jump and its way back."""

_MOST_SHARE: Final = 3
"""What is left out at once is at most one in so many of the readings looked at: of two halves, either may be right."""

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def jumped_away(at_us: _Ints, value: _Floats, register: Register) -> npt.NDArray[np.bool_]:
    """The readings between a jump and the one that undoes it."""
    is_away = np.zeros(len(value), dtype=np.bool_)
    seconds, counted = np.diff(at_us) / 1e6, np.diff(value)
    amount = np.abs(counted)
    if not amount.any():
        return is_away
    spacing = float(np.median(seconds))
    rates = amount / np.maximum(seconds, spacing)
    usual = highest_without_outliers(rates, most=_MOST_JUMPS)
    limits = Limits(register, usual, spacing, digit_of(value, register))
    jumps = [step for step in np.flatnonzero(rates > usual).tolist() if amount[step] > limits.possible(seconds[step])]
    last = -1
    for position, away in enumerate(jumps):
        if away <= last:
            continue
        for back in jumps[position + 1 : position + 1 + _MOST_JUMPS]:
            elapsed = float(at_us[back + 1] - at_us[away]) / 1e6
            is_as_far = _UNDONE_SHARE <= -counted[back] / counted[away] <= 1 / _UNDONE_SHARE
            is_undone = is_as_far and abs(float(value[back + 1] - value[away])) <= limits.possible(elapsed)
            if is_undone and (back - away) * _MOST_SHARE <= len(value):
                is_away[away + 1 : back + 1] = True
                last = back
                break
    return is_away
