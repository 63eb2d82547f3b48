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

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from domain.measurement import Normalized, no_measurements, no_states
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Reason, Series
from domain.window import Window
from providers._points import EPOCH, MICROSECOND, Integers, Points, inside, near_outside, text_reason
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.cells import is_said, read_cells, read_times
from providers.voltstorage.csv_export import read_csv
from providers.voltstorage.json_export import read_json
from providers.voltstorage.naming import Device, Naming, device_of
from providers.voltstorage.rejected import Rejected
from providers.voltstorage.rows import Rows
from providers.voltstorage.statistics import read_statistics
from providers.voltstorage.wire import meaning_of, parse_products

MAX_NAME: Final = 256
"""Characters of a field's name: it becomes part of an indexed key."""


def normalize(
    payloads: Iterable[Payload],
    window: Window,
    account: AccountConfig,
    kinds: Kinds = NO_KINDS,  # noqa: ARG001  # fields and their meanings say it
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: a batch for some thousands of rows; lists of products mean no point.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`.
        OutsideWindowError: An answer holds rows that nobody asked for, more than an hour away.
    """
    naming = Naming(account)
    for payload in payloads:
        place = f"{payload.part} {payload.window}, page {payload.page}"
        if payload.endpoint == account.paths.products:
            parse_products(payload.body, place=place)
        elif payload.endpoint == account.paths.statistics:
            yield read_statistics(payload, window, naming, place=place)
        else:
            for rows in _rows_of(payload, account, place):
                yield _Batch(payload, naming, rows, window, place=place).read()


def _rows_of(payload: Payload, account: AccountConfig, place: str) -> Iterator[Rows]:
    if payload.params.get("format") == "json":
        return read_json(payload.body, place=place)
    return read_csv(payload.body, place=place, is_last_line_ended=account.is_last_line_ended)


class _Batch:
    """Some rows of one export on their way to a batch."""

    def __init__(self, payload: Payload, naming: Naming, rows: Rows, window: Window, *, place: str) -> None:
        self.naming = naming
        self.rows = rows
        self.device: Device = device_of(payload.params)
        self.times, self.odd = read_times(rows.times, payload.received_at)
        near = near_outside(self.times, self.odd, payload.window)
        self.is_inside = inside(self.times, self.odd.keys() | near.keys(), payload.window, window, place=place)
        self.odd |= {row: Reason.OUTSIDE for row, at in near.items() if EPOCH + at * MICROSECOND in window}
        self.rejected = Rejected(payload.sha256)
        self.unmapped: Counter[str] = Counter()
        self.n_absent = 0
        self.series: dict[str, Series] = {}

    def read(self) -> Normalized:
        """The batch: every cell inside the window accounted for."""
        for text in self.rows.malformed:
            self.rejected.add(text, Reason.MALFORMED_ROW, self.naming.key(self.device))
        fields = [(name, self._points(name, cells)) for name, cells in self.rows.columns.items()]
        self._reject_odd_rows()
        return Normalized(
            measurements=self._measurements(fields),
            states=self._states(fields),
            series=tuple(self.series.values()),
            rejected=self.rejected.frame(),
            unmapped=dict(self.unmapped),
            n_absent=self.n_absent,
        )

    def _points(self, name: str, cells: list[Any]) -> Points:
        """The points of a column inside the window; what is none there is rejected or counted as unmapped."""
        if not self.is_inside.all():
            cells = [cell if is_in else None for cell, is_in in zip(cells, self.is_inside.tolist(), strict=True)]
        points = self._read(name, cells)
        for index, reason in points.odd.items():
            self.rejected.add(f"{name} of {self.rows.text_of(index)}", reason, self.naming.key(self.device, name))
        if points.n_unmapped:
            self.unmapped[f"{self.device.name}/{name}"] += points.n_unmapped
        self.n_absent += points.n_absent
        return points

    def _read(self, name: str, cells: list[Any]) -> Points:
        reason = Reason.MALFORMED_ROW if not name or len(name) > MAX_NAME else text_reason(name)
        if reason is not None:
            return Points(odd={index: reason for index, cell in enumerate(cells) if is_said(cell)})
        meaning = meaning_of(self.naming.account, name)
        unit, how = meaning or ("", None)
        rows = self.rows
        return read_cells(cells, how, are_texts=rows.are_texts, unit=unit, is_comma_used=rows.is_comma_used)

    def _reject_odd_rows(self) -> None:
        """Reject the values of rows without a usable time or just outside; such a row itself, once, if it has none."""
        for index, reason in sorted(self.odd.items()):
            text, n_values = self.rows.text_of(index), 0
            for name, cells in self.rows.columns.items():
                if not is_said(cells[index]):
                    continue
                points = self._read(name, [cells[index]])
                if points.n_absent:
                    continue
                n_values += 1
                if points.n_unmapped:
                    self.unmapped[f"{self.device.name}/{name}"] += 1
                else:
                    self.rejected.add(f"{name} of {text}", reason, self.naming.key(self.device, name))
            if not n_values:
                self.rejected.add(text, reason, self.naming.key(self.device))

    def _measurements(self, fields: list[tuple[str, Points]]) -> pd.DataFrame:
        found = [(name, points) for name, points in fields if len(points.numbers)]
        if not found:
            return _no_measurements()
        frame = self._frame([(name, self.times[points.number_rows]) for name, points in found])
        return frame.assign(value=np.concatenate([points.numbers for _, points in found]))

    def _states(self, fields: list[tuple[str, Points]]) -> pd.DataFrame:
        found = [(name, points) for name, points in fields if points.texts]
        if not found:
            return _no_states()
        frame = self._frame([(name, self.times[points.text_rows]) for name, points in found], are_states=True)
        return frame.assign(value=pd.Series([text for _, points in found for text in points.texts], dtype="str"))

    def _frame(self, fields: list[tuple[str, Integers]], *, are_states: bool = False) -> pd.DataFrame:
        """Series and instants of several fields."""
        described = [self.naming.of_field(self.device, name, is_state=are_states) for name, _ in fields]
        self.series |= {one.key: one for one in described}
        codes = np.repeat(np.arange(len(fields), dtype=np.int32), [len(at) for _, at in fields])
        times = np.concatenate([at for _, at in fields])
        keys = pd.Index([one.key for one in described], dtype="str")
        return pd.DataFrame(
            {
                "series": pd.Categorical.from_codes(codes, categories=keys),
                "measured_at": pd.DatetimeIndex(times.view("datetime64[us]"), tz="UTC"),
            }
        )


# Building an empty frame costs as much as reading a thousand rows, and nobody writes into one.
_no_measurements = cache(no_measurements)
_no_states = cache(no_states)
