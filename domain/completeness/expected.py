"""How many points a UTC day is to have, by the resolution of a series and the calendar of its zone."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.zones import is_zone, zone

_DAY: Final = timedelta(days=1)


def points_within(start: datetime, end: datetime, resolution: timedelta) -> int:
    """The points of a regular grid between two instants: 92, 96 or 100 quarters of a local day."""
    return round((end - start) / resolution)


def expected_points(
    days: Sequence[date], resolution: timedelta | None, time_zone: str, span: str = ""
) -> npt.NDArray[np.float64]:
    """Per UTC day, the points that a series has to have by what its provider states; NaN where it states nothing.

    Args:
        days: UTC days, one after the other.
        resolution: Distance between points, or length of an interval; a whole day is one of `time_zone`.
        time_zone: IANA name; what is none counts as UTC.
        span: `month` or `year` where one value is about that: it stands where the span begins.
    """
    if span in {"month", "year"}:
        return np.array(
            [sum(_begins(span, local) for local in _midnights(day, time_zone)) for day in days], dtype=float
        )
    if resolution == _DAY:
        return np.array([len(_midnights(day, time_zone)) for day in days], dtype=float)
    if resolution is None or not timedelta(0) < resolution < _DAY:
        return np.full(len(days), np.nan)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return np.full(len(days), float(points_within(start, start + _DAY, resolution)))


def span_ends(
    days: Sequence[date], resolution: timedelta | None, time_zone: str, span: str = ""
) -> npt.NDArray[np.float64]:
    """Per UTC day, when the last span of the calendar is over whose value stands there; minus infinity without one.

    Seconds since 1970. A value about a local day, month or year cannot be there before. Arguments: `expected_points`.
    """
    ends = np.full(len(days), -np.inf)
    if span not in {"month", "year"} and resolution != _DAY:
        return ends
    for n, day in enumerate(days):
        for local in _midnights(day, time_zone):
            if span not in {"month", "year"}:
                ends[n] = _begin(local + _DAY, time_zone).timestamp()
            elif _begins(span, local):
                after = (local + 31 * _DAY).replace(day=1) if span == "month" else local.replace(year=local.year + 1)
                ends[n] = _begin(after, time_zone).timestamp()
    return ends


def _begins(span: str, day: date) -> bool:
    return day.day == 1 and (span == "month" or day.month == 1)


def _midnights(day: date, time_zone: str) -> list[date]:
    """The local dates that begin on a UTC day: one, and none or two where a zone near UTC changes its clocks."""
    return [local for local in (day - _DAY, day, day + _DAY) if _begin(local, time_zone).date() == day]


def _begin(local: date, time_zone: str) -> datetime:
    """When a local date begins, in UTC."""
    tz = zone(time_zone) if is_zone(time_zone) else UTC
    return datetime.combine(local, time(), tz).astimezone(UTC)
