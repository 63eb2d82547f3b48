"""The ledger read back: what was loaded, what failed, and what it all amounts to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from psycopg.rows import class_row, dict_row, scalar_row

from domain.errors import ProviderError, reason_codes
from domain.records import EXEMPT, LoadReport, PullReport
from domain.window import Window
from warehouse.connections import Connections
from warehouse.suspects import SuspectDay, Suspects


@dataclass(frozen=True, slots=True)
class RejectedSeries:
    """What some loads rejected of one series.

    Attributes:
        series_key: Which; what its device's keys begin with, for rows that belong to all of them; empty for no series.
        reason: Why.
        n_rows: How many rows.
    """

    series_key: str
    reason: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class DayStatus:
    """What the ledger says of one UTC day.

    Attributes:
        day: Which.
        load_id: The load that made it what it is; None if none was ever committed.
        pull_id: What that load was read from.
        loaded_at: When.
        n_points: Points the day holds.
        n_rejected: Rows that load rejected.
        reason: The reason code of a failure since then; None if the last load went well. A replay does not undo that
            the provider was asked and failed to answer: only a later answer does.
        sentence: That failure in words.
        suspect: Why it is suspect, and how often it was asked for; None if it is not, or is believed all the same.
        failed_since: When the first of the failures since then was.
    """

    day: date
    load_id: int | None
    pull_id: int | None
    loaded_at: datetime | None
    n_points: int
    n_rejected: int
    reason: str | None
    sentence: str | None
    suspect: SuspectDay | None = None
    failed_since: datetime | None = None

    @property
    def status(self) -> Literal["loaded", "failed"]:
        """`failed` if the last attempt failed, whether or not an earlier load stands."""
        return "failed" if self.reason else "loaded"


@dataclass(frozen=True, slots=True)
class Restatement:
    """A load that changed a day whose values had been final: day, points changed, removed and left as they were."""

    day: date
    n_changed: int
    n_removed: int
    n_unchanged: int

    @property
    def share(self) -> float:
        """Which share of the day's points it changed or removed."""
        return (self.n_changed + self.n_removed) / (self.n_changed + self.n_removed + self.n_unchanged)


@dataclass(frozen=True, slots=True)
class LastEnd:
    """How far the loads of a source have ended.

    Attributes:
        source: Whose.
        day: The newest UTC day of which one has ended, well or not.
        failed_at: When the newest failure was; None if there was none. Behind it other days may be left untried.
        ended_at: When the newest load of that day ended.
    """

    source: str
    day: date | None
    failed_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the ledger, with what landing it cost.

    Attributes:
        load: The entry itself.
        pull: The pull that was loaded; None where it failed before, or the pull is gone.
        is_replay: Whether an earlier load of the same window was of that pull, too.
    """

    load: LoadReport
    pull: PullReport | None = None
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """What the committed loads of a source did together.

    Attributes:
        source: Whose.
        n_windows: Different windows, usually days.
        n_loads: Loads, repeated ones included.
        n_series: The most series that one window holds.
        n_points: Points that the windows hold after their newest load.
        n_received: Points that the newest loads of the windows were given, as are rejected and duplicate ones.
        n_inserted: Summed over the loads, as are changed, unchanged and removed ones, and the seconds.
        n_requests: HTTP requests of the pulls that were loaded, as are payloads, bytes and seconds after it.
    """

    source: str
    n_windows: int
    n_loads: int
    n_series: int
    n_points: int
    n_received: int
    n_inserted: int
    n_changed: int
    n_unchanged: int
    n_rejected: int
    n_duplicate: int
    n_removed: int
    load_seconds: float
    n_requests: int
    n_payloads: int
    n_bytes: int
    pull_seconds: float

    @property
    def n_written(self) -> int:
        """Points inserted, changed or removed."""
        return self.n_inserted + self.n_changed + self.n_removed


class Ledger:
    """Questions to the ledger. Each is one statement in a session of its own.

    Attributes:
        suspects: The days that are suspect.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.suspects = Suspects(connections)

    def last_loads(self, source: str, first: date, last: date) -> list[LoadReport]:
        """The newest entry of each window that begins on a day from `first` to `last`, in the order of windows."""
        return self._entries("ledger/last_loads", source, Window.of_days(first, last))

    def entries(self, source: str, window: Window) -> list[LoadReport]:
        """Every entry that touches `window`, oldest first."""
        return self._entries("ledger/entries", source, window)

    def entries_after(self, source: str, load_id: int, most: int) -> list[LedgerEntry]:
        """The entries behind the one with the number `load_id`, oldest first, `most` at most."""
        return self._with_pulls("ledger/loads_after", {"source": source, "after_load_id": load_id, "most": most})

    def entries_between(self, source: str, window: Window, since: datetime, until: datetime) -> list[LedgerEntry]:
        """The entries of days in `window` that were made from `since` until `until`, oldest first."""
        values = {"source": source, "start": window.start, "end": window.end, "since": since, "until": until}
        return self._with_pulls("ledger/loads_between", values)

    def newest_loads(self, source: str, first: date, last: date) -> list[LoadReport]:
        """The newest committed load of each day of `source` from `first` to `last` that has one, by day."""
        newest = {
            entry.window.day: entry
            for entry in self.entries(source, Window.of_days(first, last))
            if entry.status == "committed" and entry.window == Window.of_day(entry.window.day)
        }
        return [newest[day] for day in sorted(newest)]

    def days(self, source: str) -> list[DayStatus]:
        """Every UTC day that a load has touched or failed on, in order."""
        found = self.unjudged_days(source)
        suspects = {one.day: one for one in self.suspects.days(source)}
        return [replace(one, suspect=suspects[one.day]) if one.day in suspects else one for one in found]

    def unjudged_days(self, source: str) -> list[DayStatus]:
        """The same days, and of none whether it is suspect: so nothing is judged, and it may be asked every minute."""
        values = {"source": source, "of_providers": _OF_PROVIDERS}
        return self._connections.rows(f"ledger of {source}", "ledger/days", values, class_row(DayStatus))

    def last_ends(self) -> dict[str, LastEnd]:
        """Source → the last ends of its loads."""
        return {one.source: one for one in self._connections.rows("ledger", "ledger/last_ends", {}, class_row(LastEnd))}

    def restatements(self, source: str, since: datetime, finalization_lag: timedelta) -> list[Restatement]:
        """The loads since then that changed days whose values had been final, oldest first."""
        values = {"source": source, "since": since, "finalization_lag": finalization_lag}
        place = f"ledger of {source}"
        return self._connections.rows(place, "ledger/restatements", values, class_row(Restatement))

    def landed_not_loaded(self, source: str) -> list[date]:
        """The UTC days whose newest complete pull has not been loaded, in order: a replay would load them."""
        return self._connections.rows(f"ledger of {source}", "ledger/landed_not_loaded", {"source": source}, scalar_row)

    def due_days(
        self,
        source: str,
        window: Window,
        *,
        finalization_lag: timedelta,
        as_of: datetime,
        untried_since: datetime,
        n_newest: int,
        n_others: int,
        refetch_after: Mapping[date, datetime] | None = None,
    ) -> list[date]:
        """UTC days inside `window` that are to be asked for again, the most urgent first.

        A day is due if it was never committed, or if its newest committed load is of a pull that began before the day
        had settled, or before a later instant; a suspect day has one of its own, and one that failed since the instant
        of that. Its newest load may well have been a replay: it is the pull that counts.

        Args:
            source: Whose.
            window: Whole days to look at.
            finalization_lag: How long after its end a day's values still move.
            as_of: The instant at which a day has settled or not.
            untried_since: Days that were asked for since then rest.
            n_newest: How many days are taken because they are the newest.
            n_others: How many more are taken in turn: never tried before, or not tried for longest.
            refetch_after: Days, and the instant that their pull must have begun after, although they had settled.
        """
        later = dict(refetch_after or {})
        instants = [
            *((one.day, Window.of_day(one.next_day).start) for one in self.suspects.days(source) if one.next_day),
            # What the provider meant to say by then is not known, although the points of an earlier answer are there.
            *((one.day, one.failed_since) for one in self.unjudged_days(source) if one.failed_since),
        ]
        for day, instant in instants:
            if instant <= as_of:
                later[day] = max(instant, later.get(day, window.start))
        values = {
            "source": source,
            "start": window.start,
            "end": window.end,
            "finalization_lag": finalization_lag,
            "as_of": as_of,
            "untried_since": untried_since,
            "n_newest": n_newest,
            "n_others": n_others,
            "again_days": [Window.of_day(day).start for day in later],
            "again_instants": list(later.values()),
        }
        return self._connections.rows(f"ledger of {source}", "ledger/due_days", values, scalar_row)

    def landed(self, source: str, window: Window) -> list[date]:
        """The UTC days inside `window` that a complete pull covers whole, in order: they can be replayed."""
        values = {"source": source, "start": window.start, "end": window.end}
        return self._connections.rows(f"ledger of {source}", "ledger/landed", values, scalar_row)

    def totals(
        self, source: str | None = None, window: Window | None = None, *, after_load_id: int = 0
    ) -> list[Totals]:
        """What the committed loads amount to, one row per source.

        Args:
            source: Only this one.
            window: Only loads of windows inside.
            after_load_id: Only loads newer than this one: `newest_id()` before a run counts what the run did.
        """
        values: dict[str, object] = {
            "source": source,
            "start": window.start if window else None,
            "end": window.end if window else None,
            "after_load_id": after_load_id,
        }
        rows = self._connections.rows("ledger", "ledger/totals", values, dict_row)
        return [Totals(**_plain(row)) for row in rows]

    def not_before(self, source: str) -> datetime | None:
        """When the provider that held `source` up the last time may be asked again; None if none ever did."""
        rows = self._connections.rows(f"ledger of {source}", "ledger/not_before", {"source": source}, scalar_row)
        instant: datetime | None = rows[0]
        return instant

    def newest_id(self) -> int:
        """The number of the newest entry, 0 if there is none."""
        return max(self._connections.rows("ledger", "ledger/newest_id", {}, scalar_row), default=0)

    def rejected_series(self, source: str, load_ids: Sequence[int], *, most: int = 50) -> list[RejectedSeries]:
        """Whose rows some loads rejected, worst first, `most` at most; rows that only lay outside are no news."""
        values = {"source": source, "load_ids": list(load_ids), "exempt": sorted(EXEMPT), "most": most}
        return self._connections.rows(
            f"ledger of {source}", "ledger/rejected_series", values, class_row(RejectedSeries)
        )

    def _with_pulls(self, name: str, values: Mapping[str, object]) -> list[LedgerEntry]:
        place = f"ledger of {values['source']}"
        loads = self._connections.rows(place, name, values, class_row(LoadReport))
        load_ids = {"load_ids": [load.load_id for load in loads]}
        pulls = {
            row["load_id"]: (
                PullReport(
                    row["pull_id"],
                    Window(row["window_start"], row["window_end"]),
                    row["n_payloads"],
                    int(row["n_bytes"]),
                    row["n_requests"],
                    row["seconds"],
                ),
                row["is_replay"],
            )
            for row in self._connections.rows(place, "ledger/pulls_of_loads", load_ids, dict_row)
        }
        return [LedgerEntry(load, *pulls.get(load.load_id, (None, False))) for load in loads]

    def _entries(self, name: str, source: str, window: Window) -> list[LoadReport]:
        values = {"source": source, "start": window.start, "end": window.end}
        return self._connections.rows(f"ledger of {source}", name, values, class_row(LoadReport))


_OF_PROVIDERS: Final = reason_codes(ProviderError)
_REAL: Sequence[str] = ("load_seconds", "pull_seconds")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Sums come as decimals, and as nothing where there is no pull."""
    return {
        name: value if name == "source" else float(value or 0) if name in _REAL else int(value or 0)
        for name, value in row.items()
    }
