"""Which readings are to be trusted: a fall is explained by what stands on both of its sides.

Readings between two places at which the counter does not simply go on are a piece. Each piece is kept or left out, and
of all the ways to do so the least surprising is chosen: a reset or a piece that is wrong once is likelier than another
counter, and that is likelier than a jump that no usual load explains, with a fall behind it. So zeros for hours, peaks
that come back down, an old value shown again and several of them side by side are one question, asked once.
"""

from collections.abc import Callable
from functools import cached_property, partial
from math import inf, log10
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.registers.limits import MOST_USUAL, Limits, digit_of, highest_without_outliers
from domain.registers.net import jumped_away
from domain.registers.register import Register
from domain.registers.usual import Steps

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

TRUSTED: Final = 0
GLITCH: Final = 1
EITHER: Final = 2
"""A reading that may be a glitch as well as right: it is left out where that books the smaller energy."""

_JUMP_SHARE: Final = 0.8
"""How much of a fall one jump has to make up for."""

# How surprising it is; only the order of these and of their sums counts.
_JITTER_COST, _DAILY_COST, _ROLLOVER_COST, _RESET_COST, _FAST_COST, _ANOTHER_COST = 0.3, 0.4, 0.8, 1.0, 1.6, 2.0
_OUT_COST, _MORE_OUT_COST, _GOES_ON_COST = 0.9, 0.9, 0.3
# More of leaving out …
_COUNTS_ON_COST: Final = 0.6  # … a piece that counts from zero, or from where the one before ended
_COUNTING_COST: Final = 0.3  # … another piece that counts as a counter does
_BESIDE_COST: Final = 1.0  # … a piece right beside another counter, where it explains nothing
_SHARE_COST: Final = 0.2  # … most of the readings: times their share
_ZERO_COST: Final = -0.2  # … what shows nothing but zero
_EDGE_COST: Final = 0.4  # … what lies at an edge of what is looked at, times the digits of how many
_FEW_RISES: Final = 8  # of so few, the highest says little of what is usual; a rise ten times as high costs …
_FAST_FEW_COST, _FAST_MANY_COST = 0.4, 1.2  # … with few, and with more
_RARE_RISES: Final = 2  # of a counter that moves as rarely as this, none is fast: a rise to what it shows more than …
_RARE_COST: Final = 0.45  # … once, or goes on from, costs so much, less than to leave it out where it is reset each day
_HARDLY_MORE: Final = 0.5  # of two explanations, by how much the worse may be more surprising and still fit
_FEWEST: Final = 3  # readings of which one can be told to be wrong: of two, either may be
_SHORT: Final = 4  # readings of a peak or a dip of which no rise is usual; and the fewest that are seen to count

_DAY_SECONDS: Final = 86_400
_MOST_PIECES: Final = 24  # pieces that are left out in a row at most …
_WEIGHED: Final = 20_000  # … or so many divided by all of them: where nearly every reading is wrong, it costs time only


def trust(at_us: _Ints, value: _Floats, register: Register, own: slice) -> npt.NDArray[np.int8]:
    """`TRUSTED`, `GLITCH` or `EITHER` for each reading; right for those of `own`, which the others stand around."""
    quality = np.zeros(len(value), dtype=np.int8)
    if len(value) < _FEWEST:
        return quality
    if register.is_net:
        quality[jumped_away(at_us, value, register)] = GLITCH
        return quality
    return Slice(at_us, value, register).judged(own)


class Slice:
    """Readings looked at together."""

    def __init__(self, at_us: _Ints, value: _Floats, register: Register) -> None:
        self._at = at_us / 1e6
        self._value = value
        self._steps = Steps.of(at_us, value, register)
        self._countable = register.fastest * self._steps.seconds + register.scale
        self._falls = np.flatnonzero(self._steps.amount < 0)
        spacing = float(np.median(self._steps.seconds))
        self.limits = Limits(register, self._usual(spacing), spacing, digit_of(value, register))
        starts = np.concatenate([[0], np.flatnonzero(self._is_split()) + 1])
        self._first: list[int] = starts.tolist()
        self._last: list[int] = [*(starts[1:] - 1).tolist(), len(value) - 1]
        # As lists, since numbers of an array are slow one by one: what each piece begins and ends with, and when.
        self._begins: list[float] = value[self._first].tolist()
        self._ends: list[float] = value[self._last].tolist()
        self._begun: list[float] = self._at[self._first].tolist()
        self._ended: list[float] = self._at[self._last].tolist()

    def value_of(self, reading: int) -> float:
        """What a reading shows."""
        return float(self._value[reading])

    def _usual(self, spacing: float) -> float:
        """The highest rate of the rises that are no way there or back; NaN if there are none."""
        steps, ways = self._steps, [way for fall in self._falls.tolist() for way in self._ways(fall)]
        rates = np.maximum(steps.amount, 0) / np.maximum(steps.seconds, spacing)
        plain = np.flatnonzero(self._is_plain())
        usual = rates[plain[~self._is_way(plain, ways)]]
        self._n_rises = int((usual > 0).sum())
        if not len(usual):
            return float(rates[plain].min()) if len(plain) else float("nan")
        base = highest_without_outliers(usual)
        if base > 0:
            return float(rates[plain][rates[plain] <= MOST_USUAL * base].max())
        # It rarely moves: what it does is at most the least of the rises that undo no fall by themselves.
        is_rise = (steps.amount > 0) & (steps.amount <= self._countable)
        is_rise[ways] = False
        is_rise[self._falls[self._falls > 0] - 1] = False
        return float(rates[is_rise].min()) if is_rise.sum() > 1 else 0.0

    def _is_plain(self) -> _Bools:
        """The rises that no fall is beside; of a peak or a dip of some readings, none at all."""
        is_plain = self._steps.is_plain.copy()
        for fall in self._falls.tolist():
            high, low = self._value[fall], self._value[fall + 1]
            lower = np.flatnonzero(self._value[max(0, fall - _SHORT) : fall + 1] <= low)
            if len(lower):
                is_plain[max(0, fall - _SHORT) + lower[-1] : fall] = False
            higher = np.flatnonzero(self._value[fall + 1 : fall + 2 + _SHORT] >= high)
            if len(higher):
                is_plain[fall + 1 : fall + 1 + higher[0]] = False
        return is_plain

    def _is_way(self, rises: _Ints, ways: list[int]) -> _Bools:
        """Which of some rises may have undone a fall, or been undone by one; `ways` surely are such."""
        amount = self._steps.amount[rises]
        depth = np.sort(-self._steps.amount[self._falls])
        # A fall that many rises are as high as is none of a glitch's: that is what the counter counts in a step.
        n_rises = len(amount) - np.searchsorted(np.sort(amount), depth / 2)
        n_falls = len(depth) - np.searchsorted(depth, depth / 2)
        depth = depth[n_rises <= 2 * n_falls]
        is_as_high = np.searchsorted(depth, amount / 2) < np.searchsorted(depth, amount * 2, side="right")
        # Or one that passed what the counter showed when it had fallen, or was back: there it had not been.
        low, high = self._value[rises], self._value[rises + 1]
        shown = np.sort(self._value[np.concatenate([self._falls, ways]).astype(np.int64) + 1])
        shown = shown[shown > 0]
        is_passing = (low > 0) & (np.searchsorted(shown, low) < np.searchsorted(shown, high))
        return is_as_high | is_passing | np.isin(rises, ways)

    def _is_split(self) -> _Bools:
        """Between which readings the counter does not simply go on."""
        steps = self._steps
        possible = MOST_USUAL * self.limits.usual * np.maximum(steps.seconds, self.limits.spacing)
        split = (steps.amount < 0) | (steps.amount > possible + 1.01 * self.limits.digit)
        for fall in self._falls.tolist():
            split[self._ways(fall)] = True
        return split

    def _ways(self, fall: int) -> list[int]:
        """The steps that undo a fall, or were undone by it, if one alone makes up for it."""
        high, low = self._value[fall], self._value[fall + 1]
        back = np.flatnonzero(self._value[fall + 1 :] >= high)
        since = np.flatnonzero(self._value[: fall + 1] <= low)
        steps = [*(fall + back[:1]).tolist(), *since[-1:].tolist()]
        return [step for step in steps if self._steps.amount[step] >= _JUMP_SHARE * (high - low)]

    def judged(self, own: slice) -> npt.NDArray[np.int8]:
        """What each reading is. The first piece and the last stay, unless they end before `own` or begin behind.

        Nothing stands on their other side that is seen here, and no interval would say that they are gone.
        """
        n = len(self._first)
        cost, before = [inf] * n, [-1] * n
        most = max(_MOST_PIECES, _WEIGHED // n)
        for piece in range(n):
            if piece == 0 or self._last[piece - 1] < own.start:
                cost[piece] = self._exclusion_cost(0, piece) + self._edge_cost(0, piece)
            for kept in range(piece - 1, max(-1, piece - 2 - most), -1):
                out = self._exclusion_cost(kept + 1, piece)
                if out > cost[piece] + _BESIDE_COST:
                    break  # more pieces are left out at no less
                if cost[kept] + out >= cost[piece] - 1e-9 or (kept < piece - 1 and self._fits_between(kept, piece)):
                    continue
                onward = self._onward(kept, piece)
                if kept < piece - 1 and onward >= _ANOTHER_COST:
                    onward += _BESIDE_COST
                through = cost[kept] + out + onward
                if through < cost[piece] - 1e-9:
                    cost[piece], before[piece] = through, kept
        ends = [n - 1, *(piece for piece in range(n - 1) if self._first[piece + 1] >= own.stop)]
        behind = {end: self._exclusion_cost(end + 1, n) + self._edge_cost(end + 1, n) for end in ends}
        last = min(ends, key=lambda end: cost[end] + behind[end])
        quality = np.zeros(len(self._value), dtype=np.int8)
        self._mark(quality, last + 1, n, GLITCH)
        piece = last
        while piece >= 0:
            kept = before[piece]
            if kept < piece - 1:
                is_either = 0 <= kept == piece - 2 and self._both_fit(kept, piece)
                self._mark(quality, kept + 1, piece, EITHER if is_either else GLITCH)
            piece = kept
        return quality

    def _mark(self, quality: npt.NDArray[np.int8], first: int, end: int, what: int) -> None:
        if first < end:
            quality[self._first[first] : self._last[end - 1] + 1] = what

    def _both_fit(self, kept: int, piece: int) -> bool:
        """Whether the one piece in between may be right as well: that would be hardly more surprising."""
        right = self._onward(kept, kept + 1) + self._onward(kept + 1, piece)
        wrong = self._exclusion_cost(kept + 1, piece) + self._onward(kept, piece)
        return right <= max(_RESET_COST, wrong + _HARDLY_MORE)

    def _fits_between(self, kept: int, piece: int) -> bool:
        """Whether some piece stands between its two ends as a counter does: to leave it out explains nothing."""
        low, high = self._ends[kept], self._begins[piece]
        return low <= high and any(
            low <= self._begins[out] <= self._ends[out] <= high for out in range(kept + 1, piece)
        )

    def _edge_cost(self, first: int, end: int) -> float:
        """More of leaving out pieces at an edge: the more of them, the less likely it is they that are wrong."""
        n = self._last[end - 1] + 1 - self._first[first] if first < end else 0
        return _EDGE_COST * log10(1 + n)

    def _exclusion_cost(self, first: int, end: int) -> float:
        if first == end:
            return 0.0
        n = self._last[end - 1] + 1 - self._first[first]
        cost = _OUT_COST + 0.05 * log10(n) + _SHARE_COST * n / len(self._value) + self._counts_on_cost[first]
        cost += _ZERO_COST if self._begins[first] == self._ends[end - 1] == 0 else 0.0
        for shown_before, more in self._more_out[first + 1 : end]:
            cost += _GOES_ON_COST if shown_before >= first else more
        return cost

    @cached_property
    def _counts_on_cost(self) -> list[float]:
        """For each piece how much less likely it is wrong, since it counts from zero or goes on, as a counter does."""
        found = [0.0]
        for piece in range(1, len(self._begins)):
            begins, ends, before = self._begins[piece], self._ends[piece], self._ends[piece - 1]
            seconds = self._begun[piece] - self._ended[piece - 1]
            possible = self.limits.possible(seconds)
            counts_on = begins <= possible if begins < before else begins - before <= possible
            is_counting = ends > begins and self._last[piece] - self._first[piece] >= _SHORT
            found.append(_COUNTS_ON_COST if counts_on and is_counting else 0.0)
        return found

    @cached_property
    def _more_out(self) -> list[tuple[int, float]]:
        """For each piece the one before that ended as it begins (a glitch that goes on), or -1; and what it costs."""
        found = []
        for piece, (begins, ends) in enumerate(zip(self._begins, self._ends, strict=True)):
            is_counting = ends > begins and self._last[piece] - self._first[piece] >= _SHORT
            found.append((self._went_on(piece), _MORE_OUT_COST + (_COUNTING_COST if is_counting else 0.0)))
        return found

    def _went_on(self, piece: int) -> int:
        """The last piece that ended where this one begins, or a little lower; -1 if there is none."""
        for other in range(piece - 1, max(-1, piece - 1 - _MOST_PIECES), -1):
            begins, ended = self._begins[piece], self._ends[other]
            possible = self.limits.possible(self._begun[piece] - self._ended[other])
            if begins == ended or 0 < ended < begins <= ended + possible:
                return other
        return -1

    def _onward(self, kept: int, piece: int) -> float:
        """How surprising it is that a counter goes on from the end of one piece to the start of another."""
        high, low = self._ends[kept], self._begins[piece]
        seconds, limits = self._begun[piece] - self._ended[kept], self.limits
        possible = limits.possible(seconds)
        if low >= high:
            return self._risen(low - high, seconds, piece)
        if high - low <= limits.jitter and low > possible:
            return _JITTER_COST
        if low <= possible and self.is_daily(self._first[piece]):
            return _DAILY_COST
        if limits.capacity(high, seconds, low) is not None:
            # What shows nothing at all has rarely just rolled over.
            return _ROLLOVER_COST if low > 0 else _RESET_COST
        return _RESET_COST if low <= possible else _ANOTHER_COST

    def _risen(self, rise: float, seconds: float, piece: int) -> float:
        """How surprising a rise to a piece is."""
        possible = self.limits.possible(seconds)
        if rise <= possible:
            return 0.0
        if rise > self.limits.countable(seconds):
            return _ANOTHER_COST
        goes_on = piece + 1 < len(self._begins) and self._begins[piece + 1] >= self._ends[piece]
        if self._n_rises < _RARE_RISES and (goes_on or self._last[piece] > self._first[piece]):
            return _RARE_COST
        faster = _FAST_FEW_COST if self._n_rises < _FEW_RISES else _FAST_MANY_COST
        return min(_FAST_COST, 0.4 + faster * log10(rise / possible))

    @cached_property
    def _lasting(self) -> _Ints:
        """Where the counter has fallen, without the falls that a fast rise undoes, and those that undo one."""
        undone = {
            fall
            for fall in self._falls.tolist()
            for step in self._ways(fall)
            if (self._is_dip(fall, step) if step > fall else self._is_peak(step, fall))
        }
        return np.array([fall + 1 for fall in self._falls.tolist() if fall not in undone], dtype=np.int64)

    def _is_dip(self, fall: int, back: int) -> bool:
        """Whether a rise is faster than usual and leads where the counter would be without the fall, and no peak."""
        return self._is_undone(fall, back, back) and self._are_most(back + 1, partial(np.less_equal, self._value[fall]))

    def _is_peak(self, rise: int, fall: int) -> bool:
        """Whether a fall leads where the counter would be without the fast rise; zero is where it is reset to, too."""
        return bool(self._value[rise] > 0) and self._is_undone(rise, fall, rise)

    def _is_undone(self, away: int, back: int, rise: int) -> bool:
        more, elapsed = self._value[back + 1] - self._value[away], float(self._at[back + 1] - self._at[away])
        fast = self.limits.possible(float(self._steps.seconds[rise]))
        return bool(more <= self.limits.possible(elapsed) and self._steps.amount[rise] > fast)

    def is_daily(self, after: int, *, is_kept: bool = False) -> bool:
        """Whether the counter falls so low at this time of the day on others, too: it is reset each day.

        The first reading of the slice tells it as well, since it may be behind another fall: of a fall that is kept, or
        where it has just begun with a day, and most of what follows the fall is low.
        """
        others = self._lasting[self._lasting != after]
        if len(others) == len(self._lasting) or self.limits.spacing > _DAY_SECONDS / 2:
            return False
        near, high = min(1.5 * self.limits.spacing, 3 * 3600), self._value[after - 1]
        is_begun = np.abs(_off_days(self._at[0])) <= near and self._value[0] <= self.limits.jitter
        if is_kept or (is_begun and self._are_most(after, lambda value: value < high)):
            others = np.append(others, 0)
        distance = np.abs(self._at[others] - self._at[after])
        as_low = self._value[others] <= self._value[after] + 0.2 * (high - self._value[after])
        # Both fell between two readings: was it at the same time, these times overlap.
        took = np.where(others > 0, self._steps.seconds[others - 1], self.limits.spacing)
        later = _off_days(self._at[others] - self._at[after])
        is_near = (np.abs(later) <= near) & (later < took) & (later > -self._steps.seconds[after - 1])
        return bool((as_low & is_near & (distance > _DAY_SECONDS / 2)).any())

    def _are_most(self, first: int, test: Callable[[_Floats], _Bools]) -> bool:
        """Whether most of some readings from `first` on pass a test: more of them than a peak or a dip has."""
        passed = test(self._value[first : first + 1 + _SHORT])
        return bool(2 * passed.sum() > len(passed))


def _off_days(seconds: _Floats) -> _Floats:
    """How far times are behind whole days; below 0 if they are before the next one."""
    return (seconds + _DAY_SECONDS / 2) % _DAY_SECONDS - _DAY_SECONDS / 2
