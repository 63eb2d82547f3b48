"""What the answers of VoltStorage mean: rows and statistics become points of series. Pure: no clock, no network.

A point's series is `<product>/<field>` for an export and for the live stream, `<product>/<span>/<statistic>` for
statistics; a component's number is said as `component-<number>`. Cells are dealt with in this order, each counted once:

    absent        the cell is empty, NaN, or in a CSV a word such as `null` in a number's place: nothing was said
    unmapped      a number for which neither the account nor the vocabulary names a quantity
    rejected      the row has no usable time or lies just outside, or the value itself is impossible
    measurements  numbers, in canonical units
    states        texts

Rows of other windows are left out before anything is counted. What is said twice is left to the loader.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from domain.instants import EPOCH, MICROSECOND
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Reason
from domain.texts import text_reason
from domain.window import Window
from providers._batch import Batch
from providers._outside import Steps, near_outside, steps_of
from providers._points import Integers, Points, inside
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.cells import is_present, read_cells, read_times
from providers.voltstorage.csv_export import read_csv
from providers.voltstorage.json_export import read_json
from providers.voltstorage.naming import Device, Naming, device_of
from providers.voltstorage.rows import Rows
from providers.voltstorage.statistics import read_statistics
from providers.voltstorage.wire import meaning_of, parse_products

MAX_NAME: Final = 256
"""Characters of a field's name: it becomes part of an indexed key."""


def normalize(
    payloads: Iterable[Payload],
    window: Window,
    account: AccountConfig,
    _kinds: Kinds = NO_KINDS,
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: a batch for some thousands of rows; lists of products mean no point.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`.
        OutsideWindowError: An answer holds rows that nobody asked for, farther away than an interval.
    """
    naming = Naming(account)
    for payload in payloads:
        place = f"{payload.part} {payload.window}, page {payload.page}"
        if payload.endpoint == account.paths.products:
            parse_products(payload.body, place=place)
        elif payload.endpoint == account.paths.statistics:
            yield read_statistics(payload, window, naming, place=place)
        else:
            steps = steps_of(payload.window, partial(_pieces_of, payload, account, place), _fields_of)
            sha256 = payload.sha256
            for rows in _rows_of(payload, account, place):
                yield _Share(payload, naming, rows, window, steps=steps, place=place, sha256=sha256).read()


def _rows_of(payload: Payload, account: AccountConfig, place: str) -> Iterator[Rows]:
    if payload.params.get("format") == "json":
        return read_json(payload.body, place=place)
    return read_csv(payload.body, place=place, is_last_line_ended=account.is_last_line_ended)


def _pieces_of(
    payload: Payload, account: AccountConfig, place: str
) -> Generator[tuple[Rows, Integers, Mapping[int, Reason]]]:
    """Rows of an export, the time of each, and why some have none that can be used."""
    for rows in _rows_of(payload, account, place):
        yield rows, *read_times(rows.times, payload.received_at)


def _fields_of(rows: Rows, row: int) -> list[str]:
    return [name for name, cells in rows.columns.items() if is_present(cells[row])]


class _Share:
    """Some rows of one export on their way to a batch."""

    def __init__(
        self, payload: Payload, naming: Naming, rows: Rows, window: Window, *, steps: Steps, place: str, sha256: str
    ) -> None:
        self.naming = naming
        self.rows = rows
        self.device: Device = device_of(payload.params)
        self.times, self.invalid = read_times(rows.times, payload.received_at)
        near = near_outside(
            self.times,
            self.invalid,
            payload.window,
            lambda row, distance: steps.is_near(distance, lambda: _fields_of(rows, row)),
        )
        self.is_inside = inside(self.times, self.invalid.keys() | near.keys(), payload.window, window, place=place)
        self.invalid |= {row: Reason.OUTSIDE for row, at in near.items() if EPOCH + at * MICROSECOND in window}
        self.batch = Batch(sha256)

    def read(self) -> Normalized:
        """The batch: every cell inside the window accounted for."""
        for text in self.rows.malformed:
            self.batch.reject(text, Reason.MALFORMED_ROW, self.naming.key(self.device))
        for name, cells in self.rows.columns.items():
            self._add(name, cells)
        self._reject_invalid_rows()
        return self.batch.read()

    def _add(self, name: str, cells: list[Any]) -> None:
        """Take the points of a column inside the window; what is none there is rejected or counted as unmapped."""
        if not self.is_inside.all():
            cells = [cell if is_in else None for cell, is_in in zip(cells, self.is_inside.tolist(), strict=True)]
        points = self._read(name, cells)
        for index, reason in points.invalid.items():
            self.batch.reject(f"{name} of {self.rows.text_of(index)}", reason, self.naming.key(self.device, name))
        if points.n_unmapped:
            self.batch.unmapped[f"{self.device.name}/{name}"] += points.n_unmapped
        self.batch.add_points(
            points, self.times, lambda is_state: self.naming.of_field(self.device, name, is_state=is_state)
        )

    def _read(self, name: str, cells: list[Any]) -> Points:
        reason = Reason.MALFORMED_ROW if not name or len(name) > MAX_NAME else text_reason(name)
        if reason is not None:
            return Points(invalid={index: reason for index, cell in enumerate(cells) if is_present(cell)})
        meaning = meaning_of(self.naming.account, name)
        unit, how = meaning or ("", None)
        rows = self.rows
        return read_cells(
            cells,
            how,
            are_texts=rows.are_texts,
            unit=unit,
            is_comma_used=rows.is_comma_used,
            text_of=rows.text_of_cell,
        )

    def _reject_invalid_rows(self) -> None:
        """Reject the values of rows without a usable time or just outside; such a row itself, once, if it has none."""
        for index, reason in sorted(self.invalid.items()):
            text, n_values = self.rows.text_of(index), 0
            for name, cells in self.rows.columns.items():
                if not is_present(cells[index]):
                    continue
                points = self._read(name, [cells[index]])
                if points.n_absent:
                    continue
                n_values += 1
                if points.n_unmapped:
                    self.batch.unmapped[f"{self.device.name}/{name}"] += 1
                else:
                    self.batch.reject(f"{name} of {text}", reason, self.naming.key(self.device, name))
            if not n_values:
                self.batch.reject(text, reason, self.naming.key(self.device))
