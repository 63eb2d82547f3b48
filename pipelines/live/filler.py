"""Gaps filled: the export is asked for what the streams may have missed, landed and loaded as any day is."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from assets.day import land, load
from domain.contract import Provider
from domain.errors import IngestError, NotYetPublishedError, RateLimitedError
from domain.live import LiveFeed
from domain.measurement import Normalized
from domain.window import Window
from pipelines.live.pace import Pace
from warehouse.live import OpenGap
from warehouse.store import TimescaleWarehouse

_log: Final = logging.getLogger(__name__)

_MOST_FAILURES: Final = 3  # one after the other; then the provider is left alone until the next round


@dataclass(frozen=True, slots=True)
class Errand:
    """One question to the export: a day, and the gaps that lie in it or reach into it.

    Attributes:
        window: What to ask for.
        gaps: What it helps to fill.
    """

    window: Window
    gaps: Sequence[OpenGap]


class Filler:
    """Has the export fill the gaps of one source, in rounds that become rarer while the same reasons repeat.

    A day that is over is asked for and loaded whole: its partition then says what the export says, and no load of that
    day has an older answer. Of today what is asked for begins with the first gap and ends `settle` before now.

    A gap is filled when the export has come as far as its end: when it has said a value of its part at or beyond that
    instant. Until then the export may still be behind, and the gap is tried again; a gap that is old is believed.

    Args:
        provider: Whom to ask.
        feed: Says whose a series is.
        warehouse: Where the gaps are, and where the answers go.
        source: Whose gaps.
        pace: The bounds.
        stopping: Set when no question is to be begun any more.
        now: The time it is.
    """

    def __init__(
        self,
        provider: Provider,
        feed: LiveFeed,
        warehouse: TimescaleWarehouse,
        source: str,
        pace: Pace,
        *,
        stopping: threading.Event,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._provider = provider
        self._feed = feed
        self._warehouse = warehouse
        self._source = source
        self._pace = pace
        self._stopping = stopping
        self._now = now
        self._reached: dict[str, datetime] = {}
        self._failed: dict[int, IngestError] = {}
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._rest_seconds = pace.rest_seconds
        self._reasons: set[str] = set()
        self.n_filled = 0
        self.n_loads = 0

    def look(self) -> None:
        """Have the export asked for what is due, unless it was asked a moment ago.

        What cannot be filled is noted on its gap and tried again; nothing but a database that is away for the notes
        themselves is raised.

        Raises:
            WarehouseError: The gaps cannot be read or noted.
        """
        now = self._now()
        if now < self._not_before:
            return
        horizon = (now - self._pace.settle).replace(microsecond=0)
        due = self._warehouse.live.open_gaps(self._source, horizon - self._pace.settle, at=now)
        # Only what is new tells that something repeats: what was tried before has a rest of its own.
        reasons = {one.gap.reason for one in due if not one.n_failed}
        is_repeated = bool(reasons & self._reasons)
        longest = self._pace.longest_rest_seconds
        self._rest_seconds = min(self._rest_seconds * 2, longest) if is_repeated else self._pace.rest_seconds
        self._reasons = reasons
        if not due:
            return
        wait = max(self._rest_seconds, self._round(errands(due, horizon)))
        self._not_before = self._now() + timedelta(seconds=wait)

    def _round(self, found: Sequence[Errand]) -> float:
        """Go on every errand; the seconds for which the provider wants to be left alone then."""
        self._failed.clear()
        n_failed = 0
        for errand in found:
            if self._stopping.is_set():
                break
            try:
                load_id = self._go(errand.window)
            except IngestError as error:
                n_failed = n_failed + 1 if error.retryable else 0
                self._failed |= {one.gap_id: error for one in errand.gaps}
                self._note(errand, None)
                if isinstance(error, RateLimitedError):
                    return error.retry_after_seconds or 0.0
                if n_failed == _MOST_FAILURES:
                    break
            else:
                n_failed = 0
                self._note(errand, load_id)
        return 0.0

    def _go(self, window: Window) -> int:
        land(self._provider, self._warehouse, self._source, window)
        reached: dict[str, datetime] = {}

        def witness(batch: Normalized) -> None:
            for part, at in _farthest(batch, self._feed):
                reached[part] = max(reached.get(part, at), at)

        report = load(self._provider, self._warehouse, self._source, window, witness=witness)
        self.n_loads += 1
        # Once that far, always that far: what an earlier answer has said counts for every later one.
        for part, at in reached.items():
            self._reached[part] = max(self._reached.get(part, at), at)
        return report.load_id

    def _note(self, errand: Errand, load_id: int | None) -> None:
        """Write down what became of the gaps that this errand was the last one for: days are gone through backwards."""
        filled, resting = [], []
        for one in errand.gaps:
            if one.gap.start.date() < errand.window.day:
                continue  # an earlier day is still to come
            if one.gap_id in self._failed or load_id is None:
                resting.append(one)
            elif self._is_reached(one):
                filled.append(one)
            else:
                self._failed[one.gap_id] = NotYetPublishedError(
                    "the export has not come to the end of a gap yet", place=self._source, fix="wait: it is asked again"
                )
                resting.append(one)
        if filled and load_id is not None:
            self._warehouse.live.fill(filled, load_id)
            self.n_filled += len(filled)
        for one in resting:
            self._let_rest(one, self._failed[one.gap_id])

    def _is_reached(self, one: OpenGap) -> bool:
        at = self._reached.get(one.gap.part)
        return (at is not None and at >= one.gap.end) or self._now() - one.gap.end >= self._pace.trust_after

    def _let_rest(self, one: OpenGap, error: IngestError) -> None:
        """Note why, and when to try again: ever later, and where waiting seldom helps, much later at once."""
        seconds = self._pace.longest_rest_seconds
        if error.retryable:
            seconds = min(self._pace.rest_seconds * 2.0 ** min(one.n_failed, 32), seconds)
        if error.code != one.failure:
            level = logging.INFO if isinstance(error, NotYetPublishedError) else logging.WARNING
            span = Window(one.gap.start, one.gap.end)
            _log.log(level, "The gap of %s, %s %s, stays open for now: %s", self._source, one.gap.part, span, error)
        self._warehouse.live.rest([one], error.code, self._now() + timedelta(seconds=seconds))


def errands(gaps: Sequence[OpenGap], horizon: datetime) -> list[Errand]:
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
        found.append(Errand(window, of_day[day]))
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
