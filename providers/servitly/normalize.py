"""What Servitly's archives mean: rows become points of series. Pure: no clock, no network.

Every file is of one thing, every column behind the time of one metric. Cells are dealt with in this order, each counted
once:

    absent        the cell is empty, `---`, NaN, or a word such as `null` in a number's place: nothing was said
    unmapped      a number for which neither the account nor the unit names a quantity
    rejected      the row has no usable time or too many cells or lies just outside, or the value itself is impossible
    measurements  numbers, in canonical units
    states        texts

Rows of other windows are left out before anything is counted; one without a usable time lies where its neighbour
does (`providers/_outside.py`). What is said twice is left to the loader.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from domain.instants import EPOCH, MICROSECOND
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Reason
from domain.window import Window
from providers._archive import Archive, Member
from providers._batch import Batch
from providers._numbers import is_absent
from providers._outside import Steps, near_outside, steps_of, untimed_inside
from providers._points import Integers, Points, inside
from providers.servitly.account import AccountConfig
from providers.servitly.cells import read_cells, read_times
from providers.servitly.csv_file import Rows, read_csv
from providers.servitly.decimal_sign import FileSign, sign_of
from providers.servitly.spec import BATCH_POINTS
from providers.servitly.wire import (
    key_of,
    meaning_of,
    name_reason,
    series_of,
    split_header,
    thing_of,
    unreadable,
)

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
    _kinds: Kinds = NO_KINDS,
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: see `normalize_each`."""
    return (batch for _, batch in normalize_each(payloads, (window,), account))


def normalize_each(
    payloads: Iterable[Payload],
    windows: Sequence[Window],
    account: AccountConfig,
    _kinds: Kinds = NO_KINDS,
) -> Iterator[tuple[int, Normalized]]:
    """Say what `payloads` mean inside each of `windows`: batches of some tens of thousands of points.

    Raises:
        PayloadUnreadableError: An archive is damaged, or a file of it does not fit the vocabulary.
        AnswerTooLargeError: An archive is larger than the limits, or pretends to be.
        OutsideWindowError: A file holds rows that nobody asked for, farther away than an interval.
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
            steps = steps_of(payload.window, partial(_pieces_of, payload, member, account, where), _columns_of)
            for rows in read_csv(archive.read(member), account, place=where):
                before = batches.add(
                    payload.params.get("thingId", thing),
                    rows,
                    n_rows,
                    sign=sign,
                    steps=steps,
                    place=where,
                    before=before,
                )
                n_rows += len(rows.times)
                yield from batches.full()
        yield from batches.remaining()


def _pieces_of(
    payload: Payload, member: Member, account: AccountConfig, place: str
) -> Generator[tuple[Rows, Integers, Mapping[int, Reason]]]:
    """Rows of a file, the time of each, and why some have none that can be used."""
    with Archive.of(payload, place=place) as archive:
        for rows in read_csv(archive.read(member), account, place=place):
            yield rows, *read_times(rows.times, payload.received_at)


def _columns_of(rows: Rows, row: int) -> list[str]:
    cells = zip(rows.header[1:], rows.cells(row)[1:], strict=False)  # a row may be too short or too long
    return [name for name, cell in cells if not is_absent(cell)]


class _Batches:
    """What an archive says on its way to batches: one at a time for each window."""

    def __init__(self, payload: Payload, windows: Mapping[int, Window], account: AccountConfig) -> None:
        self._payload = payload
        self._windows = windows
        self._account = account
        self._sha256 = payload.sha256
        self._begun: dict[int, _Share] = {}

    def add(
        self, thing: str, rows: Rows, n_before: int, *, sign: FileSign, steps: Steps, place: str, before: int | None
    ) -> int | None:
        """Deal out rows of a file to the windows that they belong to.

        Args:
            thing: Whose file it is.
            rows: A piece of it.
            n_before: How many rows are in front of the piece.
            sign: What its numbers have before their decimals.
            steps: How far apart its rows are.
            place: Which file, for messages.
            before: The last usable time in front of the piece, in microseconds since the epoch.

        Returns:
            The same for the piece after it.
        """
        asked = self._payload.window
        times, invalid = read_times(rows.times, self._payload.received_at)
        near = near_outside(
            times, invalid, asked, lambda row, distance: steps.is_near(distance, lambda: _columns_of(rows, row))
        )
        unusable = invalid.keys() | near.keys()
        for index, window in self._windows.items():
            timed = np.flatnonzero(inside(times, unusable, asked, window, place=place)).tolist()
            untimed = {row: invalid[row] for row in untimed_inside(times, invalid, asked, window, before=before)}
            untimed |= {row: Reason.OUTSIDE for row, at in near.items() if EPOCH + at * MICROSECOND in window}
            if timed or untimed:
                batch = self._begun.setdefault(index, _Share(self._sha256, self._account))
                batch.add(thing, rows, n_before, sign=sign, times=times, wanted=timed)
                batch.reject(thing, rows, untimed)
        last = next((index for index in range(len(times) - 1, -1, -1) if index not in invalid), None)
        return before if last is None else int(times[last])

    def full(self) -> Iterator[tuple[int, Normalized]]:
        """The batches for which it is time to be handed on: so that all of them together stay small, too."""
        for index in [index for index, batch in self._begun.items() if batch.n_bytes >= _BATCH_BYTES]:
            yield index, self._begun.pop(index).read()
        while sum(batch.n_bytes for batch in self._begun.values()) >= _MOST_BYTES:
            index = max(self._begun, key=lambda index: self._begun[index].n_bytes)
            yield index, self._begun.pop(index).read()

    def remaining(self) -> Iterator[tuple[int, Normalized]]:
        """The other batches."""
        for index, batch in self._begun.items():
            yield index, batch.read()


class _Share:
    """Columns of some files, inside one window, on their way to a batch.

    Attributes:
        n_bytes: How much of memory it holds, about.
    """

    def __init__(self, sha256: str, account: AccountConfig) -> None:
        self._account = account
        self._batch = Batch(sha256)
        self.read = self._batch.read
        self.n_bytes = 0

    def add(self, thing: str, rows: Rows, n_before: int, *, sign: FileSign, times: Integers, wanted: list[int]) -> None:
        """Take in rows of a file of `thing`: those that are `wanted`, by index; `times` has the time of each."""
        fitting, columns = rows.columns(wanted)
        for index in sorted(set(wanted).difference(fitting)) if len(fitting) < len(wanted) else ():
            self._reject(f"{thing}: {rows.text(index)}", Reason.MALFORMED_ROW, key_of(thing))
        if not fitting:
            return
        at = times[fitting]
        decimal = sign.of(n_before + np.array(fitting, dtype=np.int64))
        read = partial(read_cells, decimal=decimal, is_other_read=not sign.is_declared)
        for header, column in zip(rows.header[1:], columns[1:], strict=True):
            self._column(thing, header, at, column, read=read, text_of=lambda row: rows.text(fitting[row]))

    def reject(self, thing: str, rows: Rows, invalid: Mapping[int, Reason]) -> None:
        """Refuse rows of a file, by index."""
        for index, reason in invalid.items():
            self._reject(f"{thing}: {rows.text(index)}", reason, key_of(thing))

    def _column(
        self,
        thing: str,
        header: str,
        at: Integers,
        cells: list[str],
        *,
        read: Callable[..., Points],
        text_of: Callable[[int], str],
    ) -> None:
        reason = name_reason(header)
        metric, unit = split_header(header, self._account)
        meaning = meaning_of(self._account, metric, unit)
        points = read(cells, meaning[1] if meaning else None, unit=meaning[0] if meaning else unit)
        if reason is not None:
            n_present = len(points.numbers) + len(points.texts) + len(points.invalid) + points.n_unmapped
            for _ in range(n_present):
                self._reject(f"{thing}: a value of the column {header[:80]!r}", reason, key_of(thing, header[:80]))
            return
        for row, why in points.invalid.items():
            self._reject(f"{header} of {thing}: {text_of(row)}", why, key_of(thing, header))
        if points.n_unmapped:
            self._batch.unmapped[f"{thing}/{header}"] += points.n_unmapped
        self._batch.add_points(points, at, lambda is_state: series_of(self._account, thing, header, is_state=is_state))
        n_characters = sum(map(len, points.texts))
        self.n_bytes += _COLUMN + _POINT * len(points.numbers) + _TEXT * len(points.texts) + n_characters

    def _reject(self, raw: str, reason: Reason, series: str) -> None:
        self.n_bytes += _TEXT + self._batch.reject(raw, reason, series)
