"""Completeness and plausibility in the warehouse: judging a source, and reading what was judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row, scalar_row, tuple_row

from domain.window import Window
from warehouse.assessment import Assessed, assess
from warehouse.connections import Connections
from warehouse.lateness import LatenessProfile, profiles
from warehouse.plausibility import Limits, SeriesFlag
from warehouse.statements import statement


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
        n_expected: Points that were expected on these days.
        days: Days that it lacks something of, in order.
        copy_of: The key of the series that says the same; None if there is none.
    """

    series_id: int
    key: str
    device: str
    site: str
    verdict: str
    since: datetime
    n_missing: int | None
    n_expected: int | None
    days: list[date]
    copy_of: str | None = None

    @property
    def name(self) -> str:
        """What people call it: its device, or its key where the provider names none."""
        return self.device or self.key

    def share(self, n_days: int) -> float:
        """The share that is missing of the points of so many days."""
        if not self.n_missing or not self.n_expected:
            return 0.0
        return self.n_missing / (self.n_expected / len(self.days) * n_days)


JudgedDay = tuple[str, date, str, float | None]
"""Key of a series, day, verdict, and the share of the expected points that is there; None where none are expected."""

GroupDay = tuple[str, date, float]
"""Site, day, and the share of the expected points that is there."""


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


@dataclass(frozen=True, slots=True)
class ImplausibleSeries:
    """A series with flags on the newest judged days.

    Attributes:
        key: Its key.
        device: Its device; empty if the provider names none.
        since: The first flagged day of those that go on until now, none of them as far from the next one.
        n_flags: Its flags since then.
        kind: Of the newest of them.
        evidence: Of that one.
    """

    key: str
    device: str
    since: date
    n_flags: int
    kind: str
    evidence: str


class Completeness:
    """Which series are complete on which days, and plausible."""

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
        limits: Limits | None = None,
        newest: int | None = None,
    ) -> Assessed:
        """Judge what has changed; see `warehouse.assessment.assess`."""
        return assess(
            self._connections, source, through, ended=ended, now=now, window=window, limits=limits, newest=newest
        )

    def forget(self, source: str) -> None:
        """Let every day of a source be judged anew at the next time."""
        with self._connections.borrow(f"completeness of {source}") as connection:
            connection.execute(statement("completeness/forget_through"), {"source": source})

    def lateness(self, source: str) -> list[LatenessProfile]:
        """How late the late points of each device have come, the latest device first."""
        return profiles(
            self._connections.rows(f"lateness of {source}", "lateness/arrivals", {"source": source}, tuple_row)
        )

    def is_filling(self) -> bool:
        """Whether the facts of older days are being filled, so that nothing can be judged yet."""
        return bool(self._connections.rows("facts of days", "fill/is_pending", {"name": "series_days"}, scalar_row))

    def waiting(self, source: str, first: date, last: date | None = None) -> int:
        """How many days from `first` on, to `last` where it is given, have changed since they were judged."""
        values = {"source": source, "first": first, "last": last}
        return sum(self._connections.rows(f"gaps of {source}", "completeness/waiting", values, scalar_row))

    def through(self, source: str) -> date | None:
        """The newest day that is judged; None where none was."""
        rows = self._connections.rows(f"gaps of {source}", "completeness/through", {"source": source}, scalar_row)
        return rows[0] if rows else None

    def gaps(self, source: str, first: date, last: date) -> list[SeriesGap]:
        """What series lack on the days from `first` to `last`, as it was judged; by device and series."""
        values = {"source": source, "first": first, "last": last}
        return self._connections.rows(f"gaps of {source}", "completeness/gaps", values, class_row(SeriesGap))

    def flags(self, source: str, first: date, last: date) -> list[SeriesFlag]:
        """What is implausible on the days from `first` to `last`, as it was judged; by device and day."""
        values = {"source": source, "first": first, "last": last}
        rows = self._connections.rows(f"flags of {source}", "plausibility/flags", values, tuple_row)
        return [SeriesFlag(*row) for row in rows]

    def implausible(self, source: str, n_days: int) -> list[ImplausibleSeries]:
        """The series with flags on the `n_days` newest judged days, as it was judged; those with most flags first."""
        values = {"source": source, "n_days": n_days}
        place = f"flags of {source}"
        return self._connections.rows(place, "plausibility/implausible", values, class_row(ImplausibleSeries))

    def unflagged(self, source: str, first: date, last: date) -> int:
        """How many of the days from `first` to `last` wait to be judged plausible or not."""
        values = {"source": source, "first": first, "last": last}
        return sum(self._connections.rows(f"flags of {source}", "plausibility/waiting", values, scalar_row))

    def silent_devices(self, source: str) -> list[SilentDevice]:
        """The devices that are silent, as it was judged; by name."""
        values = {"source": source}
        place = f"silent devices of {source}"
        return self._connections.rows(place, "completeness/silent_devices", values, class_row(SilentDevice))

    def calendar(self, source: str, first: date, last: date, most: int) -> tuple[list[JudgedDay], list[GroupDay]]:
        """Verdicts on the series that lack most on some days, the worst first; and the share of each site's points."""
        place, values = f"calendar of {source}", {"source": source, "first": first, "last": last, "most": most}
        series = self._connections.rows(place, "completeness/calendar", values, tuple_row)
        return series, self._connections.rows(place, "completeness/calendar_groups", values, tuple_row)
