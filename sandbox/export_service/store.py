"""The documents of the Export Service: measured days, volume days, and edits; counted, and as points."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from threading import RLock
from typing import Any, Final

import numpy as np
import orjson

from sandbox.export_service.days import VOLUME_PRODUCT, Day, ListedDay, Tally, Times, VolumeDay
from sandbox.export_service.products import MEASURED_PRODUCTS, VEHICLES_PRODUCT, measured_day
from sandbox.export_service.settings import Settings
from sandbox.instants import MS_PER_DAY, day_number
from sandbox.measured import FIRST_DAY
from sandbox.settings import SettingError
from sandbox.twin import Point

Document = Mapping[str, Any]
Edit = Callable[[Document], Document | None]

_MAX_EDITED_DOCUMENTS: Final = 200_000
_MAX_VIEW_DAYS: Final = 4000
_TRUTH_CHUNK: Final = 10_000
_TIME: Final = "timestamp"
_DEVICES: Final[Mapping[str, tuple[str, ...]]] = {VEHICLES_PRODUCT: ("vehicleId",)}
"""Product → the fields that tell its devices apart."""


@dataclass(frozen=True, slots=True)
class View:
    """The documents of one product inside one window, as they stood when the view was taken. Positions count from 0.

    Attributes:
        parts: Days with the positions `[i, j)` that lie inside.
        ends: The view's position after each part.
    """

    parts: tuple[tuple[Day, int, int], ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, parts: Iterable[tuple[Day, int, int]]) -> "View":
        """The view that consists of `parts`, in order."""
        whole = tuple(part for part in parts if part[2] > part[1])
        return cls(whole, tuple(accumulate(j - i for _, i, j in whole)))

    def __len__(self) -> int:
        """How many documents there are."""
        return self.ends[-1] if self.ends else 0

    def joined(self, a: int, b: int) -> bytes:
        """The documents at `[a, b)` with commas between them."""
        return b",".join(day.joined(i, j) for day, i, j in self._cut(a, b))

    def documents(self, a: int, b: int) -> list[bytes]:
        """The documents at `[a, b)`."""
        return [document for day, i, j in self._cut(a, b) for document in day.documents(i, j)]

    def times(self, a: int, b: int) -> Times:
        """Their times."""
        pieces = [day.times(i, j) for day, i, j in self._cut(a, b)]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def first_at_or_after(self, instant: int) -> int:
        """The position of the first document whose time is not before `instant`."""
        before = 0
        for (day, i, j), end in zip(self.parts, self.ends, strict=True):
            first = min(max(day.bounds(instant, instant)[0], i), j)
            if first < j:
                return before + first - i
            before = end
        return before

    def tally(self) -> Tally:
        """What the documents hold."""
        return sum((day.tally(i, j) for day, i, j in self.parts), Tally())

    def _cut(self, a: int, b: int) -> Iterator[tuple[Day, int, int]]:
        at = bisect_right(self.ends, a)
        while at < len(self.parts) and a < b:
            day, i, _ = self.parts[at]
            before = self.ends[at - 1] if at else 0
            upto = min(b, self.ends[at])
            yield day, i + a - before, i + upto - before
            a, at = upto, at + 1


class Store:
    """The documents behind the products. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._edited: dict[tuple[str, int], ListedDay] = {}
        self._lock = RLock()

    def products(self) -> list[str]:
        """The names of all products."""
        volume = [VOLUME_PRODUCT] if self.settings.volume_documents else []
        added = {product for product, _ in self._edited}
        return list(dict.fromkeys([*MEASURED_PRODUCTS, *volume, *sorted(added)]))

    def view(self, product: str, start: int, end: int) -> View:
        """The documents with `start <= time < end`, in epoch milliseconds, as they stand now."""
        with self._lock:
            last = min(end - 1, MS_PER_DAY * 200_000) // MS_PER_DAY
            first = max(start // MS_PER_DAY, last - _MAX_VIEW_DAYS)
            days = (self.day(product, number) for number in range(first, last + 1))
            return View.of((day, *day.bounds(start, end)) for day in days)

    def day(self, product: str, number: int) -> Day:
        """One day of one product; empty without documents."""
        edited = self._edited.get((product, number))
        if edited is not None:
            return edited
        if product == VOLUME_PRODUCT and self.settings.volume_documents:
            return VolumeDay(number, self.settings.volume_documents, self.settings.volume_seed)
        if product in MEASURED_PRODUCTS and FIRST_DAY <= number <= day_number(self._last_day()):
            return measured_day(product, number)
        return _EMPTY

    def change(self, product: str, timestamp: int, changes: Document, where: Document | None = None) -> int:
        """Set fields of the documents at `timestamp` that agree with `where`; how many they were."""
        return self._edit(product, timestamp, where or {}, lambda document: {**document, **changes})

    def remove(self, product: str, timestamp: int, where: Document | None = None) -> int:
        """Remove the documents at `timestamp` that agree with `where`; how many they were."""
        return self._edit(product, timestamp, where or {}, lambda _: None)

    def add(self, product: str, documents: Iterable[Document]) -> int:
        """Add documents to a product, which may be new; how many they were.

        Raises:
            SettingError: A document has no integer `timestamp`.
        """
        count = 0
        with self._lock:
            for document in documents:
                stamp = document.get("timestamp")
                if not isinstance(stamp, int):
                    raise SettingError("a document to add needs a timestamp in epoch milliseconds.")
                number = stamp // MS_PER_DAY
                rows = self._rows(product, number)
                at = int(np.searchsorted([time for time, _ in rows], stamp, side="right")) if rows else 0
                rows.insert(at, (stamp, orjson.dumps(document)))
                self._replace(product, number, rows)
                count += 1
        return count

    def truth(self, product: str, start: int, end: int) -> Iterator[Sequence[bytes]]:
        """The documents with `start <= time < end` as they stand now, some thousands at a time, in order."""
        view = self.view(product, start, end)
        for at in range(0, len(view), _TRUTH_CHUNK):
            yield view.documents(at, min(at + _TRUTH_CHUNK, len(view)))

    def totals(self, start: int, end: int) -> dict[str, Tally]:
        """Per product, what the documents with `start <= time < end` hold."""
        return {product: self.view(product, start, end).tally() for product in self.products()}

    def reset(self) -> None:
        """Forget every edit."""
        with self._lock:
            self._edited.clear()

    def _last_day(self) -> date:
        return self.settings.last_day or datetime.now(UTC).date() - timedelta(days=1)

    def _rows(self, product: str, number: int) -> list[tuple[int, bytes]]:
        day = self.day(product, number)
        if day.n_documents > _MAX_EDITED_DOCUMENTS:
            raise SettingError(
                f"a day of {product} has too many documents to edit; at most {_MAX_EDITED_DOCUMENTS} can be."
            )
        return list(zip(day.times(0, day.n_documents).tolist(), day.documents(0, day.n_documents), strict=True))

    def _replace(self, product: str, number: int, rows: list[tuple[int, bytes]]) -> None:
        times = np.array([time for time, _ in rows], dtype=np.int64)
        documents = tuple(document for _, document in rows)
        self._edited[product, number] = ListedDay(times, lambda: documents)

    def _edit(self, product: str, timestamp: int, where: Document, edit: Edit) -> int:
        with self._lock:
            number, count = timestamp // MS_PER_DAY, 0
            rows: list[tuple[int, bytes]] = []
            for time, rendered in self._rows(product, number):
                document = json.loads(rendered) if time == timestamp else None
                if document is None or any(document.get(name, _ABSENT) != value for name, value in where.items()):
                    rows.append((time, rendered))
                    continue
                count += 1
                edited = edit(document)
                if edited is not None:
                    rows.append((time, orjson.dumps({**edited, "timestamp": timestamp})))
            if count:
                self._replace(product, number, rows)
            return count


def points_of(product: str, documents: Iterable[Sequence[bytes]]) -> Iterator[Point]:
    """The points of `product`: one for each field that is present, texts and booleans as texts.

    It shares no code with the project, whose result it checks.

    Args:
        product: Whose documents.
        documents: Each one JSON text, some at a time.
    """
    identity = _DEVICES.get(product, ())
    known: dict[tuple[str, ...], Mapping[str, str]] = {}
    for rows in documents:
        for row in rows:
            document = orjson.loads(row)
            device = tuple(_text(document.get(name)) for name in identity)
            at = document[_TIME]
            for name, value in _leaves(document):
                if value is None or name == _TIME or name in identity:
                    continue
                series = (name, *device)
                if series not in known:
                    named = {one: document[one] for one in identity if document.get(one) is not None}
                    known[series] = {
                        **{one: _text(value) for one, value in named.items()},
                        "product": product,
                        "field": name,
                    }
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                yield Point(known[series], at, value if is_number else _text(value))


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_EMPTY: Final = ListedDay(np.empty(0, dtype=np.int64), tuple)
_ABSENT: Final = object()
