"""Facts of `series_day` as arrays of series by days, and verdicts written back, only those that are others now."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.completeness.day_verdict import DAY_SECONDS, Days, DayVerdict, Judged
from domain.completeness.shown import LOOK_BACK
from domain.instants import DAY_US, SECOND_US
from warehouse.copy_binary import EPOCH_US, encode_rows
from warehouse.literals import literal_ids
from warehouse.rows_in import send_rows
from warehouse.statements import statement

_WORDS: Final = [verdict.word for verdict in DayVerdict]
_STAGED: Final = sql.Identifier("pg_temp", "staged_verdict")
_COLUMNS: Final = ("series_id", "day", "found", "expected", "verdict", "since")
_PACKED: Final = (
    ("series_id", ">i4"),
    ("day", ">i4"),
    ("found", ">i4"),
    ("first", ">i8"),
    ("last", ">i8"),
    ("gap", ">f8"),
    ("expected", ">f8"),
    ("verdict", ">i2"),
    ("since", ">i8"),
)
_MINUS_INFINITY: Final = -(1 << 63)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY_2000: Final = EPOCH_US // DAY_US
_NONE: Final = -1  # no row, or no verdict

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stored:
    """What `series_day` says: arrays of series by days.

    Attributes:
        days: Facts, as they are judged.
        has_row: Whether there is a row.
        verdict: Values of `DayVerdict`; -1 where there is none.
        since: Seconds since 1970; NaN where nothing is said.
    """

    days: Days
    has_row: npt.NDArray[np.bool_]
    verdict: Ints
    since: Floats


def read(connection: psycopg.Connection, series_ids: Ints, first: date, last: date, loaded: set[date]) -> Stored:
    """Facts and verdicts of some series, ascending, from the day `first` to `last`."""
    n_days = (last - first).days + 1
    names = _names(series_ids, first, last) | {"words": sql.Literal("{" + ",".join(f'"{w}"' for w in _WORDS) + "}")}
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement("completeness/facts").format(**names)).fetchone()
    packed = np.frombuffer(row[0] if row and row[0] else b"", dtype=list(_PACKED))
    place = (
        np.searchsorted(series_ids, packed["series_id"].astype(np.int64)),
        packed["day"].astype(np.int64) + _DAY_2000 + _EPOCH_DAY - first.toordinal(),
    )

    def spread(values: npt.NDArray[Any], empty: float, dtype: type) -> npt.NDArray[Any]:
        matrix: npt.NDArray[Any] = np.full((len(series_ids), n_days), empty, dtype=dtype)
        matrix[place] = values
        return matrix

    instants = {
        name: np.where(packed[name] == _MINUS_INFINITY, np.nan, (packed[name].astype(np.int64) + EPOCH_US) / SECOND_US)
        for name in ("first", "last", "since")
    }
    days = Days(
        start=(first.toordinal() - _EPOCH_DAY) * DAY_SECONDS,
        found=spread(packed["found"], 0, np.int64),
        first=spread(instants["first"], np.nan, np.float64),
        last=spread(instants["last"], np.nan, np.float64),
        longest_gap=spread(packed["gap"], np.nan, np.float64),
        is_loaded=np.array([first + timedelta(days=n) in loaded for n in range(n_days)]),
        expected_before=spread(packed["expected"], np.nan, np.float64),
    )
    return Stored(
        days,
        spread(np.ones(len(packed)), empty=False, dtype=np.bool_),
        spread(packed["verdict"].astype(np.int64) - 1, _NONE, np.int64),
        spread(instants["since"], np.nan, np.float64),
    )


def write(
    connection: psycopg.Connection, series_ids: Ints, first: date, stored: Stored, judged: Judged
) -> tuple[int, set[date]]:
    """Write the verdicts that differ from what is stored; how many rows that took, and of which days.

    Args:
        connection: In a transaction that holds the locks of these days.
        series_ids: Of the rows of the arrays.
        first: The day of the first column of `judged`.
        stored: What was read, with `LOOK_BACK` days more at its beginning and `LOOK_AHEAD` at its end.
        judged: What is to be said.
    """
    kept = slice(LOOK_BACK, LOOK_BACK + judged.verdict.shape[1])
    found, has_row = stored.days.found[:, kept], stored.has_row[:, kept]
    is_idle = (found == 0) & (judged.verdict == DayVerdict.NOT_EXPECTED)
    expected = np.round(judged.expected)
    differs = (
        (stored.verdict[:, kept] != judged.verdict)
        | _other(stored.days.expected_before[:, kept], expected)
        | _other(np.round(stored.since[:, kept], 6), np.round(judged.since, 6))
    )
    last = first + timedelta(days=found.shape[1] - 1)
    names = _names(series_ids, first, last)
    rows, columns = np.nonzero(is_idle & has_row)
    if len(rows):
        values = {
            "series_ids": series_ids[rows].tolist(),
            "days": [first + timedelta(days=n) for n in columns.tolist()],
        }
        connection.execute(statement("completeness/forget").format(**names), values)
    to_write = np.nonzero(differs & ~is_idle)
    changed = {first + timedelta(days=n) for n in np.union1d(columns, to_write[1]).tolist()}
    if not len(to_write[0]):
        return len(rows), changed
    connection.execute(statement("completeness/stage").format(staged=_STAGED))
    ids = series_ids[to_write[0]]
    days = to_write[1] + first.toordinal() - _EPOCH_DAY - _DAY_2000
    blocks = _blocks(
        ids, days, found[to_write], expected[to_write], verdict=judged.verdict[to_write], since=judged.since[to_write]
    )
    send_rows(connection, _STAGED, _COLUMNS, blocks)
    n_written = connection.execute(statement("completeness/write").format(staged=_STAGED)).rowcount
    return len(rows) + n_written, changed


def _blocks(
    series_id: Ints, day: Ints, found: Ints, expected: Floats, *, verdict: Ints, since: Floats
) -> list[memoryview]:
    """Rows as COPY wants them, those of one verdict and with the same columns known together: they have one length."""
    shape = verdict * 4 + np.isnan(expected) * 2 + np.isnan(since)
    blocks = []
    for one in np.unique(shape).tolist():
        these = shape == one
        word = _WORDS[one // 4].encode()
        known = expected[these]
        at = since[these]
        blocks.append(
            encode_rows(
                int(these.sum()),
                [
                    ("series_id", ">i4", series_id[these]),
                    ("day", ">i4", day[these]),
                    ("found", ">i4", found[these]),
                    ("expected", ">i4", None if one & 2 else known),
                    ("verdict", f"S{len(word)}", np.array([word])),
                    ("since", ">i8", None if one & 1 else np.rint(at * SECOND_US) - EPOCH_US),
                ],
            )
        )
    return blocks


def _other(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return ~same


def _names(series_ids: Ints, first: date, last: date) -> dict[str, sql.Composable]:
    return {
        "series_ids": literal_ids(series_ids.tolist()),
        "first": sql.Literal(first),
        "last": sql.Literal(last),
    }


def day_of(seconds: float) -> date:
    """The UTC day of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()
