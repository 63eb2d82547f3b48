"""Summaries are written in the transaction that writes points: what a reader sees is right at commit.

From memory where a load says whole days of a series; read back where it does not: days with points of a stream, live
points, a zone that changed, and the fill of a warehouse that had none. By every way the figures are the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt
import psycopg

from domain.instants import EPOCH, HOUR_US, microseconds
from domain.window import Window
from warehouse.copy_binary import decode_numbers
from warehouse.points import Points
from warehouse.statements import statement
from warehouse.stored_points import stored_points
from warehouse.summary_days import stored_days
from warehouse.summary_rows import (
    EPOCH_DAY,
    HOURLY_ABOVE,
    Calendar,
    Figures,
    Pieces,
    Summary,
    pieces_of,
    summarized,
)
from warehouse.summary_tables import DAILY, HOURLY, LOCAL_DAY, stored_rows

_POINTS_AT_ONCE: Final = 2_000_000
_SERIES_AT_ONCE: Final = 5_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def write_loaded(
    connection: psycopg.Connection,
    points: Points[np.float64],
    touched: Sequence[int],
    *,
    is_first: bool,
    series_ids: Ints,
    zone_of: Mapping[int, str],
    streamed: Sequence[int],
    window: Window,
) -> int:
    """After a load has written its numbers: the summaries of the series that it touched; how many rows that took.

    Args:
        connection: In the transaction of the load.
        points: What the load says.
        touched: The series of which it has written something.
        is_first: Whether nothing was held of any series of the source.
        series_ids: Rank → number in the catalogue.
        zone_of: Number in the catalogue → zone, of every series of the source.
        streamed: Series of which a stream has put points that the load may have left alone.
        window: Of the load.
    """
    # Of whole days, what is in memory is all that a day has.
    if is_first and not streamed and window.is_of_whole_days:
        ranks = points.ranks(None, len(series_ids))
        if not len(ranks):
            return 0
        summary = _from_memory(points, ranks, series_ids, zone_of, window)
        return _write(connection, summary, series_ids[ranks], window, is_first=True)
    if not touched:
        return 0
    rank_of = {series_id: rank for rank, series_id in enumerate(series_ids.tolist())}
    aside = set(streamed)
    whole = [one for one in touched if one in rank_of and one not in aside] if window.is_of_whole_days else []
    n_rows = 0
    if whole:
        ranks = np.array(sorted(rank_of[one] for one in whole), dtype=np.int64)
        summary = _from_memory(points, ranks, series_ids, zone_of, window)
        n_rows += _write(connection, summary, np.array(whole), window)
    others = sorted(set(touched) - set(whole))
    return n_rows + rewrite(connection, {one: zone_of[one] for one in others}, window)


def rewrite(connection: psycopg.Connection, zone_of: Mapping[int, str], window: Window) -> int:
    """Compute the summaries of some series anew from their points, for every day of `window`; rows it took."""
    n_rows = 0
    ids = sorted(zone_of)
    days = [Window.of_day(day) for day in islice(window.days(), 2)]
    for whole_day in days if len(days) == 1 else list(stored_days(connection, ids, window)):
        for start in range(0, len(ids), _SERIES_AT_ONCE):
            some = ids[start : start + _SERIES_AT_ONCE]
            summary = computed(connection, {one: zone_of[one] for one in some}, whole_day)
            n_rows += _write(connection, summary, np.array(some), whole_day)
    return n_rows


def computed(connection: psycopg.Connection, zone_of: Mapping[int, str], window: Window) -> Summary:
    """What the summaries of some series are to be on a day, read from their points."""
    ids = sorted(zone_of)
    pieces: list[Pieces] = []
    found: list[tuple[int, Ints, bytes]] = []
    n_points = 0
    for one in stored_points(connection, "numbers", ids, window):
        found.append(one)
        n_points += len(one[1])
        if n_points > _POINTS_AT_ONCE:
            pieces.append(_pieces_of_stored(found, zone_of, window))
            found, n_points = [], 0
    pieces.append(_pieces_of_stored(found, zone_of, window))
    return summarized(_in_order(pieces), zone_of)


def zones(connection: psycopg.Connection, series_ids: Sequence[int]) -> dict[int, str]:
    """Number in the catalogue → zone."""
    rows = connection.execute(statement("summary/zones"), {"series_ids": list(series_ids)}).fetchall()
    return {int(series_id): str(time_zone) for series_id, time_zone in rows}


def write_live(connection: psycopg.Connection, put: Sequence[tuple[int, datetime]]) -> None:
    """After a stream has put numbers: the hours they lie in are computed anew, and what is added up from them."""
    by_day: dict[date, dict[int, set[int]]] = {}
    for series_id, at in put:
        hour = (at - EPOCH) // timedelta(hours=1) + EPOCH_DAY * 24
        by_day.setdefault(at.astimezone(UTC).date(), {}).setdefault(series_id, set()).add(hour)
    ids = sorted({series_id for series_id, _ in put})
    zone_of_all = zones(connection, ids)
    for day, touched in sorted(by_day.items()):
        window = Window.of_day(day)
        some = sorted(touched)
        daily = stored_rows(connection, DAILY, some, window)
        dense = set((daily.key[daily.figures.n_points > HOURLY_ABOVE] >> 32).tolist())
        sparse = {one: zone_of_all[one] for one in some if one not in dense}
        if sparse:
            _write(connection, computed(connection, sparse, window), np.array(sorted(sparse)), window)
        if dense:
            zone_of = {one: zone_of_all[one] for one in dense}
            pieces = _pieces_by_hours(connection, {one: touched[one] for one in dense}, zone_of, day)
            _write(connection, summarized(pieces, zone_of), np.array(sorted(dense)), window)


def _pieces_by_hours(
    connection: psycopg.Connection, touched: Mapping[int, set[int]], zone_of: Mapping[int, str], day: date
) -> Pieces:
    """Pieces of a day of series whose hours are written: only hours that were touched, or are split, are read anew."""
    window = Window.of_day(day)
    calendar = Calendar(day.toordinal() - 1, 1)
    to_read: dict[int, list[int]] = {}
    date_of: dict[tuple[str, int], tuple[int, bool]] = {}
    for series_id, hours in touched.items():
        begins, dates, known = calendar.of(zone_of[series_id])
        split = set((begins[begins % HOUR_US != 0] // HOUR_US + EPOCH_DAY * 24).tolist())
        for begin, local in zip(begins.tolist(), dates.tolist(), strict=True):
            date_of.setdefault((zone_of[series_id], begin // HOUR_US + EPOCH_DAY * 24), (local, known))
        for hour in hours | split:
            to_read.setdefault(hour, []).append(series_id)
    pieces = []
    for hour, series_ids in sorted(to_read.items()):
        begin = EPOCH + timedelta(hours=hour - EPOCH_DAY * 24)
        found = list(
            stored_points(connection, "numbers", sorted(series_ids), Window(begin, begin + timedelta(hours=1)))
        )
        pieces.append(_pieces_of_stored(found, zone_of, window))
    hourly = stored_rows(connection, HOURLY, sorted(touched), window)
    ids, stored_hours = hourly.key >> 32, hourly.key & 0xFFFFFFFF
    read = {(series_id, hour) for hour, some in to_read.items() for series_id in some}
    kept = np.array([one not in read for one in zip(ids.tolist(), stored_hours.tolist(), strict=True)], dtype=np.bool_)
    ids, stored_hours = ids[kept], stored_hours[kept]
    where = [date_of[zone_of[one], hour] for one, hour in zip(ids.tolist(), stored_hours.tolist(), strict=True)]
    dates = np.array([local for local, _ in where], dtype=np.int64)
    has_date = np.array([known for _, known in where], dtype=np.bool_)
    pieces.append(Pieces(ids, stored_hours, dates, has_date, hourly.figures.taken(kept)))
    return _in_order(pieces)


def _pieces_of_stored(found: Sequence[tuple[int, Ints, bytes]], zone_of: Mapping[int, str], window: Window) -> Pieces:
    start_us = microseconds(window.start)
    bits = (microseconds(window.end) - start_us - 1).bit_length()
    keys, values = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float64)]
    ordered = sorted(found, key=lambda one: one[0])
    for rank, (_, at_us, packed) in enumerate(ordered):
        order = np.argsort(at_us, kind="stable")
        keys.append((rank << bits) | (at_us[order] - start_us))
        values.append(decode_numbers(packed)[order])
    return pieces_of(
        np.concatenate(keys),
        np.concatenate(values),
        time_bits=bits,
        start_us=start_us,
        series_ids=np.array([series_id for series_id, _, _ in ordered], dtype=np.int64),
        zones=[zone_of[series_id] for series_id, _, _ in ordered],
        ranks=np.arange(len(ordered)),
        calendar=_calendar(window),
    )


def _from_memory(
    points: Points[np.float64], ranks: Ints, series_ids: Ints, zone_of: Mapping[int, str], window: Window
) -> Summary:
    zones = [zone_of[one] for one in series_ids.tolist()]
    calendar = _calendar(window)
    pieces = [
        pieces_of(
            keys,
            values,
            time_bits=points.time_bits,
            start_us=points.start_us,
            series_ids=series_ids,
            zones=zones,
            ranks=some,
            calendar=calendar,
        )
        for some, keys, values in points.of_ranks(ranks)
    ]
    # Ranks are in the order in which series were met; rows are kept in the order of their numbers. None have a point
    # where all that was stored is removed.
    return summarized(_in_order(pieces or [_pieces_of_stored([], zone_of, window)]), zone_of)


def _in_order(parts: Sequence[Pieces]) -> Pieces:
    whole = parts[0]
    if len(parts) > 1:
        whole = Pieces(
            np.concatenate([one.series_id for one in parts]),
            np.concatenate([one.hour for one in parts]),
            np.concatenate([one.date for one in parts]),
            np.concatenate([one.has_date for one in parts]),
            Figures.joined([one.figures for one in parts]),
        )
    key = (whole.series_id << 32) | whole.hour
    if (key[1:] >= key[:-1]).all():
        return whole
    # Stable: what is of one hour stays in the order of time.
    order = np.argsort(key, kind="stable")
    return Pieces(
        whole.series_id[order],
        whole.hour[order],
        whole.date[order],
        whole.has_date[order],
        whole.figures.taken(order),
    )


def _write(
    connection: psycopg.Connection, summary: Summary, series_ids: Ints, window: Window, *, is_first: bool = False
) -> int:
    ids = sorted(series_ids.tolist())
    tables = ((HOURLY, summary.hourly), (DAILY, summary.daily), (LOCAL_DAY, summary.local))
    return sum(
        (table.write_first if is_first else table.write)(connection, rows, ids, window) for table, rows in tables
    )


def _calendar(window: Window) -> Calendar:
    first = window.start.date().toordinal() - 1
    return Calendar(first, sum(1 for _ in window.days()))
