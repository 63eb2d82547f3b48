"""Gaps filled: the export is asked for what the streams may have missed, landed and loaded as any day is."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from assets.steps import land, load
from domain.contract import Provider
from domain.errors import IngestError, NotYetPublishedError, RateLimitedError
from domain.live import LiveFeed
from domain.measurement import Normalized
from domain.window import Window
from pipelines.live.settings import LiveSettings
from warehouse.live import OpenGap
from warehouse.store import TimescaleWarehouse

_log: Final = logging.getLogger(__name__)

_MAX_FAILURES: Final = 3  # one after the other; then the provider is left alone until the next round


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One request to the export: a day, and the gaps that lie in it or reach into it.

    Attributes:
        window: The span to ask for.
        gaps: The gaps that it helps to fill.
    """

    window: Window
    gaps: Sequence[OpenGap]


class Filler:
    """Fills the gaps of one source from the export, in rounds that become rarer while the same reasons repeat.

    A day that is over is asked for and loaded whole: its partition then equals the export, and no load of that day
    has an older answer. Of today what is asked for begins with the first gap and ends `export_lag` before now.

    A gap is filled when the export has come as far as its end: when it has a value of its part at or beyond that
    instant. Until then the export may still be behind, and the gap is tried again; a gap that is old is believed.

    Args:
        provider: The provider whose export is asked.
        feed: Names the part of a series.
        warehouse: Holds the gaps, and takes the answers.
        source: The source's slug.
        settings: Its timings and limits.
        stopping: Set when no further request is to be made.
        now: Returns the current time.
    """

    def __init__(
        self,
        provider: Provider,
        feed: LiveFeed,
        warehouse: TimescaleWarehouse,
        source: str,
        settings: LiveSettings,
        *,
        stopping: threading.Event,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._provider = provider
        self._feed = feed
        self._warehouse = warehouse
        self._source = source
        self._settings = settings
        self._stopping = stopping
        self._now = now
        self._reached: dict[str, datetime] = {}
        self._failed: dict[int, IngestError] = {}
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._backoff_seconds = settings.backoff_seconds
        self._reasons: set[str] = set()
        self.n_filled = 0

    def fill_due(self) -> None:
        """Ask the export for the gaps that are due, unless it was asked a moment ago.

        What cannot be filled is noted on its gap and tried again; nothing but a database that is away for the notes
        themselves is raised.

        Raises:
            WarehouseError: The gaps cannot be read or noted.
        """
        now = self._now()
        if now < self._not_before:
            return
        horizon = (now - self._settings.export_lag).replace(microsecond=0)
        due = self._warehouse.live.open_gaps(self._source, horizon - self._settings.export_lag, at=now)
        # Only new gaps show that a reason repeats: one that was tried before has a backoff of its own.
        reasons = {one.gap.reason for one in due if not one.n_failed}
        is_repeated = bool(reasons & self._reasons)
        longest = self._settings.max_backoff_seconds
        backoff = min(self._backoff_seconds * 2, longest) if is_repeated else self._settings.backoff_seconds
        self._backoff_seconds = backoff
        self._reasons = reasons
        if not due:
            return
        wait = max(self._backoff_seconds, self._run(export_requests(due, horizon)))
        self._not_before = self._now() + timedelta(seconds=wait)

    def _run(self, requests: Sequence[ExportRequest]) -> float:
        """Make every request; the seconds that the provider then asks us to wait."""
        self._failed.clear()
        n_failed = 0
        for request in requests:
            if self._stopping.is_set():
                break
            try:
                load_id = self._load(request.window)
            except IngestError as error:
                n_failed = n_failed + 1 if error.retryable else 0
                self._failed |= {one.gap_id: error for one in request.gaps}
                self._record(request, None)
                if isinstance(error, RateLimitedError):
                    return error.retry_after_seconds or 0.0
                if n_failed == _MAX_FAILURES:
                    break
            else:
                n_failed = 0
                self._record(request, load_id)
        return 0.0

    def _load(self, window: Window) -> int:
        land(self._provider, self._warehouse, self._source, window)
        reached: dict[str, datetime] = {}

        def on_batch(batch: Normalized) -> None:
            for part, at in _farthest(batch, self._feed):
                reached[part] = max(reached.get(part, at), at)

        report = load(self._provider, self._warehouse, self._source, window, on_batch=on_batch)
        # The export never goes back: the end that an earlier answer has reached counts for every later one.
        for part, at in reached.items():
            self._reached[part] = max(self._reached.get(part, at), at)
        return report.load_id

    def _record(self, request: ExportRequest, load_id: int | None) -> None:
        """Record the result for the gaps of which this request was the last one: the newest day is asked for first."""
        filled, postponed = [], []
        for one in request.gaps:
            if one.gap.start.date() < request.window.day:
                continue  # an earlier day is still to come
            if one.gap_id in self._failed or load_id is None:
                postponed.append(one)
            elif self._is_reached(one):
                filled.append(one)
            else:
                self._failed[one.gap_id] = NotYetPublishedError(
                    "the export has not come to the end of a gap yet", place=self._source, fix="wait: it is asked again"
                )
                postponed.append(one)
        if filled and load_id is not None:
            self._warehouse.live.fill(filled, load_id)
            self.n_filled += len(filled)
        for one in postponed:
            self._back_off(one, self._failed[one.gap_id])

    def _is_reached(self, one: OpenGap) -> bool:
        at = self._reached.get(one.gap.part)
        return (at is not None and at >= one.gap.end) or self._now() - one.gap.end >= self._settings.trust_after

    def _back_off(self, one: OpenGap, error: IngestError) -> None:
        """Record why, and when to try again: ever later, and much later at once where waiting seldom helps."""
        seconds = self._settings.max_backoff_seconds
        if error.retryable:
            seconds = min(self._settings.backoff_seconds * 2.0 ** min(one.n_failed, 32), seconds)
        if error.code != one.failure:
            level = logging.INFO if isinstance(error, NotYetPublishedError) else logging.WARNING
            span = Window(one.gap.start, one.gap.end)
            _log.log(level, "The gap of %s, %s %s, stays open for now: %s", self._source, one.gap.part, span, error)
        self._warehouse.live.back_off([one], error.code, self._now() + timedelta(seconds=seconds))


def export_requests(gaps: Sequence[OpenGap], horizon: datetime) -> list[ExportRequest]:
    """What to ask for, the newest first: days that are over whole, of the day of `horizon` what lies before it.

    Args:
        gaps: Which ended before `horizon`.
        horizon: Until where the export is asked, in whole seconds.
    """
    of_day: dict[date, list[OpenGap]] = {}
    for one in gaps:
        for day in Window(one.gap.start, one.gap.end).days():
            of_day.setdefault(day, []).append(one)
    found = []
    for day in sorted(of_day, reverse=True):
        whole = Window.of_day(day)
        if horizon >= whole.end:
            window = whole
        else:
            start = min(one.gap.start for one in of_day[day]).replace(microsecond=0)
            window = Window(max(whole.start, start), horizon)
        found.append(ExportRequest(window, of_day[day]))
    return found


def _farthest(batch: Normalized, feed: LiveFeed) -> Iterator[tuple[str, datetime]]:
    """Per part, how far the series go that its stream speaks of; statistics and the like prove nothing."""
    part_of = {one.key: part for one in batch.series if (part := feed.part_of(one)) is not None}
    for frame in (batch.measurements, batch.states):
        if len(frame):
            for key, at in frame.groupby("series", observed=True)["measured_at"].max().items():
                if str(key) in part_of:
                    yield part_of[str(key)], at.to_pydatetime()


def first_of_today(now: datetime, look_back: timedelta) -> datetime:
    """Where listening begins that never was: midnight in UTC, or `look_back` ago if that is later."""
    return max(Window.of_day(now.astimezone(UTC).date()).start, now - look_back)
