"""Flags: what is implausible about the days whose facts have changed, from the points of the eight weeks before them.

A device at a time, since its series say something about each other. No lock of a day is held: a load that changes one
meanwhile notes it, and it is judged again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import psycopg
from psycopg import sql

from domain.instants import SECOND_US
from domain.plausibility.judge import HISTORY_DAYS, judge
from domain.plausibility.shape import LEAST_POINTS, DayShape, shapes_of
from domain.plausibility.siblings import LINK_DAYS, Sibling, siblings_of
from domain.plausibility.values import beyond
from domain.window import Window
from warehouse.connections import Connections
from warehouse.copy_binary import decode_numbers
from warehouse.statements import statement
from warehouse.stored_points import stored_points

Limits = Mapping[str, tuple[float | None, float | None]]
"""Key of a series, `*` for any part → the least and the most that is possible, in the series' own unit."""

_DAYS_AT_ONCE: Final = 28
_COPY_DAYS: Final = 7  # different days on which two series must say the same
_SERIES_AT_ONCE: Final = 13  # a series, and a dozen that it is compared with
_POINTS_AT_ONCE: Final = 8_000_000  # 64 MB of values
_FORTNIGHT: Final = 14  # who goes with whom is not learned anew each day
_LINKED_BEFORE: Final = 2  # a fault of yesterday's is no part of what a series is compared by
_BEFORE: Final = max(HISTORY_DAYS, _FORTNIGHT + _LINKED_BEFORE + LINK_DAYS)
_EPOCH: Final = date(1970, 1, 1)


class SeriesFlag(NamedTuple):
    """One thing that is implausible about a series on a UTC day; `kind` and `evidence` as in `Flag`.

    `copies` are the keys of the series that say the same: what is said of them as well is said once.
    """

    key: str
    device: str
    day: date
    kind: str
    evidence: str
    copies: list[str]

    @property
    def name(self) -> str:
        """What people call it: its device, or its key where the provider names none."""
        return self.device or self.key


class _Series(NamedTuple):
    series_id: int
    key: str
    device: str
    site: str
    days: list[date] | None
    n_points: int


Row = tuple[int, date, str, str]
"""Series, day, kind, evidence."""


def flag(connections: Connections, source: str, limits: Limits, newest: int | None = None) -> int:
    """Judge whether the noted days of a source are plausible; how many rows of `series_flag` that changed.

    Some weeks in each transaction: what was done stays done, and doing it again changes nothing.

    Args:
        connections: To the warehouse.
        source: Whose series.
        limits: What is possible.
        newest: Of the noted days only those of so many days, up to the newest of them; None for all.
    """
    n_rows, is_done, last = 0, False, None
    with connections.borrow(f"flags of {source}") as connection:
        with connection.transaction():
            connection.execute(statement("plausibility/lock"), {"source": source})
            n_rows += _apply_changed(connection, source, limits)
        while not is_done:
            with connection.transaction():
                connection.execute(statement("plausibility/lock"), {"source": source})
                asked = {"source": source, "n_days": newest or _DAYS_AT_ONCE}
                noted = connection.execute(statement("plausibility/noted"), asked).fetchall()
                is_done = newest is not None or not noted
                if noted:
                    days = [day for day, _ in noted]
                    last = max(last or days[-1], days[-1])
                    n_rows += _write(connection, source, days, list(_flags(connection, source, days, limits)))
                    done = {"source": source, "days": days, "instants": [instant for _, instant in noted]}
                    connection.execute(statement("plausibility/done"), done)
        if last is not None:
            _find_copies(connection, source, last)
    return n_rows


def _apply_changed(connection: psycopg.Connection, source: str, limits: Limits) -> int:
    """Judge every day by limits that are others than the last time: its least and largest values are facts."""
    document = json.dumps([[key, *span] for key, span in limits.items()])  # in order: the first that fits counts
    if not connection.execute(statement("plausibility/limits"), {"source": source, "limits": document}).rowcount:
        return 0
    known = connection.execute(statement("plausibility/keys"), {"source": source}).fetchall()
    possible = {series_id: span for series_id, key in known if (span := _possible(key, limits)) != (None, None)}
    values: dict[str, object] = {
        "bounded": list(possible),
        "least": [least for least, _ in possible.values()],
        "most": [most for _, most in possible.values()],
        "n_points": LEAST_POINTS,
    }
    rows = [
        (series_id, day, raised.kind, raised.evidence)
        for series_id, day, low, high in connection.execute(statement("plausibility/beyond"), values)
        if (raised := beyond(low, high, *possible[series_id]))
    ]
    raised_now = _columns(rows) | {"source": source}
    n_rows = connection.execute(statement("plausibility/forget_limits"), raised_now).rowcount
    return n_rows + connection.execute(statement("plausibility/write"), raised_now).rowcount


def _possible(key: str, limits: Limits) -> tuple[float | None, float | None]:
    return next((span for pattern, span in limits.items() if fnmatchcase(key, pattern)), (None, None))


def _find_copies(connection: psycopg.Connection, source: str, last: date) -> None:
    """Note in the catalogue which series say what another one says, by the facts of the weeks up to a day."""
    names = {
        "source": source,
        "first": last - timedelta(days=_DAYS_AT_ONCE - 1),
        "last": last,
        "least": LEAST_POINTS,
        "n_days": _COPY_DAYS,
    }
    literals = {name: sql.Literal(value) for name, value in names.items()}
    with connection.transaction():
        connection.execute(statement("plausibility/lock"), {"source": source})
        connection.execute(statement("plausibility/copies").format(**literals))


def days_to_flag(changed: Sequence[date], last_day: date) -> list[date]:
    """Days that changed, in order, and those of the newest weeks up to `last_day` that are compared with them."""
    newest = [last_day - timedelta(days=n) for n in range(_DAYS_AT_ONCE)]
    behind = {day for day in newest for one in changed if one < day <= one + timedelta(days=_BEFORE)}
    return sorted(behind.union(changed))


def _write(connection: psycopg.Connection, source: str, days: Sequence[date], rows: Sequence[Row]) -> int:
    values = _columns(rows) | {"source": source, "days": days}
    n_rows = connection.execute(statement("plausibility/forget"), values).rowcount
    return n_rows + connection.execute(statement("plausibility/write"), values).rowcount


def _columns(rows: Sequence[Row]) -> dict[str, object]:
    names = ("series_ids", "flag_days", "kinds", "evidence")
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def _flags(connection: psycopg.Connection, source: str, days: Sequence[date], limits: Limits) -> Iterator[Row]:
    window = Window.of_days(days[0] - timedelta(days=_BEFORE), days[-1])
    names = {
        "source": source,
        "days": list(days),
        "least": LEAST_POINTS,
        "first": window.day,
        "last": days[-1],
    }
    literals = {name: sql.Literal(value) for name, value in names.items()}
    found = [_Series(*one) for one in connection.execute(statement("plausibility/series").format(**literals))]
    for _, device in groupby(found, key=lambda one: one.device or one.site):
        for some in _batches(list(device)):
            if any(one.days for one in some):
                yield from _judged(some, _shapes(connection, some, window), limits)


def _batches(device: Sequence[_Series]) -> Iterator[list[_Series]]:
    """The series of a device, in parts of about one size that are compared with each other."""
    n_points = sum(one.n_points for one in device)
    n_parts = max(-(-len(device) // _SERIES_AT_ONCE), -(-n_points // _POINTS_AT_ONCE))
    for part in np.array_split(np.arange(len(device)), n_parts):
        yield [device[n] for n in part.tolist()]


def _shapes(connection: psycopg.Connection, some: Sequence[_Series], window: Window) -> dict[int, list[DayShape]]:
    """Series → the shapes of its days."""
    first, last = _number(window.day), _number((window.end - timedelta(microseconds=1)).date())
    shapes: dict[int, list[DayShape]] = {}
    for series_id, instants, packed in stored_points(connection, "numbers", [one.series_id for one in some], window):
        order = np.argsort(instants, kind="stable")
        shapes[series_id] = shapes_of(instants[order] // SECOND_US, decode_numbers(packed)[order], first, last)
    return shapes


def _judged(some: Sequence[_Series], shapes: Mapping[int, Sequence[DayShape]], limits: Limits) -> Iterator[Row]:
    for one in some:
        own = shapes.get(one.series_id, ())
        others = [(other.key, shapes.get(other.series_id, ())) for other in some if other is not one]
        possible = _possible(one.key, limits)
        linked: dict[int, tuple[Sibling, ...]] = {}
        asked = {_number(day) for day in one.days or ()}
        for n, today in enumerate(own):
            if today.day not in asked:
                continue
            before = today.day - today.day % _FORTNIGHT - _LINKED_BEFORE
            if before not in linked:
                linked[before] = siblings_of(own, others, before)
            for raised in judge(today, own[:n], linked[before], possible):
                yield one.series_id, _EPOCH + timedelta(days=today.day), raised.kind, raised.evidence


def _number(day: date) -> int:
    return (day - _EPOCH).days
