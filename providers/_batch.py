"""One batch on its way: points of series, what is rejected and what is unmapped, until they are `Normalized`.

Numbers and texts come by whole columns (`add_numbers`, `add_states`), or one at a time where that is how they are sent.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.measurement import Normalized, no_measurements, no_rejected, no_states
from domain.records import Reason, Series
from domain.texts import storable
from providers._points import Floats, Integers, Points

MAX_RAW: Final = 4_096
"""Characters that are kept of what is rejected: enough for any row, and a hostile one cannot fill the table."""


@dataclass(slots=True)
class _Column:
    """Points of one kind: pieces of columns, each with its series, and single points."""

    pieces: list[tuple[Sequence[Series], Integers | int, Integers]] = field(default_factory=list)
    numbers: list[Floats] = field(default_factory=list)  # of each piece, where it is one of numbers
    texts: list[str] = field(default_factory=list)  # of all pieces, where they are texts
    points: list[tuple[str, int, Any]] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """Series and instants, in the order in which they came: those of the pieces, then the single ones."""
        rank: dict[str, int] = {}
        codes: list[npt.NDArray[np.int32]] = []
        times = [at for _, _, at in self.pieces]
        for described, code, at in self.pieces:
            ranks = np.array([rank.setdefault(one.key, len(rank)) for one in described], dtype=np.int32)
            codes.append(np.repeat(ranks[code], len(at)) if isinstance(code, int) else ranks[code])
        if self.points:
            codes.append(np.array([rank.setdefault(key, len(rank)) for key, _, _ in self.points], dtype=np.int32))
            times.append(np.array([at for _, at, _ in self.points], dtype=np.int64))
        keys = pd.Index(list(rank), dtype="str")
        return pd.DataFrame(
            {
                "series": pd.Categorical.from_codes(np.concatenate(codes), categories=keys),
                "measured_at": pd.DatetimeIndex(np.concatenate(times).view("datetime64[us]"), tz="UTC"),
            }
        )


class Batch:
    """Everything that one batch accounts for.

    Args:
        payload: The SHA-256 of the answer.

    Attributes:
        series: Key → description, of each series that has a point.
        unmapped: Field → count of its numbers that nobody knows the meaning of.
        n_duplicates: Points left out because the same had been seen in this batch.
        n_absent: Words in a number's place that say that there is none.
    """

    def __init__(self, payload: str) -> None:
        self.series: dict[str, Series] = {}
        self.unmapped: Counter[str] = Counter()
        self.n_duplicates = 0
        self.n_absent = 0
        self._payload = payload
        self._numbers = _Column()
        self._states = _Column()
        self._raw: list[str] = []
        self._reasons: list[str] = []
        self._keys: list[str] = []

    def add_numbers(
        self, series: Series | Sequence[Series], times: Integers, numbers: Floats, codes: Integers | None = None
    ) -> None:
        """Take numbers of one series, or of several.

        Args:
            series: Whose they are.
            times: Microseconds since the epoch, of each.
            numbers: In the canonical unit.
            codes: Of several series, the index of each number's.
        """
        self._add(self._numbers, series, times, codes)
        self._numbers.numbers.append(numbers)

    def add_states(
        self, series: Series | Sequence[Series], times: Integers, texts: Sequence[str], codes: Integers | None = None
    ) -> None:
        """Take texts; as `add_numbers`."""
        self._add(self._states, series, times, codes)
        self._states.texts.extend(texts)

    def add_points(self, points: Points, times: Integers, series_of: Callable[[bool], Series]) -> None:
        """Take a column: `times` has those of its rows, `series_of` describes its series, as one of states or not."""
        self.n_absent += points.n_absent
        if len(points.numbers):
            self.add_numbers(series_of(False), times[points.number_rows], points.numbers)  # noqa: FBT003
        if points.texts:
            self.add_states(series_of(True), times[points.text_rows], points.texts)  # noqa: FBT003

    def add_number(self, series: Series, at: int, number: float) -> None:
        """Take one number, at an instant in microseconds since the epoch."""
        self.series.setdefault(series.key, series)
        self._numbers.points.append((series.key, at, number))

    def add_state(self, series: Series, at: int, text: str) -> None:
        """Take one text, at an instant in microseconds since the epoch."""
        self.series.setdefault(series.key, series)
        self._states.points.append((series.key, at, text))

    def reject(self, raw: str, reason: Reason, series: str) -> int:
        """Reject a value, or a row that holds none: its text, and the key of its series (`Normalized.rejected`).

        Returns:
            How many characters of the text are kept.
        """
        self._raw.append(storable(raw if len(raw) <= MAX_RAW else f"{raw[:MAX_RAW]}…"))
        self._reasons.append(reason.value)
        self._keys.append(storable(series))
        return len(self._raw[-1])

    def read(self) -> Normalized:
        """All of it, as a batch."""
        return Normalized(
            series=tuple(self.series.values()),
            measurements=self._measurements(),
            states=self._texts(),
            rejected=self._rejected(),
            n_duplicates=self.n_duplicates,
            unmapped=dict(self.unmapped),
            n_absent=self.n_absent,
        )

    def _add(self, column: _Column, series: Series | Sequence[Series], times: Integers, codes: Integers | None) -> None:
        described = (series,) if isinstance(series, Series) else series
        self.series |= {one.key: one for one in described}
        column.pieces.append((described, 0 if codes is None else codes, times))

    def _measurements(self) -> pd.DataFrame:
        found = self._numbers
        if not (found.pieces or found.points):
            return _no_measurements()
        single = np.array([number for _, _, number in found.points], dtype=np.float64)
        return found.frame().assign(value=np.concatenate([*found.numbers, single]))

    def _texts(self) -> pd.DataFrame:
        found = self._states
        if not (found.pieces or found.points):
            return _no_states()
        texts = found.texts + [text for _, _, text in found.points]
        return found.frame().assign(value=pd.Series(texts, dtype="str"))

    def _rejected(self) -> pd.DataFrame:
        if not self._raw:
            return _no_rejected()
        payloads = [self._payload] * len(self._raw)
        columns = {"raw": self._raw, "reason": self._reasons, "payload": payloads, "series": self._keys}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})


# Building an empty frame costs as much as reading a thousand rows, and nobody writes into one.
_no_measurements = cache(no_measurements)
_no_states = cache(no_states)
_no_rejected = cache(no_rejected)
