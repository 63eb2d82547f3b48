"""Days and instants: in epoch milliseconds, as days since 1970-01-01, and as a person writes them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from sandbox.settings import SettingError

Instant = date | datetime | int | str
"""A day (its first millisecond), an instant (naive: UTC), epoch milliseconds, or ISO text."""

MS_PER_DAY: Final = 86_400_000
MS_PER_MINUTE: Final = 60_000
_EPOCH: Final = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def date_of(number: int) -> date:
    """The UTC date that is `number` days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00Z; a naive instant is UTC; fractions of a millisecond are cut off."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def now_ms() -> int:
    """Epoch milliseconds of now."""
    return epoch_ms(datetime.now(UTC))


def capped_at_day_end(instant: int, last_day: date | None) -> int:
    """`instant` in epoch milliseconds, or the end of `last_day` if that is earlier."""
    return instant if last_day is None else min(instant, (day_number(last_day) + 1) * MS_PER_DAY)


def iso_text(at: int, zone: timezone | None = None) -> str:
    """Epoch milliseconds as ISO 8601 with milliseconds and the zone's offset; without a zone: UTC, written `Z`."""
    instant = datetime.fromtimestamp(at // 1000, zone or UTC).replace(microsecond=at % 1000 * 1000)
    text = instant.isoformat(timespec="milliseconds")
    return text if zone else text.replace("+00:00", "Z")


def as_ms(instant: Instant) -> int:
    """Epoch milliseconds of an instant.

    Raises:
        SettingError: It is not an instant.
    """
    try:
        if isinstance(instant, str):
            return int(instant) if instant.isdigit() else epoch_ms(datetime.fromisoformat(instant))
        if isinstance(instant, int):
            return instant
        return epoch_ms(instant) if isinstance(instant, datetime) else day_number(instant) * MS_PER_DAY
    except ValueError:
        raise SettingError(f"{instant!r} is no instant; write 2025-06-01, 2025-06-01T12:00:00Z or epoch ms.") from None


def window_of(query: Mapping[str, str]) -> tuple[int, int]:
    """The `start` and `end` of a query in epoch milliseconds; by default from 2000 to 2100.

    Raises:
        SettingError: One of them is not an instant.
    """
    start, end = (as_ms(query.get(name) or default) for name, default in _DEFAULT_WINDOW.items())
    return start, end


_DEFAULT_WINDOW: Final = {"start": "2000-01-01", "end": "2100-01-01"}
