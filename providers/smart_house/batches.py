"""Points and rejects of one answer until they are batches, dealt out to the windows that it is read for."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from domain.measurement import Normalized, no_measurements, no_states
from domain.records import Reason, Series
from domain.window import Window
from providers.smart_house.rejected import Rejected
from providers.smart_house.spec import BATCH_CHARACTERS, BATCH_POINTS
from providers.smart_house.times import EPOCH, MICROSECOND


class Batches:
    """One batch at a time for each window; what lies in none of them is left out.

    Args:
        payload: The SHA-256 of the answer.
        windows: Index → window; in order, and without an instant in common.
    """

    def __init__(self, payload: str, windows: Mapping[int, Window]) -> None:
        self._payload = payload
        self._indices = list(windows)
        self._starts, self._ends = (
            [(bound - EPOCH) // MICROSECOND for bound in bounds]
            for bounds in ([one.start for one in windows.values()], [one.end for one in windows.values()])
        )
        self._begun: dict[int, _Batch] = {}
        self._n_entries = 0
        self._n_characters = 0

    def hold(self, at: int) -> bool:
        """Whether an instant, in microseconds since the epoch, lies in one of the windows."""
        return self._index(at) is not None

    def measure(self, series: Series, at: int, value: float) -> None:
        """A number."""
        if (batch := self._batch(at)) is not None:
            batch.measure(series, at, value)

    def state(self, series: Series, at: int, value: str) -> None:
        """A text."""
        if (batch := self._batch(at)) is not None:
            self._n_characters += batch.state(series, at, value)

    def leave_unmapped(self, at: int, name: str) -> None:
        """A number that nobody knows the meaning of."""
        if (batch := self._batch(at)) is not None:
            batch.leave_unmapped(name)

    def leave_absent(self, at: int) -> None:
        """A word that says that there is no number."""
        if (batch := self._batch(at)) is not None:
            batch.leave_absent()

    def reject(self, at: int, where: str, said: object, reason: Reason, series: str = "") -> None:
        """What has no meaning, and belongs where `at` lies; of the series with that key, where anybody can tell."""
        if (batch := self._batch(at)) is not None:
            self._n_characters += batch.reject(where, said, reason, series)

    def full(self) -> Iterator[tuple[int, Normalized]]:
        """The largest batch, with the index of its window, as long as all of them together are too large."""
        while self._n_entries >= BATCH_POINTS or self._n_characters >= BATCH_CHARACTERS:
            is_by_entries = self._n_entries >= BATCH_POINTS
            yield self._taken(max(self._begun, key=lambda index: self._begun[index].size(is_by_entries=is_by_entries)))

    def rest(self) -> Iterator[tuple[int, Normalized]]:
        """All that is left."""
        while self._begun:
            yield self._taken(next(iter(self._begun)))

    def _taken(self, index: int) -> tuple[int, Normalized]:
        batch = self._begun.pop(index)
        self._n_entries -= batch.n_entries
        self._n_characters -= batch.n_characters
        return index, batch.normalized()

    def _index(self, at: int) -> int | None:
        place = bisect_right(self._starts, at) - 1
        return self._indices[place] if place >= 0 and at < self._ends[place] else None

    def _batch(self, at: int) -> "_Batch | None":
        """Where one more entry at this instant goes."""
        index = self._index(at)
        if index is None:
            return None
        self._n_entries += 1
        if index not in self._begun:
            self._begun[index] = _Batch(self._payload)
        return self._begun[index]


class _Batch:
    """Points and rejects inside one window."""

    def __init__(self, payload: str) -> None:
        self.n_entries = 0
        self.n_characters = 0
        self._rejected = Rejected(payload)
        self._unmapped: Counter[str] = Counter()
        self._n_absent = 0
        self._series: dict[str, Series] = {}
        self._measurements: list[tuple[str, int, float]] = []
        self._states: list[tuple[str, int, str]] = []

    def size(self, *, is_by_entries: bool) -> int:
        return self.n_entries if is_by_entries else self.n_characters

    def measure(self, series: Series, at: int, value: float) -> None:
        self.n_entries += 1
        self._series.setdefault(series.key, series)
        self._measurements.append((series.key, at, value))

    def state(self, series: Series, at: int, value: str) -> int:
        """A text; how many characters are held for it."""
        self.n_entries += 1
        self.n_characters += len(value)
        self._series.setdefault(series.key, series)
        self._states.append((series.key, at, value))
        return len(value)

    def leave_absent(self) -> None:
        self.n_entries += 1
        self._n_absent += 1

    def leave_unmapped(self, name: str) -> None:
        self.n_entries += 1
        self._unmapped[name] += 1

    def reject(self, where: str, said: object, reason: Reason, series: str) -> int:
        """What has no meaning; how many characters are held of it."""
        self.n_entries += 1
        n_characters = self._rejected.add(where, said, reason, series)
        self.n_characters += n_characters
        return n_characters

    def normalized(self) -> Normalized:
        return Normalized(
            series=tuple(self._series.values()),
            measurements=_frame(self._measurements, "float64") if self._measurements else no_measurements(),
            states=_frame(self._states, "str") if self._states else no_states(),
            rejected=self._rejected.frame(),
            unmapped=dict(self._unmapped),
            n_absent=self._n_absent,
        )


def _frame(points: "list[tuple[str, int, float]] | list[tuple[str, int, str]]", kind: str) -> pd.DataFrame:
    keys, times, values = zip(*points, strict=True)
    return pd.DataFrame(
        {
            "series": pd.Series(keys, dtype="str").astype("category"),
            "measured_at": pd.DatetimeIndex(np.array(times, dtype=np.int64).view("datetime64[us]"), tz="UTC"),
            "value": pd.Series(values, dtype=kind),
        }
    )
