"""The intervals of each sampling frequency: how long they are, and where they begin in a site's own time."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

QUARTER: Final = timedelta(minutes=15)

RESOLUTIONS: Final[dict[str, timedelta | None]] = {
    "15T": QUARTER,
    "H": timedelta(hours=1),
    "D": timedelta(days=1),  # of the calendar: 23 or 25 hours twice a year
    "M": None,
    "Y": None,
}
"""Sampling frequency → distance between two points; None where the calendar decides."""

CALENDAR: Final = frozenset({"D", "M", "Y"})
"""The frequencies whose intervals follow the calendar of the site's zone."""

LONGEST: Final[dict[str, timedelta]] = {
    "15T": QUARTER,
    "H": timedelta(hours=1),
    "D": timedelta(hours=25),
    "M": timedelta(days=31, hours=1),
    "Y": timedelta(days=366, hours=1),
}
"""Sampling frequency → the longest that an interval can be."""


def first_at_or_after(instant: datetime, frequency: str, zone: ZoneInfo) -> datetime:
    """The earliest start of an interval that is not before `instant`; in UTC."""
    if frequency in ("15T", "H"):
        step = QUARTER if frequency == "15T" else timedelta(hours=1)
        past = (instant - datetime(1970, 1, 1, tzinfo=UTC)) % step
        return instant if not past else instant - past + step
    local = instant.astimezone(zone).replace(tzinfo=None)
    start = _floor(local, frequency)
    while _in_utc(start, zone) < instant:
        start = _following(start, frequency)
    return _in_utc(start, zone)


def end_of(start: datetime, frequency: str, zone: ZoneInfo) -> datetime:
    """Where the interval that begins at `start` ends; in UTC."""
    if frequency in ("15T", "H"):
        return start + LONGEST[frequency]
    local = start.astimezone(zone).replace(tzinfo=None)
    return _in_utc(_following(_floor(local, frequency), frequency), zone)


def _floor(local: datetime, frequency: str) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if frequency == "D":
        return midnight
    return midnight.replace(day=1) if frequency == "M" else midnight.replace(month=1, day=1)


def _following(start: datetime, frequency: str) -> datetime:
    if frequency == "D":
        return start + timedelta(days=1)
    if frequency == "M":
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)


def _in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
