"""One part of a stream: opened, listened to, opened again; every span that may have been missed becomes a gap.

A stream that is open and silent for too long is opened anew.
"""

import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IngestError,
    PayloadUnreadableError,
    ProviderUnavailableError,
)
from domain.instants import now
from domain.live import Gap, LiveFeed, LiveMessage, LiveStream
from pipelines.live.queue import Inbox, Item
from pipelines.live.settings import LiveSettings

_log: Final = logging.getLogger(__name__)

_NONE: Final = timedelta(0)


def is_for_good(error: IngestError) -> bool:
    """Whether an error is one of the whole source, so that listening on makes no sense: its credentials, its settings.

    Any other one is of a stream, a day or a moment: the rest of the source goes on.
    """
    return isinstance(error, CredentialsRejectedError | ConfigurationError)


class Listener:
    """Listens to one part until it is told to stop.

    Everything up to the watermark has been handed in or marked. When a stream opens, what lies between that and now
    becomes a gap: what was sent meanwhile was not received.

    A message has its device's time, and the watermark has ours: never later than now. So a gap reaches as far ahead of
    now as the latest message of the device was, and the watermark after a gap lags as far behind.

    A stream that is open and silent for longer than its cadence allows is opened anew, and the silence is a gap. So is
    one that only repeats its last message.

    Args:
        feed: Where to listen.
        part: To what.
        inbox: Takes the messages and the gaps.
        settings: Its timings and limits.
        watermark: Until when everything is known already; what follows is a gap.
        reason: Why the first gap is one.
        stopping: Set when it is time to end.
        now: Returns the current time.
    """

    def __init__(
        self,
        feed: LiveFeed,
        part: str,
        inbox: Inbox,
        settings: LiveSettings,
        *,
        watermark: datetime,
        reason: str,
        stopping: threading.Event,
        now: Callable[[], datetime] = now,
    ) -> None:
        self._feed = feed
        self._part = part
        self._inbox = inbox
        self._settings = settings
        self._watermark = min(watermark, now())
        self._marked_until = self._watermark
        self._reason = reason
        self._stopping = stopping
        self._now = now
        self._silence = Silence(settings.longest_silence, settings.max_longest_silence, now())
        self._ahead = _NONE
        self._behind = settings.drift  # no message has come yet, so it may be so much
        self.n_opened = 0
        self.n_messages = 0
        self.n_ignored = 0

    def run(self) -> None:
        """Listen until told to stop.

        Raises:
            IngestError: What ends the whole source: credentials that are rejected, a wrong setting.
        """
        soon, rarely = self._settings.first_wait_seconds, self._settings.refused_wait_seconds
        refusal = ""
        while not self._stopping.is_set():
            n_opened, n_messages = self.n_opened, self.n_messages
            is_refused, asked = False, 0.0
            try:
                self._listen()
            except IngestError as error:
                if is_for_good(error):
                    raise
                is_refused = not error.retryable
                asked = (isinstance(error, ProviderUnavailableError) and error.retry_after_seconds) or 0.0
                # Once: a stream that is refused all day says the same all day.
                level = logging.WARNING if is_refused and str(error) != refusal else logging.INFO
                refusal = str(error) if is_refused else refusal
                _log.log(level, "The stream of %s is opened again: %s", self._part, error)
            if self.n_opened > n_opened:
                rarely = self._settings.refused_wait_seconds
            if self.n_messages > n_messages:
                soon = self._settings.first_wait_seconds
            # Full jitter: streams that ended together do not come back together.
            if is_refused:
                self._stopping.wait(random.uniform(rarely / 2, rarely))  # noqa: S311  # no secret
                rarely = min(rarely * 2, self._settings.longest_refused_wait_seconds)
            else:
                self._stopping.wait(asked + random.uniform(0, soon))  # noqa: S311  # no secret
                soon = min(soon * 2, self._settings.longest_wait_seconds)

    def _listen(self) -> None:
        """Open the stream, mark what was missed, and hand in what comes, until it ends or it is time to stop."""
        with self._feed.listen(self._part) as stream:
            opened_at = self._now()
            self.n_opened += 1
            reason, self._reason = self._reason, "disconnected"
            self._mark(opened_at, reason)
            self._silence.begin(self._now())
            self._hear(stream, opened_at, reason)

    def _hear(self, stream: LiveStream, opened_at: datetime, reason: str) -> None:
        is_first, n_unreadable, last_at = True, 0, None
        while not self._stopping.is_set():
            try:
                message = stream.receive(self._settings.receive_seconds)
            except PayloadUnreadableError as error:
                level = logging.DEBUG if n_unreadable else logging.WARNING
                _log.log(level, "A message of %s is left to the export: %s", self._part, error)
                n_unreadable += 1
                if self._now() + self._ahead > self._marked_until:
                    self._mark(self._now(), "unreadable")
                self._silence.wait_from(self._now())
                continue
            # The last instant once more, or a thousand times, is what a stream says that has stalled.
            is_repeated = message is not None and message.measured_at == last_at
            if (message is None or is_repeated) and self._is_silent():
                self._reason = "silent"
                return
            if message is None:
                continue
            last_at = message.measured_at
            self.n_messages += 1
            self.n_ignored += message.n_ignored
            self._compare_clocks(message, is_first=is_first)
            if is_first and opened_at + self._ahead > self._marked_until:
                # The device is ahead, and nobody knew: what was missed has later times than was marked.
                self._mark(opened_at, reason)
            is_first = False
            if not is_repeated and self._silence.broken(self._now()):
                self._mark(self._now(), "silent")
            self._hand_in(message)
            if not is_repeated:
                self._silence.wait_from(self._now())

    def _is_silent(self) -> bool:
        """Whether the stream has said nothing for longer than it may; the first time it is said aloud."""
        level = logging.INFO if self._silence.is_repeated else logging.WARNING
        if not self._silence.is_over(self._now()):
            return False
        _log.log(level, "The stream of %s is open and says nothing: it is opened anew, and that is a gap", self._part)
        return True

    def _compare_clocks(self, message: LiveMessage, *, is_first: bool) -> None:
        """Note how far the device's time is from ours; while a stream is open, the farthest counts."""
        apart = message.measured_at - self._now()
        ahead, behind = max(apart, _NONE), max(-apart, _NONE)
        self._ahead = min(ahead if is_first else max(self._ahead, ahead), self._settings.drift)
        self._behind = min(behind if is_first else max(self._behind, behind), self._settings.drift)

    def _hand_in(self, message: LiveMessage) -> None:
        watermark = max(self._watermark, min(message.measured_at, self._now()))
        item = Item(self._part, watermark, message)
        if self._inbox.put(item, before=self._watermark, patience_seconds=self._settings.patience_seconds):
            self._watermark = watermark

    def _mark(self, until: datetime, reason: str) -> None:
        """Hand in the gap from the watermark until `until`, on our clock; it may wait, and must not be lost."""
        start, end = min(self._watermark, until), until + self._ahead
        gap = Gap(self._part, start - self._settings.overlap, end + self._settings.overlap, reason)
        watermark = max(self._watermark, until - self._behind)
        while not self._inbox.put_gap(gap, watermark, patience_seconds=self._settings.receive_seconds):
            if self._stopping.is_set():
                return  # the next start begins at the watermark in the warehouse, and marks this again
        self._watermark = watermark
        self._marked_until = gap.end


class Silence:
    """The silence of one part's stream, and how much of it is allowed.

    A stream that is opened anew and is silent again may be one of a device that is off, so each is given twice as long
    as the one before. Two messages of one stream within its cadence end that.

    Args:
        longest: The silence that the stream's cadence allows; None if it speaks of changes alone, and may be silent.
        most: Where the doubling ends.
        at: Now.
    """

    def __init__(self, longest: timedelta | None, most: timedelta, at: datetime) -> None:
        self._longest = longest
        self._allowed = longest
        self._most = most
        self._since = at
        self._is_first = True

    @property
    def is_repeated(self) -> bool:
        """Whether a stream was opened anew before, and it did not help."""
        return self._allowed != self._longest

    def begin(self, at: datetime) -> None:
        """A stream is open."""
        self._since, self._is_first = at, True

    def broken(self, at: datetime) -> bool:
        """A message has come; whether the silence before it was longer than the cadence allows."""
        is_late = self._longest is not None and at - self._since > self._longest
        if not (is_late or self._is_first):
            self._allowed = self._longest
        self._is_first = False
        return is_late

    def wait_from(self, at: datetime) -> None:
        """What came is dealt with: time in which nobody listened is no silence."""
        self._since = at

    def is_over(self, at: datetime) -> bool:
        """Whether it has lasted so long that the stream is to be opened anew; the next one is given twice as long."""
        if self._longest is None or self._allowed is None or at - self._since <= self._allowed:
            return False
        self._allowed = max(self._longest, min(self._allowed * 2, self._most))
        return True
