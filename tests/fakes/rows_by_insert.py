"""Rows as the loader encodes them for binary COPY, put by INSERT: for a server that has no COPY FROM STDIN."""

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

_AT_ONCE: Final = 1_000
_SMALL: Final = frozenset({"series_id", "n_points", "n_intervals", "n_flagged", "found", "value_hash"})


def send_rows(
    connection: psycopg.Connection,
    target: sql.Composable,
    columns: Sequence[str],
    blocks: Iterable[bytes | memoryview],
) -> int:
    """As `warehouse.rows_in.send_rows` does it."""
    texts = {"flag"} | ({"value"} if target.as_string(connection).endswith('state"') else set())
    rows = [row for block in blocks for row in _rows(bytes(block), columns, texts)]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        values = sql.SQL(", ").join(
            sql.SQL("({})").format(sql.SQL(", ").join(sql.Literal(value) for value in row)) for row in some
        )
        connection.execute(sql.SQL("INSERT INTO {} ({}) VALUES {}").format(target, names, values))
    return len(rows)


def _rows(packed: bytes, columns: Sequence[str], texts: Collection[str]) -> Iterator[list[object]]:
    at = 0
    while at < len(packed):
        (n_fields,) = struct.unpack_from(">h", packed, at)
        assert n_fields == len(columns)
        at += 2
        row: list[object] = []
        for name in columns:
            (length,) = struct.unpack_from(">i", packed, at)
            at += 4
            field = packed[at : at + length]
            row.append(None if length < 0 else field.decode() if name in texts else _value(name, field))
            at += max(length, 0)
        yield row


def _value(name: str, field: bytes) -> object:
    if name in _SMALL:
        return int.from_bytes(field, "big", signed=True)
    if name in {"local_date", "day"}:
        return date(2000, 1, 1) + timedelta(days=int.from_bytes(field, "big", signed=True))
    if name.endswith("_at"):
        return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(field, "big", signed=True))
    return struct.unpack(">d", field)[0]
