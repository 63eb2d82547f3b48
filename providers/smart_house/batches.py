"""Points and rejects of one answer until they are batches, dealt out to the windows that it is read for."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping

from domain.instants import microseconds
from domain.measurement import Normalized
from domain.records import Reason, Series
from domain.texts import is_storable
from domain.window import Window
from providers._as_sent import pieces_of
from providers._batch import MAX_RAW, Batch
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

    def measure(self, series: Series, at: int, number: float) -> None:
        """A number."""
        if (batch := self._batch(at)) is not None:
            batch.add_number(series, at, number)

    def state(self, series: Series, at: int, text: str) -> None:
        """A text."""
        if (batch := self._batch(at)) is not None:
            batch.add_state(series, at, text)
            self._hold(batch, len(text))

    def leave_unmapped(self, at: int, name: str) -> None:
        """A number that nobody knows the meaning of."""
        if (batch := self._batch(at)) is not None:
            batch.unmapped[name] += 1

    def leave_absent(self, at: int) -> None:
        """A word that says that there is no number."""
        if (batch := self._batch(at)) is not None:
            batch.n_absent += 1

    def reject(self, at: int, where: str, value: object, reason: Reason, series: str = "") -> None:
        """What has no meaning, and belongs where `at` lies; of the series with that key, where anybody can tell."""
        if (batch := self._batch(at)) is not None:
            key = series if is_storable(series) else ""
            self._hold(batch, batch.reject(f"{where}: {_shown(value)}", reason, key))

    def full(self) -> Iterator[tuple[int, Normalized]]:
        """The largest batch, with the index of its window, as long as all of them together are too large."""
        while self._n_entries >= BATCH_POINTS or self._n_characters >= BATCH_CHARACTERS:
            is_by_entries = self._n_entries >= BATCH_POINTS
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

    def _batch(self, at: int) -> _SizedBatch | None:
        """Where one more entry at this instant goes."""
        index = self._index(at)
        if index is None:
            return None
        if index not in self._begun:
            self._begun[index] = _SizedBatch(self._payload)
        batch = self._begun[index]
        batch.n_entries += 1
        self._n_entries += 1
        return batch

    def _hold(self, batch: _SizedBatch, n_characters: int) -> None:
        batch.n_characters += n_characters
        self._n_characters += n_characters


def _shown(value: object) -> str:
    """The beginning of what was said; a cell of thousands of changes is not written out to be cut off again."""
    if isinstance(value, str):
        return value[: MAX_RAW + 1]
    shown = ""
    for piece in pieces_of(value, ensure_ascii=False):
        shown += piece
        if len(shown) > MAX_RAW:
            break
    return shown
