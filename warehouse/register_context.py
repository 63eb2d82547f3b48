"""The readings by which the register intervals of some days are judged, and the days whose intervals a load may change.

A hop is the next whole UTC days with readings, until they hold enough of them (`domain.registers.days`). Intervals
depend on nothing that lies farther away than a few hops, so that a load reads a neighbourhood and never a history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.instants import DAY_US, EPOCH, microseconds
from domain.registers import HOP_READINGS, HOPS, NEAREST, changes
from domain.window import Window
from warehouse.copy_binary import decode_instants, decode_numbers
from warehouse.literals import literal_ids
from warehouse.statements import statement
from warehouse.stored_points import stored_points

_Ints = npt.NDArray[np.int64]
_DECIDED: Final = 2 * (NEAREST + 1)
"""Steps away from a reading that it may be part of the yardstick of, and those beside which a fall would be seen."""

_FIRST_READ: Final = 8 * HOPS * HOP_READINGS
"""Readings asked for on one side, where a few days do not hold enough; twice as many each further time."""

_SIDES: Final[dict[Literal["before", "from"], dict[str, sql.Composable]]] = {
    "before": {"comparison": sql.SQL("<"), "direction": sql.SQL("DESC")},
    "from": {"comparison": sql.SQL(">="), "direction": sql.SQL("ASC")},
}


@dataclass(frozen=True, slots=True)
class Context:
    """The readings around some days of one register.

    Attributes:
        series_id: Its number in the catalogue.
        at_us: Microseconds since 1970, ascending.
        value: What it read, in the canonical unit.
        first_us: Intervals that end from here on …
        end_us: … and before here may have changed, and are judged right by these readings.
    """

    series_id: int
    at_us: _Ints
    value: npt.NDArray[np.float64]
    first_us: int = 0
    end_us: int = 0


def contexts(connection: psycopg.Connection, series_ids: Sequence[int], window: Window) -> Iterator[Context]:
    """The context of what a load of `window` touched, register by register, in the order of `series_ids`."""
    days = _days_of(window)
    for found in _readings(connection, series_ids, days, 2 * HOPS):
        yield _bounded(found, *days)


def neighbourhoods(connection: psycopg.Connection, series_ids: Sequence[int], window: Window) -> Iterator[Context]:
    """Readings of `window` and of the hops around it; the intervals inside are those that so few readings decide.

    Where nothing falls among these readings, and nothing was there in `window` before, the readings inside are new to
    the yardsticks of a few intervals before and behind them, and to nothing else. One hop more than intervals depend
    on is looked at: these few may end in the second hop, where a fall in the third still decides.
    """
    for found in _readings(connection, series_ids, _days_of(window), HOPS + 1):
        first, last = np.searchsorted(found.at_us, [microseconds(at) for at in (window.start, window.end)])
        before, behind = max(0, int(first) - _DECIDED), min(len(found.at_us), int(last) + _DECIDED) - 1
        if behind >= before:
            yield replace(found, first_us=int(found.at_us[before]), end_us=int(found.at_us[behind]) + 1)
        else:
            yield found


def _readings(
    connection: psycopg.Connection, series_ids: Sequence[int], days: tuple[int, int], hops: int
) -> Iterator[Context]:
    """The readings of some days and of at least so many hops on each side."""
    wide = Window(*(EPOCH + timedelta(days=day) for day in (days[0] - hops, days[1] + hops)))
    found = {
        series_id: Context(series_id, *_sorted(at_us, decode_numbers(packed)))
        for series_id, at_us, packed in stored_points(connection, "numbers", series_ids, wide)
    }
    empty = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
    known = {series_id: found.get(series_id, Context(series_id, *empty)) for series_id in series_ids}
    for side in _SIDES:
        _extend(connection, known, side, days, hops)
    return (known[series_id] for series_id in series_ids)


def _extend(
    connection: psycopg.Connection,
    known: dict[int, Context],
    side: Literal["before", "from"],
    days: tuple[int, int],
    hops: int,
) -> None:
    """Read on, one side, for registers whose readings lie too far apart for the days read so far."""
    limit = EPOCH + timedelta(days=days[0] - hops if side == "before" else days[1] + hops)
    n_readings = _FIRST_READ
    short = [one for one, context in known.items() if _reach(context, side, days, hops) is None]
    inside = {series_id: known[series_id] for series_id in short}
    while short:
        names = {
            **_SIDES[side],
            "series_ids": literal_ids(short),
            "limit": sql.Literal(limit),
            "n_readings": sql.Literal(n_readings),
        }
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(statement("register/readings_beside").format(**names)).fetchall()
        short = []
        for series_id, times, values in rows:
            at_us, value = _sorted(decode_instants(times), decode_numbers(values))
            is_all = len(at_us) < n_readings
            if not is_all:
                # Its last day may hold more than was read.
                cut = at_us // DAY_US != (at_us[0] if side == "before" else at_us[-1]) // DAY_US
                at_us, value = at_us[cut], value[cut]
            base = inside[series_id]
            parts = (at_us, base.at_us) if side == "before" else (base.at_us, at_us)
            numbers = (value, base.value) if side == "before" else (base.value, value)
            known[series_id] = replace(base, at_us=np.concatenate(parts), value=np.concatenate(numbers))
            if not is_all and _reach(known[series_id], side, days, hops) is None:
                short.append(series_id)
        n_readings *= 2


def _bounded(context: Context, first_day: int, end_day: int) -> Context:
    """Exactly the readings that count, and the days that they judge."""
    days, at_us = (first_day, end_day), context.at_us
    lowest, highest = (_reach(context, side, days, 2 * HOPS) for side in _SIDES)
    first, last = (_reach(context, side, days, HOPS) for side in _SIDES)
    start = 0 if lowest is None else int(np.searchsorted(at_us, lowest * DAY_US))
    stop = len(at_us) if highest is None else int(np.searchsorted(at_us, (highest + 1) * DAY_US))
    if len(at_us):
        first = min(first_day, int(at_us[0] // DAY_US)) if first is None else first
        last = max(end_day - 1, int(at_us[-1] // DAY_US)) if last is None else last
    return Context(
        context.series_id,
        at_us[start:stop],
        context.value[start:stop],
        (first_day if first is None else first) * DAY_US,
        (end_day if last is None else last + 1) * DAY_US,
    )


def _reach(context: Context, side: Literal["before", "from"], days: tuple[int, int], hops: int) -> int | None:
    """The day at which so many hops away from some days end; None where the readings known do not reach so far."""
    numbers = context.at_us // DAY_US
    start, stop = np.searchsorted(numbers, days)
    near = numbers[:start][::-1] if side == "before" else numbers[stop:]
    n_changes = changes(context.value[:start][::-1] if side == "before" else context.value[stop:])
    at = 0
    for _ in range(hops):
        begun, wanted = at, at + HOP_READINGS
        while at < wanted:
            if wanted > len(near):
                return None
            # The whole day of the reading that makes up the hop.
            day = near[wanted - 1]
            at = int((near >= day).sum() if side == "before" else (near <= day).sum())
            if n_changes[begun] == n_changes[at - 1] and wanted == begun + HOP_READINGS:
                wanted = at + 1  # all the same: one day more
    return int(near[at - 1])


def _sorted(at_us: _Ints, value: npt.NDArray[np.float64]) -> tuple[_Ints, npt.NDArray[np.float64]]:
    if (at_us[1:] > at_us[:-1]).all():
        return at_us, value
    order = np.argsort(at_us, kind="stable")
    return at_us[order], value[order]


def _days_of(window: Window) -> tuple[int, int]:
    """The window's UTC days, as numbers since 1970: the first, and the one behind the last."""
    return (window.start - EPOCH) // timedelta(days=1), -((EPOCH - window.end) // timedelta(days=1))
