"""Where a UTC day lies in the calendar of a zone: by the locked tzdata, never by the server's or the host's."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from domain.zones import zone

_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3_600
_FURTHEST: Final = 2  # UTC days between an instant and the UTC midnight of its local date, rounded up


@lru_cache(maxsize=20_000)
def local_date_ranges(zone_name: str, day: date) -> tuple[tuple[int, date], ...]:
    """The UTC day `day` as ranges of one local date each.

    Returns:
        In order of time: the second of the UTC day on which a range begins, and its local date. A date may come
        twice, where clocks are set back across midnight.

    Raises:
        UnknownZoneError: The locked tzdata knows no such zone.
    """
    tz = zone(zone_name)
    begin = int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
    # A zone whose offset is the same at every hour has no jump on that day: a minute is looked at only where one jumps.
    offsets = {_local(tz, begin + at).utcoffset() for at in range(0, _DAY_SECONDS + 1, _HOUR_SECONDS)}
    step = _HOUR_SECONDS if len(offsets) == 1 else 60
    found = [(0, _local(tz, begin).date())]
    for at in range(step, _DAY_SECONDS + 1, step):
        last = min(at, _DAY_SECONDS - 1)
        local = _local(tz, begin + last).date()
        if local == found[-1][1]:
            continue
        low, high = at - step, last  # `low` has the old date, `high` the new one
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _local(tz, begin + middle).date() == local else (middle, high)
        found.append((high, local))
    return tuple(found)


@lru_cache(maxsize=20_000)
def begin_of(zone_name: str, local_date: date) -> datetime:
    """The first instant that has a local date.

    Raises:
        ValueError: None has: the zone skips it.
    """
    for ahead in range(-_FURTHEST, _FURTHEST + 1):
        day = local_date + timedelta(days=ahead)
        for second, found in local_date_ranges(zone_name, day):
            if found == local_date:
                return datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=second)
    msg = f"no instant has the date {local_date} in {zone_name}"
    raise ValueError(msg)


def _local(tz: tzinfo, timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, tz)
