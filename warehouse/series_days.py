"""The rows of `series_day`: facts of every series and UTC day, written in the transaction that writes points.

From memory where a load says whole days of a series; read back where it does not, and by the fill of a warehouse that
had points before. By every way the facts are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import psycopg

from domain.instants import DAY_US, microseconds
from domain.window import Window
from warehouse.copy_binary import decode_numbers
from warehouse.day_facts import BitsOf, DayFacts, Ints, bits_of_numbers, bits_of_texts, facts_of, joined
from warehouse.load_buffer import LoadBuffer
from warehouse.points import Points
from warehouse.series_day_rows import stored_facts, upsert, write, write_first
from warehouse.statements import statement
from warehouse.stored_points import stored_points
from warehouse.summary_days import lock_day, stored_days, units_of_days

Plural = Literal["numbers", "states"]

_SERIES_AT_ONCE: Final = 5_000


def write_loaded(
    connection: psycopg.Connection,
    buffer: LoadBuffer,
    touched: Mapping[Plural, Sequence[int]],
    is_first: Mapping[Plural, bool],
    *,
    streamed: Sequence[int],
    window: Window,
) -> int:
    """After a load has written its points: the facts of the series that it touched; how many rows that took.

    Args:
        connection: In the transaction of the load.
        buffer: What the load says.
        touched: Of numbers and of states, the series of which it has written something.
        is_first: Of numbers and of states, whether nothing was held of any series of the source.
        streamed: Series of which a stream has put points that the load may have left alone.
        window: Of the load.
    """
    n_rows = 0
    series_ids = buffer.series_ids
    rank_of = {series_id: rank for rank, series_id in enumerate(series_ids.tolist())}
    aside = set(streamed)
    hashed: dict[Plural, BitsOf] = {"numbers": bits_of_numbers, "states": bits_of_texts(buffer.texts)}
    for plural, bits_of in hashed.items():
        points: Points[Any] = getattr(buffer, plural)
        known = [one for one in touched[plural] if one in rank_of and one not in aside]
        whole = known if window.is_of_whole_days else []
        if whole:
            ranks = np.array(sorted(rank_of[one] for one in whole), dtype=np.int64)
            facts = joined(
                [
                    facts_of(
                        keys,
                        values,
                        time_bits=points.time_bits,
                        start_us=points.start_us,
                        end_us=microseconds(window.end),
                        series_ids=series_ids,
                        ranks=some,
                        bits_of=bits_of,
                    )
                    for some, keys, values in points.of_ranks(ranks)
                ]
            )
            n_rows += (write_first if is_first[plural] else write)(connection, facts, whole, window)
        others = sorted(set(touched[plural]) - set(whole))
        n_rows += rewrite(connection, others, window, plural) if others else 0
    return n_rows


def rewrite(connection: psycopg.Connection, series_ids: Sequence[int], window: Window, plural: Plural) -> int:
    """Compute the facts of some series anew from their points, for every day of `window`; rows it took."""
    n_rows = 0
    days = [Window.of_day(day) for day in islice(window.days(), 2)]
    for whole_day in days if len(days) == 1 else list(stored_days(connection, series_ids, window)):
        for start in range(0, len(series_ids), _SERIES_AT_ONCE):
            some = sorted(series_ids[start : start + _SERIES_AT_ONCE])
            facts = joined([_facts(*one, whole_day) for one in _read(connection, some, whole_day, plural)])
            n_rows += write(connection, facts, some, whole_day)
    return n_rows


def write_live(
    connection: psycopg.Connection,
    put: Sequence[tuple[int, datetime, float | str]],
    plural: Plural,
    *,
    are_new: bool,
) -> None:
    """After a stream has put points: what is behind the last one of its day is added, everything else read anew.

    Args:
        connection: In the transaction of the stream.
        put: Number in the catalogue, instant and value of those that the stream said.
        plural: Of which table.
        are_new: Whether nothing was there at any of these instants.
    """
    by_day: dict[date, list[tuple[int, datetime, float | str]]] = {}
    for row in put:
        by_day.setdefault(row[1].astimezone(UTC).date(), []).append(row)
    for day, rows in sorted(by_day.items()):
        window = Window.of_day(day)
        series_ids = sorted({series_id for series_id, _, _ in rows})
        appended: set[int] = set()
        if are_new:
            stored = stored_facts(connection, series_ids, window)
            later = _facts_of_rows(rows, window)
            both = np.intersect1d(stored.key, later.key, assume_unique=True)
            old, new = stored.taken(np.isin(stored.key, both)), later.taken(np.isin(later.key, both))
            behind = new.first_us > old.last_us
            upsert(connection, old.taken(behind).followed_by(new.taken(behind)))
            appended = set((both[behind] >> 32).tolist())
        others = [one for one in series_ids if one not in appended]
        if others:
            rewrite(connection, others, window, plural)


def plan_days(connection: psycopg.Connection) -> list[str]:
    """Every UTC day of every source on which it has points, as `day source`."""
    return units_of_days(connection, "series_day/sources")


def rewrite_day(connection: psycopg.Connection, source: str, day: date) -> int:
    """Write the facts of a day of a source from its points, under the locks of a load of it; how many rows."""
    lock_day(connection, source, day)
    rows = connection.execute(statement("catalogue/kinds"), {"source": source}).fetchall()
    kinds: tuple[Plural, ...] = ("numbers", "states")
    return sum(
        rewrite(connection, [one for one, _, kind in rows if (kind == "state") == (plural == "states")], window, plural)
        for plural in kinds
        for window in [Window.of_day(day)]
    )


def _read(
    connection: psycopg.Connection, series_ids: Sequence[int], window: Window, plural: Plural
) -> Iterator[tuple[list[int], Ints, npt.NDArray[Any], BitsOf]]:
    """Stored points, a few series at a time: their numbers, keys, values, and what of these is hashed."""
    bits = DAY_US.bit_length()
    for series_id, found_at, packed in stored_points(connection, plural, series_ids, window):
        order = np.argsort(found_at, kind="stable")
        at = found_at[order] - microseconds(window.start)
        if plural == "numbers":
            yield [series_id], at & ((1 << bits) - 1), decode_numbers(packed)[order], bits_of_numbers
        else:
            texts = [packed[n].encode() for n in order.tolist()]
            yield [series_id], at & ((1 << bits) - 1), np.arange(len(texts)), bits_of_texts(texts)


def _facts_of_rows(rows: Sequence[tuple[int, datetime, float | str]], window: Window) -> DayFacts:
    series_ids = sorted({series_id for series_id, _, _ in rows})
    bits = DAY_US.bit_length()
    rank = {series_id: n for n, series_id in enumerate(series_ids)}
    keys = np.array([rank[one] << bits | microseconds(at) - microseconds(window.start) for one, at, _ in rows])
    order = np.argsort(keys, kind="stable")
    values = [rows[n][2] for n in order.tolist()]
    if any(isinstance(value, str) for value in values):
        texts = [str(value).encode() for value in values]
        return _facts(series_ids, keys[order], np.arange(len(texts)), bits_of_texts(texts), window)
    return _facts(series_ids, keys[order], np.array(values, dtype=np.float64), bits_of_numbers, window)


def _facts(
    series_ids: list[int],
    keys: Ints,
    values: npt.NDArray[Any],
    bits_of: BitsOf,
    window: Window,
) -> DayFacts:
    return facts_of(
        keys,
        values,
        time_bits=DAY_US.bit_length(),
        start_us=microseconds(window.start),
        end_us=microseconds(window.end),
        series_ids=np.array(series_ids, dtype=np.int64),
        ranks=np.arange(len(series_ids)),
        bits_of=bits_of,
    )
