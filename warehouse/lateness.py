"""How late points come: noted by each load for those behind the first answer of their day, and learned from them.

An answer's time is that of its pull, and not of its load: a replay brings nothing later than it had come.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import psycopg

from domain.instants import DAY_US
from warehouse.statements import statement

_LEAST_DAYS: Final = 3
"""Days on which a group of series was late before it is known to be."""

_SHARE_OF_DAYS: Final = 0.25
"""Of the days with points, that have to be late: an outage that was healed once makes nothing late."""

_WEEKS: Final = 8
_LONGEST: Final = timedelta(days=7)
"""What comes later than that is no habit, and what is expected by a habit is waited for no longer."""

_USUAL: Final = 0.99  # of the late points of a day
_USUAL_DAYS: Final = 0.9  # of the days that are late
_UNTIL_FIRST_SECONDS: Final = 86_400.0
"""Between the end of a day and its first answer, at most, where a source is asked daily."""


def after_first_answer(
    connection: psycopg.Connection, source: str, pull_id: int | None, days: Sequence[date]
) -> dict[date, float]:
    """How many seconds after the first loaded answer of a day a pull has come, for days that were loaded from one."""
    asked = {"source": source, "pull_id": pull_id, "days": list(days)}
    return dict(connection.execute(statement("lateness/after_first"), asked).fetchall())


def note_late(
    connection: psycopg.Connection,
    load_id: int,
    series_id: npt.NDArray[np.int64],
    at_us: npt.NDArray[np.int64],
    late: Mapping[date, float],
) -> None:
    """Note points that a load has added, on days that had been loaded before.

    Args:
        connection: In the transaction of the load.
        load_id: Its number.
        series_id: Of each point.
        at_us: Microseconds since 1970 of each point.
        late: Day → seconds; see `after_first_answer`.
    """
    keys, counts = np.unique(np.stack([at_us // DAY_US, series_id]), axis=1, return_counts=True)
    rows = [
        (series, _date(day), n, late[_date(day)])
        for (day, series), n in zip(keys.T.tolist(), counts.tolist(), strict=True)
        if _date(day) in late
    ]
    if rows:
        columns = ("series_ids", "days", "counts", "seconds")
        values = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        connection.execute(statement("lateness/note"), values | {"load_id": load_id})


def usual_lateness(connection: psycopg.Connection, source: str) -> Mapping[int, float]:
    """Series → seconds after the end of a day within which its late points usually come; of those often late.

    Learned for series of one device and resolution together, from the eight weeks up to the newest loaded day, where at
    least three days and a quarter of those with points were late. A day without any point until a week later was an
    outage, and what is asked for again because a series is new had nothing to be late behind: neither is a habit.
    """
    row = connection.execute(statement("completeness/loaded_until"), {"source": source}).fetchone()
    if row is None or row[0] is None:
        return {}
    asked = {
        "source": source,
        "first": row[0] - timedelta(weeks=_WEEKS, days=-1),
        "least_days": _LEAST_DAYS,
        "longest_seconds": _LONGEST.total_seconds(),
    }
    usual: dict[int, float] = {}
    for series_ids, n_spoken, days, counts, late in connection.execute(statement("lateness/recent"), asked):
        by_day: dict[date, list[tuple[int, float]]] = {}
        for day, n_points, seconds in zip(days, counts, late, strict=True):
            by_day.setdefault(day, []).append((n_points, seconds))
        if len(by_day) < max(_LEAST_DAYS, _SHARE_OF_DAYS * n_spoken):
            continue
        of_days = [percentiles([n for n, _ in rows], [one for _, one in rows], [_USUAL])[0] for rows in by_day.values()]
        seconds = percentiles([1] * len(of_days), of_days, [_USUAL_DAYS])[0]
        usual |= dict.fromkeys(series_ids, _UNTIL_FIRST_SECONDS + min(seconds, _LONGEST.total_seconds()))
    return usual


@dataclass(frozen=True, slots=True)
class LatenessProfile:
    """How late the late points of a device have come.

    Attributes:
        device: Which, or the key of a series without one.
        n_points: Points that came behind the first answer of their day.
        n_days: Days that they are of.
        percentiles: Share in per cent → seconds behind the first answer within which they came.
    """

    device: str
    n_points: int
    n_days: int
    percentiles: Mapping[float, float]

    @property
    def refetch_days(self) -> int:
        """Trailing days that have to be asked for again to get all but one point in a thousand."""
        return 1 + math.ceil(self.percentiles[SHARES[-1]] / 86_400)


SHARES: Final = (50.0, 90.0, 99.0, 99.9)
"""Shares of a profile, in per cent."""


def profiles(arrivals: Iterable[tuple[str, date, int, float]]) -> list[LatenessProfile]:
    """The profile of each device that was late, the latest first.

    Args:
        arrivals: Device, day, points, and seconds behind the first answer.
    """
    found = []
    for device, rows in _by_device(arrivals).items():
        seconds = percentiles([n for _, n, _ in rows], [late for *_, late in rows], [one / 100 for one in SHARES])
        n_points, n_days = sum(n for _, n, _ in rows), len({day for day, *_ in rows})
        found.append(LatenessProfile(device, n_points, n_days, dict(zip(SHARES, seconds, strict=True))))
    return sorted(found, key=lambda one: (-one.percentiles[SHARES[-1]], one.device))


def percentiles(counts: Sequence[int], seconds: Sequence[float], shares: Sequence[float]) -> list[float]:
    """The seconds within which these shares of points come."""
    order = np.argsort(seconds)
    total = np.cumsum(np.array(counts)[order])
    places = np.searchsorted(total, np.array(shares) * total[-1])
    return [float(one) for one in np.array(seconds)[order][np.minimum(places, len(order) - 1)]]


def _by_device(arrivals: Iterable[tuple[str, date, int, float]]) -> dict[str, list[tuple[date, int, float]]]:
    by_device: dict[str, list[tuple[date, int, float]]] = {}
    for device, day, n_points, seconds in arrivals:
        by_device.setdefault(device, []).append((day, n_points, seconds))
    return by_device


def _date(day: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day)
