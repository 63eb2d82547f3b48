"""What is there, and not what should be: hypertables, policies and their jobs, and points against the ledger."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg.rows import class_row

from domain.errors import WarehouseUnsuitableError
from domain.window import Window
from warehouse.connections import Address
from warehouse.literals import literals
from warehouse.sqlstates import translated
from warehouse.statements import script, statement

_NEWEST: Final = 3  # days of each source that every look takes, beside
_OTHERS: Final = 7  # others, drawn anew each time


@dataclass(frozen=True, slots=True)
class Policy:
    """How the compression of one table stands, in the community edition.

    Attributes:
        table_name: Which.
        has_columnstore: Whether it can be compressed at all.
        job_id: The job that compresses it; None if there is none.
        is_scheduled: Whether that job is run.
        last_run_status: `Success`, `Failed`, or None before the first run.
        last_run_started_at: When that was.
        n_overdue: Chunks that have waited for longer than two of its turns.
    """

    table_name: str
    has_columnstore: bool
    job_id: int | None
    is_scheduled: bool | None
    last_run_status: str | None
    last_run_started_at: datetime | None
    n_overdue: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day of a source.

    Attributes:
        source: Whose.
        day: The UTC day.
        n_loaded: Points that its newest load says.
        n_stored: Points that are there, without those of a stream that no load has confirmed.
    """

    source: str
    day: date
    n_loaded: int
    n_stored: int


def refuse_lost_hypertables(connection: sa.Connection, place: str) -> None:
    """Refuse a schema whose tables of points are plain ones: a dump was restored without TimescaleDB's knowledge.

    Raises:
        WarehouseUnsuitableError: Some are.
    """
    tables = list(connection.exec_driver_sql(script("inspection/tables")).scalars())
    hypertables: set[str] = set()
    if connection.exec_driver_sql(script("inspection/has_hypertables")).scalar_one():
        hypertables = set(connection.exec_driver_sql(script("inspection/hypertables")).scalars())
    if lost := [name for name in tables if name not in hypertables]:
        verb = "is no hypertable" if len(lost) == 1 else "are no hypertables"
        raise WarehouseUnsuitableError(
            f"{', '.join(lost)} {verb}, as after a dump that was restored without TimescaleDB's knowledge",
            place=place,
            fix="restore it anew into an empty database, as a superuser, between `SELECT timescaledb_pre_restore()` and"
            " `SELECT timescaledb_post_restore()`; or migrate an empty database and replay what is landed",
        )


def policies(url: str) -> list[Policy]:
    """How the compression of each table stands that is to be compressed; for the community edition."""
    address = Address.of(url)
    with translated(address.place), address.connect() as connection:
        return policies_on(connection)


def policies_on(connection: psycopg.Connection) -> list[Policy]:
    """The same on a session."""
    with connection.cursor(row_factory=class_row(Policy)) as cursor:
        return cursor.execute(statement("inspection/policies")).fetchall()


def day_counts(url: str, *, is_deep: bool = False) -> Iterator[DayCount]:
    """Days of every source: of each the newest and some others, or all; none that was loaded with others at once."""
    address = Address.of(url)
    with translated(address.place), address.connect() as connection:
        series: defaultdict[str, list[int]] = defaultdict(list)
        for source, series_id in connection.execute("SELECT source, series_id FROM series"):
            series[source].append(series_id)
        rows = connection.execute(statement("inspection/loaded_days")).fetchall()
        for source, of_it in groupby(rows, key=lambda row: str(row[0])):
            days = [day for _, day in of_it]
            for day in days if is_deep else _sample(days):
                account = _day_count(connection, source, day, series[source])
                if account is not None:
                    yield account


def _sample(days: list[date]) -> list[date]:
    newest, others = days[:_NEWEST], days[_NEWEST:]
    return newest + random.sample(others, min(_OTHERS, len(others)))


def _day_count(connection: psycopg.Connection, source: str, day: date, series_ids: list[int]) -> DayCount | None:
    window = Window.of_day(day)
    asked = statement("inspection/account").format(**literals(series_ids, window.start, window.end))
    row = connection.execute(asked, {"source": source}).fetchone()
    return DayCount(source, day, *row) if row else None
