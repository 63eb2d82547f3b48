"""The settings of the live service: its timings and limits."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The timings and limits of one service.

    Attributes:
        queue_messages: Messages that wait for the warehouse at most; what does not fit becomes a gap.
        queue_points: Points in them at most.
        patience_seconds: How long a stream is kept waiting for room in the queue before a message is dropped.
        linger_seconds: How long messages are collected for one transaction.
        batch_messages: Messages in one transaction at most.
        receive_seconds: How long one look at a stream lasts: how fast a listener hears that it is to stop.
        first_wait_seconds: The longest wait before a stream is opened again, the first time; it doubles each time.
        longest_wait_seconds: Where the doubling ends.
        refused_wait_seconds: The wait after a stream was refused in a way that waiting seldom helps against; it
            doubles each time.
        longest_refused_wait_seconds: Where that doubling ends.
        longest_silence: How long an open stream may say nothing before it is opened anew, as its provider's spec says;
            None for a stream of changes alone, of which the answers to pings are all that can be expected. It doubles
            while opening anew does not help.
        max_longest_silence: Where that doubling ends.
        parts_seconds: Between two requests for the parts of the account.
        overlap: By how much a gap reaches beyond the watermark: messages may come out of order, and a
            stream may begin to speak a moment after it is open.
        drift: How far a device's clock is assumed to be from ours while no message has come, and at most.
        export_lag: How old a row is before the export is asked for it, and how far beyond a gap's end the export is
            looked at to see whether it has come so far.
        fill_seconds: Between two looks for gaps.
        backoff_seconds: Between two rounds that asked the export, and before a gap is tried again; both double while
            nothing changes.
        max_backoff_seconds: Where that doubling ends, and the backoff after an error that waiting seldom helps against.
        trust_after: The age at which a gap is filled by a load, however far the export has come.
        look_back: How much of today is filled when a source is listened to for the first time.
    """

    queue_messages: int = 10_000
    queue_points: int = 100_000
    patience_seconds: float = 0.5
    linger_seconds: float = 0.25
    batch_messages: int = 2_000
    receive_seconds: float = 0.5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    refused_wait_seconds: float = 300.0
    longest_refused_wait_seconds: float = 3600.0
    longest_silence: timedelta | None = timedelta(minutes=3)
    max_longest_silence: timedelta = timedelta(hours=1)
    parts_seconds: float = 3600.0
    overlap: timedelta = timedelta(seconds=5)
    drift: timedelta = timedelta(minutes=15)
    export_lag: timedelta = timedelta(seconds=5)
    fill_seconds: float = 5.0
    backoff_seconds: float = 60.0
    max_backoff_seconds: float = 3600.0
    trust_after: timedelta = timedelta(days=1)
    look_back: timedelta = timedelta(days=1)
