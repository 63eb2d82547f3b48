"""Rows just outside of what was asked for: sent along, the last value before it or the first behind.

A row may lie up to one interval of its series away, an hour at most. Nobody says what the interval of a series is; its
rows in the same answer do: the median of their steps. A row of several series is near if it is near for one of them.

A row without a usable time has its neighbour's day, so that of many days exactly one counts it.
"""

from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Final, TypeVar

import numpy as np

from domain.instants import MICROSECOND, microseconds
from domain.window import Window
from providers._points import Integers

_Piece = TypeVar("_Piece")

NEAR: Final = timedelta(hours=1)
"""How far outside of what was asked for a row may lie at most, and how far if nothing tells its interval."""

SAMPLE_ROWS: Final = 20_000
"""Rows of a file that tell the intervals of its series: its first ones, however it is cut into pieces."""

_JITTER: Final = 1.5  # intervals: clocks are not exact, and a row may come late


class Steps:
    """How far outside the rows of an answer may lie, by the steps of its rows.

    Args:
        asked: What was asked for; rows outside of it tell no step.
        times: The usable times of all rows, in microseconds since the epoch. Asked only if a row lies outside.
        by_series: The same for each series. Asked only for a row that is far from the rows taken together.
    """

    def __init__(
        self,
        asked: Window,
        times: Callable[[], Integers],
        by_series: Callable[[], Mapping[Hashable, Sequence[int] | Integers]],
    ) -> None:
        self._asked, self._times, self._by_series = asked, times, by_series
        self._together: int | None = None
        self._series: Mapping[Hashable, Sequence[int] | Integers] | None = None
        self._known: dict[Hashable, int] = {}

    def is_near(self, distance: int, series: Callable[[], Iterable[Hashable]]) -> bool:
        """Whether a row of `series` may lie `distance` microseconds outside."""
        if self._together is None:
            self._together = reach_of(self._times(), self._asked)
        return distance <= self._together or any(distance <= self._reach(one) for one in series())

    def _reach(self, series: Hashable) -> int:
        if self._series is None:
            self._series = self._by_series()
        if series not in self._known:
            self._known[series] = reach_of(np.array(self._series.get(series, ()), dtype=np.int64), self._asked)
        return self._known[series]


def steps_of(
    asked: Window,
    pieces: Callable[[], Generator[tuple[_Piece, Integers, Collection[int]]]],
    series_of: Callable[[_Piece, int], Iterable[Hashable]],
) -> Steps:
    """The steps of a file, by its first rows, read for themselves: the pieces that it is read in depend on how it came.

    Args:
        asked: As in `Steps`.
        pieces: Reads the file anew: some of its rows, the time of each of them, and those without a usable one.
        series_of: The series that have a value in a row, by its index in its piece.
    """

    def first_rows() -> Iterator[tuple[_Piece, Integers, list[int]]]:
        n_rows = 0
        with closing(pieces()) as read:
            for piece, times, invalid in read:
                yield piece, times, [row for row in range(min(len(times), SAMPLE_ROWS - n_rows)) if row not in invalid]
                n_rows += len(times)
                if n_rows >= SAMPLE_ROWS:
                    return

    def all_times() -> Integers:
        return np.concatenate([times[usable] for _, times, usable in first_rows()])

    def by_series() -> dict[Hashable, list[int]]:
        found: dict[Hashable, list[int]] = {}
        for piece, times, usable in first_rows():
            for row in usable:
                for one in series_of(piece, row):
                    found.setdefault(one, []).append(int(times[row]))
        return found

    return Steps(asked, all_times, by_series)


def reach_of(times: Integers, asked: Window) -> int:
    """Microseconds that a row of a series may lie outside: an interval and its jitter; an hour where there is none.

    Args:
        times: Of its rows, in microseconds since the epoch, in any order.
        asked: What was asked for.
    """
    most = NEAR // MICROSECOND
    inner = np.unique(times[(times >= microseconds(asked.start)) & (times <= microseconds(asked.end))])
    return most if len(inner) <= 1 else min(most, int(np.median(np.diff(inner)) * _JITTER))


def near_outside(
    times: Integers,
    invalid: Collection[int],
    asked: Window,
    is_near: Callable[[int, int], bool] | None = None,
    *,
    most: timedelta = NEAR,
) -> dict[int, int]:
    """The rows that lie just outside of what was asked for, and the instant inside that is nearest to each.

    They are rejected as `outside`, in the window of that instant: of many windows exactly one counts them. The very end
    of what was asked for is none of them; see `providers._points.inside`. Where one is too far away all are left to it,
    which refuses the answer.

    Args:
        times: Of each row, in microseconds since the epoch.
        invalid: Rows without a usable time.
        asked: What was asked for.
        is_near: Whether a row, by index, may lie so many microseconds outside; None: every row may.
        most: How far is just outside at most.
    """
    start, end, slack = microseconds(asked.start), microseconds(asked.end), most // MICROSECOND
    distances = np.maximum(start - times, times - end)
    found = [row for row in np.flatnonzero((distances > 0) & (distances <= slack)).tolist() if row not in invalid]
    for row in sorted(found, key=lambda row: -int(distances[row])):
        if is_near is not None and not is_near(row, int(distances[row])):
            return {}
    return {row: start if times[row] < start else end - 1 for row in found}


def neighbours(times: Integers, invalid: Collection[int], default: int) -> dict[int, int]:
    """For each row without a usable time, the instant whose day it belongs to.

    It is the time of the nearest row before it that has one, else of the nearest after it, else `default`.

    Args:
        times: Of each row, in the order of the answer, in microseconds since the epoch; of invalid rows anything.
        invalid: The rows without a usable time, by index.
        default: Where no row has a time; microseconds since the epoch.
    """
    if not invalid:
        return {}
    rows = np.array(sorted(invalid), dtype=np.int64)
    is_usable = np.ones(len(times), dtype=np.bool_)
    is_usable[rows] = False
    usable = np.flatnonzero(is_usable)
    if not len(usable):
        return dict.fromkeys(rows.tolist(), default)
    before = np.maximum(np.searchsorted(usable, rows) - 1, 0)  # in front of all there is nothing but the first after it
    return dict(zip(rows.tolist(), times[usable[before]].tolist(), strict=True))


def untimed_inside(
    times: Integers, invalid: Collection[int], asked: Window, window: Window, *, before: int | None = None
) -> list[int]:
    """The rows without a usable time that belong to `window`, in order.

    Every one of them belongs to exactly one of the windows that `asked` is divided into.

    Args:
        times: As in `neighbours`.
        invalid: As in `neighbours`.
        asked: What was asked for: a neighbour outside of it counts as its nearest instant inside.
        window: What the answer is read for.
        before: The last usable time in front of these rows, where they are a piece of an answer.
    """
    start, end = microseconds(asked.start), microseconds(asked.end)
    low, high = microseconds(window.start), microseconds(window.end)
    n_before = 0
    if before is not None:
        n_before, times = 1, np.concatenate([np.array([before], dtype=np.int64), times])
    found = neighbours(times, [index + n_before for index in invalid], start)
    return [index - n_before for index, at in found.items() if low <= min(max(at, start), end - 1) < high]
