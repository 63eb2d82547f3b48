"""Read by every Python that is started in moved time: who sleeps until a moment wakes when the clock is put past it.

Without it, whoever computed a wait from the clock sleeps it out although the clock has been moved since: Dagster's
scheduler for up to a minute at each move. `time.sleep` is Python's own way into `clock_nanosleep`, of which libfaketime
0.9.10 makes a negative wait where the monotonic clock is left alone (wolfcw/libfaketime#426).
"""

import select
import threading
import time

_SLICE_SECONDS = 0.25
_LONG_SECONDS = 18
"""Whoever sleeps as long may do so to see whether another stirs meanwhile (the proof of `pipelines.lost_runs`)."""
_NOTICED_SECONDS = 2.5
"""Real seconds until everybody has noticed a move and done what was due: those that such a sleep lasts at least."""

_wait_of_event = threading.Event.wait


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    until, limit = time.time() + seconds, time.monotonic() + seconds
    least = time.monotonic() + _NOTICED_SECONDS if seconds >= _LONG_SECONDS else 0.0
    while (left := min(max(until - time.time(), least - time.monotonic()), limit - time.monotonic())) > 0:
        select.select((), (), (), min(left, _SLICE_SECONDS))


def _wait(event: threading.Event, timeout: float | None = None) -> bool:
    if timeout is None:
        return _wait_of_event(event)
    until, limit = time.time() + timeout, time.monotonic() + timeout
    while (left := min(until - time.time(), limit - time.monotonic())) > 0:
        if _wait_of_event(event, min(left, _SLICE_SECONDS)):
            return True
    return event.is_set()


time.sleep = _sleep  # type: ignore[assignment]
threading.Event.wait = _wait  # type: ignore[method-assign, assignment]
