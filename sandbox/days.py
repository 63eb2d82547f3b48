"""One UTC day of one product: its documents in ascending order of time, already as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
"""Epoch milliseconds, ascending; equal neighbours are documents of the same millisecond."""

MS_PER_DAY: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def date_of(number: int) -> date:
    """The UTC date that is `number` days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00Z; a naive instant is UTC; fractions of a millisecond are cut off."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """What some documents hold, their `timestamp` left aside; nested objects are counted by their leaves.

    Attributes:
        documents: How many there are.
        numbers: Leaves that are numbers.
        texts: Leaves that are text or booleans.
        nulls: Leaves that are null.
    """

    documents: int = 0
    numbers: int = 0
    texts: int = 0
    nulls: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.documents + other.documents,
            self.numbers + other.numbers,
            self.texts + other.texts,
            self.nulls + other.nulls,
        )


class Day(Protocol):
    """The documents of one product on one UTC day. Immutable: who holds a day holds a snapshot."""

    @property
    def n_documents(self) -> int:
        """How many documents the day has."""

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """The positions `[i, j)` of the documents with `start <= time < end`, in epoch milliseconds."""

    def times(self, i: int, j: int) -> Times:
        """The times of the documents at `[i, j)`."""

    def documents(self, i: int, j: int) -> Sequence[bytes]:
        """The documents at `[i, j)`, each one a JSON object."""

    def joined(self, i: int, j: int) -> bytes:
        """The same documents with commas between them, as they stand inside a JSON list."""

    def tally(self, i: int, j: int) -> Tally:
        """What the documents at `[i, j)` hold."""


@dataclass(frozen=True, slots=True)
class ListedDay:
    """A day held as a list: what an edit leaves behind.

    Attributes:
        instants: The time of each document.
        rendered: Each document as JSON.
    """

    instants: Times
    rendered: tuple[bytes, ...]

    @property
    def n_documents(self) -> int:
        """How many documents the day has."""
        return len(self.rendered)

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """The positions `[i, j)` of the documents with `start <= time < end`."""
        i, j = np.searchsorted(self.instants, (start, end))
        return int(i), max(int(i), int(j))

    def times(self, i: int, j: int) -> Times:
        """The times of the documents at `[i, j)`."""
        return self.instants[i:j]

    def documents(self, i: int, j: int) -> Sequence[bytes]:
        """The documents at `[i, j)`."""
        return self.rendered[i:j]

    def joined(self, i: int, j: int) -> bytes:
        """The same documents with commas between them."""
        return b",".join(self.rendered[i:j])

    def tally(self, i: int, j: int) -> Tally:
        """What the documents at `[i, j)` hold."""
        return tally_of(self.rendered[i:j])


def tally_of(documents: Sequence[bytes]) -> Tally:
    """Count the leaves of JSON documents."""
    numbers = texts = nulls = 0
    for document in documents:
        for leaf in _leaves(json.loads(document), is_top=True):
            if leaf is None:
                nulls += 1
            elif isinstance(leaf, bool | str):
                texts += 1
            else:
                numbers += 1
    return Tally(len(documents), numbers, texts, nulls)


def _leaves(value: Any, *, is_top: bool = False) -> Iterator[Any]:  # noqa: ANN401 - JSON has no narrower type
    if isinstance(value, dict):
        for name, inner in value.items():
            if not (is_top and name == "timestamp"):
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
