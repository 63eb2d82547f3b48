"""What a counter may have counted in a time, by what is usual for it and by its digits."""

from dataclasses import dataclass
from math import isnan
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.register import Register

_Floats = npt.NDArray[np.float64]

MOST_USUAL: Final = 3.0
"""How many times what is usual still counts as usual."""

_JITTERS: Final = 1.5  # usual intervals that a reading may be lower by, and be right otherwise
_ALONE: Final = 5.0  # times the next lower rate: so high a rate is none of many
_MOST_ALONE, _FEWEST_OTHERS = 3, 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What is possible around a place.

    Attributes:
        register: The counter.
        usual: The highest usual rate, canonical units a second; NaN if nothing is known.
        spacing: The usual seconds between readings; NaN if nothing is known.
        digit: What its last digit stands for, canonical.
    """

    register: Register
    usual: float
    spacing: float
    digit: float = 0.0

    def possible(self, seconds: float) -> float:
        """What may have been counted within a time."""
        if isnan(self.usual):
            return self.register.fastest * seconds + self.resolution
        return MOST_USUAL * self.usual * max(seconds, self.spacing) + self.resolution

    def possible_each(self, seconds: _Floats) -> _Floats:
        """What may have been counted within each of some times."""
        a_second = self.register.fastest if isnan(self.usual) else MOST_USUAL * self.usual
        return np.maximum(a_second * seconds + self.resolution, self.possible(0.0))

    @property
    def resolution(self) -> float:
        """A little more than one digit, since numbers of the provider's unit are no exact ones of ours."""
        return 1.01 * (self.digit or self.register.scale / 1000)

    @property
    def jitter(self) -> float:
        """What a counter may show too little: some usual intervals, however long ago it was read before."""
        rate = self.register.fastest if isnan(self.usual) else _JITTERS * self.usual
        spacing = 0.0 if isnan(self.spacing) else self.spacing
        return rate * spacing + self.resolution

    def countable(self, seconds: float) -> float:
        """What no meter exceeds."""
        return self.register.fastest * seconds + (self.digit or self.register.scale / 1000)

    def capacity(self, before: float, seconds: float, after: float) -> float | None:
        """The number at which the counter may have begun anew between two readings; None if that is no explanation."""
        scale = self.register.scale
        if before <= 0:
            return None
        top = scale * 10.0 ** np.ceil(np.log10(before / scale))
        # A logarithm may be off by its last bit; a counter never shows the number at which it begins anew.
        top = top * 10 if top <= before else top
        most = self.register.fastest * seconds
        if not isnan(self.usual):
            most = min(most, max(1.5 * self.usual * max(seconds, self.spacing) + self.digit, top / 1000))
        return float(top) if top >= 1000 * scale and top - before + after <= most else None


def highest_without_outliers(rates: _Floats, most: int = _MOST_ALONE) -> float:
    """The highest of some rates, without the few (`most` of them) that stand far above all others."""
    moving = np.sort(rates[rates > 0])
    for n_alone in range(min(most, len(moving) - _FEWEST_OTHERS), 0, -1):
        # Two that are as high as each other still stand alone.
        if moving[-n_alone] > _ALONE * moving[-n_alone - 1]:
            return float(moving[-n_alone - 1])
    return float(moving[-1]) if len(moving) else 0.0


def digit_of(value: _Floats, register: Register) -> float:
    """What the last digit of a counter stands for, as its readings say it: at most one unit of the provider."""
    shown = value / register.scale
    for digits in range(6):
        scaled = shown * 10**digits
        if (np.abs(scaled - np.rint(scaled)) <= 1e-6 + 1e-12 * np.abs(scaled)).all():
            return float(register.scale / 10**digits)
    return register.scale / 1e6
