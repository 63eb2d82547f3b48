"""Which days are to be summed up: those with points, and those with facts or summaries of points that are gone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
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
