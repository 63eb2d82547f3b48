"""Asking again: few times, at random moments, within a budget, and never against the provider's word."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from domain.errors import DeadlineExceededError, ProviderUnavailableError, RateLimitedError
from providers._limits import Limits
from providers._socket import Deadline
from providers._verdict import Failure

Answered = TypeVar("Answered")

_FIRST_WAIT_SECONDS: Final = 1.0


class Retries:
    """Repeats what failed and may be repeated. One per client; safe to use from many threads.

    Waits are drawn from the whole span between nothing and the bound (full jitter), so that many processes which failed
    together do not come back together.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._limits = limits
        self._sleep = sleep
        self._spread = spread
        self._lock = threading.Lock()
        self._n_failed = 0

    def new_step(self) -> None:
        """Begin a step: forget the failed tries of the one before."""
        with self._lock:
            self._n_failed = 0

    def until_answered(
        self, attempt: Callable[[], Answered | Failure], *, place: str, deadline: Deadline, is_repeatable: bool = True
    ) -> Answered:
        """Call `attempt` until it answers, or until asking again is not allowed.

        Args:
            attempt: Sends the request once.
            place: For the message.
            deadline: Bounds the tries and the waits together.
            is_repeatable: Whether a request that may have reached the provider may be sent a second time.

        Raises:
            ProviderError: The last failure.
        """
        n_tries = 0
        while True:
            if not self._has_tries():
                culprit = f"this step has used up its {self._limits.max_tries_per_step} failed requests"
                fix = "wait for the next run; the failures before this one say what is wrong"
                raise ProviderUnavailableError(culprit, place=place, fix=fix)
            n_tries += 1
            outcome = attempt()
            if not isinstance(outcome, Failure):
                return outcome
            wait = self._wait(outcome, n_tries, is_repeatable=is_repeatable)
            if wait is None:
                raise outcome.error(place, n_tries=n_tries)
            if wait >= deadline.left():
                raise _late(outcome, deadline, wait).error(place, n_tries=n_tries)
            self._sleep(wait)

    def _has_tries(self) -> bool:
        with self._lock:
            return self._n_failed < self._limits.max_tries_per_step

    def _wait(self, failure: Failure, n_tries: int, *, is_repeatable: bool) -> float | None:
        """How long to wait before the next try; None if there is none."""
        if not failure.again:
            return None
        with self._lock:
            self._n_failed += 1
            is_spent = self._n_failed >= self._limits.max_tries_per_step
        if is_spent or n_tries >= self._limits.max_tries or (failure.reached and not is_repeatable):
            return None
        longest = self._limits.longest_wait_seconds
        jitter = self._spread(0.0, min(longest, _FIRST_WAIT_SECONDS * 2.0 ** (n_tries - 1)))
        if failure.wait_seconds is None:
            return jitter
        # Somebody upstairs waits longer than this process should sleep.
        return None if failure.wait_seconds > longest else failure.wait_seconds + min(jitter, _FIRST_WAIT_SECONDS)


def _late(failure: Failure, deadline: Deadline, wait: float) -> Failure:
    """What to say when the next try would come after the deadline: the provider's wish, if it has one."""
    if issubclass(failure.kind, RateLimitedError):
        return failure
    left = max(deadline.left(), 0)
    culprit = f"{failure.culprit}, and the next try in {wait:.0f} s would pass the deadline in {left:.0f} s"
    return Failure(DeadlineExceededError, culprit, failure.fix, failure.status)
