"""Which days are to be summed up: those with points, and those with facts or summaries of points that are gone."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

import psycopg
from psycopg import sql

from domain.window import Window
from warehouse.literals import literals_of_days
from warehouse.statements import statement

EVER: Final = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def stored_days(connection: psycopg.Connection, series_ids: Sequence[int], window: Window = EVER) -> Iterator[Window]:
    """Each UTC day that touches `window` on which any of the series has points, or facts of points; in order of time.

    One point decades before the others costs the days of its chunk, and not decades.
    """
    asked = {"start": window.start, "end": window.end}
    for (at,) in connection.execute(statement("summary/days_of_chunks"), asked).fetchall():
        day = Window.of_day(at.astimezone(UTC).date())
        names = literals_of_days(series_ids, day) | {"day": sql.Literal(day.day)}
        row = connection.execute(statement("summary/has_day").format(**names)).fetchone()
        if row is not None and row[0]:
            yield day


def days_of_sources(connection: psycopg.Connection, sources: str) -> list[tuple[str, Window]]:
    """Every source with every UTC day on which it has points, or facts of points.

    Args:
        connection: Of the owner of the tables.
        sources: The statement that says each source's series.
    """
    rows = connection.execute(statement(sources)).fetchall()
    return [(source, day) for source, series_ids in rows for day in stored_days(connection, series_ids)]


def units_of_days(connection: psycopg.Connection, sources: str) -> list[str]:
    """The same, each as `day source`."""
    return [f"{day.day} {source}" for source, day in days_of_sources(connection, sources)]


def filled_by_day(
    rewrite_day: Callable[[psycopg.Connection, str, date], object],
) -> Callable[[psycopg.Connection, str], None]:
    """How such a unit is filled, where `rewrite_day` rewrites a day of a source."""

    def fill(connection: psycopg.Connection, unit: str) -> None:
        day, source = unit.split(" ", 1)
        rewrite_day(connection, source, date.fromisoformat(day))

    return fill


def lock_day(connection: psycopg.Connection, source: str, day: date) -> None:
    """Hold, until the transaction ends, the locks that a load of the day holds."""
    connection.execute(statement("load/share_catalogue"), {"source": source})
    connection.execute(statement("load/lock_day"), {"source": source, "day": day})
