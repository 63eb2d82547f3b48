"""One UTC day of one product: its documents in ascending order of time, already as JSON.

A listed day is measured or edited. A volume day is computed: a function of (day, position, seed), rendered a page at a
time. Each of its documents has the same width, so that a page is one matrix of bytes: rendering 10,000 documents takes
about 2 ms, and ten million points need the memory of one page.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.records import Json
from sandbox.instants import MS_PER_DAY

Times = npt.NDArray[np.int64]
"""Epoch milliseconds, ascending; equal neighbours are documents of the same millisecond."""

VOLUME_PRODUCT: Final = "sandbox_volume_analysis_load"

_TEMPLATE: Final = b'{"timestamp":0000000000000,"P_kW":000.0,"U_V":000.00},'
_TIMESTAMP_AT: Final = tuple(range(_TEMPLATE.index(b"0"), _TEMPLATE.index(b"0") + 13))
_POWER_AT: Final = tuple(_TEMPLATE.index(b"000.0,") + i for i in (0, 1, 2, 4))
_VOLTAGE_AT: Final = tuple(_TEMPLATE.index(b"000.00}") + i for i in (0, 1, 2, 4, 5))


@dataclass(frozen=True, slots=True)
class Tally:
    """The values of some documents, except `timestamp`; nested objects are counted by their leaves.

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


@dataclass(frozen=True, slots=True)
class ListedDay:
    """A day whose documents are a list: a measured day, or an edited one.

    Attributes:
        instants: The time of each document.
        render: The documents as JSON, rendered when they are first needed.
    """

    instants: Times
    render: Callable[[], tuple[bytes, ...]]

    @property
    def n_documents(self) -> int:
        """How many documents the day has."""
        return len(self.instants)

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """The positions `[i, j)` of the documents with `start <= time < end`."""
        i, j = np.searchsorted(self.instants, (start, end))
        return int(i), max(int(i), int(j))

    def times(self, i: int, j: int) -> Times:
        """The times of the documents at `[i, j)`."""
        return self.instants[i:j]

    def documents(self, i: int, j: int) -> Sequence[bytes]:
        """The documents at `[i, j)`."""
        return self.render()[i:j]

    def joined(self, i: int, j: int) -> bytes:
        """The same documents with commas between them."""
        return b",".join(self.documents(i, j))

    def tally(self, i: int, j: int) -> Tally:
        """The values of the documents at `[i, j)`."""
        return tally_of(self.documents(i, j))


@dataclass(frozen=True, slots=True)
class VolumeDay:
    """A day of evenly spaced documents with two values each; the first stands exactly at midnight.

    Attributes:
        number: Days since 1970-01-01.
        n_documents: How many documents the day has, at most one a millisecond.
        seed: Another seed, other values.
    """

    number: int
    n_documents: int
    seed: int

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """The positions `[i, j)` of the documents with `start <= time < end`."""
        i, j = (self._first_at_or_after(instant) for instant in (start, end))
        return i, max(i, j)

    def times(self, i: int, j: int) -> Times:
        """The times of the documents at `[i, j)`."""
        return np.arange(i, j, dtype=np.int64) * MS_PER_DAY // self.n_documents + self.number * MS_PER_DAY

    def documents(self, i: int, j: int) -> Sequence[bytes]:
        """The documents at `[i, j)`."""
        width, page = len(_TEMPLATE), self._rendered(i, j)
        return [page[at : at + width - 1] for at in range(0, len(page), width)]

    def joined(self, i: int, j: int) -> bytes:
        """The same documents with commas between them."""
        return self._rendered(i, j)[:-1]

    def tally(self, i: int, j: int) -> Tally:
        """Two numbers a document."""
        return Tally(j - i, 2 * (j - i))

    def _first_at_or_after(self, instant: int) -> int:
        offset = instant - self.number * MS_PER_DAY
        position = -(-offset * self.n_documents // MS_PER_DAY)
        return min(max(position, 0), self.n_documents)

    def _rendered(self, i: int, j: int) -> bytes:
        page = np.tile(np.frombuffer(_TEMPLATE, dtype=np.uint8), (j - i, 1))
        noise = _mixed(np.arange(i, j, dtype=np.uint64), self.number, self.seed)
        _write_digits(page, _TIMESTAMP_AT, self.times(i, j))
        _write_digits(page, _POWER_AT, (1000 + noise % 9000).astype(np.int64))
        _write_digits(page, _VOLTAGE_AT, (22000 + (noise >> np.uint64(32)) % 2000).astype(np.int64))
        return page.tobytes()


Day = ListedDay | VolumeDay
"""The documents of one product on one UTC day. Immutable: a day is a snapshot."""


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


def _leaves(value: Json, *, is_top: bool = False) -> Iterator[Json]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if not (is_top and name == "timestamp"):
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _mixed(positions: npt.NDArray[np.uint64], day: int, seed: int) -> npt.NDArray[np.uint64]:
    """Sixty-four well-mixed bits a position (the finalizer of splitmix64)."""
    start = (day * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) % 2**64
    mixed = positions * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _write_digits(page: npt.NDArray[np.uint8], columns: tuple[int, ...], numbers: npt.NDArray[np.int64]) -> None:
    remaining = numbers
    for column in reversed(columns):
        quotient = remaining // 10
        page[:, column] = remaining - quotient * 10 + ord("0")
        remaining = quotient
