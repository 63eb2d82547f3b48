"""The rows of `register_interval`: what is stored, what is to be, and only the difference written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.instants import instant
from domain.registers import FLAGS, Intervals
from warehouse.copy_binary import EPOCH_US, decode_instants, decode_numbers, encode_rows
from warehouse.literals import literals
from warehouse.rows_in import send_rows
from warehouse.statements import statement

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_COLUMNS: Final = ("series_id", "measured_at", "ended_at", "amount", "usual", "spacing", "flag")


@dataclass(frozen=True, slots=True)
class Rows:
    """Intervals of registers, a column each.

    Attributes:
        series_id: Numbers of the catalogue.
        begun_us: Microseconds since 1970: the trusted reading before.
        ended_us: Microseconds since 1970: the trusted reading that ends the interval, and names it.
        amount: What was counted in between, in the canonical unit.
        usual: What is usual around it, canonical units a second; NaN if nothing is known.
        spacing: How far apart readings usually are, seconds; NaN if nothing is known.
        flag: Positions in `domain.registers.FLAGS`.
    """

    series_id: _Ints
    begun_us: _Ints
    ended_us: _Ints
    amount: _Floats
    usual: _Floats
    spacing: _Floats
    flag: _Ints

    @classmethod
    def of(cls, series_id: int, judged: Intervals, first_us: int, end_us: int) -> Self:
        """Those that end inside a span."""
        start, stop = np.searchsorted(judged.ended_us, [first_us, end_us])
        span = slice(int(start), int(stop))
        ended_us = judged.ended_us[span]
        return cls(
            np.full(len(ended_us), series_id, dtype=np.int64),
            judged.begun_us[span],
            ended_us,
            judged.amount[span],
            judged.usual[span],
            judged.spacing_us[span] / 1e6,
            judged.flag[span].astype(np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All of them, one after the other."""
        empty = cls(*(np.empty(0, dtype) for dtype in (*[np.int64] * 3, *[np.float64] * 3, np.int64)))
        return cls(*(np.concatenate([getattr(p, f.name) for p in (empty, *parts)]) for f in fields(cls)))

    def __len__(self) -> int:
        """How many."""
        return len(self.series_id)

    def taken(self, which: npt.NDArray[np.bool_] | _Ints) -> "Rows":
        """Some of them."""
        return Rows(*(getattr(self, field.name)[which] for field in fields(self)))


def difference(stored: Rows, wanted: Rows) -> tuple[Rows, Rows, Rows]:
    """Which stored rows have to go, which wanted ones have to come, and which of both count something else.

    A row that is to change goes and comes; where only its yardstick does, it counts what it did.
    """
    old, new = _keys(stored, wanted)
    order = np.argsort(old)
    at = np.full(len(wanted), -1, dtype=np.int64)
    if len(old):
        nearest = order[np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)]
        at = np.where(old[nearest] == new, nearest, -1)
    is_known = at >= 0
    same = np.zeros(len(wanted), dtype=np.bool_)
    before, after = stored.taken(at[is_known]), wanted.taken(is_known)
    counts = np.zeros(len(wanted), dtype=np.bool_)
    counts[is_known] = (
        (before.begun_us == after.begun_us) & (before.amount == after.amount) & (before.flag == after.flag)
    )
    same[is_known] = counts[is_known] & _equal(before.usual, after.usual) & _equal(before.spacing, after.spacing)
    stays, counted = np.zeros(len(stored), dtype=np.bool_), np.zeros(len(stored), dtype=np.bool_)
    stays[at[same]], counted[at[counts]] = True, True
    return stored.taken(~stays), wanted.taken(~same), Rows.joined([stored.taken(~counted), wanted.taken(~counts)])


def read(connection: psycopg.Connection, spans: Sequence[tuple[int, int, int]]) -> Rows:
    """What is stored of some registers: per register its number, and the span in which its intervals end."""
    bounds = {series_id: (first_us, end_us) for series_id, first_us, end_us in spans}
    first_us, end_us = min(start for _, start, _ in spans), max(end for *_, end in spans)
    names = literals([one for one, *_ in spans], instant(first_us), instant(end_us))
    parts = []
    with connection.cursor(binary=True) as cursor:
        for series_id, ends, begins, amounts, usual, spacing, flags in cursor.execute(
            statement("register/stored").format(**names)
        ):
            ended_us = decode_instants(ends)
            rows = Rows(
                np.full(len(ended_us), series_id, dtype=np.int64),
                decode_instants(begins),
                ended_us,
                decode_numbers(amounts),
                decode_numbers(usual),
                decode_numbers(spacing),
                np.array([FLAGS.index(flag) if flag in FLAGS else -1 for flag in flags], dtype=np.int64),
            )
            first_us, end_us = bounds[series_id]
            parts.append(rows.taken((ended_us >= first_us) & (ended_us < end_us)))
    return Rows.joined(parts)


def remove(connection: psycopg.Connection, rows: Rows) -> int:
    """Remove stored rows; how many the server counted."""
    if not len(rows):
        return 0
    bounds = (instant(int(rows.ended_us.min())), instant(int(rows.ended_us.max()) + 1))
    names = literals(np.unique(rows.series_id).tolist(), *bounds)
    values = {"ids": rows.series_id.tolist(), "ends": [instant(at) for at in rows.ended_us.tolist()]}
    return connection.execute(statement("register/remove").format(**names), values).rowcount


def put(connection: psycopg.Connection, rows: Rows) -> int:
    """Put rows, of which none is there; how many the server counted."""
    if not len(rows):
        return 0
    return send_rows(connection, sql.Identifier("public", "register_interval"), _COLUMNS, _encoded(rows))


def _encoded(rows: Rows) -> Iterator[memoryview]:
    """Rows as COPY wants them, those of one flag and with the same columns known together: they have one length."""
    shape = rows.flag * 4 + np.isnan(rows.usual) * 2 + np.isnan(rows.spacing)
    for one in np.unique(shape).tolist():
        yield _block(rows.taken(shape == one), FLAGS[one // 4].encode())


def _block(rows: Rows, flag: bytes) -> memoryview:
    columns: list[tuple[str, str, npt.NDArray[np.int64 | np.float64]]] = [
        ("series_id", ">i4", rows.series_id),
        ("measured_at", ">i8", rows.begun_us - EPOCH_US),
        ("ended_at", ">i8", rows.ended_us - EPOCH_US),
        ("amount", ">f8", rows.amount),
        ("usual", ">f8", rows.usual),
        ("spacing", ">f8", rows.spacing),
    ]
    known = [(name, form, None if np.isnan(values[:1]).any() else values) for name, form, values in columns]
    return encode_rows(len(rows), [*known, ("flag", f"S{len(flag)}", np.array([flag]))])


def _keys(stored: Rows, wanted: Rows) -> tuple[_Ints, _Ints]:
    """One number for a register and an end, in both."""
    _, codes = np.unique(np.concatenate([stored.series_id, wanted.series_id]), return_inverse=True)
    ends = np.concatenate([stored.ended_us, wanted.ended_us])
    # 52 bits hold the microseconds of 142 years, and 11 more the registers that are written together.
    keys = (codes.astype(np.int64) << 52) | (ends - ends.min(initial=0))
    return keys[: len(stored)], keys[len(stored) :]


def _equal(one: _Floats, other: _Floats) -> npt.NDArray[np.bool_]:
    return np.equal(one, other) | (np.isnan(one) & np.isnan(other))
