"""Between the streams and the warehouse: a queue with room for so much, and a memory of what found none."""

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from domain.live import Gap, Heard


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on its way to the warehouse: a message, a gap before it, or both.

    Attributes:
        part: Of the stream.
        heard: The message.
        gap: What was missed before it.
    """

    part: str
    heard: Heard | None = None
    gap: Gap | None = None


class Inbox:
    """What has been heard and is not put yet. It holds so many messages and never more; safe for many threads.

    A message that finds no room is dropped, and the span it stood in becomes a gap, told with the next one that does.

    Args:
        n_messages: How many it holds.
        overlap: By how much a gap reaches beyond what is known.
    """

    def __init__(self, n_messages: int, overlap: timedelta) -> None:
        self._queue: queue.Queue[Item] = queue.Queue(n_messages)
        self._overlap = overlap
        self._dropped_since: dict[str, datetime] = {}
        self.n_dropped = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._queue.qsize()

    def put(self, part: str, heard: Heard, certain: datetime, patience_seconds: float) -> bool:
        """Hand in a message of `part`; whether there was room.

        Args:
            part: Of the stream. One thread hands in the messages of one part.
            heard: The message.
            certain: The instant of the newest message that had room before this one.
            patience_seconds: How long to wait for room, which keeps the stream waiting, too.
        """
        gap = None
        if part in self._dropped_since:
            start, end = self._dropped_since[part], heard.measured_at + self._overlap
            gap = Gap(part, min(start, end - self._overlap), end, "overflow")
        try:
            self._queue.put(Item(part, heard, gap), timeout=patience_seconds)
        except queue.Full:
            self.n_dropped += 1
            since = min(certain, heard.measured_at) - self._overlap
            self._dropped_since[part] = min(self._dropped_since.get(part, since), since)
            return False
        self._dropped_since.pop(part, None)
        return True

    def put_gap(self, gap: Gap, *, patience_seconds: float) -> bool:
        """Hand in a gap by itself; whether there was room. What was dropped before becomes part of it."""
        dropped = self._dropped_since.get(gap.part)
        wide = Gap(gap.part, min(gap.start, dropped or gap.start), gap.end, gap.reason)
        try:
            self._queue.put(Item(gap.part, gap=wide), timeout=patience_seconds)
        except queue.Full:
            return False
        self._dropped_since.pop(gap.part, None)
        return True

    def take(self, n_most: int, linger_seconds: float) -> Sequence[Item]:
        """What waits, in order: what comes within `linger_seconds`, or as many as `n_most`."""
        end = monotonic() + linger_seconds
        items: list[Item] = []
        while len(items) < n_most:
            try:
                items.append(self._queue.get(timeout=max(end - monotonic(), 0.001)))
            except queue.Empty:
                break
        return items
