"""The three tables of summaries: their rows as the server packs them, and what differs from what stands there."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.instants import DAY_US, HOUR_US, instant
from domain.window import Window
from warehouse.copy_binary import EPOCH_US, encode_rows
from warehouse.literals import literals_of_days
from warehouse.rows_in import send_rows
from warehouse.statements import statement
from warehouse.summary_rows import EPOCH_DAY, Figures, Rows, part_of_slot, slot_of_part

_EPOCH_2000: Final = 10_957 + EPOCH_DAY  # 2000-01-01, from which PostgreSQL counts dates, in days since 0001-01-01
_AT_ONCE: Final = 20_000  # rows encoded at a time
_FIGURES: Final = (
    ("n_points", ">i4"),
    ("minimum", ">f8"),
    ("maximum", ">f8"),
    ("total", ">f8"),
    ("latest", ">f8"),
)
_BUCKET: Final = (("series_id", ">i4"), ("bucket_at", ">i8"))
_PART: Final = (("series_id", ">i4"), ("partition_at", ">i8"), ("local_date", ">i4"), ("bucket_at", ">i8"))


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """One of the three.

    Attributes:
        name: Without the prefix; statements are named after it.
        keys: Columns before the figures, and how they travel.
        unit_us: How long a bucket is; 0 for parts of local days.
    """

    name: str
    keys: tuple[tuple[str, str], ...]
    unit_us: int

    @property
    def table(self) -> sql.Identifier:
        """Its name on the server."""
        return sql.Identifier("public", f"summary_{self.name}")

    def _statement(self, verb: str, **names: sql.Composable) -> sql.Composed:
        form = "bucket" if self.unit_us else "local_day"
        return statement(f"summary/{verb}_{form}").format(summary=self.table, **names)

    def write(self, connection: psycopg.Connection, rows: Rows, series_ids: list[int], window: Window) -> int:
        """Make the table say `rows` of some series within whole days, by difference; how many rows that took."""
        names = literals_of_days(series_ids, window)
        stored = self.stored(connection, names)
        gone = stored.key[~np.isin(stored.key, rows.key, assume_unique=True)]
        if len(gone):
            self._remove(connection, gone, names)
        position = np.searchsorted(stored.key, rows.key)
        position = np.minimum(position, max(len(stored) - 1, 0))
        differs = np.ones(len(rows), dtype=np.bool_)
        if len(stored):
            differs = (stored.key[position] != rows.key) | _other(stored.taken(position), rows)
        if not differs.any():
            return len(gone)
        staged = sql.Identifier("pg_temp", f"staged_{self.name}")
        connection.execute(statement("summary/stage").format(staged=staged, summary=self.table))
        new = rows.taken(differs)
        self._send(connection, staged, new)
        counted = connection.execute(self._statement("write", staged=staged)).rowcount
        return len(gone) + self._require(counted, len(new))

    def write_first(self, connection: psycopg.Connection, rows: Rows, series_ids: list[int], window: Window) -> int:
        """The same where no point was stored: straight in."""
        connection.execute(self._statement("clear", **literals_of_days(series_ids, window)))
        return self._require(self._send(connection, self.table, rows), len(rows)) if len(rows) else 0

    def _send(self, connection: psycopg.Connection, target: sql.Composable, rows: Rows) -> int:
        columns = [name for name, _ in (*self.keys, *_FIGURES)]
        spans = (slice(start, start + _AT_ONCE) for start in range(0, len(rows), _AT_ONCE))
        positions = np.arange(len(rows))
        return send_rows(connection, target, columns, (self.encoded(rows.taken(positions[span])) for span in spans))

    def encoded(self, rows: Rows) -> memoryview:
        """Rows as binary COPY wants them."""
        slot = rows.key & 0xFFFFFFFF
        values = {"series_id": rows.key >> 32, **{name: getattr(rows.figures, name) for name, _ in _FIGURES}}
        if self.unit_us:
            values["bucket_at"] = self.begin_us(slot) - EPOCH_US
        else:
            partition, local = part_of_slot(slot)
            values["partition_at"] = (partition - EPOCH_DAY) * DAY_US - EPOCH_US
            values["local_date"] = local - _EPOCH_2000
            values["bucket_at"] = rows.begin_us - EPOCH_US
        return encode_rows(len(rows), [(name, form, values[name]) for name, form in (*self.keys, *_FIGURES)])

    def begin_us(self, slot: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Microseconds since 1970 at which a bucket begins; of a part, its partition."""
        if not self.unit_us:
            slot = part_of_slot(slot)[0]
        unit = self.unit_us or DAY_US
        return (slot - EPOCH_DAY * (DAY_US // unit)) * unit

    def stored(self, connection: psycopg.Connection, names: dict[str, sql.Composable]) -> Rows:
        """The rows of the series and spans that `names` names."""
        with connection.cursor(binary=True) as cursor:
            row = cursor.execute(self._statement("stored", **names)).fetchone()
        form = [*self.keys, ("n_points", ">i8"), *_FIGURES[1:]]
        found = np.frombuffer(row[0] if row and row[0] else b"", dtype=form)
        if self.unit_us:
            bucket = found["bucket_at"].astype(np.int64) + EPOCH_US
            slot, begin = bucket // self.unit_us + EPOCH_DAY * (DAY_US // self.unit_us), np.empty(0, dtype=np.int64)
        else:
            day = (found["partition_at"].astype(np.int64) + EPOCH_US) // DAY_US + EPOCH_DAY
            slot = slot_of_part(day, found["local_date"].astype(np.int64) + _EPOCH_2000)
            begin = found["bucket_at"].astype(np.int64) + EPOCH_US
        key = (found["series_id"].astype(np.int64) << 32) | slot
        figures = Figures(*(_native(found[name]) for name, _ in _FIGURES))
        return Rows(key, figures, begin).taken(np.argsort(key, kind="stable"))

    def _remove(
        self, connection: psycopg.Connection, gone: npt.NDArray[np.int64], names: dict[str, sql.Composable]
    ) -> None:
        slot = gone & 0xFFFFFFFF
        values: dict[str, object] = {
            "series_ids": (gone >> 32).tolist(),
            "instants": [instant(at) for at in self.begin_us(slot).tolist()],
        }
        if not self.unit_us:
            values["dates"] = [date.fromordinal(one + 1) for one in part_of_slot(slot)[1].tolist()]
        counted = connection.execute(self._statement("remove", **names), values).rowcount
        self._require(counted, len(gone))

    def _require(self, counted: int, expected: int) -> int:
        if counted != expected:
            raise AccountingError(
                f"{expected} rows were to be written and the server counted {counted}",
                place=f"summary_{self.name}",
                fix="report it: nothing was written, and the summaries of the loader are wrong",
            )
        return counted


HOURLY: Final = SummaryTable("hourly", _BUCKET, HOUR_US)
DAILY: Final = SummaryTable("daily", _BUCKET, DAY_US)
LOCAL_DAY: Final = SummaryTable("local_day", _PART, 0)


def stored_rows(connection: psycopg.Connection, table: SummaryTable, series_ids: list[int], window: Window) -> Rows:
    """What a table of summaries says of some series inside a window."""
    return table.stored(connection, literals_of_days(series_ids, window))


def _other(stored: Rows, rows: Rows) -> npt.NDArray[np.bool_]:
    other = np.zeros(len(rows), dtype=np.bool_)
    for name, _ in _FIGURES:
        other |= getattr(stored.figures, name) != getattr(rows.figures, name)
    if len(rows.begin_us):
        other |= stored.begin_us != rows.begin_us
    return other


def _native(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return (
        column.astype(column.dtype.newbyteorder("="), copy=True)
        if column.dtype.kind == "f"
        else column.astype(np.int64)
    )
