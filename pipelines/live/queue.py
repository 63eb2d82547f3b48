"""The bounded queue between the streams and the warehouse; a message that does not fit becomes part of a gap."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from domain.live import Gap, LiveMessage

_TEXT_OF_A_POINT: Final = 100  # characters


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on its way to the warehouse: a message, a gap before it, or both.

    Attributes:
        part: Of the stream.
        watermark: Until when everything of the part is known or marked, once this is put.
        message: The message.
        gap: What was missed before it.
    """

    part: str
    watermark: datetime
    message: LiveMessage | None = None
    gap: Gap | None = None

    @property
    def n_points(self) -> int:
        """How many points it carries; a long text counts as several, because it takes as much room."""
        points = self.message.points if self.message else ()
        return len(points) + sum(len(one.value) // _TEXT_OF_A_POINT for one in points if isinstance(one.value, str))


class Inbox:
    """Messages that have been received and are not written yet: a bounded queue, safe for many threads.

    A message that finds no room is dropped, and the span it stood in becomes a gap, told with the next one that does.

    Args:
        n_messages: How many messages it holds.
        overlap: By how much a gap reaches beyond what is known.
        n_points: How many points all of them carry at most; one message alone always fits.
    """

    def __init__(self, n_messages: int, overlap: timedelta, *, n_points: int) -> None:
        self._most = n_messages
        self._most_points = n_points
        self._overlap = overlap
        self._items: deque[Item] = deque()
        self._n_points = 0
        self._changed = threading.Condition()
        self._dropped_since: dict[str, datetime] = {}
        self.n_dropped = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._items)

    def put(self, item: Item, *, before: datetime, patience_seconds: float) -> bool:
        """Hand in a message; whether there was room.

        Args:
            item: With the message. One thread hands in the messages of one part.
            before: Until when everything of the part is known without it.
            patience_seconds: How long to wait for room, which keeps the stream waiting, too.
        """
        assert item.message is not None  # noqa: S101  # narrows the type
        part, at = item.part, item.message.measured_at
        if part in self._dropped_since:
            start, end = self._dropped_since[part], max(at, item.watermark) + self._overlap
            item = replace(item, gap=Gap(part, min(start, end - self._overlap), end, "overflow"))
        if not self._queued(item, patience_seconds):
            self.n_dropped += 1
            since = min(before, at) - self._overlap
            self._dropped_since[part] = min(self._dropped_since.get(part, since), since)
            return False
        self._dropped_since.pop(part, None)
        return True

    def put_gap(self, gap: Gap, watermark: datetime, *, patience_seconds: float) -> bool:
        """Hand in a gap by itself; whether there was room. What was dropped before becomes part of it."""
        dropped = self._dropped_since.get(gap.part)
        wide = Gap(gap.part, min(gap.start, dropped or gap.start), gap.end, gap.reason)
        if not self._queued(Item(gap.part, watermark, gap=wide), patience_seconds):
            return False
        self._dropped_since.pop(gap.part, None)
        return True

    def take(self, n_most: int, linger_seconds: float) -> Sequence[Item]:
        """What waits, in order: what comes within `linger_seconds`, or as many as `n_most`."""
        end = monotonic() + linger_seconds
        items: list[Item] = []
        with self._changed:
            while len(items) < n_most:
                left = max(end - monotonic(), 0.001)
                if not self._items and not self._changed.wait_for(lambda: bool(self._items), left):
                    break
                item = self._items.popleft()
                self._n_points -= item.n_points
                items.append(item)
                self._changed.notify_all()
        return items

    def _queued(self, item: Item, patience_seconds: float) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(item), patience_seconds):
                return False
            self._items.append(item)
            self._n_points += item.n_points
            self._changed.notify_all()
        return True

    def _has_room(self, item: Item) -> bool:
        n_points = self._n_points + item.n_points
        return len(self._items) < self._most and (n_points <= self._most_points or n_points == item.n_points)
