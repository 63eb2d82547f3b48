"""What registers have counted by local days: parts of one UTC day each, written beside the intervals.

An interval is booked to the local day in which it ends; one that ends at midnight, to the day before.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.instants import DAY_US, instant, microseconds
from domain.window import Window
from domain.zones import is_zone
from warehouse import register_rows
from warehouse.copy_binary import EPOCH_US, decode_instants, decode_numbers, encode_rows
from warehouse.literals import literals_of_days
from warehouse.local_days import begin_of, local_date_ranges
from warehouse.register_rows import Rows
from warehouse.rows_in import send_rows
from warehouse.statements import statement

_Ints = npt.NDArray[np.int64]
_Part = tuple[int, int, int]
_Figures = tuple[int, float, int, int]
_FIRST: Final = date(1970, 1, 1)
_DAYS_TO_2000: Final = EPOCH_US // DAY_US
_COLUMNS: Final = (
    ("series_id", ">i4"),
    ("local_date", ">i4"),
    ("partition_at", ">i8"),
    ("bucket_at", ">i8"),
    ("amount", ">f8"),
    ("n_intervals", ">i4"),
    ("n_flagged", ">i4"),
)


def rewrite(
    connection: psycopg.Connection,
    touched: Rows,
    wanted: Rows,
    spans: Sequence[tuple[int, int, int]],
    zones: Mapping[int, str],
    *,
    place: str,
) -> None:
    """Make the local days right of the UTC days on which intervals count something else. Needs: these are written.

    Args:
        connection: In the transaction that has written the intervals.
        touched: Intervals that came, went or count something else.
        wanted: All intervals that end inside `spans`, as they stand now.
        spans: Per register its number, and from when to when `wanted` says all of it, microseconds since 1970.
        zones: Number in the catalogue → zone.
        place: For messages.

    Raises:
        AccountingError: The server counted other numbers than were to be written.
    """
    days = np.unique(np.stack([touched.series_id, touched.ended_us // DAY_US]), axis=1)
    known = {series_id: (first_us, end_us) for series_id, first_us, end_us in spans}
    bounds = np.array([known[one] for one in days[0].tolist()], dtype=np.int64)
    is_whole = (bounds[:, 0] <= days[1] * DAY_US) & (bounds[:, 1] >= (days[1] + 1) * DAY_US)
    wanted_days = set(zip(*days.tolist(), strict=True))
    rows = [wanted.taken(_on(wanted, days[:, is_whole]))]
    if not is_whole.all():
        # The edge of a neighbour's day: its other intervals stand as they are, and are read.
        edge = days[:, ~is_whole]
        first, last = int(edge[1].min()), int(edge[1].max())
        read = register_rows.read(
            connection, [(one, first * DAY_US, (last + 1) * DAY_US) for one in np.unique(edge[0]).tolist()]
        )
        rows.append(read.taken(_on(read, edge)))
    parts = _parts(Rows.joined(rows), zones)
    stored = _stored_days(connection, sorted(known), int(days[1].min()), int(days[1].max()))
    stored = {part: figures for part, figures in stored.items() if (part[0], part[2] // DAY_US) in wanted_days}
    gone = [part for part, figures in stored.items() if parts.get(part) != figures]
    new = {part: figures for part, figures in parts.items() if stored.get(part) != figures}
    counted = (_remove(connection, gone), _put(connection, new))
    if counted != (len(gone), len(new)):
        raise AccountingError(
            f"{len(gone)} local days of registers were to be removed and {len(new)} put, and the server counted"
            f" {counted[0]} and {counted[1]}",
            place=place,
            fix="report it: nothing was written, and the loader is wrong",
        )


def _on(rows: Rows, days: _Ints) -> npt.NDArray[np.bool_]:
    """Which intervals end on some days, each of a register."""
    # A day of a register as one number: days since 1970 need 32 bits.
    return np.isin((rows.series_id << 32) | (rows.ended_us // DAY_US), (days[0] << 32) | days[1])


def _parts(rows: Rows, zones: Mapping[int, str]) -> dict[_Part, _Figures]:
    """Register, local date (days since 1970), UTC day → when the local day begins, amount, intervals, flagged ones."""
    local, begins = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    zone_of = np.array([zones[one] for one in rows.series_id.tolist()])
    last_us = rows.ended_us - 1
    for zone in np.unique(zone_of).tolist():
        chosen = zone_of == zone
        for day in np.unique(last_us[chosen] // DAY_US).tolist():
            inside = chosen & (last_us // DAY_US == day)
            at, dates, starts = _calendar(zone, day)
            which = np.searchsorted(at, last_us[inside] - day * DAY_US, side="right") - 1
            local[inside], begins[inside] = dates[which], starts[which]
    partition = rows.ended_us // DAY_US * DAY_US
    order = np.lexsort((rows.ended_us, local, partition, rows.series_id))
    keys = np.stack([rows.series_id, local, partition])[:, order]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(axis=0)])) if len(order) else order
    if not len(starts):
        return {}
    amount = np.add.reduceat(rows.amount[order], starts)
    n_flagged = np.add.reduceat((rows.flag != 0)[order].astype(np.int64), starts)
    n_intervals = np.diff(starts, append=len(order))
    figures = zip(
        begins[order][starts].tolist(), amount.tolist(), n_intervals.tolist(), n_flagged.tolist(), strict=True
    )
    return dict(zip(zip(*keys[:, starts].tolist(), strict=True), figures, strict=True))


def _calendar(zone: str, day: int) -> tuple[_Ints, _Ints, _Ints]:
    """The local dates of a UTC day: from which microsecond of it, which date, and when that begins."""
    name, utc = (zone if is_zone(zone) else "UTC"), _FIRST + timedelta(days=day)
    found = local_date_ranges(name, utc)
    begins = [microseconds(begin_of(name, one)) for _, one in found]
    at, dates = [second * 1_000_000 for second, _ in found], [(one - _FIRST).days for _, one in found]
    return np.array(at), np.array(dates), np.array(begins)


def _stored_days(
    connection: psycopg.Connection, series_ids: Sequence[int], first: int, last: int
) -> dict[_Part, _Figures]:
    stored: dict[_Part, _Figures] = {}
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(statement("register/stored_days").format(**_literals(series_ids, first, last)))
        for series_id, dates, partitions, buckets, amounts, n_intervals, n_flagged in rows:
            local = (np.frombuffer(dates, dtype=">i4").astype(np.int64) + _DAYS_TO_2000).tolist()
            columns = (
                decode_instants(buckets),
                decode_numbers(amounts),
                np.frombuffer(n_intervals, dtype=">i4"),
                np.frombuffer(n_flagged, dtype=">i4"),
            )
            figures = zip(*(column.tolist() for column in columns), strict=True)
            keys = zip([series_id] * len(local), local, decode_instants(partitions).tolist(), strict=True)
            stored.update(zip(keys, figures, strict=True))
    return stored


def _remove(connection: psycopg.Connection, gone: Sequence[_Part]) -> int:
    if not gone:
        return 0
    ids, dates, partitions = (list(column) for column in zip(*gone, strict=True))
    days = [partition // DAY_US for partition in partitions]
    values = {
        "ids": ids,
        "dates": [_FIRST + timedelta(days=one) for one in dates],
        "partitions": [instant(one) for one in partitions],
    }
    names = _literals(sorted(set(ids)), min(days), max(days))
    return connection.execute(statement("register/remove_days").format(**names), values).rowcount


def _put(connection: psycopg.Connection, new: Mapping[_Part, _Figures]) -> int:
    if not new:
        return 0
    target = sql.Identifier("public", "register_local_day")
    return send_rows(connection, target, [name for name, _ in _COLUMNS], _encoded(new))


def _encoded(new: Mapping[_Part, _Figures]) -> Iterator[memoryview]:
    columns = zip(*((*part, *figures) for part, figures in new.items()), strict=True)
    origins = {"local_date": _DAYS_TO_2000, "partition_at": EPOCH_US, "bucket_at": EPOCH_US}
    packed = [
        (name, form, np.array(values) - origins.get(name, 0))
        for (name, form), values in zip(_COLUMNS, columns, strict=True)
    ]
    yield encode_rows(len(new), packed)


def _literals(series_ids: Sequence[int], first: int, last: int) -> dict[str, sql.Composable]:
    return literals_of_days(series_ids, Window(instant(first * DAY_US), instant((last + 1) * DAY_US)))
