"""What passes between a live stream and the warehouse: points as they come, and what may have been missed."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.records import Series


@dataclass(frozen=True, slots=True)
class LivePoint:
    """One value of one series at one instant, from a stream; a number is in its quantity's canonical unit."""

    series: Series
    measured_at: datetime
    value: float | str


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """One message of a stream.

    Attributes:
        measured_at: The instant that it is about.
        points: What it says; empty if it says nothing that is known.
        n_ignored: Values that are none: unmapped, impossible, or not finite.
    """

    measured_at: datetime
    points: tuple[LivePoint, ...]
    n_ignored: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of one part in which messages may have been missed.

    Attributes:
        part: The part of the stream (a product).
        start: The last instant until which everything is known.
        end: The first instant from which everything is known again.
        reason: Why, as one of a closed list of words.
    """

    part: str
    start: datetime
    end: datetime
    reason: str


class LiveStream(Protocol):
    """One open stream."""

    def receive(self, timeout_seconds: float) -> LiveMessage | None:
        """The next message; None if none came in time.

        Raises:
            PayloadUnreadableError: A message does not fit the provider's vocabulary; the stream goes on.
            ProviderUnavailableError: The stream has ended.
        """

    def close(self) -> None:
        """End it."""


class LiveFeed(Protocol):
    """The live streams of one account."""

    def parts(self) -> Sequence[str]:
        """What can be listened to, one stream each.

        Raises:
            ProviderError: It cannot be had.
        """

    def listen(self, part: str) -> AbstractContextManager[LiveStream]:
        """Open the stream of a part.

        Raises:
            CredentialsRejectedError: Nobody lets us in, to no part.
            ProviderError: It does not open.
        """

    def part_of(self, series: Series) -> str | None:
        """The part whose stream speaks of a series of the export; None if none does, as of statistics."""
