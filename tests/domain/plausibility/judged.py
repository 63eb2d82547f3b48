"""The detectors on the shipped measurements and the twins' year, with faults and without."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from domain.plausibility.flag import Flag
from domain.plausibility.judge import judge
from domain.plausibility.shape import LEAST_HISTORY, SETTLED_HISTORY, SLOTS, DayShape, shapes_of
from domain.plausibility.siblings import Sibling, siblings_of
from sandbox.measured import FIRST_DAY, SOURCE_DAYS
from tests.domain.plausibility.faults import Fault
from tests.domain.plausibility.measured_series import DAY, Series, all_series

KNOWN_FAULTS: Final[dict[tuple[str, int, str], str]] = {
    ("pv_power_W", 68, "shift"): "the source's clock changed to summer time (ORIGIN.md)",
    ("pv_power_W", 307, "shift"): "and back",
    ("climkit self", 68, "shift"): "computed from that column",
    ("climkit self", 307, "shift"): "computed from that column",
    ("climkit to grid", 68, "shift"): "computed from that column",
    ("climkit to grid", 307, "shift"): "computed from that column",
    ("pv_power_W", 336, "zeros"): "no power at noon for three hours: the plant was off, or under snow",
    (
        "module_temperature_cdegC",
        299,
        "zeros",
    ): "zeros of the module temperature in winter are the source's own (ORIGIN.md)",
    ("module_temperature_cdegC", 309, "stuck"): "the same",
    ("module_temperature_cdegC", 329, "zeros"): "the same",
}
"""Faults that the data have themselves: column, day of the year, kind."""

_LINKED_DAYS: Final = 14
_PROFILE_DAYS: Final = 28
_LEAST_DARK: Final = 16  # quarters of an hour


def untouched(columns: Sequence[str] = ()) -> tuple[int, list[tuple[Series, DayShape, Flag]]]:
    """How many days of one copy of each column were judged, and every flag on them that no known fault explains."""
    n_days, found, seen = 0, [], set[str]()
    for series in all_series():
        if series.column in seen or (columns and series.column not in columns):
            continue
        seen.add(series.column)
        for day in _days(series.name)[LEAST_HISTORY:]:
            n_days += 1
            found += [
                (series, day, flag)
                for flag in judge(day, _days(series.name), _siblings(series.name, day.day))
                if (series.column, day.day - FIRST_DAY, flag.kind) not in KNOWN_FAULTS
            ]
    return n_days, found


def begun_anywhere(every: int) -> tuple[int, list[tuple[Series, DayShape, Flag]]]:
    """The same of series that begin on every so many days, judged until they are settled: siblings say nothing yet."""
    n_days, found, seen = 0, [], set[str]()
    for series in all_series():
        if series.column in seen:
            continue
        seen.add(series.column)
        days = _days(series.name)
        for begin in range(0, len(days) - SETTLED_HISTORY, every):
            for n in range(begin + LEAST_HISTORY, begin + SETTLED_HISTORY):
                n_days += 1
                found += [(series, days[n], flag) for flag in judge(days[n], days[begin:n])]
    return n_days, [one for one in found if (one[0].column, one[1].day - FIRST_DAY, one[2].kind) not in KNOWN_FAULTS]


def said_of(fault: Fault) -> set[str]:
    """The kinds that are flagged by the time at which the fault has to be found."""
    first, last = fault.begin // DAY, fault.found_by // DAY - 1
    days = [day for day in _days(fault.series.name) if day.day < first]
    said: set[str] = set()
    for day in shapes_of(fault.times, fault.values, first, last):
        said |= {flag.kind for flag in judge(day, days, _siblings(fault.series.name, first))}
        days.append(day)
    return said


def is_visible(fault: Fault) -> bool:
    """Whether a shift can be seen by anybody: the series is dark at night, or a sibling tells lags."""
    first = fault.begin // DAY
    days = [day for day in _days(fault.series.name) if first - _PROFILE_DAYS <= day.day < first]
    n_dark = sum(_LEAST_DARK <= int((day.zeros == 1).sum()) <= SLOTS - _LEAST_DARK for day in days)
    return 2 * n_dark > len(days) or any(one.tells_lags for one in _siblings(fault.series.name, first))


@cache
def _days(name: str) -> list[DayShape]:
    (series,) = (one for one in all_series() if one.name == name)
    return shapes_of(series.times, series.values, FIRST_DAY, FIRST_DAY + SOURCE_DAYS - 1)


def _siblings(name: str, day: int) -> tuple[Sibling, ...]:
    """Those of the last days before the fortnight: who goes with whom is not learned anew each day."""
    return _linked(name, day - day % _LINKED_DAYS - 2)


@cache
def _linked(name: str, before: int) -> tuple[Sibling, ...]:
    others = [(one.name, _days(one.name)) for one in all_series() if one.name != name and _is_near(name, one.name)]
    return siblings_of(_days(name), others, before)


def _is_near(name: str, other: str) -> bool:
    """The solar columns are plants of their own; a flat's siblings are its other parts, the roof and the grid."""
    first, other_first = (one.partition(" ")[0] for one in (name, other))
    if first != other_first or first == "solar":
        return False
    return "Flat" not in name or name.partition(",")[0] == other.partition(",")[0] or "Flat" not in other
