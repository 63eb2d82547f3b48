"""Suspect days: loaded, marked beside the ledger, and asked for again until data come or the answer is believed.

Days are judged when somebody asks: those that a load has changed since, and those whose verdicts changed.
So it is of no importance in which order days were loaded, or whether a process lived to judge them. What a day lacks
is what its series lack, by the verdicts of `series_day`: there is no other judge, and a day without verdicts waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg
from psycopg.rows import class_row

from domain.suspect_refetch import SuspectRefetch
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
        return SuspectRefetch.of([at.astimezone(UTC).date() for at in self.asked_at]).next_day

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
            is_unjudged = bool(_unjudged(connection, source))
        if is_unjudged:
            assess(self._connections, source, None)
            with self._connections.borrow(place) as connection, connection.transaction():
                connection.execute(statement("completeness/lock"), {"source": source})
                _judge(connection, source)
        return self.marked(source)

    def marked(self, source: str) -> list[SuspectDay]:
        """The same days as they were judged the last time: so nothing is judged, and it may be asked every minute."""
        place = f"ledger of {source}"
        found = self._connections.rows(place, "suspect/open", {"source": source}, class_row(SuspectDay))
        return [one for one in found if one.next_day is not None]

    def confirm(self, source: str, day: date) -> bool:
        """Note that a person says that a suspect day is right; False if it is not suspect."""
        if day not in {one.day for one in self.days(source)}:
            return False
        with self._connections.borrow(f"ledger of {source}") as connection:
            connection.execute(statement("suspect/confirm"), {"source": source, "day": day})
        return True


def _unjudged(connection: psycopg.Connection, source: str) -> dict[date, int]:
    return dict(connection.execute(statement("suspect/unjudged"), {"source": source}).fetchall())


def _judge(connection: psycopg.Connection, source: str) -> None:
    """Mark the days that loads or verdicts have changed. Needs the lock of whoever writes verdicts."""
    load_ids = _unjudged(connection, source)
    values = {"source": source, "days": list(load_ids)}
    lacking = connection.execute(statement("suspect/lacking"), values).fetchall()
    reasons = {
        day: _reason(*counts, keys=keys, found=found, expected=expected)
        for day, *counts, keys, found, expected in lacking
    }
    found = {"load_ids": list(load_ids.values()), "suspects": [reasons.get(day) for day in load_ids]}
    connection.execute(statement("suspect/judge"), values | found)


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
