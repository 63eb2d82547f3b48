"""When something was updated, in the three eras of the collector: whole, mangled, and taken out."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final

import numpy as np

from domain.instants import microseconds
from domain.records import Reason
from providers import _times
from providers._points import CLOCK_TOLERANCE, Integers
from providers.smart_house.spec import LATE_DAYS
from providers.smart_house.wire import REDACTED

DAY_US: Final = 86_400_000_000
NEAR_US: Final = 3_600_000_000
"""A change that far from the days of its upload was sent along; farther away, its clock is wrong."""

# `+` became `.` in June 2022, behind seconds and perhaps a fraction; no other offset has a point.
_MANGLED: Final = re.compile(r"([^.]*:[0-9]{2}(?:\.[0-9]{1,9})?)\.([0-9]{2}:[0-9]{2})")


def instants_of(
    values: Sequence[object], ends: Integers, received_at: datetime
) -> tuple[Integers, dict[int, Reason | None]]:
    """Microseconds since the epoch; of what has none, by index, why; None where the collector took the time out.

    Args:
        values: `last_updated` of each change, as sent.
        ends: Of each, where the day of its upload ends: nothing can be newer, and what is older than the late days
            before it was not asked for.
        received_at: When the answer arrived.
    """
    micros, invalid = _times.read_column(values, _instant_of)
    unusable: dict[int, Reason | None] = {}
    for row, reason in invalid.items():
        value = values[row]
        is_taken_out = reason is Reason.WRONG_TYPE and isinstance(value, str) and REDACTED in value
        unusable[row] = None if is_taken_out else reason
    first = ends - (LATE_DAYS + 1) * DAY_US
    is_wrong = (micros > microseconds(received_at + CLOCK_TOLERANCE)) | (micros < first - NEAR_US)
    is_wrong |= micros >= ends + NEAR_US
    for row in np.flatnonzero(is_wrong | (micros < first) | (micros >= ends)).tolist():
        unusable.setdefault(row, Reason.IMPLAUSIBLE_TIME if is_wrong[row] else Reason.OUTSIDE)
    return micros, unusable


@lru_cache(maxsize=64)  # asked for every cell of an answer, with the same few days
def midnight_of(day: date) -> int:
    """Microseconds since the epoch at which a UTC day begins."""
    return microseconds(datetime.combine(day, time(), tzinfo=UTC))


def _instant_of(value: object) -> int | Reason:
    micros = _times.instant_of_value(value)
    if micros is Reason.WRONG_TYPE and isinstance(value, str) and (mangled := _MANGLED.fullmatch(value)):
        return _times.instant_of(f"{mangled[1]}+{mangled[2]}")
    return micros
