"""What Servitly's archives mean: rows become points of series. Pure: no clock, no network.

Every file is of one thing, every column behind the time of one metric. Cells are dealt with in this order, each counted
once:

    absent        the cell is empty, `---`, NaN, or a word such as `null` in a number's place: nothing was said
    unmapped      a number for which neither the account nor the unit names a quantity
    rejected      the row has no usable time or too many cells or lies just outside, or the value itself is impossible
    measurements  numbers, in canonical units
    states        texts

Rows of other windows are left out before anything is counted; one without a usable time lies where its neighbour
does (`providers/_untimed.py`). What is said twice is left to the loader.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Final

import numpy as np
import pandas as pd

from domain.measurement import Normalized, no_measurements, no_rejected, no_states
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Reason, Series
from domain.texts import storable
from domain.window import Window
from providers._archive import Archive
from providers._points import EPOCH, MICROSECOND, Integers, Points, inside, near_outside
from providers._untimed import untimed_inside
from providers.servitly.account import AccountConfig
from providers.servitly.cells import read_cells, read_times
from providers.servitly.csv_file import Rows, read_csv
from providers.servitly.decimal_sign import FileSign, sign_of
from providers.servitly.naming import key_of, name_reason, series_of, thing_of
from providers.servitly.spec import BATCH_POINTS
from providers.servitly.wire import meaning_of, split_header, unreadable

_MAX_RAW: Final = 4_096

# Bytes of memory, about.
_POINT: Final = 16
_TEXT: Final = 64  # beside its characters
_COLUMN: Final = 800  # beside its points
_BATCH_BYTES: Final = _POINT * BATCH_POINTS
_MOST_BYTES: Final = 3 * _BATCH_BYTES  # of the batches of all windows


def normalize(
    payloads: Iterable[Payload],
    window: Window,
    account: AccountConfig,
    kinds: Kinds = NO_KINDS,  # noqa: ARG001  # a header's unit says it
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: see `normalize_each`."""
    return (batch for _, batch in normalize_each(payloads, (window,), account))


def normalize_each(
    payloads: Iterable[Payload],
    windows: Sequence[Window],
    account: AccountConfig,
    kinds: Kinds = NO_KINDS,  # noqa: ARG001  # a header's unit says it
) -> Iterator[tuple[int, Normalized]]:
    """Say what `payloads` mean inside each of `windows`: batches of some tens of thousands of points.

    Raises:
        PayloadUnreadableError: An archive is damaged, or a file of it does not fit the vocabulary.
        AnswerTooLargeError: An archive is larger than the limits, or pretends to be.
        OutsideWindowError: A file holds rows that nobody asked for, more than an hour away.
    """
    for payload in payloads:
        touched = {index: window for index, window in enumerate(windows) if payload.window.touches(window)}
        yield from _of_archive(payload, touched, account)


def _of_archive(
    payload: Payload, windows: Mapping[int, Window], account: AccountConfig
) -> Iterator[tuple[int, Normalized]]:
    place = f"{payload.part} {payload.window}"
    with Archive.of(payload, place=place) as archive:
        batches = _Batches(payload, windows, account)
        files = [member for member in archive.members if not (member.name.endswith("/") and not member.n_bytes)]
        if len(files) > 1 and "thingId" in payload.params:
            raise unreadable(f"the archive of one thing has {len(files):,} files", place)
        for member in files:
            thing = thing_of(member.name)
            if thing is None or name_reason(thing):
                raise unreadable(f"the archive has the file {member.name[:80]!r}, which is no CSV of a thing", place)
            where, before, n_rows = f"{place}, file {member.name[:80]}", None, 0
            sign = sign_of(partial(archive.read, member), account, place=where)
            for rows in read_csv(archive.read(member), place=where):
                before = batches.add(payload.params.get("thingId", thing), rows, n_rows, sign, where, before)
                n_rows += len(rows.times)
                yield from batches.full()
        yield from batches.rest()


class _Batches:
    """What an archive says on its way to batches: one at a time for each window."""

    def __init__(self, payload: Payload, windows: Mapping[int, Window], account: AccountConfig) -> None:
        self._payload = payload
        self._windows = windows
        self._account = account
        self._sha256 = payload.sha256
        self._begun: dict[int, _Batch] = {}

    def add(  # noqa: PLR0917 - all of them are of one piece
        self, thing: str, rows: Rows, n_before: int, sign: FileSign, place: str, before: int | None
    ) -> int | None:
        """Deal out rows of a file to the windows that they belong to.

        Args:
            thing: Whose file it is.
            rows: A piece of it.
            n_before: How many rows are in front of the piece.
            sign: What its numbers have before their decimals.
            place: Which file, for messages.
            before: The last usable time in front of the piece, in microseconds since the epoch.

        Returns:
            The same for the piece after it.
        """
        asked = self._payload.window
        times, odd = read_times(rows.times, self._payload.received_at)
        near = near_outside(times, odd, asked)
        unusable = odd.keys() | near.keys()
        for index, window in self._windows.items():
            timed = np.flatnonzero(inside(times, unusable, asked, window, place=place)).tolist()
            untimed = {row: odd[row] for row in untimed_inside(times, odd, asked, window, before=before)}
            untimed |= {row: Reason.OUTSIDE for row, at in near.items() if EPOCH + at * MICROSECOND in window}
            if timed or untimed:
                batch = self._begun.setdefault(index, _Batch(self._sha256, self._account))
                batch.add(thing, rows, n_before, sign, times, timed)
                batch.reject(thing, rows, untimed)
        last = next((index for index in range(len(times) - 1, -1, -1) if index not in odd), None)
        return before if last is None else int(times[last])

    def full(self) -> Iterator[tuple[int, Normalized]]:
        """The batches for which it is time to be handed on: so that all of them together stay small, too."""
        for index in [index for index, batch in self._begun.items() if batch.n_bytes >= _BATCH_BYTES]:
            yield index, self._begun.pop(index).read()
        while sum(batch.n_bytes for batch in self._begun.values()) >= _MOST_BYTES:
            index = max(self._begun, key=lambda index: self._begun[index].n_bytes)
            yield index, self._begun.pop(index).read()

    def rest(self) -> Iterator[tuple[int, Normalized]]:
        """The other batches."""
        for index, batch in self._begun.items():
            yield index, batch.read()


class _Batch:
    """Columns of some files, inside one window, on their way to a batch.

    Attributes:
        n_bytes: How much of memory it holds, about.
    """

    def __init__(self, sha256: str, account: AccountConfig) -> None:
        self._account = account
        self._sha256 = sha256
        self._series: dict[str, Series] = {}
        self._numbers: list[tuple[str, Integers, Points]] = []
        self._texts: list[tuple[str, Integers, list[str]]] = []
        self._raw: list[str] = []
        self._reasons: list[str] = []
        self._keys: list[str] = []
        self._unmapped: Counter[str] = Counter()
        self._n_absent = 0
        self.n_bytes = 0

    def add(  # noqa: PLR0917 - all of them are of one piece
        self, thing: str, rows: Rows, n_before: int, sign: FileSign, times: Integers, wanted: list[int]
    ) -> None:
        """Take in rows of a file of `thing`: those that are `wanted`, by index; `times` has the time of each."""
        fitting: list[int] = []
        table: list[list[str]] = []
        for index in wanted:
            cells = rows.cells(index)
            if len(cells) == len(rows.header):
                fitting.append(index)
                table.append(cells)
            else:
                self._reject(f"{thing}: {rows.text(index)}", Reason.MALFORMED_ROW, key_of(thing))
        if not table:
            return
        at = times[fitting]
        decimal = sign.of(n_before + np.array(fitting, dtype=np.int64))
        read = partial(read_cells, decimal=decimal, is_other_read=not sign.is_said)
        for header, column in zip(rows.header[1:], list(zip(*table, strict=True))[1:], strict=True):
            self._column(thing, header, at, read, list(column), lambda row: rows.text(fitting[row]))

    def reject(self, thing: str, rows: Rows, odd: Mapping[int, Reason]) -> None:
        """Refuse rows of a file, by index."""
        for index, reason in odd.items():
            self._reject(f"{thing}: {rows.text(index)}", reason, key_of(thing))

    def read(self) -> Normalized:
        """The batch: every cell inside the window accounted for."""
        return Normalized(
            series=tuple(self._series.values()),
            measurements=self._measurements(),
            states=self._states(),
            rejected=self._rejected(),
            unmapped=dict(self._unmapped),
            n_absent=self._n_absent,
        )

    def _column(  # noqa: PLR0917 - all of them are of one column
        self,
        thing: str,
        header: str,
        at: Integers,
        read: Callable[..., Points],
        cells: list[str],
        text_of: Callable[[int], str],
    ) -> None:
        reason = name_reason(header)
        metric, unit = split_header(header, self._account)
        said = meaning_of(self._account, metric, unit)
        points = read(cells, said[1] if said else None, unit=said[0] if said else unit)
        if reason is not None:
            n_said = len(points.numbers) + len(points.texts) + len(points.odd) + points.n_unmapped
            for _ in range(n_said):
                self._reject(f"{thing}: a value of the column {header[:80]!r}", reason, key_of(thing, header[:80]))
            return
        for row, why in points.odd.items():
            self._reject(f"{header} of {thing}: {text_of(row)}", why, key_of(thing, header))
        self._n_absent += points.n_absent
        if points.n_unmapped:
            self._unmapped[f"{thing}/{header}"] += points.n_unmapped
        if len(points.numbers):
            self._numbers.append((self._described(thing, header, is_state=False), at[points.number_rows], points))
        if points.texts:
            self._texts.append((self._described(thing, header, is_state=True), at[points.text_rows], points.texts))
        n_characters = sum(map(len, points.texts))
        self.n_bytes += _COLUMN + _POINT * len(points.numbers) + _TEXT * len(points.texts) + n_characters

    def _described(self, thing: str, header: str, *, is_state: bool) -> str:
        series = series_of(self._account, thing, header, is_state=is_state)
        self._series[series.key] = series
        return series.key

    def _measurements(self) -> pd.DataFrame:
        if not self._numbers:
            return _no_measurements()
        frame = _frame([(key, at) for key, at, _ in self._numbers])
        return frame.assign(value=np.concatenate([points.numbers for _, _, points in self._numbers]))

    def _states(self) -> pd.DataFrame:
        if not self._texts:
            return _no_states()
        frame = _frame([(key, at) for key, at, _ in self._texts])
        return frame.assign(value=pd.Series([text for _, _, texts in self._texts for text in texts], dtype="str"))

    def _rejected(self) -> pd.DataFrame:
        if not self._raw:
            return no_rejected()
        payloads = [self._sha256] * len(self._raw)
        columns = {"raw": self._raw, "reason": self._reasons, "payload": payloads, "series": self._keys}
        return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})

    def _reject(self, raw: str, reason: Reason, series: str) -> None:
        self._keys.append(storable(series))
        self._raw.append(storable(raw if len(raw) <= _MAX_RAW else f"{raw[:_MAX_RAW]}…"))
        self._reasons.append(reason.value)
        self.n_bytes += _TEXT + len(self._raw[-1])


def _frame(columns: list[tuple[str, Integers]]) -> pd.DataFrame:
    """Series and instants of several columns; a series may come in several pieces."""
    keys = list(dict.fromkeys(key for key, _ in columns))
    rank = {key: index for index, key in enumerate(keys)}
    codes = np.repeat(np.array([rank[key] for key, _ in columns], dtype=np.int32), [len(at) for _, at in columns])
    times = np.concatenate([at for _, at in columns])
    return pd.DataFrame(
        {
            "series": pd.Categorical.from_codes(codes, categories=pd.Index(keys, dtype="str")),
            "measured_at": pd.DatetimeIndex(times.view("datetime64[us]"), tz="UTC"),
        }
    )


# Building an empty frame costs as much as reading a thousand rows, and nobody writes into one.
_no_measurements = cache(no_measurements)
_no_states = cache(no_states)
