"""Instants as a person writes them."""

from datetime import date, datetime
from typing import Final

from sandbox.days import MS_PER_DAY, day_number, epoch_ms
from sandbox.settings import SettingError
from sandbox.twin import Query

Instant = date | datetime | int | str
"""A day (its first millisecond), an instant (naive: UTC), epoch milliseconds, or ISO text."""

_AGES: Final = (day_number(date(2000, 1, 1)) * MS_PER_DAY, day_number(date(2100, 1, 1)) * MS_PER_DAY)


def as_ms(instant: Instant) -> int:
    """Epoch milliseconds of an instant.

    Raises:
        SettingError: It is none.
    """
    try:
        if isinstance(instant, str):
            return int(instant) if instant.isdigit() else epoch_ms(datetime.fromisoformat(instant))
        if isinstance(instant, int):
            return instant
        return epoch_ms(instant) if isinstance(instant, datetime) else day_number(instant) * MS_PER_DAY
    except ValueError:
        raise SettingError(f"{instant!r} is no instant; write 2025-06-01, 2025-06-01T12:00:00Z or epoch ms.") from None


def window_of(query: Query) -> tuple[int, int]:
    """The `start` and `end` of a query in epoch milliseconds; the ends of this century where they are not said.

    Raises:
        SettingError: One of them is no instant.
    """
    start, end = query.get("start"), query.get("end")
    return (as_ms(start) if start else _AGES[0]), (as_ms(end) if end else _AGES[1])
