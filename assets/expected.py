"""Which days should be loaded by now: the one definition of "fresh" and of "missing", for checks and commands alike.

A day is expected `due_after` (two hours, if a source says nothing else) after the first scheduled load that follows its
end. Where no schedule asks, no day is.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

# The scheduler's own readers of cron expressions have no public name in 1.13.27.
from dagster._utils.schedules import cron_string_iterator, reverse_cron_string_iterator

from assets.source import SourceFacts
from domain.window import Window

_DAY = timedelta(days=1)


def last_expected_day(facts: SourceFacts, now: datetime) -> date | None:
    """The newest UTC day of a source that should be loaded at `now`; None if none should."""
    if facts.schedule is None or facts.is_retired:
        return None
    ticks = reverse_cron_string_iterator((now - facts.due_after).timestamp(), facts.schedule, "UTC")
    day = next(ticks).astimezone(UTC).date() - _DAY
    return day if day >= facts.first_day else None


def next_load_at(facts: SourceFacts, after: datetime) -> datetime | None:
    """When the schedule of a source asks for the first time from `after` on; None where none does."""
    if facts.schedule is None or facts.is_retired:
        return None
    return next(cron_string_iterator(after.timestamp(), facts.schedule, "UTC")).astimezone(UTC)


def due_at(facts: SourceFacts, day: date) -> datetime | None:
    """When a UTC day of a source should be loaded at the latest; None where no schedule asks for it."""
    load_at = next_load_at(facts, Window.of_day(day).end)
    return None if load_at is None else load_at + facts.due_after


def missing_days(facts: SourceFacts, loaded: Collection[date], now: datetime) -> list[date]:
    """The UTC days from the first loaded one on that should be loaded at `now` and are not, in order."""
    if not loaded:
        return []
    first, last = min(loaded), max([*loaded, last_expected_day(facts, now) or date.min])
    every = (first + n * _DAY for n in range((last - first).days + 1))
    return [day for day in every if day not in loaded]
