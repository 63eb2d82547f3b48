"""Readings made into intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.both_fit import smaller_amounts
from domain.registers.days import HOP_READINGS, Day, changes, days
from domain.registers.limits import Limits
from domain.registers.register import Register
from domain.registers.trust import EITHER, GLITCH, TRUSTED, Slice, trust
from domain.registers.usual import Steps, around_each

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

FLAGS: Final = ("measured", "gap", "jitter", "glitch", "ambiguous", "rollover", "reset", "replacement")
"""How an interval came about, by number:

    measured     its reading follows from the one before
    gap          it follows after more than twice the usual time: one long interval, and no energy is lost
    jitter       it is lower by less than some usual intervals: nothing is taken away; where it is still lower at
                 the next reading, all that follow are, up to the one that is higher than it was
    glitch       readings in between stood where the counter cannot have been: they are left out, and no energy is lost
    ambiguous    readings in between may be wrong as well as right: the smaller energy is booked
    rollover     a power of ten (in the provider's unit) was passed: what was counted across it
    reset        the counter began anew: what was counted since zero
    replacement  it is lower, or far higher, than can be counted: another counter goes on, and nothing is invented
"""

_MEASURED, _GAP, _JITTER, _GLITCH, _AMBIGUOUS, _ROLLOVER, _RESET, _REPLACEMENT = range(len(FLAGS))

_BACK_FROM_ZERO: Final = 100.0
"""How many times what is usual a counter that stands at zero may count in one step."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """What was counted, a row for each trusted reading but the first.

    Attributes:
        begun_us: The trusted reading before, microseconds since 1970.
        ended_us: The reading that ends the interval; ascending.
        amount: What was counted in between, in the canonical unit; below 0 only where the register is a net one.
        flag: Positions in `FLAGS`.
        usual: The highest rate of the nearest plain steps, canonical units a second; NaN where too few are known.
        spacing_us: The median time between the nearest readings; NaN where there are no others.
    """

    begun_us: _Ints
    ended_us: _Ints
    amount: _Floats
    flag: npt.NDArray[np.int8]
    usual: _Floats
    spacing_us: _Floats

    @classmethod
    def joined(cls, parts: "list[Intervals]") -> "Intervals":
        """One after the other."""
        none = cls.of_steps(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
        names = ("begun_us", "ended_us", "amount", "flag", "usual", "spacing_us")
        return cls(*(np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in names))

    @classmethod
    def of_steps(cls, at_us: _Ints, amount: _Floats, usual: _Floats, spacing: _Floats) -> "Intervals":
        """Between neighbours, all of them measured."""
        flag = np.zeros(len(amount), dtype=np.int8)
        return cls(at_us[:-1], at_us[1:], amount, flag, usual, spacing * 1e6)

    def ending(self, first_us: int, last_us: int) -> "Intervals":
        """Those that end from `first_us` to `last_us`, both included."""
        start, stop = np.searchsorted(self.ended_us, [first_us, last_us + 1])
        span = slice(int(start), int(stop))
        return Intervals(
            self.begun_us[span], self.ended_us[span], self.amount[span], self.flag[span], self.usual[span],
            self.spacing_us[span],
        )  # fmt: skip


def judge(
    at_us: _Ints, value: _Floats, register: Register, *, first_us: int | None = None, end_us: int | None = None
) -> Intervals:
    """The intervals between readings.

    Args:
        at_us: Microseconds since 1970, each later than the one before.
        value: What the counter showed, in the canonical unit.
        register: What is known of it.
        first_us: Where the days begin that are asked for; all of them if it is left out.
        end_us: Where they end.
    """
    all_days = list(days(at_us, value))
    # Of a net register a fall says nothing, and each day is looked at.
    falls = np.full(len(value), register.is_net) | (np.diff(value, prepend=value[:1]) < 0)
    quality = np.full(len(value), TRUSTED, dtype=np.int8)
    n_falls, n_changes = _sums(falls), changes(value)
    start = 0 if first_us is None else int(np.searchsorted(at_us, first_us))
    stop = len(at_us) if end_us is None else int(np.searchsorted(at_us, end_us))
    wanted = [day for day in all_days if start <= day.start < stop]
    near = slice(
        min((day.context.start for day in wanted), default=0), max((day.context.stop for day in wanted), default=0)
    )
    was_same = True
    for day in all_days:
        around = day.context
        is_same = bool(n_changes[day.start] == n_changes[day.stop - 1])
        if near.start <= day.start < near.stop and n_falls[around.start] != n_falls[around.stop]:
            inside = slice(day.start - around.start, day.stop - around.start)
            own = trust(at_us[around], value[around], register, inside)[inside]
            # A hop without a trusted reading would leave the day behind it without a beginning. Of one day that shows
            # the same throughout, the day before belongs to the hop.
            if len(own) < HOP_READINGS or (own == TRUSTED).any() or (is_same and not was_same):
                quality[day.start : day.stop] = own
        was_same = is_same
    n_irregular = _sums((falls & (not register.is_net)) | (quality != TRUSTED))
    parts: list[Intervals] = []
    for is_plain, span, around in _ranges(wanted, n_irregular, len(at_us)):
        if is_plain:
            part = judge_rising(at_us[around], value[around], register)
        else:
            part = _irregular(at_us[around], value[around], quality[around], register, span.start - around.start)
        parts.append(part.ending(int(at_us[span.start]), int(at_us[span.stop - 1])))
    return Intervals.joined(parts)


def _ranges(wanted: list[Day], n_irregular: _Ints, n: int) -> Iterator[tuple[bool, slice, slice]]:
    """Whether nothing irregular is near, the wanted intervals' readings, those to look at; plain days are joined."""
    begun: int | None = None
    for position, day in enumerate(wanted):
        if n_irregular[day.context.start] != n_irregular[day.context.stop]:
            yield False, slice(day.start, day.stop), day.context
            continue
        begun = day.start if begun is None else begun
        is_last = position + 1 == len(wanted)
        after = None if is_last else wanted[position + 1].context
        if after is None or n_irregular[after.start] != n_irregular[after.stop]:
            # All that is looked at lies within one hop, hence it is the same whatever lies behind.
            yield True, slice(begun, day.stop), slice(max(0, begun - HOP_READINGS), min(n, day.stop + HOP_READINGS))
            begun = None


def judge_rising(at_us: _Ints, value: _Floats, register: Register) -> Intervals:
    """The intervals of readings of which none falls, as `judge` says them; and of a counter that counts both ways."""
    steps = Steps.of(at_us, value, register)
    usual, spacing = around_each(steps)
    found = Intervals.of_steps(at_us, steps.amount, usual, spacing)
    found.flag[steps.seconds > 2 * spacing] = _GAP
    most = np.fmax(
        100 * usual * np.fmax(steps.seconds, spacing), register.fastest * steps.seconds + register.scale / 1000
    )
    far = np.abs(steps.amount) > most
    found.flag[far], found.amount[far] = _REPLACEMENT, 0.0
    if not register.is_net:
        # A counter that stands at zero may be one that fails, and whose fall is too long ago to be seen.
        back = (value[:-1] == 0) & (usual > 0) & ~far
        back &= steps.amount > _BACK_FROM_ZERO * usual * np.fmax(steps.seconds, spacing) + register.scale
        found.flag[back], found.amount[back] = _AMBIGUOUS, 0.0
    return found


def _irregular(
    at_us: _Ints, value: _Floats, quality: npt.NDArray[np.int8], register: Register, start: int
) -> Intervals:
    is_kept = quality == TRUSTED
    # Where no reading of the hop before is trusted, the last one still begins an interval: what is unknown is said.
    is_unfounded = start > 0 and not is_kept[:start].any()
    is_kept[max(0, start - 1)] |= is_unfounded
    kept = np.flatnonzero(is_kept)
    found = judge_rising(at_us[kept], value[kept], register)
    falls = [] if register.is_net else np.flatnonzero(np.diff(value[kept]) < 0).tolist()
    if falls:
        near = Slice(at_us, value, register)
        for step in falls:
            found.flag[step], found.amount[step] = _fallen(near, kept, step, found)
        is_fall = np.zeros(len(kept) - 1, dtype=np.bool_)
        is_fall[falls] = [not near.is_daily(int(kept[step + 1]), is_kept=True) for step in falls]
        smaller = smaller_amounts(
            at_us[kept] / 1e6, value[kept], found.amount, near.limits,
            is_fall=is_fall, is_jitter=found.flag == _JITTER,
        )  # fmt: skip
        for step, amount in smaller.items():
            found.flag[step], found.amount[step] = _AMBIGUOUS, amount
    _above_the_highest(value[kept], found, is_next=np.diff(kept) == 1)
    n_glitches, n_either = _sums(quality == GLITCH), _sums(quality == EITHER)
    follows = (found.flag == _MEASURED) | (found.flag == _GAP)
    found.flag[follows & (n_glitches[kept[1:]] > n_glitches[kept[:-1]])] = _GLITCH
    found.flag[follows & (n_either[kept[1:]] > n_either[kept[:-1]])] = _AMBIGUOUS
    if is_unfounded:
        found.flag[:1], found.amount[:1] = _AMBIGUOUS, 0.0
    return found


def _fallen(near: Slice, kept: _Ints, step: int, found: Intervals) -> tuple[int, float]:
    """The flag of an interval at whose end a trusted reading is lower, and what was counted in it."""
    high, low = near.value_of(kept[step]), near.value_of(kept[step + 1])
    seconds = float(found.ended_us[step] - found.begun_us[step]) / 1e6
    # The whole slice says better what is usual: of the nearest steps, one may be the way back of a glitch.
    usual = float(found.usual[step]) if np.isnan(near.limits.usual) else near.limits.usual
    limits = Limits(near.limits.register, usual, float(found.spacing_us[step]) / 1e6, near.limits.digit)
    possible = limits.possible(seconds)
    if high - low <= limits.jitter and low > possible:
        return _JITTER, 0.0
    if low <= possible and near.is_daily(int(kept[step + 1]), is_kept=True):
        return _RESET, low
    capacity = limits.capacity(high, seconds, low)
    if capacity is not None:
        return _ROLLOVER, capacity - high + low
    return (_RESET, low) if low <= possible else (_REPLACEMENT, 0.0)


def _above_the_highest(value: _Floats, found: Intervals, *, is_next: _Bools) -> None:
    """What jitters backwards adds nothing until it is higher than it was: a counter's reading is its highest so far."""
    fallen = np.flatnonzero(found.flag == _JITTER)
    anew = np.isin(found.flag, (_ROLLOVER, _RESET, _REPLACEMENT))
    for first in fallen.tolist():
        highest = value[first]
        for step in range(first + 1, len(value) - 1):
            if anew[step] or value[step] >= highest:
                break
            if found.flag[step] != _JITTER:
                found.amount[step] = max(0.0, value[step + 1] - highest)
                # One reading that is lower says it by its own interval; what takes longer, or is lower behind others
                # that are left out, may be another counter.
                is_back = step == first + 1 and value[step + 1] >= highest and is_next[first]
                found.flag[step] = found.flag[step] if is_back else _JITTER


def _sums(which: _Bools) -> _Ints:
    return np.concatenate([[0], np.cumsum(which)])
