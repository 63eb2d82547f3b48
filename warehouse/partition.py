"""Making one table say, inside one window, what was taken in: straight in the first time, by difference afterwards."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.window import Window
from warehouse.copy_binary import SLICE_ROWS, MeasurementEncoder, decode_numbers, encode_states
from warehouse.difference import Difference, Vanished, compare
from warehouse.literals import literals
from warehouse.load_buffer import LoadBuffer
from warehouse.points import Points
from warehouse.rows_in import send_rows
from warehouse.statements import statement
from warehouse.stored_points import stored_points

_Value = TypeVar("_Value", np.float64, np.int64)
_Ids = npt.NDArray[np.int64]
_COLUMNS: Final = ("series_id", "measured_at", "value")


@dataclass(frozen=True, slots=True)
class Written:
    """What happened to one table, or to both. Each number is what the server counted in a statement of its own.

    `withdrawn` are the sites whose points went because they are proven to be absent.
    """

    n_inserted: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_removed: int = 0
    withdrawn: tuple[str, ...] = ()

    def __add__(self, other: "Written") -> "Written":
        """Both tables together."""
        return Written(
            self.n_inserted + other.n_inserted,
            self.n_changed + other.n_changed,
            self.n_unchanged + other.n_unchanged,
            self.n_removed + other.n_removed,
            self.withdrawn + other.withdrawn,
        )


@dataclass(frozen=True, slots=True)
class Kind(Generic[_Value]):
    """One of the two tables of points, and how its values travel.

    Attributes:
        points: What was taken in for it.
        dtype: Of the values in memory.
        table: Its name.
        plural: Its values' name in the statements that read them.
        value_type: The type of its values on the server.
        kept_as: The column of `measurement_revision` for its old values.
        encode: Rows for COPY; what it returns is valid until the next call.
        decode: Values as they are read back → values in memory.
    """

    points: Points[_Value]
    dtype: type[_Value]
    table: Literal["measurement", "state"]
    plural: Literal["numbers", "states"]
    value_type: sql.SQL
    kept_as: Literal["value", "text_value"]
    encode: Callable[[_Ids, _Ids, npt.NDArray[_Value]], bytes | memoryview]
    decode: Callable[[Any], npt.NDArray[_Value]]


def numbers_of(buffer: LoadBuffer) -> Kind[np.float64]:
    """The table of numbers."""
    encode = MeasurementEncoder().encode
    double = sql.SQL("double precision")
    return Kind(buffer.numbers, np.float64, "measurement", "numbers", double, "value", encode, decode_numbers)


def states_of(buffer: LoadBuffer) -> Kind[np.int64]:
    """The table of states. Their values are codes of texts; a text that only the table knows gets a code too."""

    def encode(series_id: _Ids, at_us: _Ids, code: npt.NDArray[np.int64]) -> bytes:
        return encode_states(series_id, at_us, code, buffer.texts)

    def decode(texts: list[str]) -> npt.NDArray[np.int64]:
        return np.array([buffer.code(text) for text in texts], dtype=np.int64)

    return Kind(buffer.states, np.int64, "state", "states", sql.SQL("text"), "text_value", encode, decode)


class Partition(Generic[_Value]):
    """One window of one source in one of the two tables, inside the transaction of a load."""

    def __init__(
        self, connection: psycopg.Connection, kind: Kind[_Value], window: Window, series_ids: _Ids, *, place: str
    ) -> None:
        self._connection = connection
        self._kind: Kind[_Value] = kind
        self._window = window
        self._series_ids = series_ids
        self._place = place

    def differ(self, source_ids: list[int], provisional: Mapping[int, _Ids]) -> Difference[_Value]:
        """Compare what was taken in with what the table holds of all series of the source.

        Args:
            source_ids: Their numbers in the catalogue.
            provisional: Number in the catalogue → instants of the points that a stream put.
        """
        rank_of = {series_id: rank for rank, series_id in enumerate(self._series_ids.tolist())}
        found = stored_points(self._connection, self._kind.plural, source_ids, self._window)
        return compare(self._kind.points, rank_of, found, self._kind.decode, self._kind.dtype, provisional=provisional)

    def touched(self, difference: Difference[_Value]) -> list[int]:
        """The series of which something is to be written."""
        points, n_series = self._kind.points, len(self._series_ids)
        ranks = [points.ranks(positions, n_series) for positions in (difference.new, difference.changed)]
        written = np.concatenate([self._series_ids[np.concatenate(ranks)], difference.vanished.series_id])
        return [int(series_id) for series_id in np.unique(written)]

    def added(self, difference: Difference[_Value]) -> tuple[_Ids, _Ids]:
        """Number of the series and microseconds since 1970 of each point that is to be put where nothing is."""
        added = self._kind.points.taken(slice(None) if difference.new is None else difference.new)
        return self._series_ids[added.rank], added.at_us

    def write(self, difference: Difference[_Value], load_id: int, *, n_copied: int | None = None) -> Written:
        """Write the difference, old values into `measurement_revision`.

        Args:
            difference: What is to be written.
            load_id: The number of the load.
            n_copied: What the server has counted, where all that is new was copied ahead (`warehouse.copy_ahead`).

        Raises:
            AccountingError: The server counted other numbers than were to be written.
        """
        n_removed = self._remove(difference, load_id)
        n_changed = self._change(difference, load_id)
        n_new = len(self._kind.points) if difference.new is None else len(difference.new)
        if n_copied is not None:
            n_inserted = self._require(n_copied, n_new, "copied")
        else:
            n_inserted = self._copy(self._name(), self._rows(difference.new), n_new) if n_new else 0
        written = Written(n_inserted, n_changed, difference.n_unchanged, n_removed)
        # What was stored was counted by reading, the others by the server in statements of their own: a row too few or
        # too many anywhere, and one of the two sums is wrong.
        n_left = difference.n_stored - n_removed + n_inserted
        if n_left != len(self._kind.points) or difference.n_stored != difference.n_unchanged + n_changed + n_removed:
            raise self._wrong(
                f"{difference.n_stored} points were stored, {len(self._kind.points)} are to be, and {written}"
            )
        return written

    def _remove(self, difference: Difference[_Value], load_id: int) -> int:
        gone = difference.vanished
        n_kept = self._remove_by("load/remove_vanished", "vanished", gone.where(gone.is_kept), load_id=load_id)
        return n_kept + self._remove_by("load/remove_repeated", "repeated", gone.where(~gone.is_kept))

    def _remove_by(self, name: str, staged: str, gone: Vanished[_Value], **values: object) -> int:
        if not len(gone.series_id):
            return 0
        rows = (
            self._kind.encode(gone.series_id[span], gone.at_us[span], gone.value[span])
            for span in _spans(len(gone.series_id))
        )
        names = self._stage(staged, rows, gone.series_id)
        n_removed = self._execute(name, names, **values).rowcount
        return self._require(n_removed, len(gone.series_id), "removed")

    def _change(self, difference: Difference[_Value], load_id: int) -> int:
        changed = difference.changed
        if not len(changed):
            return 0
        touched = np.concatenate([self._series_ids[part.rank] for part in self._kind.points.slices(changed)])
        names = self._stage("changed", self._rows(changed), touched)
        n_revised = self._execute("load/revise_changed", names, load_id=load_id).rowcount
        self._require(n_revised, len(changed), "kept as revisions")
        return self._require(self._execute("load/write_changed", names).rowcount, len(changed), "changed")

    def _stage(self, name: str, rows: Iterable[bytes | memoryview], series_id: _Ids) -> dict[str, sql.Composable]:
        """Put rows into a temporary table; the names with which statements speak of it."""
        names: dict[str, sql.Composable] = {
            "points": self._name(),
            "staged": sql.Identifier("pg_temp", f"{name}_{self._kind.table}"),
            "value_type": self._kind.value_type,
            "kept_as": sql.Identifier(self._kind.kept_as),
            **literals(np.unique(series_id).tolist(), self._window.start, self._window.end),
        }
        self._execute("load/stage", names)
        self._copy(names["staged"], rows, len(series_id))
        return names

    def _rows(self, positions: _Ids | None) -> Iterator[bytes | memoryview]:
        for part in self._kind.points.slices(positions):
            yield self._kind.encode(self._series_ids[part.rank], part.at_us, part.value)

    def _copy(self, target: sql.Composable, rows: Iterable[bytes | memoryview], n_rows: int) -> int:
        return self._require(send_rows(self._connection, target, _COLUMNS, rows), n_rows, "copied")

    def _require(self, n_counted: int, n_expected: int, verb: str) -> int:
        if n_counted != n_expected:
            raise self._wrong(f"{n_expected} points were to be {verb} and the server counted {n_counted}")
        return n_counted

    def _wrong(self, culprit: str) -> AccountingError:
        fix = "report it: nothing was written, and the loader is wrong"
        return AccountingError(f"in the table {self._kind.table} {culprit}", place=self._place, fix=fix)

    def _name(self) -> sql.Identifier:
        return sql.Identifier("public", self._kind.table)

    def _execute(self, name: str, names: dict[str, sql.Composable], **values: object) -> psycopg.Cursor:
        return self._connection.execute(statement(name).format(**names), values or None)


def _spans(n: int) -> Iterator[slice]:
    return (slice(start, start + SLICE_ROWS) for start in range(0, n, SLICE_ROWS))
