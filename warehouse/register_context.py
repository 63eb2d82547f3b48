"""The readings by which the register intervals of some days are judged, and the days whose intervals a load may change.

A hop is the next whole UTC days with readings, until they hold enough of them (`domain.registers`). Intervals depend on
nothing that lies farther away than a few hops, so that a load reads a neighbourhood and never a history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.registers import HOP_READINGS, HOPS
from domain.window import Window
from warehouse.copy_binary import decode_instants, decode_numbers
from warehouse.held import held, literal_ids
from warehouse.statements import statement

_Ints = npt.NDArray[np.int64]
_DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_READ: Final = 8 * HOPS * HOP_READINGS
"""Readings asked for on one side, where a few days do not hold enough; twice as many each further time."""


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


@dataclass(frozen=True, slots=True)
class _Side:
    """How far one side reaches: the day of the last hop wanted; None if what was read does not hold so many."""

    affected: int | None
    context: int | None

    @classmethod
    def of(cls, counts: _Ints, days: _Ints) -> Self:
        """Of days with readings in the order in which one walks away from the load, and how many each holds."""
        found: list[int | None] = []
        position = 0
        for _ in range(2):
            for _ in range(HOPS):
                n = 0
                while n < HOP_READINGS and position < len(days):
                    n += int(counts[position])
                    position += 1
                if n < HOP_READINGS:
                    return cls(*[*found, None, None][:2])
            found.append(int(days[position - 1]))
        return cls(*found)


def contexts(connection: psycopg.Connection, series_ids: Sequence[int], window: Window) -> Iterator[Context]:
    """The context of what a load of `window` touched, register by register, in the order of `series_ids`."""
    margin = timedelta(days=2 * HOPS)
    first_day, end_day = _days_of(window)
    wide = Window(_EPOCH + timedelta(days=first_day) - margin, _EPOCH + timedelta(days=end_day) + margin)
    found = {
        series_id: Context(series_id, *_sorted(at_us, decode_numbers(packed)))
        for series_id, at_us, packed in held(connection, "numbers", series_ids, wide)
    }
    empty = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
    known = {series_id: found.get(series_id, Context(series_id, *empty)) for series_id in series_ids}
    for side in ("before", "from"):
        limit = wide.start if side == "before" else wide.end
        _extend(connection, known, side, limit, (first_day, end_day))
    for series_id in series_ids:
        yield _bounded(known[series_id], first_day, end_day)


def _extend(
    connection: psycopg.Connection,
    known: dict[int, Context],
    side: Literal["before", "from"],
    limit: datetime,
    days: tuple[int, int],
) -> None:
    """Read on, one side, for registers whose readings lie too far apart for the days read so far."""
    n_readings = _FIRST_READ
    short = [one for one, context in known.items() if _reach(context, side, *days).context is None]
    inside = {series_id: known[series_id] for series_id in short}
    while short:
        names = {
            "series_ids": literal_ids(short),
            "limit": sql.Literal(limit),
            "n_readings": sql.Literal(n_readings),
        }
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(statement(f"register/readings_{side}").format(**names)).fetchall()
        short = []
        for series_id, times, values in rows:
            at_us, value = _sorted(decode_instants(times), decode_numbers(values))
            is_all = len(at_us) < n_readings
            if not is_all:
                # Its last day may hold more than was read.
                cut = at_us // _DAY_US != (at_us[0] if side == "before" else at_us[-1]) // _DAY_US
                at_us, value = at_us[cut], value[cut]
            base = inside[series_id]
            parts = (at_us, base.at_us) if side == "before" else (base.at_us, at_us)
            numbers = (value, base.value) if side == "before" else (base.value, value)
            known[series_id] = replace(base, at_us=np.concatenate(parts), value=np.concatenate(numbers))
            if not is_all and _reach(known[series_id], side, *days).context is None:
                short.append(series_id)
        n_readings *= 2


def _bounded(context: Context, first_day: int, end_day: int) -> Context:
    """Exactly the readings that count, and the days that they judge."""
    before = _reach(context, "before", first_day, end_day)
    after = _reach(context, "from", first_day, end_day)
    at_us = context.at_us
    start = 0 if before.context is None else int(np.searchsorted(at_us, before.context * _DAY_US))
    stop = len(at_us) if after.context is None else int(np.searchsorted(at_us, (after.context + 1) * _DAY_US))
    lowest = first_day if not len(at_us) else min(first_day, int(at_us[0] // _DAY_US))
    highest = end_day if not len(at_us) else max(end_day, int(at_us[-1] // _DAY_US) + 1)
    return Context(
        context.series_id,
        at_us[start:stop],
        context.value[start:stop],
        (lowest if before.affected is None else before.affected) * _DAY_US,
        (highest if after.affected is None else after.affected + 1) * _DAY_US,
    )


def _reach(context: Context, side: Literal["before", "from"], first_day: int, end_day: int) -> _Side:
    days, counts = np.unique(context.at_us // _DAY_US, return_counts=True)
    if side == "before":
        chosen = days < first_day
        return _Side.of(counts[chosen][::-1], days[chosen][::-1])
    chosen = days >= end_day
    return _Side.of(counts[chosen], days[chosen])


def _sorted(at_us: _Ints, value: npt.NDArray[np.float64]) -> tuple[_Ints, npt.NDArray[np.float64]]:
    if (at_us[1:] > at_us[:-1]).all():
        return at_us, value
    order = np.argsort(at_us, kind="stable")
    return at_us[order], value[order]


def _days_of(window: Window) -> tuple[int, int]:
    """The window's UTC days, as numbers since 1970: the first, and the one behind the last."""
    return (window.start - _EPOCH) // timedelta(days=1), -((_EPOCH - window.end) // timedelta(days=1))
