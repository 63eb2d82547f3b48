"""Hours, days and parts of local days, added up from points in order: the same figures by every way that leads here.

A piece is an hour, or what of an hour lies in one local date. Pieces are added up from points, hours from pieces, days
from hours, parts from pieces, each in the order of time: so a figure depends on the points alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.instants import DAY_US, HOUR_US, microseconds
from domain.zones import is_zone
from warehouse.local_days import begin_of, local_date_ranges

HOURLY_ABOVE: Final = 96
"""Points of a series and a UTC day above which its hours are written; the view `measurement_hourly` says it, too."""

EPOCH_DAY: Final = date(1970, 1, 1).toordinal() - 1
"""1970-01-01 in days since 0001-01-01, from which days and hours are counted here: none of them is negative."""

_DATE_SHIFT: Final = 4  # a local date is at most two days away from its UTC day

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What some points amount to, an array each: one element per bucket."""

    n_points: Ints
    minimum: Floats
    maximum: Floats
    total: Floats
    latest: Floats

    def taken(self, which: npt.NDArray[np.bool_] | Ints) -> "Figures":
        """Those at some places."""
        return Figures(*(getattr(self, name)[which] for name in self.__slots__))

    @staticmethod
    def joined(parts: "Sequence[Figures]") -> "Figures":
        """One behind the other."""
        return Figures(*(np.concatenate([getattr(one, name) for one in parts]) for name in Figures.__slots__))

    def added(self, starts: Ints) -> "Figures":
        """Adjacent ones added up, each run from its index in `starts` to the next."""
        ends = np.append(starts[1:], len(self.n_points))
        with np.errstate(over="ignore"):
            total = np.add.reduceat(self.total, starts)
        return Figures(
            np.add.reduceat(self.n_points, starts),
            np.minimum.reduceat(self.minimum, starts),
            np.maximum.reduceat(self.maximum, starts),
            total,
            self.latest[ends - 1],
        )


@dataclass(frozen=True, slots=True)
class Pieces:
    """Figures of hours, or of what of an hour lies in one local date; by series and time.

    Attributes:
        series_id: Number in the catalogue.
        hour: Hours since 0001-01-01.
        date: Days since 0001-01-01 of the local date.
        has_date: Whether the zone of the series is one.
    """

    series_id: Ints
    hour: Ints
    date: Ints
    has_date: npt.NDArray[np.bool_]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table of summaries, in the order of their keys.

    Attributes:
        key: The number of the series in the upper 32 bits, its bucket in the lower ones (see `slot_…`).
        figures: What the bucket amounts to.
        begin_us: Of parts: microseconds since 1970 at which the local day begins. Otherwise empty.
    """

    key: Ints
    figures: Figures
    begin_us: Ints

    def __len__(self) -> int:
        """How many."""
        return len(self.key)

    def taken(self, which: npt.NDArray[np.bool_] | Ints) -> "Rows":
        """Those at some places."""
        return Rows(self.key[which], self.figures.taken(which), self.begin_us[which] if len(self.begin_us) else _NONE)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is to stand in the three tables."""

    hourly: Rows
    daily: Rows
    local: Rows


_NONE: Final = np.empty(0, dtype=np.int64)


def slot_of_part(day: Ints, local: Ints) -> Ints:
    """The bucket of a part: its UTC day, and how far from it the local date lies."""
    return day * 8 + (local - day + _DATE_SHIFT)


def part_of_slot(slot: Ints) -> tuple[Ints, Ints]:
    """UTC day and local date, in days since 0001-01-01, of the bucket of a part."""
    return slot // 8, slot // 8 + slot % 8 - _DATE_SHIFT


class Calendar:
    """Where pieces begin, for each zone, within some UTC days."""

    def __init__(self, first_day: int, n_days: int) -> None:
        self._first_day = first_day
        self._n_days = n_days
        self._of_zone: dict[str, tuple[Ints, Ints, bool]] = {}

    def of(self, zone_name: str) -> tuple[Ints, Ints, bool]:
        """Microseconds since 1970 at which pieces begin; the local date of each; whether the zone is one."""
        if zone_name not in self._of_zone:
            self._of_zone[zone_name] = self._pieces(zone_name)
        return self._of_zone[zone_name]

    def _pieces(self, zone_name: str) -> tuple[Ints, Ints, bool]:
        known = is_zone(zone_name)
        begins, dates = [], []
        for day in range(self._first_day, self._first_day + self._n_days):
            found = local_date_ranges(zone_name, _date(day)) if known else ((0, _date(day)),)
            at = np.array([second * 1_000_000 for second, _ in found], dtype=np.int64)
            local = np.array([_days(one) for _, one in found], dtype=np.int64)
            begin = np.union1d(at, np.arange(24, dtype=np.int64) * HOUR_US)
            begins.append(begin + (day - EPOCH_DAY) * DAY_US)
            dates.append(local[np.searchsorted(at, begin, side="right") - 1])
        return np.concatenate(begins), np.concatenate(dates), known


def pieces_of(
    keys: Ints,
    values: Floats,
    *,
    time_bits: int,
    start_us: int,
    series_ids: Ints,
    zones: Sequence[str],
    ranks: Ints,
    calendar: Calendar,
) -> Pieces:
    """Pieces of points.

    Args:
        keys: Rank of the series, then microseconds since `start_us` in `time_bits` bits; ascending.
        values: One for each key.
        time_bits: How many bits the microseconds take.
        start_us: Microseconds since 1970.
        series_ids: Rank → number in the catalogue.
        zones: Rank → zone.
        ranks: The ranks that may occur in `keys`.
        calendar: Of the days of the points.
    """
    by_zone: dict[str, list[int]] = {}
    for rank in ranks.tolist():
        by_zone.setdefault(zones[rank], []).append(rank)
    bounds, hours, dates, known = [_NONE], [_NONE], [_NONE], [np.empty(0, dtype=np.bool_)]
    for zone_name, of_zone in by_zone.items():
        begins, local, is_known = calendar.of(zone_name)
        # Points before the window are none, hence the piece that is under way when it begins, begins with it.
        offset = np.maximum(begins - start_us, 0)
        inside = np.append(begins[1:] > start_us, True) & (offset < (1 << time_bits))
        of_rank = np.array(of_zone, dtype=np.int64)[:, None] << time_bits
        bounds.append((of_rank | offset[inside]).ravel())
        hours.append(np.tile(begins[inside] // HOUR_US + EPOCH_DAY * 24, len(of_zone)))
        dates.append(np.tile(local[inside], len(of_zone)))
        known.append(np.full(len(of_zone) * int(inside.sum()), is_known))
    bound, hour = np.concatenate(bounds), np.concatenate(hours)
    date_of, has_date = np.concatenate(dates), np.concatenate(known)
    if len(by_zone) > 1:
        order = np.argsort(bound, kind="stable")
        bound, hour, date_of, has_date = bound[order], hour[order], date_of[order], has_date[order]
    starts = np.searchsorted(keys, bound)
    ends = np.append(starts[1:], len(keys))
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    if not len(starts):
        return Pieces(_NONE, _NONE, _NONE, np.empty(0, dtype=np.bool_), _no_figures())
    with np.errstate(over="ignore"):
        total = np.add.reduceat(values, starts)
    figures = Figures(
        ends - starts, np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts), total, values[ends - 1]
    )
    return Pieces(series_ids[bound[filled] >> time_bits], hour[filled], date_of[filled], has_date[filled], figures)


def summarized(pieces: Pieces, zone_of: Mapping[int, str]) -> Summary:
    """Pieces of whole days, added up.

    Args:
        pieces: Every piece of the days that are summed up, by series and time.
        zone_of: Number in the catalogue → zone.
    """
    if not len(pieces.hour):
        empty = Rows(_NONE, _no_figures(), _NONE)
        return Summary(empty, empty, empty)
    hour_key = _key(pieces.series_id, pieces.hour)
    hours, hour_key = _runs(hour_key, pieces.figures)
    day_of_hour = _key(hour_key >> 32, (hour_key & 0xFFFFFFFF) // 24)
    days, day_key = _runs(day_of_hour, hours)
    is_dense = (days.n_points > HOURLY_ABOVE)[np.searchsorted(day_key, day_of_hour)]
    dated = pieces.has_date
    part_key = _key(pieces.series_id[dated], slot_of_part(pieces.hour[dated] // 24, pieces.date[dated]))
    of_parts = pieces.figures.taken(dated)
    if (part_key[1:] < part_key[:-1]).any():
        order = np.argsort(part_key, kind="stable")
        part_key, of_parts = part_key[order], of_parts.taken(order)
    parts, part_key = _runs(part_key, of_parts)
    return Summary(
        Rows(hour_key[is_dense], hours.taken(is_dense), _NONE),
        Rows(day_key, days, _NONE),
        Rows(part_key, parts, _begins(part_key, zone_of)),
    )


def _begins(part_key: Ints, zone_of: Mapping[int, str]) -> Ints:
    known: dict[tuple[str, int], int] = {}
    _, dates = part_of_slot(part_key & 0xFFFFFFFF)
    begins = []
    for series_id, local in zip((part_key >> 32).tolist(), dates.tolist(), strict=True):
        asked = (zone_of[series_id], local)
        if asked not in known:
            known[asked] = microseconds(begin_of(asked[0], _date(local)))
        begins.append(known[asked])
    return np.array(begins, dtype=np.int64)


def _runs(key: Ints, figures: Figures) -> tuple[Figures, Ints]:
    if not len(key):
        return figures, key
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    if len(starts) == len(key):
        return figures, key
    return figures.added(starts), key[starts]


def _key(series_id: Ints, slot: Ints) -> Ints:
    return (series_id << 32) | slot


def _no_figures() -> Figures:
    none = np.empty(0, dtype=np.float64)
    return Figures(_NONE, none, none, none, none)


def _date(days: int) -> date:
    return date.fromordinal(days + 1)


def _days(day: date) -> int:
    return day.toordinal() - 1
