"""One part of a stream: opened, listened to, opened again; every span that is not certain becomes a gap."""

import logging
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from domain.errors import IngestError, PayloadUnreadableError
from domain.live import Gap, Heard, LiveFeed, LiveStream
from pipelines.live.pace import Pace
from pipelines.live.queue import Inbox

_log: Final = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Listener:
    """Listens to one part until it is told to stop.

    Everything up to `certain` has been handed in. When a stream opens, what lies between that and now becomes a gap:
    whatever was sent meanwhile, nobody heard it.

    Args:
        feed: Where to listen.
        part: To what.
        inbox: Takes the messages and the gaps.
        pace: The bounds.
        certain: Until when everything is known already; what follows is a gap.
        reason: Why the first gap is one.
        stopping: Set when it is time to end.
        now: The time it is.
    """

    def __init__(
        self,
        feed: LiveFeed,
        part: str,
        inbox: Inbox,
        pace: Pace,
        *,
        certain: datetime,
        reason: str,
        stopping: threading.Event,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._feed = feed
        self._part = part
        self._inbox = inbox
        self._pace = pace
        self._certain = certain
        self._reason = reason
        self._stopping = stopping
        self._now = now
        self.n_opened = 0
        self.n_heard = 0
        self.n_left_out = 0

    def run(self) -> None:
        """Listen until told to stop.

        Raises:
            IngestError: What waiting does not help against: credentials that are rejected, an address that is refused.
        """
        wait = self._pace.first_wait_seconds
        while not self._stopping.is_set():
            n_heard = self.n_heard
            try:
                with self._feed.listen(self._part) as stream:
                    self.n_opened += 1
                    self._mark(self._now() + self._pace.overlap, self._reason)
                    self._reason = "disconnected"
                    self._hear(stream)
            except IngestError as error:
                if not error.retryable:
                    raise
                _log.info("The stream of %s is opened again: %s", self._part, error)
            if self.n_heard > n_heard:
                wait = self._pace.first_wait_seconds
            # Full jitter: streams that ended together do not come back together.
            self._stopping.wait(random.uniform(0, wait))  # noqa: S311  # no secret
            wait = min(wait * 2, self._pace.longest_wait_seconds)

    def _hear(self, stream: LiveStream) -> None:
        """Hand in what comes, until the stream ends or it is time to stop."""
        while not self._stopping.is_set():
            try:
                heard = stream.receive(self._pace.receive_seconds)
            except PayloadUnreadableError as error:
                _log.warning("A message of %s is left to the export: %s", self._part, error)
                self._mark(self._now() + self._pace.overlap, "unreadable")
                continue
            if heard is not None:
                self.n_heard += 1
                self.n_left_out += heard.n_left_out
                self._hand_in(heard)

    def _hand_in(self, heard: Heard) -> None:
        if self._inbox.put(self._part, heard, self._certain, self._pace.patience_seconds):
            self._certain = max(self._certain, heard.measured_at)

    def _mark(self, end: datetime, reason: str) -> None:
        """Hand in the gap from what is certain until `end`; it may wait, and must not be lost."""
        gap = Gap(self._part, min(self._certain, end) - self._pace.overlap, end, reason)
        while not self._inbox.put_gap(gap, patience_seconds=self._pace.receive_seconds):
            if self._stopping.is_set():
                return  # the next start begins where the warehouse is certain, and marks this again
