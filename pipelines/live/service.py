"""The live service of one source: a thread for each stream, one that puts, one that fills."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from domain.contract import Provider
from domain.errors import WarehouseUnavailableError
from domain.live import LiveFeed
from pipelines.live.filler import Filler, first_of_today
from pipelines.live.listener import Listener
from pipelines.live.pace import Pace
from pipelines.live.queue import Inbox, Item
from warehouse.store import TimescaleWarehouse

_log: Final = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_LAST_SECONDS: Final = 10.0  # for the threads to end


@dataclass(slots=True)
class Counts:
    """What the service has done so far."""

    n_messages: int = 0
    n_points: int = 0
    n_new: int = 0
    n_corrected: int = 0
    n_gaps: int = 0
    n_filled: int = 0
    n_dropped: int = 0
    n_opened: int = 0


class LiveService:
    """Keeps the points of one source current, and knows what it may have missed.

    Args:
        source: The source's slug.
        feed: Its streams.
        provider: Its export, for the gaps.
        warehouse: Where points and gaps go.
        pace: The bounds.
        now: The time it is.
    """

    def __init__(
        self,
        source: str,
        feed: LiveFeed,
        provider: Provider,
        warehouse: TimescaleWarehouse,
        *,
        pace: Pace = Pace(),  # noqa: B008  # frozen
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._feed = feed
        self._warehouse = warehouse
        self._pace = pace
        self._now = now
        self._inbox = Inbox(pace.queue_messages, pace.overlap)
        self._filler = Filler(provider, warehouse, source, pace, now=now)
        self._counts = Counts()
        self._listeners: list[Listener] = []
        self._stopping = threading.Event()
        self._drained = threading.Event()
        self._trouble: list[BaseException] = []

    @property
    def counts(self) -> Counts:
        """What it has done so far."""
        counts = self._counts
        counts.n_dropped = self._inbox.n_dropped
        counts.n_filled = self._filler.n_filled
        counts.n_opened = sum(listener.n_opened for listener in self._listeners)
        return counts

    def stop(self) -> None:
        """Have `run` end: streams are closed, what was heard is put, and no gap is begun to be filled."""
        self._stopping.set()

    def run(self) -> Counts:
        """Listen until `stop` is called; what was done.

        Raises:
            IngestError: Something that waiting does not help against; everything that was heard has been put.
        """
        covered = self._warehouse.live.covered(self._source)
        start = self._now()
        self._listeners = [
            Listener(
                self._feed,
                part,
                self._inbox,
                self._pace,
                certain=covered.get(part, first_of_today(start, self._pace.look_back)),
                reason="restarted" if part in covered else "first_start",
                stopping=self._stopping,
                now=self._now,
            )
            for part in self._feed.parts()
        ]
        listening = [self._thread(listener.run, "listen") for listener in self._listeners]
        putting, filling = self._thread(self._put_all, "put"), self._thread(self._fill_all, "fill")
        for thread in listening:
            _join(thread, until=self._stopping)
        self._drained.set()
        for thread in (putting, filling):
            thread.join(_LAST_SECONDS)
        if self._trouble:
            raise self._trouble[0]
        return self.counts

    def _thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised by `run`
                self._trouble.append(error)
                self._stopping.set()

        thread = threading.Thread(target=guarded, name=f"live {self._source} {name}", daemon=True)
        thread.start()
        return thread

    def _put_all(self) -> None:
        """Put what is heard until there is nothing more to come."""
        while True:
            is_last = self._drained.is_set()  # read before: what comes after it comes to nobody
            items = self._inbox.take(self._pace.batch_messages, self._pace.linger_seconds)
            if items:
                self._put(items)
            elif is_last:
                return

    def _put(self, items: Sequence[Item]) -> None:
        """One transaction, tried until it is there: what is heard meanwhile waits, and then becomes a gap."""
        heard = [(item.part, item.heard) for item in items if item.heard is not None]
        points = [point for _, one in heard for point in one.points]
        gaps = [item.gap for item in items if item.gap is not None]
        covered: dict[str, datetime] = {}
        for part, one in heard:
            covered[part] = max(covered.get(part, one.measured_at), one.measured_at)
        for gap in gaps:
            # What lies before a gap's end is marked, and so it is certain. The overlap reaches into the future.
            covered[gap.part] = max(covered.get(gap.part, gap.start), min(gap.end - self._pace.overlap, self._now()))
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                put = self._warehouse.live.put(self._source, points, gaps=gaps, covered=covered)
                break
            except WarehouseUnavailableError as error:
                if self._drained.is_set():
                    raise
                _log.warning("What was heard of %s waits: %s", self._source, error)
                self._drained.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        self._counts.n_messages += len(heard)
        self._counts.n_points += len(points)
        self._counts.n_new += put.n_new
        self._counts.n_corrected += put.n_corrected
        self._counts.n_gaps += len(gaps)

    def _fill_all(self) -> None:
        """Fill gaps, again and again; one that cannot be filled now is tried again, ever more rarely."""
        wait = self._pace.fill_seconds
        while not self._stopping.wait(wait):
            is_well = self._filler.try_to_fill()
            wait = self._pace.fill_seconds if is_well else min(wait * 2, 12 * self._pace.fill_seconds)


def _join(thread: threading.Thread, *, until: threading.Event) -> None:
    """Wait for `thread`; once `until` is set, not much longer."""
    while thread.is_alive() and not until.wait(0.1):
        pass
    end = time.monotonic() + _LAST_SECONDS
    while thread.is_alive() and time.monotonic() < end:
        thread.join(0.1)
