"""What the answers of the Export Service mean: documents become points of series. Pure: no clock, no network.

A point's series is `<product>/<identity values…>/<field>`. Values are dealt with in this order, each counted once:

    unmapped      a number, also one written as a text, or a list, for which neither the account nor the unit suffix
                  names a quantity
    rejected      the document has no usable time or device or lies just outside, contradicts another, or the value
                  itself is impossible
    duplicates    the same document, or the same value of the same field, said again within one answer
    measurements  numbers, in canonical units
    states        texts, and booleans as `true` and `false`

Null and missing are no values. Documents of other windows are left out before anything is counted.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from domain.instants import EPOCH, MICROSECOND
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Conversion, Kinds
from domain.records import Payload, Reason, Series
from domain.window import Window
from providers._as_sent import AsSent, read_sent
from providers._batch import Batch
from providers._json import nan_as_null
from providers._outside import Steps, near_outside
from providers._points import Integers
from providers.export_service.account import AccountConfig
from providers.export_service.meanings import Meanings
from providers.export_service.points import Points, Quarantine, is_point, read_field
from providers.export_service.rows import (
    Table,
    collisions,
    comparable,
    identity_of,
    inside,
    merge,
    name_reason,
    read_identity,
    read_times,
    tabulate,
)
from providers.export_service.spec import PRODUCTS
from providers.export_service.wire import Row, parse_page


def normalize(
    payloads: Iterable[Payload],
    window: Window,
    account: AccountConfig,
    _kinds: Kinds = NO_KINDS,
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: one batch for each answer; a list of products means no point.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`.
        OutsideWindowError: An answer holds documents that nobody asked for, farther away than an interval.
    """
    meanings = Meanings(account)
    for payload in payloads:
        if payload.endpoint != PRODUCTS:
            yield _Page(payload, meanings).read(window)


@dataclass(slots=True)
class _Rows:
    """Documents that have a time and a device: `known[devices[i]]` at `times[i]` said `table.rows[i]`."""

    table: Table
    times: Integers
    known: list[tuple[str, ...]]
    devices: Integers | None

    def take(self, indices: Sequence[int]) -> "_Rows":
        """Only the documents at `indices`."""
        return _Rows(
            self.table.take(indices),
            self.times[list(indices)],
            self.known,
            None if self.devices is None else self.devices[list(indices)],
        )


class _Page:
    """One answer on its way to a batch."""

    def __init__(self, payload: Payload, meanings: Meanings) -> None:
        self.payload = payload
        self.product = payload.part
        self.meanings = meanings
        self.identity = meanings.account.identity_of(payload.part)
        self.place = f"{payload.part} {payload.window}, page {payload.page}"
        # Not a method of ours: each page would wait in memory for the collector of reference cycles.
        self.batch = Batch(payload.sha256)
        body = payload.body
        self.rows = nan_as_null(parse_page(body, place=self.place).rows, body)
        as_sent = AsSent(self.rows, lambda: read_sent(body)["result"])
        self.quarantine = Quarantine(self.batch, as_sent, partial(_key_of, meanings, self.product, self.identity))

    def read(self, window: Window) -> Normalized:
        """The batch: every value inside `window` accounted for."""
        table = tabulate(self._objects(self.rows), place=self.place)
        rows = self._resolved(self._identified(self._timed(table, window)))
        apart = {self.meanings.account.time_field, *self.identity}
        for name in sorted(rows.table.columns):
            if name not in apart:
                self._add(name, rows, self._points(name, rows))
        return self.batch.read()

    def _objects(self, rows: list[Any]) -> list[Row]:
        """The documents that are objects; the others are rejected."""
        if set(map(type, rows)) <= {dict}:
            return rows
        for row in rows:
            if not isinstance(row, dict):
                self.quarantine.add_row(row, (), Reason.MALFORMED_ROW)
        return [row for row in rows if isinstance(row, dict)]

    def _timed(self, table: Table, window: Window) -> _Rows:
        """The documents with a usable time inside `window`; those without a usable time are rejected."""
        column = table.columns.get(self.meanings.account.time_field) or [None] * len(table.rows)
        times, invalid = read_times(column, self.payload.received_at)
        rows = self._without(invalid, _Rows(table, times, [()], None))
        rows = self._without_near(self._near(rows), rows, window)
        kept = inside(rows.times, self.payload, window, place=self.place)
        return rows if kept is None else rows.take(kept)

    def _near(self, rows: _Rows) -> dict[int, int]:
        """The documents just outside of what was asked for; a series is a field of a device."""
        documents, asked = rows.table.rows, self.payload.window

        def series_of(row: Row) -> list[tuple[object, str]]:
            device = identity_of(row, self.identity)
            return [(device, name) for name, _, _ in self._values(row)]

        def by_series() -> dict[Hashable, list[int]]:
            found: dict[Hashable, list[int]] = {}
            for at, row in zip(rows.times.tolist(), documents, strict=True):
                for one in series_of(row):
                    found.setdefault(one, []).append(at)
            return found

        steps = Steps(asked, lambda: rows.times, by_series)
        return near_outside(
            rows.times, (), asked, lambda row, distance: steps.is_near(distance, lambda: series_of(documents[row]))
        )

    def _without_near(self, near: dict[int, int], rows: _Rows, window: Window) -> _Rows:
        """`rows` without those just outside of what was asked for, which are rejected in the adjoining window."""
        if not near:
            return rows
        for index, at in near.items():
            if EPOCH + at * MICROSECOND in window:
                self._reject(rows.table.rows[index], Reason.OUTSIDE)
        return rows.take([index for index in range(len(rows.table.rows)) if index not in near])

    def _identified(self, rows: _Rows) -> _Rows:
        """The documents with a usable device; the others are rejected."""
        if not self.identity or not rows.table.rows:
            return rows
        known, devices, invalid = read_identity(rows.table, self.identity)
        return self._without(invalid, _Rows(rows.table, rows.times, known, devices))

    def _resolved(self, rows: _Rows) -> _Rows:
        """Each instant of a device once: what is said twice is counted, what is contradicted is rejected."""
        groups = collisions(rows.times, rows.devices)
        if not groups:
            return rows
        documents = list(rows.table.rows)
        dropped: set[int] = set()
        for group in groups:
            repeated = [documents[index] for index in group]
            whole = merge(repeated, self.meanings.account.time_field)
            if whole is None:
                dropped.update(group)
                self._reject_contradiction(repeated)
                continue
            dropped.update(group[1:])
            documents[group[0]] = whole
            self.batch.n_duplicates += sum(len(self._point_names(row)) for row in repeated) - len(
                self._point_names(whole)
            )
            self._count_unmapped(repeated)
            self._uncount_unmapped(whole)
        kept = [index for index in range(len(documents)) if index not in dropped]
        table = tabulate([documents[index] for index in kept], place=self.place)
        return _Rows(table, rows.times[kept], rows.known, None if rows.devices is None else rows.devices[kept])

    def _reject_contradiction(self, rows: Sequence[Row]) -> None:
        distinct: dict[object, Row] = {}
        time_field = self.meanings.account.time_field
        for row in rows:
            values = ((name, value) for name, value in row.items() if value is not None and name != time_field)
            key = frozenset((name, comparable(value)) for name, value in values)
            if key in distinct:
                self.batch.n_duplicates += len(self._point_names(row))
                self._count_unmapped([row])
            else:
                distinct[key] = row
        for row in distinct.values():
            self._reject(row, Reason.AMBIGUOUS_IDENTITY)

    def _without(self, invalid: dict[int, Reason], rows: _Rows) -> _Rows:
        """`rows` without those at the indices in `invalid`, which are rejected."""
        if not invalid:
            return rows
        for index, reason in sorted(invalid.items()):
            self._reject(rows.table.rows[index], reason)
        return rows.take([index for index in range(len(rows.table.rows)) if index not in invalid])

    def _reject(self, row: Row, reason: Reason) -> None:
        self.quarantine.add_row(row, self._point_names(row), reason)
        self._count_unmapped([row])

    def _point_names(self, row: Row) -> list[str]:
        """The fields of a document whose values are points."""
        return [name for name, value, meaning in self._values(row) if is_point(value, meaning)]

    def _count_unmapped(self, rows: Sequence[Row], step: int = 1) -> None:
        for row in rows:
            for name, value, meaning in self._values(row):
                if not is_point(value, meaning):
                    self._add_unmapped(name, step)

    def _uncount_unmapped(self, row: Row) -> None:
        """Take back the count of a document that stays, and is counted with its column."""
        self._count_unmapped([row], step=-1)

    def _add_unmapped(self, name: str, count: int) -> None:
        self.batch.unmapped[f"{self.product}/{name}"] += count

    def _values(self, row: Row) -> Iterator[tuple[str, object, Conversion | None]]:
        for name, value in row.items():
            if value is not None and name != self.meanings.account.time_field and name not in self.identity:
                yield name, value, self.meanings.of(self.product, name)

    def _points(self, name: str, rows: _Rows) -> Points:
        column = rows.table.columns[name]
        meaning = self.meanings.of(self.product, name)
        reason = name_reason(name)
        if reason is not None and set(map(type, column)) != {type(None)}:
            return self._refuse_field(name, column, meaning, rows, reason)
        points = read_field(name, column, meaning, rows.table.rows, self.quarantine)
        if points.n_unmapped:
            self._add_unmapped(name, points.n_unmapped)
        return points

    def _refuse_field(
        self, name: str, column: list[object], meaning: Conversion | None, rows: _Rows, reason: Reason
    ) -> Points:
        """Reject every point of a field whose name no series can have."""
        for index, value in enumerate(column):
            if value is None:
                continue
            if is_point(value, meaning):
                self.quarantine.add_cell(name, rows.table.rows[index], reason)
            else:
                self._add_unmapped(name, 1)
        return Points()

    def _add(self, name: str, rows: _Rows, points: Points) -> None:
        if len(points.numbers):
            where = points.number_rows
            series, codes = self._described(name, rows, where)
            times = rows.times if where is None else rows.times[where]
            self.batch.add_numbers(series, times, points.numbers, codes)
        if points.texts:
            where = np.array(points.text_rows, dtype=np.int64)
            series, codes = self._described(name, rows, where)
            self.batch.add_states(series, rows.times[where], points.texts, codes)

    def _described(self, name: str, rows: _Rows, where: Integers | None) -> tuple[list[Series], Integers]:
        """The series of a field that have a value at `where`, and which of them is each value's."""
        devices = self._devices(rows, where)
        used = np.flatnonzero(np.bincount(devices, minlength=len(rows.known)))
        rank = np.zeros(len(rows.known), dtype=np.int64)
        rank[used] = np.arange(len(used))
        return [self.meanings.series(self.product, rows.known[device], name) for device in used.tolist()], rank[devices]

    @staticmethod
    def _devices(rows: _Rows, where: Integers | None) -> Integers:
        if rows.devices is None:
            return np.zeros(len(rows.times) if where is None else len(where), dtype=np.int64)
        return rows.devices if where is None else rows.devices[where]


def _key_of(meanings: Meanings, product: str, identity: Sequence[str], row: object, name: str) -> str:
    """The series of a field of a document; of all its fields, where `name` is empty; empty if nobody can tell."""
    if not isinstance(row, dict):
        return ""
    device = identity_of(row, identity)
    return "" if device is None else meanings.key(product, device, name)
