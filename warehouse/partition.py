"""Making one table say, inside one window, what was taken in: straight in the first time, by difference afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.window import Window
from warehouse.copy_binary import HEADER, TRAILER, MeasurementEncoder, encode_states
from warehouse.intake import Intake
from warehouse.statements import statement

_COPY: Final = sql.SQL("COPY {} (series_id, measured_at, value) FROM STDIN (FORMAT BINARY)")


@dataclass(frozen=True, slots=True)
class Written:
    """What happened to one table. Each number is what the server counted in its own statement."""

    n_inserted: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_removed: int = 0

    def __add__(self, other: "Written") -> "Written":
        """Both tables together."""
        return Written(
            self.n_inserted + other.n_inserted,
            self.n_changed + other.n_changed,
            self.n_unchanged + other.n_unchanged,
            self.n_removed + other.n_removed,
        )


class Partition:
    """One window of one source in one of the two tables of points, inside the transaction of a load."""

    def __init__(
        self, connection: psycopg.Connection, table: str, window: Window, source_ids: list[int], *, place: str
    ) -> None:
        self._connection = connection
        self._place = place
        is_number = table == "measurement"
        # Numbers and times are literals: bound parameters would leave the planner to open every chunk.
        self._names: dict[str, sql.Composable] = {
            "points": sql.Identifier("public", table),
            "staged": sql.Identifier("pg_temp", f"staged_{table}"),
            "difference": sql.Identifier("pg_temp", f"difference_{table}"),
            "value_type": sql.SQL("double precision" if is_number else "text"),
            "kept_as": sql.Identifier("value" if is_number else "text_value"),
            "series_ids": sql.Literal("{" + ",".join(map(str, source_ids)) + "}"),
            "start": sql.Literal(window.start),
            "end": sql.Literal(window.end),
        }

    def n_held(self) -> int:
        """Points that the table holds now."""
        row = self._execute("load/held").fetchone()
        return int(row[0]) if row else 0

    def fill(self, rows: Iterator[bytes | memoryview], n_rows: int) -> Written:
        """Put points where there are none: `n_rows` of them, encoded.

        Raises:
            AccountingError: The server counted another number.
        """
        self._copy("points", rows, n_rows)
        return Written(n_inserted=n_rows)

    def renew(self, rows: Iterator[bytes | memoryview], n_rows: int, n_held: int, load_id: int) -> Written:
        """Put points where there are some: only what differs is written, what was there before is kept as a revision.

        Raises:
            AccountingError: The numbers that the server counted do not add up.
        """
        self._execute("load/stage")
        self._copy("staged", rows, n_rows)
        n_different = self._execute("load/compare").rowcount
        n_revised = n_inserted = n_changed = n_removed = 0
        if n_different:
            n_revised = self._execute("load/revise", load_id=load_id).rowcount
            n_removed = self._execute("load/remove_vanished").rowcount
            n_changed = self._execute("load/write_changed").rowcount
            n_inserted = self._execute("load/insert_new").rowcount
        # Seven counts from seven statements: if one of them touched a row too few or too many, two sums differ.
        if (
            n_held - n_removed + n_inserted != n_rows
            or n_changed + n_removed != n_revised
            or n_revised + n_inserted != n_different
        ):
            raise AccountingError(
                f"of {n_held} points held and {n_rows} received {n_different} differ, but {n_inserted} were inserted, "
                f"{n_changed} changed, {n_removed} removed and {n_revised} kept as revisions",
                place=self._place,
                fix="report it: nothing was written, and the loader is wrong",
            )
        return Written(n_inserted, n_changed, n_rows - n_inserted - n_changed, n_removed)

    def _copy(self, target: str, rows: Iterator[bytes | memoryview], n_rows: int) -> None:
        with self._connection.cursor() as cursor:
            with cursor.copy(_COPY.format(self._names[target])) as copy:
                copy.write(HEADER)
                for block in rows:
                    copy.write(block)
                copy.write(TRAILER)
            if cursor.rowcount != n_rows:
                raise AccountingError(
                    f"{n_rows} points were to be copied and the server counted {cursor.rowcount}",
                    place=self._place,
                    fix="report it: nothing was written, and the loader is wrong",
                )

    def _execute(self, name: str, **values: object) -> psycopg.Cursor:
        return self._connection.execute(statement(name).format(**self._names), values or None)


def encoded_numbers(intake: Intake) -> Iterator[memoryview]:
    """The numbers of an intake in the order of the key, a slice at a time; each is valid until the next."""
    encoder, series_ids = MeasurementEncoder(), intake.series_ids
    for part in intake.numbers.slices(intake.number_order):
        yield encoder.encode(series_ids[part.rank], part.at_us, part.value)


def encoded_states(intake: Intake) -> Iterator[bytes]:
    """The states of an intake in the order of the key, a slice at a time."""
    series_ids = intake.series_ids
    for part in intake.states.slices(intake.state_order):
        yield encode_states(series_ids[part.rank], part.at_us, part.value, intake.texts)
