"""A warehouse in memory: the contract's promises in the fewest lines, and its failures by constructor."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from domain.contract import LandedPull
from domain.errors import (
    IngestError,
    PayloadMissingError,
    ProviderError,
    ShrinkRefusedError,
    StaleLoadError,
    WarehouseUnavailableError,
)
from domain.measurement import Normalized
from domain.quantities import QUANTITIES, Kinds
from domain.records import LoadReport, Payload, Progress, PullReport, Series
from domain.window import Window
from warehouse.assessment import Assessed
from warehouse.completeness import GroupDay, JudgedDay, SeriesGap
from warehouse.ledger import DayStatus, LedgerEntry, RejectedSeries, Restatement
from warehouse.plausibility import SeriesFlag

Points = dict[tuple[str, datetime], float]


@dataclass
class FakePull:
    """Counts only when it is finished; what an interrupted one kept is its successor's progress."""

    pull_id: int
    window: Window
    fingerprint: str = ""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    pages: dict[tuple[str, int], Payload] = field(default_factory=dict)
    finished: int = 0  # nanoseconds of a clock that only goes forward
    is_abandoned: bool = False
    n_requests: int = 0

    def resume(self) -> "FakePull":
        newest = dict(sorted(self.pages))  # part → its highest page
        self.progress = {part: Progress(page, self.pages[part, page].cursor) for part, page in newest.items()}
        return self

    def keep(self, payload: Payload) -> None:
        if payload.page == 1:
            self.pages = {at: kept for at, kept in self.pages.items() if at[0] != payload.part}
        self.pages[payload.part, payload.page] = payload

    def finish(self, *, n_requests: int) -> PullReport:
        self.finished = time.monotonic_ns()
        self.n_requests += n_requests
        n_bytes = sum(len(payload.body) for payload in self.pages.values())
        return PullReport(
            self.pull_id, self.window, len(self.pages), n_bytes, self.n_requests, 0.01, bool(self.progress)
        )

    def pause(self, *, n_requests: int) -> None:
        self.n_requests += n_requests

    def abandon(self, *, n_requests: int) -> None:
        self.n_requests += n_requests
        self.is_abandoned = True


@dataclass
class FakeLanded:
    """A finished pull, read back."""

    pull_id: int
    pages: tuple[Payload, ...]
    proof: str
    sha256s: tuple[str, ...]

    def __iter__(self) -> Iterator[Payload]:
        yield from self.pages


def day_status(day: date, load_id: int | None, reason: str | None = None, sentence: str | None = None) -> DayStatus:
    """A day of the ledger: the load that stands, and the failure since."""
    return DayStatus(day, load_id, load_id, None, 0, 0, reason, sentence)


@dataclass
class FakeWarehouse:
    """Keeps everything in dictionaries.

    Attributes:
        load_failures: Day → the error that loading it raises.
        n_stale: How many of the next loads lose against a newer pull, which somebody lands and loads meanwhile.
        unavailable: The error that every method raises.
        unopenable: The error that opening it raises.
    """

    load_failures: dict[date, IngestError] = field(default_factory=dict)
    n_stale: int = 0
    unavailable: IngestError | None = None
    unopenable: IngestError | None = None
    pulls: dict[str, list[FakePull]] = field(default_factory=dict)
    series: dict[str, dict[str, Series]] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    reports: list[LoadReport] = field(default_factory=list)
    failures: list[tuple[str, Window, IngestError]] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    restated: list[Restatement] = field(default_factory=list)
    standing: dict[str, dict[date, DayStatus]] = field(default_factory=dict)
    rejected: dict[tuple[str, int], list[RejectedSeries]] = field(default_factory=dict)
    wrong: dict[tuple[str, date], Sequence[str]] = field(default_factory=dict)
    gaps_of: dict[str, Sequence[SeriesGap]] = field(default_factory=dict)
    answered: dict[tuple[str, date], int] = field(default_factory=dict)  # when a day last had an outcome

    unanswered: dict[tuple[str, date], tuple[int, IngestError]] = field(default_factory=dict)  # asked in vain, and when

    @contextmanager
    def open(self) -> "Iterator[FakeWarehouse]":
        if self.unopenable is not None:
            raise self.unopenable
        yield self

    @property
    def ledger(self) -> "FakeWarehouse":
        return self

    @property
    def reading(self) -> "FakeWarehouse":
        return self

    @property
    def completeness(self) -> "FakeWarehouse":
        return self

    def assess(self, source: str, through: date | None, **_: object) -> Assessed:
        self._answer()
        return Assessed(through if source in self.gaps_of else None)

    def is_filling(self) -> bool:
        return False

    def through(self, source: str) -> date | None:
        return max((gap.days[-1] for gap in self.gaps_of.get(source, ())), default=None)

    def calendar(self, *_: object) -> tuple[list[JudgedDay], list[GroupDay]]:
        return [], []

    def gaps(self, source: str, first: date, last: date) -> list[SeriesGap]:
        return [gap for gap in self.gaps_of.get(source, ()) if any(first <= day <= last for day in gap.days)]

    def flags(self, *_: object) -> list[SeriesFlag]:
        return []

    def catalogue(self, source: str, series: Iterable[Series]) -> int:
        self._answer()
        known = self.series.setdefault(source, {})
        changed = [one for one in series if known.get(one.key) != one]
        known.update({one.key: one for one in changed})
        return len(changed)

    def known_kinds(self, source: str) -> Kinds:
        self._answer()
        return {key: QUANTITIES[one.quantity].kind for key, one in self.series.get(source, {}).items()}

    def begin_pull(self, source: str, window: Window, *, fingerprint: str = "") -> FakePull:
        self._answer()
        pulls = self.pulls.setdefault(source, [])
        for pull in reversed(pulls):
            asks_the_same = pull.window == window and pull.fingerprint == fingerprint
            if asks_the_same and not pull.finished and not pull.is_abandoned:
                return pull.resume()
        pulls.append(FakePull(len(pulls) + 1, window, fingerprint))
        return pulls[-1]

    def reuse_finished(self, source: str, window: Window, *, fingerprint: str) -> PullReport | None:
        self._answer()
        touching = [
            pull
            for pull in self.pulls.get(source, [])
            if pull.finished and pull.window.start < window.end and window.start < pull.window.end
        ]
        newest = max(touching, key=lambda pull: pull.finished, default=None)
        if newest is None or (newest.window, newest.fingerprint) != (window, fingerprint):
            return None
        if all(self.answered.get((source, day), 0) > newest.finished for day in window.days()):
            return None
        age = (time.monotonic_ns() - newest.finished) / 1e9
        n_bytes = sum(len(payload.body) for payload in newest.pages.values())
        return PullReport(newest.pull_id, window, len(newest.pages), n_bytes, 0, 0.0, age_seconds=age)

    def payloads(self, source: str, window: Window) -> FakeLanded:
        self._answer()
        for pull in sorted(self.pulls.get(source, []), key=lambda pull: pull.finished, reverse=True):
            if pull.finished and pull.window.covers(window):
                pages = tuple(pull.pages[at] for at in sorted(pull.pages))
                proof = ", ".join(sorted({page.proof for page in pages}))
                return FakeLanded(pull.pull_id, pages, proof, tuple(page.sha256 for page in pages))
        raise PayloadMissingError("nothing landed", place=f"{source}, {window}", fix="land it first")

    def load(
        self,
        source: str,
        window: Window,
        landed: LandedPull,
        batches: Iterable[Normalized],
        *,
        is_correction: bool = False,
        is_attempt: bool = False,
    ) -> LoadReport:
        self._answer()
        if self.n_stale:
            self.n_stale -= 1
            pulls = self.pulls[source]
            newer = FakePull(len(pulls) + 1, window, pages=pulls[-1].pages)
            newer.finish(n_requests=0)
            pulls.append(newer)
            raise StaleLoadError("a newer pull is loaded", place=f"{source}, {window}", fix="load the newest")
        try:
            new, n_rejected, n_duplicate, unmapped, reasons = _read(batches)
        except IngestError as error:
            self._stand(source, window, error)
            raise
        if window.day in self.load_failures:
            self._stand(source, window, self.load_failures[window.day])
            raise self.load_failures[window.day]
        held = self.points.setdefault(source, {})
        old = {at: value for at, value in held.items() if at[1] in window}
        if sum(at not in new for at in old) > 0.2 * len(old) and not is_correction:
            shrunk = ShrinkRefusedError("rows would be lost", place=f"{source}, {window}", fix="say it is a correction")
            self._stand(source, window, shrunk)
            raise shrunk
        for at in old:
            del held[at]
        held.update(new)
        n_changed = sum(at in old and old[at] != value for at, value in new.items())
        n_unchanged = sum(at in old and old[at] == value for at, value in new.items())
        report = LoadReport(
            load_id=len(self.reports) + 1,
            pull_id=landed.pull_id,
            source=source,
            window_start=window.start,
            window_end=window.end,
            n_series=len({key for key, _ in new}),
            n_received=len(new) + n_rejected + n_duplicate,
            n_inserted=len(new) - n_changed - n_unchanged,
            n_changed=n_changed,
            n_unchanged=n_unchanged,
            n_rejected=n_rejected,
            n_duplicate=n_duplicate,
            n_removed=sum(at not in new for at in old),
            n_points=len(new),
            seconds=0.01,
            unmapped=unmapped,
            rejected_by_reason=reasons,
        )
        self.reports.append(report)
        unanswered = self.unanswered.get((source, window.day))
        is_replay = unanswered is not None and pull_of(self.pulls[source], landed).finished < unanswered[0]
        why = (unanswered[1].code, str(unanswered[1])) if unanswered and is_replay else (None, None)
        self.standing.setdefault(source, {})[window.day] = day_status(window.day, report.load_id, *why)
        self.answered[source, window.day] = time.monotonic_ns()
        return report

    def wait_until_available(self, error: WarehouseUnavailableError) -> None:
        self.waits.append(str(error))

    def record_failure(self, source: str, window: Window, error: IngestError) -> None:
        self.failures.append((source, window, error))
        if isinstance(error, ProviderError):
            self.unanswered[source, window.day] = time.monotonic_ns(), error
        self._stand(source, window, error)

    def newest_loads(self, source: str, first: date, last: date) -> Sequence[LoadReport]:
        self._answer()
        mine = [load for load in self.reports if load.source == source and first <= load.window.day <= last]
        newest = {load.window.day: load for load in mine}
        return [newest[day] for day in sorted(newest)]

    def entries_between(self, source: str, window: Window, since: datetime, until: datetime) -> Sequence[LedgerEntry]:
        self._answer()
        made = [load for load in self.reports if load.source == source and window.covers(load.window)]
        return [LedgerEntry(load) for load in made if load.loaded_at and since <= load.loaded_at <= until]

    def days(self, source: str) -> Sequence[DayStatus]:
        self._answer()
        return [one for _, one in sorted(self.standing.get(source, {}).items())]

    def restatements(self, source: str, since: datetime, finalization_lag: timedelta) -> Sequence[Restatement]:
        self._answer()
        del source, since, finalization_lag
        return self.restated

    def landed_not_loaded(self, source: str) -> Sequence[date]:
        self._answer()
        loaded = {load.window.day: load.pull_id or 0 for load in self.reports if load.source == source}
        pulls = [pull for pull in self.pulls.get(source, []) if pull.finished]
        landed = {day: pull.pull_id for pull in pulls for day in pull.window.days()}
        return sorted(day for day, pull_id in landed.items() if loaded.get(day, 0) < pull_id)

    def quantities(self, source: str) -> Sequence[str]:
        self._answer()
        return sorted({one.quantity for one in self.series.get(source, {}).values()})

    def rejected_series(self, source: str, load_ids: Sequence[int]) -> Sequence[RejectedSeries]:
        self._answer()
        return [one for load_id in load_ids for one in self.rejected.get((source, load_id), ())]

    def wrong_summaries(self, source: str, window: Window) -> Sequence[str]:
        self._answer()
        return self.wrong.get((source, window.day), ())

    def due_days(
        self,
        source: str,
        window: Window,
        *,
        finalization_lag: timedelta,  # it holds no instants: whatever is loaded has settled
        as_of: datetime,  # as above
        untried_since: datetime,  # as above
        n_newest: int,
        n_others: int,
        refetch_after: Mapping[date, datetime] | None = None,  # as above
    ) -> Sequence[date]:
        self._answer()
        loaded = {load.window.day for load in self.reports if load.source == source}
        return [day for day in window.days() if day not in loaded][::-1][: n_newest + n_others]

    def _stand(self, source: str, window: Window, error: IngestError) -> None:
        self.answered[source, window.day] = time.monotonic_ns()
        days = self.standing.setdefault(source, {})
        before = days.get(window.day)
        days[window.day] = day_status(window.day, before.load_id if before else None, error.code, str(error))

    def _answer(self) -> None:
        if self.unavailable is not None:
            raise self.unavailable


def pull_of(pulls: Sequence[FakePull], landed: LandedPull) -> FakePull:
    [found] = [pull for pull in pulls if pull.pull_id == landed.pull_id]
    return found


def _read(batches: Iterable[Normalized]) -> tuple[Points, int, int, dict[str, int], dict[str, int]]:
    new: Points = {}
    n_rejected = n_duplicate = 0
    unmapped: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for batch in batches:
        batch.check(place="fake warehouse")
        frame = batch.measurements
        for key, instant, value in zip(frame["series"], frame["measured_at"], frame["value"], strict=True):
            new[str(key), instant.to_pydatetime()] = float(value)
        n_rejected += len(batch.rejected)
        n_duplicate += batch.n_duplicates
        for name, count in batch.unmapped.items():
            unmapped[name] = unmapped.get(name, 0) + count
        for reason in batch.rejected["reason"]:
            reasons[reason] = reasons.get(reason, 0) + 1
    return new, n_rejected, n_duplicate, unmapped, reasons
