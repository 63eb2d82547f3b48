"""The table `series_day`: its rows as the server packs them, and what differs from what stands there."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.instants import DAY_US, SECOND_US, microseconds
from domain.window import Window
from warehouse.copy_binary import EPOCH_US, encode_rows
from warehouse.day_facts import DayFacts, Ints, day_key, series_and_day
from warehouse.literals import literals
from warehouse.rows_in import send_rows
from warehouse.statements import statement

_TABLE: Final = sql.Identifier("public", "series_day")
_STAGED: Final = sql.Identifier("pg_temp", "staged_series_day")
_COLUMNS: Final = (
    "series_id",
    "day",
    "found",
    "first_at",
    "last_at",
    "longest_gap_seconds",
    "minimum",
    "maximum",
    "value_hash",
)
_STORED: Final = (
    ("series_id", ">i4"),
    ("day", ">i4"),
    ("found", ">i4"),
    ("first_at", ">i8"),
    ("last_at", ">i8"),
    ("gap", ">f8"),
    ("minimum", ">f8"),
    ("maximum", ">f8"),
    ("value_hash", ">i8"),
)
_EPOCH_2000: Final = EPOCH_US // DAY_US  # 2000-01-01, from which PostgreSQL counts dates, in days since 1970
_AT_ONCE: Final = 20_000  # rows encoded at a time
_EPOCH: Final = date(1970, 1, 1).toordinal()


def stored_facts(connection: psycopg.Connection, series_ids: Sequence[int], window: Window) -> DayFacts:
    """What `series_day` says of some series on the days of a window, where there are points."""
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement("series_day/stored").format(**_literals(series_ids, window))).fetchone()
    found = np.frombuffer(row[0] if row and row[0] else b"", dtype=list(_STORED))
    facts = DayFacts(
        day_key(found["series_id"].astype(np.int64), found["day"].astype(np.int64) + _EPOCH_2000),
        found["found"].astype(np.int64),
        found["first_at"].astype(np.int64) + EPOCH_US,
        found["last_at"].astype(np.int64) + EPOCH_US,
        np.rint(found["gap"].astype(np.float64) * SECOND_US).astype(np.int64),
        found["minimum"].astype(np.float64),
        found["maximum"].astype(np.float64),
        found["value_hash"].astype(np.int64),
    )
    return facts.taken(np.argsort(facts.key))


def write(connection: psycopg.Connection, facts: DayFacts, series_ids: Sequence[int], window: Window) -> int:
    """Make the table say `facts` of some series within whole days, by difference; how many rows that took."""
    stored = stored_facts(connection, series_ids, window)
    gone = stored.key[~np.isin(stored.key, facts.key, assume_unique=True)]
    if len(gone):
        series_id, day = series_and_day(gone)
        values = {"series_ids": series_id.tolist(), "days": [_date(one) for one in day.tolist()]}
        names = _literals(series_ids, window)
        _note(connection, gone)
        _require(connection.execute(statement("series_day/remove").format(**names), values).rowcount, len(gone))
    differs = np.ones(len(facts), dtype=np.bool_)
    if len(stored):
        position = np.minimum(np.searchsorted(stored.key, facts.key), len(stored) - 1)
        differs = facts.differs(stored.taken(position))
    return len(gone) + upsert(connection, facts.taken(differs))


def write_first(connection: psycopg.Connection, facts: DayFacts, series_ids: Sequence[int], window: Window) -> int:
    """The same where no point was stored: straight in."""
    connection.execute(statement("series_day/clear").format(**_literals(series_ids, window)))
    _note(connection, facts.key)
    return _send(connection, _TABLE, facts)


def upsert(connection: psycopg.Connection, facts: DayFacts) -> int:
    """Write rows that are new or say something else now; how many."""
    if not len(facts):
        return 0
    _note(connection, facts.key)
    connection.execute(statement("summary/stage").format(staged=_STAGED, summary=_TABLE))
    _send(connection, _STAGED, facts)
    written = connection.execute(statement("series_day/write").format(staged=_STAGED)).rowcount
    return _require(written, len(facts))


def _note(connection: psycopg.Connection, key: Ints) -> None:
    """Say which days are to be judged anew; all of one source."""
    if len(key):
        series_id, day = series_and_day(key)
        days = [_date(one) for one in np.unique(day).tolist()]
        connection.execute(statement("series_day/note"), {"series_id": int(series_id[0]), "days": days})


def _send(connection: psycopg.Connection, target: sql.Composable, facts: DayFacts) -> int:
    is_number = ~np.isnan(facts.minimum)
    parts = [facts] if is_number.all() else [facts.taken(is_number), facts.taken(~is_number)]
    blocks = (
        _encoded(part.taken(np.arange(start, min(start + _AT_ONCE, len(part)))))
        for part in parts
        for start in range(0, len(part), _AT_ONCE)
    )
    return _require(send_rows(connection, target, _COLUMNS, blocks), len(facts))


def _encoded(facts: DayFacts) -> memoryview:
    """Rows as binary COPY wants them, all of numbers or all of texts."""
    series_id, day = series_and_day(facts.key)
    is_number = not np.isnan(facts.minimum[:1]).any()
    return encode_rows(
        len(facts),
        [
            ("series_id", ">i4", series_id),
            ("day", ">i4", day - _EPOCH_2000),
            ("found", ">i4", facts.found),
            ("first_at", ">i8", facts.first_us - EPOCH_US),
            ("last_at", ">i8", facts.last_us - EPOCH_US),
            ("gap", ">f8", facts.longest_gap_us / SECOND_US),
            ("minimum", ">f8", facts.minimum if is_number else None),
            ("maximum", ">f8", facts.maximum if is_number else None),
            ("value_hash", ">i8", facts.value_hash),
        ],
    )


def _literals(series_ids: Sequence[int], window: Window) -> dict[str, sql.Composable]:
    """`series_ids`, and the first and the last day."""
    last = _date((microseconds(window.end) - 1) // DAY_US)
    names = literals(series_ids, window.start, window.end)
    return names | {"first": sql.Literal(window.day), "last": sql.Literal(last)}


def _require(counted: int, expected: int) -> int:
    if counted != expected:
        raise AccountingError(
            f"{expected} rows were to be written and the server counted {counted}",
            place="series_day",
            fix="report it: nothing was written, and the facts of the loader are wrong",
        )
    return counted


def _date(days: int) -> date:
    return date.fromordinal(_EPOCH + days)
