"""How fast, how long and how much: the bounds of the live service."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds of one service.

    Attributes:
        queue_messages: Messages that wait for the warehouse at most; what does not fit becomes a gap.
        patience_seconds: How long a stream is kept waiting for room in the queue before a message is dropped.
        linger_seconds: How long messages are collected for one transaction.
        batch_messages: Messages in one transaction at most.
        receive_seconds: How long one look at a stream lasts: how fast a listener hears that it is to stop.
        first_wait_seconds: The longest wait before a stream is opened again, the first time; it doubles each time.
        longest_wait_seconds: Where the doubling ends.
        overlap: By how much a gap reaches beyond what is known to be certain: messages may come out of order, and a
            stream may begin to speak a moment after it is open.
        settle: How long after a gap's end the export is asked for it.
        fill_seconds: Between two looks for gaps.
        look_back: How much of today is filled when a source is listened to for the first time.
    """

    queue_messages: int = 10_000
    patience_seconds: float = 0.5
    linger_seconds: float = 0.25
    batch_messages: int = 2_000
    receive_seconds: float = 0.5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    overlap: timedelta = timedelta(seconds=5)
    settle: timedelta = timedelta(seconds=5)
    fill_seconds: float = 5.0
    look_back: timedelta = timedelta(days=1)
