"""Suspect days: loaded, marked beside the ledger, and asked for again until data come or the answer is believed.

Days are judged when somebody asks: all those that a load has changed since, and those whose judgement depends on them.
So it is of no importance in which order days were loaded, or whether a process lived to judge them. What a day lacks
is what its series lack, by the verdicts of `series_day`: there is no other judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from psycopg.rows import class_row

from domain.asking_again import Asking
from domain.completeness.shown import LOOK_AHEAD, LOOK_BACK
from domain.window import Window
from warehouse.assessment import assess
from warehouse.connections import Connections
from warehouse.statements import statement

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
            is_unjudged = any(one for *_, one in _loaded_days(connection, source))
        if is_unjudged:
            assess(self._connections, source, None)
            with self._connections.borrow(place) as connection, connection.transaction():
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
    """Mark the days that loads have changed, and those that are held against them."""
    loaded = _loaded_days(connection, source)
    changed = np.array([day.toordinal() for day, _, is_unjudged in loaded if is_unjudged], dtype=np.int64)
    load_ids = {day: load_id for day, load_id, _ in loaded}
    affected = [
        day
        for day in load_ids
        if ((changed >= day.toordinal() - LOOK_BACK) & (changed <= day.toordinal() + LOOK_AHEAD)).any()
    ]
    lacking = connection.execute(statement("suspect/lacking"), {"source": source, "days": affected}).fetchall()
    reasons = {
        day: _reason(*counts, keys=keys, found=found, expected=expected)
        for day, *counts, keys, found, expected in lacking
    }
    values = {
        "source": source,
        "days": affected,
        "load_ids": [load_ids[day] for day in affected],
        "suspects": [reasons.get(day) for day in affected],
    }
    connection.execute(statement("suspect/judge"), values)


def _reason(
    n_found: int,
    n_expected: int,
    n_low: int,
    *,
    keys: Sequence[str],
    found: Sequence[int],
    expected: Sequence[int | None],
) -> str | None:
    """What is missing, in words.

    Args:
        n_found: Points of all series of which a number is expected.
        n_expected: That number.
        n_low: Series with less than half.
        keys: Of these, the worst ones first.
        found: Their points.
        expected: What is expected of them; None of those that have never been silent for so long.
    """
    if n_found * 2 < n_expected:
        return f"{n_found:,} points where {n_expected:,} are usual"
    if not n_low:
        return None
    worst = list(zip(keys, found, expected, strict=True))[:_NAMED]
    named = ", ".join(f"{key} ({n:,} of {usual:,})" if usual else f"{key} (silent)" for key, n, usual in worst)
    have = "series has" if n_low == 1 else "series have"
    others = f", and {n_low - _NAMED:,} more" if n_low > _NAMED else ""
    return f"{n_low:,} {have} less than half of the usual points: {named}{others}"
