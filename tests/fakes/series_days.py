"""What the facts of series and days are to be: a plain GROUP BY, sharing nothing with what writes them."""

import struct
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import psycopg

_MOST: Final = 1 << 64
_PLAIN: Final = """
    WITH points AS (
        SELECT series_id, measured_at, value FROM measurement
        UNION ALL SELECT series_id, measured_at, NULL FROM state
    ), placed AS (
        SELECT
            *,
            (measured_at AT TIME ZONE 'UTC')::date AS day,
            measured_at - lag(measured_at) OVER (
                PARTITION BY series_id, (measured_at AT TIME ZONE 'UTC')::date ORDER BY measured_at
            ) AS gap
        FROM points
    )
    SELECT
        series_id,
        day,
        count(*),
        min(measured_at),
        max(measured_at),
        coalesce(extract(EPOCH FROM max(gap)), 0)::double precision,
        min(value),
        max(value)
    FROM placed GROUP BY series_id, day
"""
_SAID: Final = """
    SELECT series_id, day, found, first_at, last_at, longest_gap_seconds, minimum, maximum, value_hash
    FROM series_day WHERE found > 0
"""


def differences(connection: psycopg.Connection) -> list[str]:
    """Every row of `series_day` that does not say what the points say, and every one that is not there."""
    hashes = _hashes(connection)
    plain = {row[:2]: (*row, hashes[row[:2]]) for row in connection.execute(_PLAIN).fetchall()}
    said = {row[:2]: row for row in connection.execute(_SAID).fetchall()}
    return [
        f"{key}: {said.get(key)} and not {plain.get(key)}"
        for key in sorted(plain.keys() | said.keys())
        if plain.get(key) != said.get(key)
    ]


def written(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Every row, with the transaction that wrote it."""
    return sorted(connection.execute("SELECT xmin::text, * FROM series_day").fetchall(), key=lambda row: row[:3])


def _hashes(connection: psycopg.Connection) -> dict[tuple[int, date], int]:
    sums: dict[tuple[int, date], int] = defaultdict(int)
    for table in ("measurement", "state"):
        rows = connection.execute(f"SELECT series_id, measured_at, value FROM {table}").fetchall()
        for series_id, at, value in rows:
            instant = at.astimezone(UTC)
            begin = datetime.combine(instant.date(), datetime.min.time(), UTC)
            time_of_day = (instant - begin) // timedelta(microseconds=1)
            sums[series_id, instant.date()] += _mixed(_bits(value), time_of_day)
    return {key: (total + _MOST // 2) % _MOST - _MOST // 2 for key, total in sums.items()}


def _bits(value: float | str) -> int:
    if isinstance(value, str):
        return int.from_bytes(blake2b(value.encode(), digest_size=8).digest())
    return int(struct.unpack("<Q", struct.pack("<d", value + 0.0))[0])


def _mixed(bits: int, time_of_day: int) -> int:
    """splitmix64."""
    mixed = (time_of_day * 0x9E3779B97F4A7C15 + bits) % _MOST
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) % _MOST
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) % _MOST
    return mixed ^ (mixed >> 31)
