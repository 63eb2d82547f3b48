"""Intervals of registers, kept equal to what their readings say, in the transaction that writes these.

An interval is judged by what stands on both sides of it (`domain.registers`), hence a load of one day may change what
its neighbours' readings meant. It rewrites them, and only what differs is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from psycopg import sql

from domain.errors import AccountingError
from domain.registers import Intervals, Register, judge, judge_rising, register_of
from domain.window import Window
from warehouse import register_days, register_rows
from warehouse.literals import literal_ids
from warehouse.register_context import Context, contexts, neighbourhoods
from warehouse.register_rows import Rows
from warehouse.statements import statement

_AT_ONCE: Final = 64
"""Registers whose readings are held in memory together."""


_SPAN: Final = timedelta(days=28)
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of the intervals: rows put, and rows removed; one that changed counts as both."""

    n_put: int = 0
    n_removed: int = 0


def rewrite(
    connection: psycopg.Connection,
    source: str,
    series_ids: Sequence[int],
    window: Window,
    *,
    place: str,
    is_first: bool = False,
    is_rezoned: bool = False,
) -> Rewritten:
    """Make the intervals right that readings inside `window` have a part in. Needs: an open transaction.

    Args:
        connection: It has written the readings, and holds every lock that it is going to need.
        source: Whose registers.
        series_ids: Series with readings inside `window` that were put, changed or removed; others than registers are
            left out.
        window: Where.
        place: For messages.
        is_first: There was no reading of any of them inside `window` before.
        is_rezoned: The zone of each is another one now, and so are its local days.

    Raises:
        AccountingError: The server counted other numbers than were to be written.
    """
    if not _registers(connection, source, series_ids):
        return Rewritten()
    _lock(connection, source)
    # Only now: the last holder of the lock may have described them anew.
    registers, zones = _registers(connection, source, series_ids), _zones(connection, series_ids)
    n_put = n_removed = 0
    for group in _groups(list(registers)):
        spans, parts = [], []
        for context, judged in _judged(connection, {one: registers[one] for one in group}, window, is_first=is_first):
            if context.end_us > context.first_us:
                spans.append((context.series_id, context.first_us, context.end_us))
                parts.append(Rows.of(context.series_id, judged, context.first_us, context.end_us))
        if not spans:
            continue
        stored, wanted = register_rows.read(connection, spans), Rows.joined(parts)
        gone, new, counting = register_rows.difference(stored, wanted)
        counted = (register_rows.remove(connection, gone), register_rows.put(connection, new))
        if counted != (len(gone), len(new)):
            raise AccountingError(
                f"{len(gone)} register intervals were to be removed and {len(new)} put, and the server counted"
                f" {counted[0]} and {counted[1]}",
                place=place,
                fix="report it: nothing was written, and the loader is wrong",
            )
        n_put, n_removed = n_put + len(new), n_removed + len(gone)
        touched = Rows.joined([stored, wanted]) if is_rezoned else counting
        if len(touched):
            register_days.rewrite(connection, touched, wanted, spans, {one: zones[one] for one in group}, place=place)
    return Rewritten(n_put, n_removed)


def _judged(
    connection: psycopg.Connection, registers: Mapping[int, Register], window: Window, *, is_first: bool
) -> Iterator[tuple[Context, Intervals]]:
    """Each register's readings around `window`, and the intervals inside the context's bounds."""
    left = list(registers)
    if is_first:
        left = []
        for near in neighbourhoods(connection, list(registers), window):
            register = registers[near.series_id]
            if not register.is_net and not (np.diff(near.value) < 0).any():
                yield near, judge_rising(near.at_us, near.value, register)
            else:
                left.append(near.series_id)
    if not left:
        return
    for context in contexts(connection, left, window):
        bounds = {"first_us": context.first_us, "end_us": context.end_us}
        yield context, judge(context.at_us, context.value, registers[context.series_id], **bounds)


def spans(connection: psycopg.Connection, series_ids: Sequence[int]) -> Iterator[Window]:
    """The history of some registers, a few weeks at a time: what `rewrite` is told to make all of it right.

    Only weeks with readings, or with intervals: one reading decades before the others costs one more, and not decades.
    """
    limit = _EVER
    while True:
        names: dict[str, sql.Composable] = {"series_ids": literal_ids(series_ids), "limit": sql.Literal(limit)}
        row = connection.execute(statement("register/next").format(**names)).fetchone()
        if row is None or row[0] is None:
            return
        day = row[0].astimezone(UTC).date()
        span = Window.of_days(day, day + _SPAN - timedelta(days=1))
        yield span
        limit = span.end


def _lock(connection: psycopg.Connection, source: str) -> None:
    connection.execute(statement("register/lock"), {"source": source})


def _registers(connection: psycopg.Connection, source: str, series_ids: Sequence[int]) -> dict[int, Register]:
    if not len(series_ids):
        return {}
    rows = connection.execute(statement("register/of_source"), {"source": source, "series_ids": list(series_ids)})
    return {series_id: register_of(quantity, provider_unit) for series_id, quantity, provider_unit in rows}


def _zones(connection: psycopg.Connection, series_ids: Sequence[int]) -> dict[int, str]:
    return dict(connection.execute(statement("summary/zones"), {"series_ids": list(series_ids)}).fetchall())


def _groups(series_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (series_ids[start : start + _AT_ONCE] for start in range(0, len(series_ids), _AT_ONCE))
