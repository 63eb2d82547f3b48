"""Statistics of a home over an hour, a day, a month, a year or its life, in watt-seconds, as far as it has come."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np

from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE, date_of, day_number
from sandbox.measured import FIRST_MS, MINUTES
from sandbox.voltstorage.store import CAPACITY_WH, Floats, Home, minutes_of

TIMESPANS: Final = ("hour", "day", "month", "year", "lifetime")
_MS_PER_HOUR: Final = 3_600_000
_SECONDS: Final = 60  # of a minute
_LAST_MONTH: Final = 12


def spans(timespan: str, start: int, end: int, until: int) -> Iterator[tuple[int, int]]:
    """The spans that begin with `start <= begin < end`, in epoch milliseconds, cut off at `until`.

    Args:
        timespan: One of `TIMESPANS`; the one lifetime begins with the measurements, whatever the window.
        start: The first instant.
        end: The instant after the last.
        until: The end of the data.
    """
    if timespan == "lifetime":
        yield FIRST_MS, until
        return
    begin = _floor(timespan, max(start, FIRST_MS))
    while begin < min(end, until):
        following = _next(timespan, begin)
        if begin >= start:
            yield begin, min(following, until)
        begin = following


def statistics_of(home: Home, begin: int, end: int) -> dict[str, Any] | None:
    """The fields of the document's example, for the minutes from `begin` on; None if nobody measured."""
    sums = np.zeros(9)
    hottest, warm = float("nan"), []
    for number in range(begin // MS_PER_DAY, -(-end // MS_PER_DAY)):
        midnight = number * MS_PER_DAY
        first = max(begin - midnight, 0) // MS_PER_MINUTE
        last = min(max((end - midnight) // MS_PER_MINUTE, 0), MINUTES)
        of_day, of_heat = _tally(home, number, first, last)
        sums += of_day
        hottest = np.fmax(hottest, of_heat[0])
        warm.append(of_heat[1:])
    n, pv, sunny, used, released, stored, drawn, own, _ = sums.tolist()
    if not n:
        return None
    heat, n_heat = np.nansum([one[0] for one in warm]), sum(one[1] for one in warm)
    statistics: dict[str, Any] = {
        "timespan_start": begin // 1000,
        "pv-total": pv * _SECONDS,
        "pv-activity": sunny * _SECONDS,
        "consumption-total": used * _SECONDS,
        "storage-total-released": released * _SECONDS,
        "storage-total-stored": stored * _SECONDS,
        "own-consumption": {"nSamples": int(n), "value": own * _SECONDS},
        "dc-capacity": {"nSamples": int(n), "value": CAPACITY_WH * 3600},
        "ac-capacity": {"nSamples": int(n), "value": CAPACITY_WH * 3600},
        "self-sufficiency": {"totalWeight": used * _SECONDS, "value": round(1 - min(drawn / used, 1), 12)},
    }
    if n_heat:
        statistics["max-temperature"] = float(hottest)
        statistics["electrolyte-temp"] = {"nSamples": int(n_heat), "value": round(float(heat / n_heat), 10)}
    return statistics


@lru_cache(maxsize=20_000)
def _tally(home: Home, number: int, first: int, last: int) -> tuple[Floats, tuple[float, float, float]]:
    """Sums over some minutes of a day; the highest temperature, the sum of them, and how many there are."""
    day = minutes_of(home.shift_days, number)
    span = slice(first, last)
    is_in = day.is_measured[span]

    def total(values: Floats) -> float:
        return float(np.sum(values[span][is_in]))

    charging, giving = np.maximum(-day.battery, 0), np.maximum(day.battery, 0)
    sums = np.array(
        [
            float(is_in.sum()),
            total(day.pv),
            total((day.pv > 0).astype(np.float64)),
            total(day.household),
            total(giving),
            total(charging),
            total(np.maximum(day.grid, 0)),
            total(np.minimum(day.pv, day.household)),
            0.0,
        ]
    )
    heat = day.temperature[span]
    known = heat[~np.isnan(heat)]
    highest = float(known.max()) if len(known) else float("nan")
    return sums, (highest, float(known.sum()), float(len(known)))


def _floor(timespan: str, at: int) -> int:
    if timespan in ("hour", "day"):
        size = _MS_PER_HOUR if timespan == "hour" else MS_PER_DAY
        return at // size * size
    day = datetime.fromtimestamp(at / 1000, UTC).date()
    return day_number(day.replace(day=1) if timespan == "month" else date(day.year, 1, 1)) * MS_PER_DAY


def _next(timespan: str, begin: int) -> int:
    if timespan in ("hour", "day"):
        return begin + (_MS_PER_HOUR if timespan == "hour" else MS_PER_DAY)
    day = date_of(begin // MS_PER_DAY)
    if timespan == "year" or day.month == _LAST_MONTH:
        return day_number(date(day.year + 1, 1, 1)) * MS_PER_DAY
    return day_number(date(day.year, day.month + 1, 1)) * MS_PER_DAY
