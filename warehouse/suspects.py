"""Suspect days: loaded, marked beside the ledger, and asked for again until data come or the answer is believed.

Days are judged when somebody asks: all those that a load has changed since, and those whose judgement depends on them.
So it is of no importance in which order days were loaded, or whether a process lived to judge them. What a day is
judged by is `domain.suspicion`, and nothing of it is known here but its sentence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import psycopg
from psycopg.rows import class_row

from domain.asking_again import Asking
from domain.suspicion import DAYS_BEFORE, DAYS_BEHIND, Suspicion, judged
from domain.window import Window
from warehouse.connections import Connections
from warehouse.statements import statement
from warehouse.summary_tables import DAILY, stored_rows

_DAY: Final = timedelta(days=1)
_DAYS_AT_ONCE: Final = 56  # 10,000 series are 36 MB of summaries then
_NAMED: Final = 3  # series in a reason


@dataclass(frozen=True, slots=True)
class SuspectDay:
    """A day that has far fewer points than is usual, and that neither a person nor repetition has confirmed.

    Attributes:
        day: Which.
        reason: Why, in words.
        asked_at: When each answer was asked for that said what the day says now, the first one included.
    """

    day: date
    reason: str
    asked_at: Sequence[datetime]

    @property
    def next_day(self) -> date | None:
        """The UTC day from which on it is to be asked for again; None if it came often enough to be believed."""
        return Asking.of([at.astimezone(UTC).date() for at in self.asked_at]).next_day

    def has_settled(self, finalization_lag: timedelta) -> bool:
        """Whether the newest answer was asked for when the day's values were final."""
        return max(self.asked_at) >= Window.of_day(self.day).end + finalization_lag


class Suspects:
    """The suspect days of every source."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def days(self, source: str) -> list[SuspectDay]:
        """The suspect days of `source`, in order."""
        place = f"ledger of {source}"
        with self._connections.borrow(place) as connection:
            if any(is_unjudged for _, _, is_unjudged in _loaded_days(connection, source)):
                with connection.transaction():
                    connection.execute(statement("suspect/lock"), {"source": source})
                    _judge(connection, source)
        found = self._connections.rows(place, "suspect/open", {"source": source}, class_row(SuspectDay))
        return [one for one in found if one.next_day is not None]

    def confirm(self, source: str, day: date) -> bool:
        """Note that a person says that a suspect day is right; False if it is not suspect."""
        if day not in {one.day for one in self.days(source)}:
            return False
        with self._connections.borrow(f"ledger of {source}") as connection:
            connection.execute(statement("suspect/confirm"), {"source": source, "day": day})
        return True


def _loaded_days(connection: psycopg.Connection, source: str) -> list[tuple[date, int, bool]]:
    return connection.execute(statement("suspect/loaded_days"), {"source": source}).fetchall()


def _judge(connection: psycopg.Connection, source: str) -> None:
    """Judge the days that loads have changed, and those that are held against them."""
    loaded = _loaded_days(connection, source)
    changed = np.array([day.toordinal() for day, _, is_unjudged in loaded if is_unjudged], dtype=np.int64)
    load_ids = {day: load_id for day, load_id, _ in loaded}
    affected = [
        day
        for day in load_ids
        if ((changed >= day.toordinal() - DAYS_BEFORE) & (changed <= day.toordinal() + DAYS_BEHIND)).any()
    ]
    series = connection.execute(statement("suspect/series"), {"source": source}).fetchall()
    keys = [str(key) for _, key, _ in series]
    is_regular = np.array([*(bool(one) for _, _, one in series), True])  # the last row is all of them
    for days in _blocks(affected):
        first, last = days[0] - DAYS_BEFORE * _DAY, days[-1] + DAYS_BEHIND * _DAY
        counts = _counts(connection, [series_id for series_id, _, _ in series], Window.of_days(first, last))
        is_loaded = [first + n * _DAY in load_ids for n in range(counts.shape[1])]
        counts[:, ~np.array(is_loaded)] = np.nan
        found = [judged(counts, is_regular, (day - first).days) for day in days]
        values = {
            "source": source,
            "days": days,
            "load_ids": [load_ids[day] for day in days],
            "suspects": [_reason(one, keys) for one in found],
        }
        connection.execute(statement("suspect/judge"), values)


def _blocks(days: Sequence[date]) -> Iterator[list[date]]:
    """Days in pieces that span so many days at most, divided where days are far apart."""
    block = list(days[:1])
    for before, day in pairwise(days):
        if day - before > DAYS_BEFORE * _DAY or day - block[0] >= _DAYS_AT_ONCE * _DAY:
            yield block
            block = []
        block.append(day)
    if block:
        yield block


def _counts(
    connection: psycopg.Connection, series_ids: list[int], window: Window
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Points by series and day, and in the last row those of all series."""
    first = window.start.date().toordinal() - 1
    counts = np.zeros((len(series_ids) + 1, (window.end - window.start).days))
    rows = stored_rows(connection, DAILY, series_ids, window)
    counts[np.searchsorted(series_ids, rows.key >> 32), (rows.key & 0xFFFFFFFF) - first] = rows.figures.n_points
    counts[-1] = counts[:-1].sum(axis=0)
    return counts


def _reason(found: Sequence[Suspicion], keys: Sequence[str]) -> str | None:
    if not found:
        return None
    for one in found:
        if one.row == len(keys):
            return f"{one.found:,} points where {one.usual:,.0f} are usual"
    named = ", ".join(f"{keys[one.row]} ({one.found:,} of {one.usual:,.0f})" for one in found[:_NAMED])
    have = "series has" if len(found) == 1 else "series have"
    others = f", and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return f"{len(found):,} {have} less than half of the usual points: {named}{others}"
