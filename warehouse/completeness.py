"""Completeness in the warehouse: judging a source, and reading what was judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row, tuple_row

from domain.window import Window
from warehouse.assessment import Assessed, assess
from warehouse.connections import Connections


@dataclass(frozen=True, slots=True)
class SeriesGap:
    """What a series lacks inside a span of days, under one verdict.

    Attributes:
        series_id: Its number in the catalogue.
        key: Its key.
        device: Its device; empty if the provider names none.
        site: Its site; empty if the provider names none.
        verdict: partial, silent, late, absent, or unknown where the day was never loaded.
        since: From when on something is missing.
        n_missing: Points that were expected and are not there; None where no count is expected.
        days: Days that it lacks something of, in order.
    """

    series_id: int
    key: str
    device: str
    site: str
    verdict: str
    since: datetime
    n_missing: int | None
    days: list[date]


@dataclass(frozen=True, slots=True)
class SilentDevice:
    """A device of which series have said nothing for longer than they ever do.

    Attributes:
        device: Its name; the series' key where the provider names none.
        site: Its site; empty if the provider names none.
        n_silent: Its series that are silent.
        n_series: All of its series that have ever had a point.
        since: When the first of the silent ones spoke last.
    """

    device: str
    site: str
    n_silent: int
    n_series: int
    since: datetime


class Completeness:
    """Which series are complete on which days."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def assess(
        self,
        source: str,
        through: date | None,
        *,
        ended: Mapping[str, date] | None = None,
        now: datetime | None = None,
        window: Window | None = None,
    ) -> Assessed:
        """Judge what has changed; see `warehouse.assessment.assess`."""
        return assess(self._connections, source, through, ended=ended, now=now, window=window)

    def gaps(self, source: str, first: date, last: date) -> list[SeriesGap]:
        """What series lack on the days from `first` to `last`, as it was judged; by device and series."""
        values = {"source": source, "first": first, "last": last}
        return self._connections.rows(f"gaps of {source}", "completeness/gaps", values, class_row(SeriesGap))

    def calendar(self, source: str, first: date, last: date) -> list[tuple[Any, ...]]:
        """Number, key, device, site, day, verdict, found and expected of each judged series and day; by series, day."""
        values = {"source": source, "first": first, "last": last}
        return self._connections.rows(f"verdicts of {source}", "completeness/calendar", values, tuple_row)

    def silent_devices(self, source: str) -> list[SilentDevice]:
        """The devices that are silent, as it was judged; by name."""
        values = {"source": source}
        place = f"silent devices of {source}"
        return self._connections.rows(place, "completeness/silent_devices", values, class_row(SilentDevice))
