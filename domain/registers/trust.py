"""Which readings are to be trusted: a fall is explained by what stands on both of its sides.

For each fall there are two readings of it as a glitch: the lower readings behind it are wrong, until one that stands
where the counter stood comes back (a zero for a moment, or for hours); or the higher ones before it are, since one that
stood lower (a peak, an old value shown again). Such a way there or back is one jump, and the counter could not have
counted it. A counter that is reset climbs again by steps that are usual, and is left alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.register import Register
from domain.registers.usual import Steps

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

TRUSTED: Final = 0
GLITCH: Final = 1
EITHER: Final = 2
"""A reading that may be a glitch as well as right: it is left out where that books the smaller energy."""

MOST_USUAL: Final = 3.0
"""How many times what is usual still counts as usual."""

_JUMP_SHARE: Final = 0.8
"""How much of a fall one jump has to make up for."""

_DAY_SECONDS: Final = 86_400
_MOST_MIXED: Final = 6  # readings before a fall and behind it, where both of its sides may be wrong


@dataclass(frozen=True, slots=True)
class Limits:
    """What is possible around a place.

    Attributes:
        register: The counter.
        usual: The highest usual rate, canonical units a second; NaN if nothing is known.
        spacing: The usual seconds between readings; NaN if nothing is known.
    """

    register: Register
    usual: float
    spacing: float

    def possible(self, seconds: float) -> float:
        """What may have been counted within a time."""
        resolution = self.register.scale / 1000
        if np.isnan(self.usual):
            return self.register.fastest * seconds + resolution
        return MOST_USUAL * self.usual * max(seconds, self.spacing) + resolution

    def countable(self, seconds: float) -> float:
        """What no meter exceeds."""
        return self.register.fastest * seconds + self.register.scale / 1000

    def capacity(self, before: float, seconds: float, after: float) -> float | None:
        """The number at which the counter may have begun anew between two readings; None if that is no explanation."""
        scale = self.register.scale
        if before <= 0:
            return None
        top = scale * 10.0 ** np.ceil(np.log10(before / scale))
        # A logarithm may be off by its last bit; a counter never shows the number at which it begins anew.
        top = top * 10 if top <= before else top
        most = self.register.fastest * seconds
        if not np.isnan(self.usual):
            most = min(most, max(100 * self.usual * max(seconds, self.spacing), top / 1000))
        return float(top) if top >= 1000 * scale and top - before + after <= most else None


@dataclass(frozen=True, slots=True)
class _Way:
    """Readings that may be left out: their positions, and whether the jump was too fast to have been counted."""

    left_out: list[int]
    is_too_fast: bool


def trust(at_us: _Ints, value: _Floats, register: Register) -> npt.NDArray[np.int8]:
    """`TRUSTED`, `GLITCH` or `EITHER` for each reading."""
    verdict = np.zeros(len(value), dtype=np.int8)
    if register.is_net:
        return verdict
    return _Slice(at_us, value, register, verdict).judged()


class _Slice:
    """Readings looked at together."""

    def __init__(self, at_us: _Ints, value: _Floats, register: Register, verdict: npt.NDArray[np.int8]) -> None:
        self._at = at_us / 1e6
        self._value = value
        self._register = register
        self._verdict = verdict
        self._steps = Steps.of(at_us, value, register)
        self._falls = np.flatnonzero(self._steps.amount < 0)
        self._kept = np.ones(len(value), dtype=np.bool_)

    def judged(self) -> npt.NDArray[np.int8]:
        for fall in self._falls.tolist():
            # What was left out for an earlier fall may have taken a side of this one away.
            before, after = self._kept_before(fall), self._kept_from(fall + 1)
            while before is not None and after is not None and self._value[after] < self._value[before]:
                way = self._explained(before, after)
                if way is None:
                    break
                self._kept[way.left_out] = False
                self._verdict[way.left_out] = GLITCH if way.is_too_fast else EITHER
                before, after = self._kept_before(fall), self._kept_from(fall + 1)
        return self._verdict

    def _explained(self, before: int, after: int) -> _Way | None:
        low, high = float(self._value[after]), float(self._value[before])
        seconds = self._at[after] - self._at[before]
        here = self._limits(before, after)
        if high - low <= here.possible(seconds) and low > here.possible(seconds):
            return None  # jitter
        back, there = self._down(before, after), self._up(before, after)
        fast = [way for way in (back, there) if way is not None and way.is_too_fast]
        if fast:
            return min(fast, key=lambda way: len(way.left_out))
        if here.capacity(high, seconds, low) is not None:
            return None
        slow = [way for way in (back, there) if way is not None]
        if low <= here.possible(seconds):
            if not slow or self._is_daily(after):
                return None
            return min(slow, key=lambda way: len(way.left_out))
        return min(slow, key=lambda way: len(way.left_out)) if slow else self._mixed(before, after)

    def _down(self, before: int, after: int) -> _Way | None:
        """The readings from `after` on are wrong, until one stands where the counter stood."""
        level = self._value[before]
        back = np.flatnonzero(self._kept[after:] & (self._value[after:] >= level))
        if not len(back):
            return None
        until = after + int(back[0])
        out = after + np.flatnonzero(self._kept[after:until])
        last = int(out[-1])
        return self._jump(out, (before, until), (last, until), float(level - self._value[after]))

    def _up(self, before: int, after: int) -> _Way | None:
        """The readings up to `before` are wrong, since one stood no higher than the counter does now."""
        level = self._value[after]
        lower = np.flatnonzero(self._kept[: before + 1] & (self._value[: before + 1] <= level))
        if not len(lower):
            return None
        since = int(lower[-1])
        out = since + 1 + np.flatnonzero(self._kept[since + 1 : before + 1])
        return self._jump(out, (since, after), (since, int(out[0])), float(self._value[before] - level))

    def _mixed(self, before: int, after: int) -> _Way | None:
        """Readings on both sides are wrong."""
        for since in np.flatnonzero(self._kept[:before])[::-1][:_MOST_MIXED].tolist():
            behind = np.flatnonzero(self._kept[after:])[1 : _MOST_MIXED + 1] + after
            back = behind[self._value[behind] >= self._value[since]]
            if not len(back):
                continue
            until = int(back[0])
            out = since + 1 + np.flatnonzero(self._kept[since + 1 : until])
            limits = self._limits(since, until)
            rise, seconds = self._value[until] - self._value[since], self._at[until] - self._at[since]
            is_off = (self._value[out] < self._value[since]) | (self._value[out] > self._value[until])
            if rise <= limits.possible(seconds) and is_off.all():
                return _Way(out.tolist(), is_too_fast=True)
        return None

    def _jump(self, out: _Ints, ends: tuple[int, int], jump: tuple[int, int], depth: float) -> _Way | None:
        """The way there or back, if it is one jump and what is left without it could have been counted."""
        since, until = ends
        limits = self._limits(since, until)
        rise, seconds = self._value[until] - self._value[since], self._at[until] - self._at[since]
        height = self._value[jump[1]] - self._value[jump[0]]
        if rise > limits.countable(seconds) or height < _JUMP_SHARE * depth:
            return None
        return _Way(out.tolist(), is_too_fast=height > limits.possible(self._at[jump[1]] - self._at[jump[0]]))

    def _is_daily(self, after: int) -> bool:
        """Whether the counter falls so low at this time of the day on others, too: it is reset each day."""
        ends = self._falls + 1
        others = ends[ends != after]
        if not len(others):
            return False
        distance = np.abs(self._at[others] - self._at[after])
        off = np.abs((distance + _DAY_SECONDS / 2) % _DAY_SECONDS - _DAY_SECONDS / 2)
        spacing = float(np.median(self._steps.seconds))
        depth = self._value[after - 1] - self._value[after]
        as_low = self._value[others] <= self._value[after] + 0.2 * depth
        return bool((as_low & (off <= min(1.5 * spacing, 3 * 3600)) & (distance > _DAY_SECONDS / 2)).any())

    def _limits(self, first: int, last: int) -> Limits:
        return Limits(self._register, *self._steps.around(first, last - 1))

    def _kept_before(self, position: int) -> int | None:
        kept = np.flatnonzero(self._kept[: position + 1])
        return int(kept[-1]) if len(kept) else None

    def _kept_from(self, position: int) -> int | None:
        kept = np.flatnonzero(self._kept[position:])
        return position + int(kept[0]) if len(kept) else None
