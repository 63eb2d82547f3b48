"""When something was updated, in the three eras of the collector: whole, mangled, and taken out."""

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final

from domain.instants import microseconds
from domain.records import Reason
from providers import _times
from providers._points import CLOCK_TOLERANCE
from providers.smart_house.spec import LATE_DAYS
from providers.smart_house.wire import REDACTED

DAY_US: Final = 86_400_000_000
NEAR_US: Final = 3_600_000_000
"""A change that far from the days of its upload was sent along; farther away, its clock is wrong."""

# `+` became `.` in June 2022, behind seconds and perhaps a fraction; no other offset has a point.
_MANGLED: Final = re.compile(r"([^.]*:[0-9]{2}(?:\.[0-9]{1,9})?)\.([0-9]{2}:[0-9]{2})")


def instant_of(value: object, day: date, received_at: datetime) -> int | Reason | None:
    """Microseconds since the epoch; why there are none; None where the collector took the time out.

    Args:
        value: `last_updated` as sent.
        day: The day of the upload: nothing can be newer than its end, and what is older than the late days before it
            was not asked for.
        received_at: When the answer arrived.
    """
    if value is None or value == "":
        return Reason.NO_TIME
    if not isinstance(value, str):
        return Reason.WRONG_TYPE
    micros = _times.instant_of(value)
    if micros is Reason.WRONG_TYPE and (mangled := _MANGLED.fullmatch(value)):
        micros = _times.instant_of(f"{mangled[1]}+{mangled[2]}")
    if isinstance(micros, Reason):
        return None if micros is Reason.WRONG_TYPE and REDACTED in value else micros
    end = midnight_of(day) + DAY_US
    first = end - (LATE_DAYS + 1) * DAY_US
    is_ahead = micros > _latest(received_at)
    if is_ahead or not first - NEAR_US <= micros < end + NEAR_US:
        return Reason.IMPLAUSIBLE_TIME
    return micros if first <= micros < end else Reason.OUTSIDE


@lru_cache(maxsize=64)  # asked for every change of an answer, with the same few days
def midnight_of(day: date) -> int:
    """Microseconds since the epoch at which a UTC day begins."""
    return microseconds(datetime.combine(day, time(), tzinfo=UTC))


@lru_cache(maxsize=64)
def _latest(received_at: datetime) -> int:
    """Microseconds since the epoch that no clock of a home can be ahead of."""
    return microseconds(received_at + CLOCK_TOLERANCE)
