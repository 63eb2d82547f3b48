"""Instants as providers and the warehouse count them: since 1970-01-01T00:00Z, in whole units."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)
SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US


def microseconds(at: datetime) -> int:
    """An instant in microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def instant(at_us: int) -> datetime:
    """The instant of microseconds since 1970."""
    return EPOCH + at_us * MICROSECOND


def milliseconds(at: datetime) -> int:
    """An instant in whole milliseconds since 1970, those before it."""
    return (at - EPOCH) // MILLISECOND


def now() -> datetime:
    """The time it is, in UTC."""
    return datetime.now(UTC)
