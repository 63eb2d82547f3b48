"""What is usual for a register around a place in its history: the yardstick that needs no settings."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.register import Register

NEAREST: Final = 8
"""Steps on each side that say what is usual."""

_FEWEST: Final = 3
"""Steps that have to be known before anything is called usual."""

_AT_ONCE: Final = 65_536  # steps whose neighbourhoods are in memory together

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps from each reading to the next.

    Attributes:
        seconds: How long each took.
        amount: What the reading rose by.
        is_plain: A rise that a counter can count, and that no fall is beside.
    """

    seconds: _Floats
    amount: _Floats
    is_plain: _Bools

    @classmethod
    def of(cls, at_us: _Ints, value: _Floats, register: Register) -> "Steps":
        """Between neighbours."""
        seconds, amount = np.diff(at_us) / 1e6, np.diff(value)
        falls = amount < 0
        is_plain = ~falls & (amount <= register.fastest * seconds + register.scale)
        # What rises into a fall may be a peak, and what rises out of one may be the way back.
        is_plain[:-1] &= ~falls[1:]
        is_plain[1:] &= ~falls[:-1]
        return cls(seconds, amount, is_plain)

    def around(self, first: int, last: int) -> tuple[float, float]:
        """The highest plain rate of the nearest steps before `first` and behind `last`, and their spacing (or NaN)."""
        chosen = np.r_[max(0, first - NEAREST) : first, last + 1 : min(len(self.amount), last + 1 + NEAREST)]
        if not len(chosen):
            return float("nan"), float("nan")
        seconds = np.sort(self.seconds[chosen])
        spacing = float(seconds[(len(seconds) - 1) // 2])
        plain = chosen[self.is_plain[chosen]]
        if len(plain) < _FEWEST:
            return float("nan"), spacing
        return float((self.amount[plain] / np.maximum(self.seconds[plain], spacing)).max()), spacing


def around_each(steps: Steps) -> tuple[_Floats, _Floats]:
    """For each step the highest plain rate of the nearest others, and their median spacing; NaN: unknown."""
    n = len(steps.amount)
    usual, spacing = np.empty(n), np.empty(n)
    for start in range(0, n, _AT_ONCE):
        stop = min(n, start + _AT_ONCE)
        usual[start:stop], spacing[start:stop] = _of_block(steps, start, stop)
    return usual, spacing


def _of_block(steps: Steps, start: int, stop: int) -> tuple[_Floats, _Floats]:
    others = np.r_[0:NEAREST, NEAREST + 1 : 2 * NEAREST + 1]
    first, last = max(0, start - NEAREST), min(len(steps.amount), stop + NEAREST)
    pads = NEAREST - (start - first), NEAREST - (last - stop)

    def neighbours(values: _Floats, missing: float) -> _Floats:
        padded = np.concatenate([np.full(pads[0], missing), values[first:last], np.full(pads[1], missing)])
        return np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAREST + 1)[:, others]

    seconds = neighbours(steps.seconds, np.inf)
    if last - first > 1 and (steps.seconds[first:last] == steps.seconds[first]).all():
        spacing = np.full(stop - start, steps.seconds[first])
    else:
        n_known = np.isfinite(seconds).sum(axis=1)
        middle = np.maximum(n_known - 1, 0) // 2
        spacing = np.where(n_known > 0, np.sort(seconds, axis=1)[np.arange(stop - start), middle], np.nan)
    amount = neighbours(np.where(steps.is_plain, steps.amount, -np.inf), -np.inf)
    rate = np.full(amount.shape, -np.inf)
    np.divide(amount, np.fmax(seconds, spacing[:, None]), out=rate, where=amount >= 0)
    usual = np.where((rate >= 0).sum(axis=1) >= _FEWEST, rate.max(axis=1), np.nan)
    return usual, spacing
