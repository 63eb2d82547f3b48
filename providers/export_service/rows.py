"""Documents of one answer as columns: flattened, timed, told apart by device, each instant of a device once.

Everything is done by whole columns; a document is looked at alone only where a column shows that one of it is invalid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from domain.errors import OutsideWindowError
from domain.instants import EPOCH, MICROSECOND, microseconds
from domain.records import Payload, Reason
from domain.texts import clipped, is_storable
from domain.window import Window
from providers._points import Integers, judge_times
from providers._times import instant_of_value, read_column
from providers.export_service.spec import SPEC
from providers.export_service.wire import Row, unreadable

MAX_FIELDS: Final = 1_000
"""Fields in the documents of one answer; more are keys made from data, not a vocabulary."""

MAX_NAME: Final = 256
"""Characters of a field's or a device's name: both become part of an indexed key."""


@dataclass(frozen=True, slots=True)
class Table:
    """Flat documents, and the same by column.

    Attributes:
        rows: Field → value; nested fields as `outer.inner`.
        columns: Field → the value of each row, None where it is null or missing.
    """

    rows: list[Row]
    columns: dict[str, list[Any]]

    def types(self, name: str) -> set[type]:
        """The Python types of the values of a field."""
        return set(map(type, self.columns[name]))

    def take(self, indices: Sequence[int]) -> "Table":
        """Only the rows at `indices`."""
        return Table(
            [self.rows[index] for index in indices],
            {name: [column[index] for index in indices] for name, column in self.columns.items()},
        )


def tabulate(rows: list[Row], *, place: str) -> Table:
    """Documents as columns, nested objects flattened.

    Raises:
        PayloadUnreadableError: They have more than `MAX_FIELDS` different fields, or a document has two values of one
            name (`{"a.b": 1, "a": {"b": 2}}`).
    """
    columns = _columns(rows, place)
    if any(dict in set(map(type, column)) for column in columns.values()):
        rows = [_flat(row, place) for row in rows]
        columns = _columns(rows, place)
    return Table(rows, columns)


def read_times(column: list[Any], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows that have no usable time, by index.

    Numbers are whole milliseconds; `1748817901101.0` is one. Texts are ISO 8601 with an offset (`providers._times`):
    digits in a text are none, for nobody says what they count.
    """
    invalid: dict[int, Reason] = {}
    if set(map(type, column)) == {int} and min(column) > -(2**53) and max(column) < 2**53:
        micros: Integers = np.array(column, dtype=np.int64) * 1000
    else:
        micros, invalid = read_column(column, _micros)
    judge_times(micros, invalid, received_at, SPEC.first_day)
    return micros, invalid


def inside(times: Integers, payload: Payload, window: Window, *, place: str) -> Sequence[int] | None:
    """Which rows belong to `window` and to what was asked for, both half-open; None: all.

    Raises:
        OutsideWindowError: A row lies neither in what was asked for nor at its very end, which may be included.
    """
    if not len(times):
        return None
    first, last = int(times.min()), int(times.max())
    asked = microseconds(payload.window.start), microseconds(payload.window.end)
    if first < asked[0] or last > asked[1]:
        n_outside = int(((times < asked[0]) | (times > asked[1])).sum())
        stray = EPOCH + (first if first < asked[0] else last) * MICROSECOND
        raise OutsideWindowError(
            f"{n_outside:,} of {len(times):,} documents lie outside of what was asked for, the first at {stray:%FT%TZ}",
            place=place,
            fix="ask the provider why; nothing of this answer is loaded",
        )
    low, high = max(asked[0], microseconds(window.start)), min(asked[1], microseconds(window.end))
    if low <= first and last < high:
        return None
    kept: list[int] = np.flatnonzero((times >= low) & (times < high)).tolist()
    return kept


def read_identity(table: Table, names: Sequence[str]) -> tuple[list[tuple[str, ...]], Integers, dict[int, Reason]]:
    """The devices in the table, the device of each row, and the rows whose device has no usable name, by index.

    A device is the texts of its identity fields; integers are written as texts.
    """
    invalid: dict[int, Reason] = {}
    columns = [table.columns.get(name) or [None] * len(table.rows) for name in names]
    texts = []
    for column in columns:
        if set(map(type, column)) <= {str}:
            texts.append(column)
            continue
        texts.append([_identity_text(value, index, invalid) for index, value in enumerate(column)])
    devices = list(zip(*texts, strict=True))
    known = sorted(set(devices))
    refused = {device: reason for device in known if (reason := _name_reason(*device)) is not None}
    if refused:
        for index, device in enumerate(devices):
            if device in refused:
                invalid.setdefault(index, refused[device])
    rank = {device: number for number, device in enumerate(known)}
    return known, np.array([rank[device] for device in devices], dtype=np.int64), invalid


def identity_of(row: Row, names: Sequence[str]) -> tuple[str, ...] | None:
    """The device of one document, as `read_identity` reads it; None where it has no usable name."""
    invalid: dict[int, Reason] = {}
    device = tuple(_identity_text(row.get(name), 0, invalid) for name in names)
    return None if invalid or _name_reason(*device) is not None else device


def name_reason(name: str) -> Reason | None:
    """Why `name` cannot be part of a series key; None if it can."""
    return _name_reason(name)


def collisions(times: Integers, devices: Integers | None) -> list[list[int]]:
    """Groups of rows, by index, that share device and instant; rows that are alone are in no group."""
    n_rows = len(times)
    if not n_rows:
        return []
    if devices is None:
        if bool((times[1:] > times[:-1]).all()):
            return []
        keys = times
    else:
        keys = (times - times.min()) * (int(devices.max()) + 1) + devices
    if len(set(keys.tolist())) == n_rows:
        return []
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    return [group.tolist() for group in np.split(order, starts[1:]) if len(group) > 1]


def merge(rows: Sequence[Row], time_field: str) -> Row | None:
    """Documents of one device and one instant as one; None if any field but the time has two different values.

    Equal documents are one document. Documents that have different fields complete each other. Anything else means
    that more than one device is speaking. One instant may be spelled in more than one way.
    """
    whole: Row = {}
    for row in rows:
        for name, value in row.items():
            if value is None:
                continue
            known = whole.setdefault(name, value)
            if known is not value and name != time_field and comparable(known) != comparable(value):
                return None
    return whole


def comparable(value: object) -> object:
    """What makes two values equal: 1 is 1.0, but not true; not-a-number is itself."""
    if type(value) in (int, float) and value == value:  # noqa: PLR0124 - false for not-a-number only
        return value
    return type(value).__name__, repr(value)


def _columns(rows: list[Row], place: str) -> dict[str, list[Any]]:
    if not rows:
        return {}
    if set(map(len, rows)) == {len(rows[0])} and len(rows[0]) <= MAX_FIELDS:
        try:
            return {name: [row[name] for row in rows] for name in rows[0]}
        except KeyError:
            pass
    names = set().union(*rows)
    if len(names) > MAX_FIELDS:
        raise unreadable(f"the documents have {len(names):,} different fields, and {MAX_FIELDS:,} are allowed", place)
    return {name: [row.get(name) for row in rows] for name in names}


def _flat(row: Row, place: str) -> Row:
    flat: Row = {}
    for name, value in _leaves(row, ""):
        if name in flat:
            raise unreadable(f"a document has the field {clipped(name)} twice, nested and flat", place)
        flat[name] = value
    return flat


def _leaves(row: Row, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _micros(value: object) -> int | Reason:
    """The instant of a value that is no usual text, or why it is none."""
    if isinstance(value, str) or value is None:
        return instant_of_value(value)
    if type(value) is int or (type(value) is float and (value.is_integer() or abs(value) >= 2**53)):
        return int(value) * 1000 if abs(value) < 2**53 else Reason.IMPLAUSIBLE_TIME
    return Reason.WRONG_TYPE


def _identity_text(value: object, index: int, invalid: dict[int, Reason]) -> str:
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    invalid[index] = Reason.MALFORMED_ROW
    return ""


def _name_reason(*texts: str) -> Reason | None:
    for text in texts:
        if not text or len(text) > MAX_NAME:
            return Reason.MALFORMED_ROW
        if not is_storable(text):
            return Reason.NOT_STORABLE_TEXT
    return None
