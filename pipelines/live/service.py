"""The live service of one source: a thread for each stream, one that writes, one that fills."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from domain.contract import Provider
from domain.errors import ConfigurationError, IngestError, WarehouseUnavailableError
from domain.live import LiveFeed
from pipelines.live.filler import Filler, first_of_today
from pipelines.live.listener import Listener
from pipelines.live.queue import Inbox, Item
from pipelines.live.settings import LiveSettings
from warehouse.store import TimescaleWarehouse

_log: Final = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_LAST_SECONDS: Final = 10.0  # for the threads to end
_POLL_SECONDS: Final = 0.1


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
        settings: Its timings and limits.
        now: Returns the current time.
    """

    def __init__(
        self,
        source: str,
        feed: LiveFeed,
        provider: Provider,
        warehouse: TimescaleWarehouse,
        *,
        settings: LiveSettings = LiveSettings(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._feed = feed
        self._warehouse = warehouse
        self._settings = settings
        self._now = now
        self._inbox = Inbox(settings.queue_messages, settings.overlap, n_points=settings.queue_points)
        self._stopping = threading.Event()
        self._filler = Filler(provider, feed, warehouse, source, settings, stopping=self._stopping, now=now)
        self._counts = Counts()
        self._listeners: dict[str, Listener] = {}
        self._drained = threading.Event()
        self._errors: list[BaseException] = []

    @property
    def counts(self) -> Counts:
        """What it has done so far."""
        counts = self._counts
        counts.n_dropped = self._inbox.n_dropped
        counts.n_filled = self._filler.n_filled
        counts.n_opened = sum(listener.n_opened for listener in tuple(self._listeners.values()))
        return counts

    def stop(self) -> None:
        """Have `run` end: streams are closed, received messages are written, and no further gap is filled."""
        self._stopping.set()

    def run(self) -> Counts:
        """Listen until `stop` is called; what was done.

        Raises:
            ConfigurationError: The account has nothing to listen to.
            IngestError: Something that ends the whole source; every received message has been written.
        """
        watermarks = self._warehouse.live.watermarks(self._source)
        listening: list[threading.Thread] = []
        writing, filling = self._thread(self._write_all, "write"), self._thread(self._fill_all, "fill")
        try:
            self._listen_to_parts(watermarks, listening)
        finally:
            self._stopping.set()
            _join(listening)
            self._drained.set()
            _join([writing, filling])
        if self._errors:
            raise self._errors[0]
        return self.counts

    def _listen_to_parts(self, watermarks: Mapping[str, datetime], listening: list[threading.Thread]) -> None:
        """Listen to every part of the account, and now and then ask whether there are more, until it is time to stop.

        Raises:
            IngestError: The first answer says that there is nothing to listen to, or will never be.
        """
        wait, last_error = self._settings.first_wait_seconds, ""
        while not self._stopping.is_set():
            try:
                parts = self._feed.parts()
            except IngestError as error:
                # Once a stream is open, the streams find out themselves that the credentials are no longer accepted.
                if not (error.retryable or self._listeners):
                    raise
                level = logging.INFO if str(error) == last_error else logging.WARNING
                _log.log(level, "What %s has to listen to is asked again: %s", self._source, error)
                last_error = str(error)
                self._pause(wait)
                wait = min(wait * 2, self._settings.parts_seconds)
                continue
            if not parts and not self._listeners:
                raise ConfigurationError(
                    "the account has nothing to listen to",
                    place=f"account of {self._source}",
                    fix="check that its user may read a product, and that the source's settings name the right ones",
                )
            for part in parts:
                if part not in self._listeners:
                    self._listeners[part] = self._listener(part, watermarks.get(part))
                    listening.append(self._thread(self._listeners[part].run, "listen"))
            wait, last_error = self._settings.first_wait_seconds, ""
            self._pause(self._settings.parts_seconds)

    def _listener(self, part: str, watermark: datetime | None) -> Listener:
        # A gap begins an overlap before the watermark: the first one at midnight, and not in the day before.
        first = first_of_today(self._now(), self._settings.look_back) + self._settings.overlap
        return Listener(
            self._feed,
            part,
            self._inbox,
            self._settings,
            watermark=first if watermark is None else watermark,
            reason="first_start" if watermark is None else "restarted",
            stopping=self._stopping,
            now=self._now,
        )

    def _pause(self, seconds: float) -> None:
        """Wait, but not when it is time to stop."""
        # Looked at and never waited for: a signal's handler sets the event in the middle of this thread, and the
        # event's lock is not reentrant.
        end = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))

    def _thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised by `run`
                self._errors.append(error)
                self._stopping.set()

        thread = threading.Thread(target=guarded, name=f"live {self._source} {name}", daemon=True)
        thread.start()
        return thread

    def _write_all(self) -> None:
        """Write what is received until nothing more can come."""
        while True:
            is_last = self._drained.is_set()  # read before taking: nothing is handed in after it is set
            items = self._inbox.take(self._settings.batch_messages, self._settings.linger_seconds)
            if items:
                self._write(items)
            elif is_last:
                return

    def _write(self, items: Sequence[Item]) -> None:
        """Write one transaction, retried until it succeeds: what is received meanwhile waits, then becomes a gap."""
        messages = [item.message for item in items if item.message is not None]
        points = [point for message in messages for point in message.points]
        gaps = [item.gap for item in items if item.gap is not None]
        watermarks: dict[str, datetime] = {}
        for item in items:
            watermarks[item.part] = max(watermarks.get(item.part, item.watermark), item.watermark)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                put = self._warehouse.live.put(self._source, points, gaps=gaps, watermarks=watermarks)
                break
            except WarehouseUnavailableError as error:
                if self._drained.is_set():
                    raise
                _log.warning("What was received of %s waits: %s", self._source, error)
                self._drained.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        self._counts.n_messages += len(messages)
        self._counts.n_points += len(points)
        self._counts.n_new += put.n_new
        self._counts.n_corrected += put.n_corrected
        self._counts.n_gaps += len(gaps)

    def _fill_all(self) -> None:
        """Fill gaps until it is time to stop; ever more rarely while the database is away."""
        wait = self._settings.fill_seconds
        while not self._stopping.wait(wait):
            try:
                self._filler.fill_due()
                wait = self._settings.fill_seconds
            except WarehouseUnavailableError as error:
                _log.warning("Gaps of %s stay open for now: %s", self._source, error)
                wait = min(wait * 2, 12 * self._settings.fill_seconds)


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait for threads that were told to end, and not much longer."""
    end = time.monotonic() + _LAST_SECONDS
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))
