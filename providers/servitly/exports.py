"""Exports: ordered one at a time, waited for, and taken over from a process that was killed while waiting."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from domain.errors import (
    ExportPendingError,
    PayloadUnreadableError,
    ProviderError,
    RequestRejectedError,
)
from domain.export_jobs import ExportJob, ExportJobs, JobState, Order
from providers._http import ApiClient, Credentials
from providers.servitly.orders import Carry, Refusal
from providers.servitly.polling_policy import PollingPolicy
from providers.servitly.spec import ARCHIVE_KEPT_SECONDS, EXPORTS_PATH, SPEC
from providers.servitly.wire import COMPLETED, GIVEN_UP, Job, parse_job

_log: Final = logging.getLogger(__name__)

_NOT_FOUND: Final = (404, 410)
_NOTHING: Final = frozenset({*GIVEN_UP, JobState.LOST.value})
_MOST_FAILURES: Final = 2
_GROWTH: Final = 1.5
_KEPT_MARGIN: Final = timedelta(days=1)


class _Watch:
    """How long one run has been waiting for jobs: what it slept, or what has passed if that is longer.

    Args:
        sleep: How to wait.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._slept = 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return max(self._slept, time.monotonic() - self._began)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)
        self._slept += seconds


class Exports:
    """Jobs at the provider, from the order to the archive.

    The ledger is written before and after each step. The holder of the tenant's slot first sees every job through that
    is under way, of whichever process, and orders only then: so the provider never has two.

    Args:
        http: Asks the API.
        login: What `http` proves itself with: asked for before a job is intended, so that a login which fails leaves
            no intention behind.
        jobs: The ledger, and the place.
        carry: Carries orders. A run may be killed at any moment, and then the process that carries its order goes on.
        policy: Waits.
        sleep: Waits them.
    """

    def __init__(
        self,
        http: ApiClient,
        login: Credentials,
        jobs: ExportJobs,
        carry: Carry,
        *,
        policy: PollingPolicy,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._login = login
        self._jobs = jobs
        self._carry = carry
        self._policy = policy
        self._sleep = sleep

    def completed(self, order: Order) -> ExportJob:
        """A job whose archive answers `order`: one that is there, one that is under way, or else a new one.

        Raises:
            ExportPendingError: The job is not done in time, and not forgotten; or others kept the tenant's slot, or
                the provider, busy for too long.
            RequestRejectedError: The provider refuses the order, or its job came to nothing twice.
            ProviderError: It cannot be asked.
        """
        n_failed, busy = 0, 0.0
        with self._jobs.slot(self._policy.slot):
            watch = _Watch(self._sleep)
            while True:
                ready = self._ready(order)
                if ready is not None:
                    return ready
                alive = self._jobs.alive()
                for job in alive:
                    ended = self._see_through(job, watch)
                    # What becomes of one without a name says nothing about the export.
                    is_ours = job.sha256 == order.sha256 and job.provider_job is not None
                    n_failed += is_ours and ended.state in _NOTHING
                    if n_failed == _MOST_FAILURES:
                        raise self._came_to_nothing(order, ended)
                if alive:
                    continue
                self._cool_down(order)
                refusal = self._ordered(order)
                if refusal is not None:
                    busy += refusal.wait_seconds
                    if busy >= self._policy.deadline:
                        raise self._is_busy(order, refusal, busy)
                    place, wait = self._place(order), refusal.wait_seconds
                    _log.info("%s: no export is taken now (%s); asked again in %.0f s", place, refusal.words, wait)
                    self._sleep(refusal.wait_seconds)

    def address(self, job: ExportJob, order: Order) -> str | None:
        """Where the archive of a job is now; None if it is not any longer.

        Raises:
            ExportPendingError: What is said of the job cannot be read.
            ProviderError: It cannot be asked.
        """
        try:
            details = self._details(job)
        except PayloadUnreadableError as error:
            raise self._not_readable(self._place(order), error) from None
        return details.url if details else None

    def forget(self, job: ExportJob, sentence: str) -> None:
        """Take a job for lost: its archive cannot be had."""
        self._jobs.ended(job.number, JobState.LOST, sentence)

    def not_fetched(self, job: ExportJob, sentence: str) -> None:
        """Keep a job whose archive is said to be there and was not; take it for lost once that has been so for long."""
        if job.unseen_seconds >= self._policy.given_up:
            self.forget(job, sentence)

    def _ready(self, order: Order) -> ExportJob | None:
        return self._jobs.ready(
            order.sha256,
            fresh_seconds=self._policy.fresh,
            settled_seconds=SPEC.finalization_lag.total_seconds(),
            kept_seconds=ARCHIVE_KEPT_SECONDS - _KEPT_MARGIN.total_seconds(),
        )

    def _see_through(self, job: ExportJob, watch: _Watch) -> Job:
        """Wait until a job has come to an end, whatever its end is; one without a name, until it has either."""
        if job.state is JobState.INTENDED:
            return self._cancel(job)
        if job.provider_job is None:
            return self._wait_out(job)
        place = f"{self._http.source}, export {job.provider_job}"
        wait, before = self._policy.first_poll, watch.seconds
        pause = max(0.0, wait - job.unseen_seconds)
        while True:
            watch.sleep(pause)
            age = job.age_seconds + watch.seconds - before
            try:
                details = self._details(job)
            except (PayloadUnreadableError, RequestRejectedError) as error:
                if age >= self._policy.given_up:  # or nothing would ever be ordered again
                    return self._lost(job, error.culprit)
                raise self._not_readable(place, error) from None
            if details is None:
                return self._lost(job, "the provider does not know it any longer")
            if self._has_ended(job, details):
                return details
            self._jobs.seen(job.number, details.state)
            _log.info("%s: %s for %.0f s; asked again in %.0f s", place, details.state, age, wait)
            if age >= self._policy.given_up:
                return self._lost(job, f"it was {details.state} for {age:.0f} s")
            if watch.seconds >= self._policy.deadline:
                raise ExportPendingError(
                    f"the export is {details.state} after {age:.0f} s",
                    place=place,
                    fix="wait for the next run, which asks after the same job; look at the provider if it stays",
                )
            pause, wait = wait, min(wait * _GROWTH, self._policy.longest_poll)

    def _details(self, job: ExportJob) -> Job | None:
        """What the provider says of a job now; None if it does not know it any longer."""
        answer = self._http.get(f"{EXPORTS_PATH}/{job.provider_job}", handled_statuses=_NOT_FOUND)
        place = f"{self._http.source}, export {job.provider_job}"
        return None if answer.status in _NOT_FOUND else parse_job(answer.body, place=place)

    def _has_ended(self, job: ExportJob, details: Job) -> bool:
        if details.state in COMPLETED and details.url:
            self._jobs.ended(job.number, JobState.COMPLETED)
            return True
        if details.state in GIVEN_UP:
            _log.warning(
                "%s: export %s ended with %s. %s", self._http.source, details.id, details.state, details.message
            )
            self._jobs.ended(job.number, JobState.FAILED, f"{details.state} {details.message}".strip())
            return True
        return False

    def _cancel(self, job: ExportJob) -> Job:
        """A job whose order was not sent when its run went away, and is not sent any longer."""
        if self._jobs.cancelled(job.number):
            _log.info("%s: an export that a run intended and never ordered is cancelled", self._http.source)
        return Job("", JobState.REFUSED)

    def _wait_out(self, job: ExportJob) -> Job:
        """A job that may have been ordered and has no name: the process that carries its order may yet write it down.

        Nobody can ask after it. If it stays without a name, it is given time to end.
        """
        _log.warning(
            "%s: an export was ordered %.0f s ago and has no name: it is waited for until it has one, or is %.0f s old",
            self._http.source,
            job.age_seconds,
            self._policy.unknown,
        )
        unnamed = [job]
        while unnamed:
            left = self._policy.unknown - unnamed[0].age_seconds
            if left <= 0:
                return self._lost(job, "nobody who ordered it lived to hear its name")
            self._sleep(min(left, self._policy.look))
            unnamed = [one for one in self._jobs.alive() if one.number == job.number and one.provider_job is None]
        return Job("", JobState.PENDING)

    def _lost(self, job: ExportJob, sentence: str) -> Job:
        _log.warning("%s: export %s is taken for lost: %s", self._http.source, job.provider_job or "?", sentence)
        self._jobs.ended(job.number, JobState.LOST, sentence)
        return Job(job.provider_job or "", JobState.LOST, message=sentence)

    def _cool_down(self, order: Order) -> None:
        """After a failure the provider is left alone for a while, also by the next run."""
        ago = self._jobs.unhappy_seconds(order.sha256)
        if ago is not None and ago < self._policy.cool_down:
            _log.info(
                "%s: the last such export failed; waiting %.0f s", self._place(order), self._policy.cool_down - ago
            )
            self._sleep(self._policy.cool_down - ago)

    def _ordered(self, order: Order) -> Refusal | None:
        """Order it; what the provider says if it takes no order now."""
        self._login.headers()
        return self._carry(self._jobs.intend(order).number, order)

    def _not_readable(self, place: str, error: ProviderError) -> ExportPendingError:
        return ExportPendingError(
            f"what the provider says of the export is of no use: {error.culprit}",
            place=place,
            fix="wait for the next run, which asks after the same job; compare with the provider's documentation",
        )

    def _is_busy(self, order: Order, refusal: Refusal, seconds: float) -> ExportPendingError:
        return ExportPendingError(
            f"the provider takes no export of this tenant for {seconds:.0f} s, and none of ours is pending; it "
            f"said last: {refusal.words}",
            place=self._place(order),
            fix="wait for the next run; somebody exports by hand, or a job is stuck at the provider",
        )

    def _came_to_nothing(self, order: Order, ended: Job) -> RequestRejectedError:
        if ended.state == JobState.LOST:
            how = f"the export was ordered twice and lost, the last time because {ended.message}"
        else:
            quoted = f" and said {ended.message!r}" if ended.message else ""
            how = f"the provider gave the export up twice, with {ended.state}{quoted}"
        return RequestRejectedError(
            how,
            place=self._place(order),
            fix="export the same by hand in its portal and see; a narrower window may do",
        )

    def _place(self, order: Order) -> str:
        return f"{self._http.source}, {order.part} {order.window}"
