"""A feed that does what a script says, on a clock that the script sets: for what no twin can be waited for."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.errors import IngestError, PayloadUnreadableError, ProviderUnavailableError
from domain.live import Gap, LiveMessage
from domain.records import Series
from pipelines.live.listener import Listener
from pipelines.live.queue import Inbox
from pipelines.live.settings import LiveSettings

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACE: Final = LiveSettings(
    first_wait_seconds=0.001,
    longest_wait_seconds=0.002,
    refused_wait_seconds=0.001,
    longest_refused_wait_seconds=0.002,
    receive_seconds=0.05,
)
UNREADABLE: Final = PayloadUnreadableError("a new shape", place="test", fix="wait")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happens on a stream.

    Attributes:
        minutes: After noon, by our clock.
        heard: How far the device's clock is ahead in the message that comes; None if none does.
        error: What is raised instead.
    """

    minutes: float
    heard: float | None = None
    error: IngestError | None = None


@dataclass
class Scripted:
    """The feed of one part.

    Attributes:
        streams: Per stream, when it opens, and what happens then; it ends with its last moment.
        now: Our clock.
        stopping: Set when the script is over.
        n_opened: Streams so far.
    """

    streams: Sequence[Sequence[Moment]]
    now: datetime = NOON
    stopping: threading.Event = field(default_factory=threading.Event)
    n_opened: int = 0

    def parts(self) -> Sequence[str]:
        """The one."""
        return ["77"]

    def part_of(self, series: Series) -> str | None:
        """The device is the part."""
        return series.device

    @contextmanager
    def listen(self, part: str) -> Iterator["_Stream"]:
        """The next stream of the script."""
        moments = self.streams[self.n_opened]
        self.n_opened += 1
        if self.n_opened == len(self.streams):
            self.stopping.set()
        self._happen(moments[0])
        yield _Stream(iter(moments[1:]), self._happen)

    def _happen(self, moment: Moment) -> LiveMessage | None:
        self.now = NOON + timedelta(minutes=moment.minutes)
        if moment.error is not None:
            raise moment.error
        return None if moment.heard is None else LiveMessage(self.now + timedelta(minutes=moment.heard), ())


@dataclass
class _Stream:
    moments: Iterator[Moment]
    happen: Callable[[Moment], LiveMessage | None]

    def receive(self, timeout_seconds: float) -> LiveMessage | None:
        """What happens next."""
        for moment in self.moments:
            return self.happen(moment)
        raise ProviderUnavailableError("the stream has ended", place="test", fix="wait")

    def close(self) -> None:
        """It has no more to say."""


def gaps_of(*streams: Sequence[Moment], watermark: float = 0.0, settings: LiveSettings = PACE) -> list[Gap]:
    """The gaps that a listener hands in; the watermark is in minutes after noon."""
    feed = Scripted([*streams, [Moment(streams[-1][-1].minutes)]])
    inbox = Inbox(100_000, settings.overlap, n_points=100_000)
    listener = Listener(
        feed,
        "77",
        inbox,
        settings,
        watermark=NOON + timedelta(minutes=watermark),
        reason="restarted",
        stopping=feed.stopping,
        now=lambda: feed.now,
    )
    listener.run()
    # The last stream is only there to end the script, and what it marks is none of the test's.
    return [item.gap for item in inbox.take(100_000, 0.01) if item.gap is not None][:-1]


def minutes(at: datetime) -> float:
    """After noon."""
    return (at - NOON).total_seconds() / 60


def are_covered(gaps: Sequence[Gap], start: float, end: float) -> bool:
    """Whether every instant from `start` to `end`, in minutes after noon, lies in a gap."""
    at = start
    for gap in sorted(gaps, key=lambda gap: gap.start):
        if minutes(gap.start) <= at:
            at = max(at, minutes(gap.end))
    return at >= end
