"""Asking again: few times, at random moments, within a budget, and never against the provider's word."""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Final, TypeVar

from domain.errors import DeadlineExceededError, RateLimitedError
from providers._http_errors import Failure
from providers._http_types import Limits
from providers._socket import Deadline

Answered = TypeVar("Answered")

_FIRST_WAIT_SECONDS: Final = 1.0
_log: Final = logging.getLogger(__name__)


class _WaitBudget:
    """What one step may still sleep because a provider asked for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()

    def left(self) -> float:
        return self._seconds

    def take(self, seconds: float) -> bool:
        """Take `seconds` whole, or nothing: a wait cut short would ask before the provider wants to be asked."""
        with self._lock:
            if seconds > self._seconds:
                return False
            self._seconds -= seconds
            return True


# A login inside a call waits at the cost of the call's step: however many logins, the step has one bound.
_current_budget: "ContextVar[_WaitBudget | None]" = ContextVar("wait_budget", default=None)


class Retries:
    """Repeats what failed and may be repeated. One per client; safe to use from many threads.

    Waits are drawn from the whole span between nothing and the bound (full jitter), so that many processes which failed
    together do not come back together. A wait that the provider asks for is kept whole, plus up to a second: it does
    not count against the deadline, but all such waits of a step have a bound together.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
        postpone: Callable[[float], None] | None = None,
    ) -> None:
        """Hand `postpone` each wait that a provider asks for and that is too long for a step."""
        self._limits = limits
        self._postpone = postpone
        self.sleep = sleep
        self._spread = spread
        self._lock = threading.Lock()
        self.new_step()

    def new_step(self) -> None:
        """Begin a step: forget the failed tries and the waits of the one before."""
        with self._lock:
            self._n_failed = 0
            self._last: Failure | None = None
            self._wait_budget = _WaitBudget(self._limits.longest_retry_after_seconds)

    def until_answered(
        self, attempt: Callable[[], Answered | Failure], *, place: str, deadline: Deadline, is_repeatable: bool = True
    ) -> Answered:
        """Call `attempt` until it answers, or until asking again is not allowed.

        Args:
            attempt: Sends the request once.
            place: For the message.
            deadline: Bounds the tries and our own waits together; extended by the waits that were asked for.
            is_repeatable: Whether a request that may have reached the provider may be sent a second time.

        Raises:
            ProviderError: The last failure.
        """
        budget = _current_budget.get() or self._wait_budget
        token = _current_budget.set(budget)
        try:
            return self._until_answered(attempt, place, deadline, budget, is_repeatable=is_repeatable)
        finally:
            _current_budget.reset(token)

    def _until_answered(
        self,
        attempt: Callable[[], Answered | Failure],
        place: str,
        deadline: Deadline,
        budget: _WaitBudget,
        *,
        is_repeatable: bool,
    ) -> Answered:
        n_tries = 0
        while True:
            spent = self._spent()
            if spent is not None:
                raise spent.error(place)
            n_tries += 1
            outcome = attempt()
            if not isinstance(outcome, Failure):
                return outcome
            asked = outcome.wait_seconds
            if self._postpone is not None and asked is not None and asked > budget.left():
                self._postpone(asked)
            if not self._may_ask_again(outcome, n_tries, is_repeatable=is_repeatable):
                raise outcome.error(place, n_tries=n_tries)
            refusal = self._pause(outcome, n_tries, deadline, budget, place=place)
            if refusal is not None:
                raise refusal.error(place, n_tries=n_tries)

    def _spent(self) -> Failure | None:
        """What to say where the step has no tries left: what was wrong the last time. Nothing is sent."""
        with self._lock:
            if self._n_failed < self._limits.max_tries_per_step or self._last is None:
                return None
            culprit = (
                f"this step has used up its {self._n_failed} failed requests, the last because {self._last.culprit}"
            )
            return replace(self._last, culprit=culprit, was_sent=False)

    def _may_ask_again(self, failure: Failure, n_tries: int, *, is_repeatable: bool) -> bool:
        """Whether there is another try; counts the failed one."""
        if not failure.may_retry:
            return False
        with self._lock:
            self._n_failed += 1
            self._last = failure
            is_spent = self._n_failed >= self._limits.max_tries_per_step
        return not (is_spent or n_tries >= self._limits.max_tries or (failure.was_sent and not is_repeatable))

    def _pause(
        self, failure: Failure, n_tries: int, deadline: Deadline, budget: _WaitBudget, *, place: str
    ) -> Failure | None:
        """Wait before the next try; what to raise instead where the wait would be too long."""
        bound = min(self._limits.longest_wait_seconds, _FIRST_WAIT_SECONDS * 2.0 ** (n_tries - 1))
        wait, asked = self._spread(0.0, bound), failure.wait_seconds
        if asked is None:
            if wait >= deadline.left():
                return _late(failure, deadline, wait)
            self.sleep(wait)
            return None
        if not budget.take(asked):
            return _over_budget(failure, budget)
        if asked > self._limits.longest_wait_seconds:  # or somebody takes the run for dead
            _log.warning("%s: %s; it is asked again after that.", place, failure.culprit)
        began = time.monotonic()
        self.sleep(asked + min(wait, _FIRST_WAIT_SECONDS))
        deadline.extend(time.monotonic() - began)
        return None


def _over_budget(failure: Failure, budget: _WaitBudget) -> Failure:
    """What to say when the provider asks for a longer wait than the step has left."""
    return replace(failure, culprit=f"{failure.culprit}, and this step may wait no more than {budget.left():.0f} s")


def _late(failure: Failure, deadline: Deadline, wait: float) -> Failure:
    """What to say when the next try would come after the deadline."""
    if issubclass(failure.kind, RateLimitedError):
        return failure
    left = max(deadline.left(), 0)
    culprit = f"{failure.culprit}, and the next try in {wait:.0f} s would pass the deadline in {left:.0f} s"
    return Failure(DeadlineExceededError, culprit, failure.fix, failure.status)
