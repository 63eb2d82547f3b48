"""Points and rejects of one answer until they are batches, dealt out to the windows that it is read for."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from domain.instants import microseconds
from domain.measurement import Normalized
from domain.records import Reason, Series
from domain.texts import is_storable
from domain.window import Window
from providers._as_sent import pieces_of
from providers._batch import MAX_RAW, Batch
from providers._points import Flags, Floats, Integers
from providers.smart_house.spec import BATCH_CHARACTERS, BATCH_POINTS


class _SizedBatch(Batch):
    """Points and rejects inside one window, and how much they hold."""

    n_entries = 0
    n_characters = 0

    def size(self, *, is_by_entries: bool) -> int:
        return self.n_entries if is_by_entries else self.n_characters


class Batches:
    """One batch at a time for each window; what lies in none of them is left out.

    Args:
        payload: The SHA-256 of the answer.
        windows: Index → window; in order, and without an instant in common.
    """

    def __init__(self, payload: str, windows: Mapping[int, Window]) -> None:
        self._payload = payload
        self._indices = list(windows)
        self._starts = [microseconds(window.start) for window in windows.values()]
        self._ends = [microseconds(window.end) for window in windows.values()]
        self._begun: dict[int, _SizedBatch] = {}
        self._n_entries = 0
        self._n_characters = 0

    def hold(self, at: int) -> bool:
        """Whether an instant, in microseconds since the epoch, lies in one of the windows."""
        return self._index(at) is not None

    @property
    def room(self) -> int:
        """How many entries may come before it is time for `full`."""
        return max(1, BATCH_POINTS - self._n_entries)

    def holds(self, times: Integers) -> Flags:
        """The same of many."""
        return self._positions(times) >= 0

    def measure(self, series: Sequence[Series | None], codes: Integers, times: Integers, numbers: Floats) -> None:
        """Numbers: of each the index of its series, the instant and the value."""
        for batch, rows in self._deal(times):
            used, places = np.unique(codes[rows], return_inverse=True)
            described = [one for code in used.tolist() if (one := series[code]) is not None]
            batch.add_numbers(described, times[rows], numbers[rows], places)

    def state(self, series: Series, at: int, text: str) -> None:
        """A text."""
        if (batch := self._batch(at)) is not None:
            batch.add_state(series, at, text)
            self._hold(batch, len(text))

    def leave_unmapped(self, fields: Sequence[str], codes: Integers, times: Integers) -> None:
        """Numbers that nobody knows the meaning of: of each the index of its field, and the instant."""
        for batch, rows in self._deal(times):
            for code, count in zip(*np.unique(codes[rows], return_counts=True), strict=True):
                batch.unmapped[fields[code]] += int(count)

    def leave_absent(self, times: Integers) -> None:
        """Words that say that there is no number."""
        for batch, rows in self._deal(times):
            batch.n_absent += len(rows)

    def reject(self, at: int, where: str, value: object, reason: Reason, series: str = "") -> None:
        """What has no meaning, and belongs where `at` lies; of the series with that key, where anybody can tell."""
        if (batch := self._batch(at)) is not None:
            key = series if is_storable(series) else ""
            self._hold(batch, batch.reject(f"{where}: {shown(value)}", reason, key))

    def full(self) -> Iterator[tuple[int, Normalized]]:
        """The largest batch, with the index of its window, as long as all of them together are too large."""
        while self._n_entries > BATCH_POINTS // 2 or self._n_characters >= BATCH_CHARACTERS:
            is_by_entries = self._n_entries > BATCH_POINTS // 2
            yield self._taken(max(self._begun, key=lambda index: self._begun[index].size(is_by_entries=is_by_entries)))

    def remaining(self) -> Iterator[tuple[int, Normalized]]:
        """All that is left."""
        while self._begun:
            yield self._taken(next(iter(self._begun)))

    def _taken(self, index: int) -> tuple[int, Normalized]:
        batch = self._begun.pop(index)
        self._n_entries -= batch.n_entries
        self._n_characters -= batch.n_characters
        return index, batch.read()

    def _index(self, at: int) -> int | None:
        position = bisect_right(self._starts, at) - 1
        return self._indices[position] if position >= 0 and at < self._ends[position] else None

    def _positions(self, times: Integers) -> Integers:
        """The window that each instant lies in, by its place among all; -1 where it lies in none."""
        positions = np.searchsorted(self._starts, times, side="right") - 1
        return np.where((positions >= 0) & (times < np.array([*self._ends, 0])[positions]), positions, -1)

    def _deal(self, times: Integers) -> Iterator[tuple[_SizedBatch, Integers]]:
        """Where entries at these instants go, and which of them, by index."""
        positions = self._positions(times)
        for position in np.unique(positions[positions >= 0]).tolist():
            rows = np.flatnonzero(positions == position)
            yield self._with_room(self._indices[position], len(rows)), rows

    def _batch(self, at: int) -> _SizedBatch | None:
        """Where one more entry at this instant goes."""
        index = self._index(at)
        return None if index is None else self._with_room(index, 1)

    def _with_room(self, index: int, n_entries: int) -> _SizedBatch:
        """The batch of a window, for so many more entries."""
        if index not in self._begun:
            self._begun[index] = _SizedBatch(self._payload)
        batch = self._begun[index]
        batch.n_entries += n_entries
        self._n_entries += n_entries
        return batch

    def _hold(self, batch: _SizedBatch, n_characters: int) -> None:
        batch.n_characters += n_characters
        self._n_characters += n_characters


def shown(value: object) -> str:
    """The beginning of what was said; a cell of thousands of changes is not written out to be cut off again."""
    if isinstance(value, str):
        return value[: MAX_RAW + 1]
    shown = ""
    for piece in pieces_of(value, ensure_ascii=False):
        shown += piece
        if len(shown) > MAX_RAW:
            break
    return shown
