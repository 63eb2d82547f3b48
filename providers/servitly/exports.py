"""Exports: ordered one at a time, waited for, and taken over from whoever was killed while waiting."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from domain.errors import (
    CredentialsRejectedError,
    DeadlineExceededError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from domain.export_jobs import ExportJob, ExportJobs, JobState, Order
from providers._http import Answer, ApiClient, Credentials
from providers.servitly.pace import Pace
from providers.servitly.spec import ARCHIVE_KEPT_SECONDS, EXPORTS_PATH, SPEC
from providers.servitly.wire import COMPLETED, GIVEN_UP, Job, is_busy, message_of, parse_job

_log: Final = logging.getLogger(__name__)

_BAD_REQUEST: Final = 400
_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_REFUSALS: Final = (_BAD_REQUEST, _CONFLICT, _TOO_MANY)
_NOT_FOUND: Final = (404, 410)
_MOST_FAILURES: Final = 2
_GROWTH: Final = 1.5
_KEPT_MARGIN: Final = timedelta(days=1)


class Exports:
    """Jobs at the provider, from the order to the archive.

    The ledger is told before and after each step. Whoever holds the tenant's place first sees every job through that is
    under way, whoever ordered it, and orders only then: so the provider never has two.

    Args:
        http: Asks the API.
        login: What `http` proves itself with: asked for before a job is intended, so that a login which fails leaves
            no intention behind.
        jobs: The ledger, and the place.
        pace: Waits.
        sleep: Waits them.
    """

    def __init__(
        self,
        http: ApiClient,
        login: Credentials,
        jobs: ExportJobs,
        *,
        pace: Pace,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._login = login
        self._jobs = jobs
        self._pace = pace
        self._sleep = sleep

    def completed(self, order: Order) -> ExportJob:
        """A job whose archive answers `order`: one that is there, one that is under way, or else a new one.

        Raises:
            ProviderUnavailableError: Others kept the tenant's place, or the provider, busy for too long.
            DeadlineExceededError: The job is not done in time. It is not forgotten.
            RequestRejectedError: The provider refuses the order, or gave the job up twice.
            ProviderError: It cannot be asked.
        """
        n_failed, waited = 0, 0.0
        with self._jobs.slot(self._pace.slot):
            while True:
                ready = self._ready(order)
                if ready is not None:
                    return ready
                alive = self._jobs.alive()
                for job in alive:
                    ended = self._see_through(job)
                    is_ours = job.sha256 == order.sha256 and ended.state in GIVEN_UP
                    n_failed += is_ours
                    if is_ours and n_failed == _MOST_FAILURES:
                        raise self._gave_up(order, ended)
                if alive:
                    continue
                self._cool_down(order)
                if not self._ordered(order):
                    waited += self._pace.busy
                    if waited >= self._pace.deadline:
                        raise ProviderUnavailableError(
                            f"the provider takes no export of this tenant for {waited:.0f} s, and none of the house's "
                            "is pending",
                            place=self._place(order),
                            fix="wait for the next run; somebody exports by hand, or a job is stuck at the provider",
                        )
                    self._sleep(self._pace.busy)

    def details(self, job: ExportJob, order: Order) -> Job | None:
        """What the provider says of a job now; None if it does not know it any longer.

        Raises:
            ProviderError: It cannot be asked.
        """
        answer = self._http.get(f"{EXPORTS_PATH}/{job.provider_job}", also=_NOT_FOUND)
        return None if answer.status in _NOT_FOUND else parse_job(answer.body, place=self._place(order))

    def forget(self, job: ExportJob, sentence: str) -> None:
        """Take a job for lost: its archive cannot be had."""
        self._jobs.ended(job.number, JobState.LOST, sentence)

    def _ready(self, order: Order) -> ExportJob | None:
        return self._jobs.ready(
            order.sha256,
            fresh_seconds=self._pace.fresh,
            settled_seconds=SPEC.settles_after.total_seconds(),
            kept_seconds=ARCHIVE_KEPT_SECONDS - _KEPT_MARGIN.total_seconds(),
        )

    def _see_through(self, job: ExportJob) -> Job:
        """Wait until a job has come to an end, whatever its end is."""
        if job.provider_job is None:
            return self._wait_out(job)
        place = f"{self._http.source}, export {job.provider_job}"
        wait, slept, began = self._pace.first_poll, 0.0, time.monotonic()
        pause = max(0.0, wait - job.unseen_seconds)
        while True:
            self._sleep(pause)
            slept += pause
            age = job.age_seconds + max(slept, time.monotonic() - began)
            answer = self._http.get(f"{EXPORTS_PATH}/{job.provider_job}", also=_NOT_FOUND)
            if answer.status in _NOT_FOUND:
                return self._lost(job, "the provider does not know it any longer")
            said = parse_job(answer.body, place=place)
            if self._has_ended(job, said):
                return said
            self._jobs.seen(job.number, said.state)
            _log.info("%s: %s for %.0f s; asked again in %.0f s", place, said.state, age, wait)
            if age >= self._pace.given_up:
                return self._lost(job, f"it was {said.state} for {age:.0f} s")
            if age >= self._pace.deadline:
                raise DeadlineExceededError(
                    f"the export is {said.state} after {age:.0f} s",
                    place=place,
                    fix="wait for the next run, which asks after the same job; look at the provider if it stays",
                )
            pause, wait = wait, min(wait * _GROWTH, self._pace.longest_poll)

    def _has_ended(self, job: ExportJob, said: Job) -> bool:
        if said.state in COMPLETED and said.url:
            self._jobs.ended(job.number, JobState.COMPLETED)
            return True
        if said.state in GIVEN_UP:
            _log.warning("%s: export %s ended with %s. %s", self._http.source, said.id, said.state, said.message)
            self._jobs.ended(job.number, JobState.FAILED, f"{said.state} {said.message}".strip())
            return True
        return False

    def _wait_out(self, job: ExportJob) -> Job:
        """A job that may have been ordered and has no name: nobody can ask after it, so it is given time to end."""
        left = self._pace.unknown - job.age_seconds
        if left > 0:
            _log.warning(
                "%s: an export was ordered %.0f s ago by a run that did not live to hear its name; nobody can ask "
                "after it, so it is waited for %.0f s",
                self._http.source,
                job.age_seconds,
                left,
            )
            self._sleep(left)
        return self._lost(job, "the run that ordered it did not live to hear its name")

    def _lost(self, job: ExportJob, sentence: str) -> Job:
        _log.warning("%s: export %s is taken for lost: %s", self._http.source, job.provider_job or "?", sentence)
        self._jobs.ended(job.number, JobState.LOST, sentence)
        return Job(job.provider_job or "", JobState.LOST)

    def _cool_down(self, order: Order) -> None:
        """After a failure the provider is left alone for a while, also by the next run."""
        ago = self._jobs.unhappy_seconds(order.sha256)
        if ago is not None and ago < self._pace.cool_down:
            _log.info("%s: the last such export failed; waiting %.0f s", self._place(order), self._pace.cool_down - ago)
            self._sleep(self._pace.cool_down - ago)

    def _ordered(self, order: Order) -> bool:
        """Order it; False if the provider says that another export is pending, or that it was asked too often.

        What is not certain stays an intention: a run that comes later waits it out.
        """
        self._login.headers()
        intended = self._jobs.intend(order)
        try:
            answer = self._http.post(EXPORTS_PATH, json=dict(order.request), also=_REFUSALS, is_repeatable=False)
            if answer.status in _REFUSALS:
                self._refused(intended, order, answer)
                return False
            said = parse_job(answer.body, place=self._place(order))
        except ProviderError as error:
            is_certain = not error.was_sent or isinstance(
                error, RequestRejectedError | CredentialsRejectedError | RateLimitedError
            )
            if is_certain and not isinstance(error, PayloadUnreadableError):
                self._jobs.ended(intended.number, JobState.REFUSED, error.culprit)
            raise
        self._jobs.taken(intended.number, said.id, said.state)
        _log.info("%s: ordered as export %s", self._place(order), said.id)
        return True

    def _refused(self, intended: ExportJob, order: Order, answer: Answer) -> None:
        """Raise, unless waiting helps."""
        message = message_of(answer.body)
        self._jobs.ended(intended.number, JobState.REFUSED, f"{answer.status} {message}".strip())
        # 429 may mean either: its quotas are of minutes, and so is the wait.
        if answer.status in (_CONFLICT, _TOO_MANY) or is_busy(answer.body):
            _log.info("%s: the provider takes no export now (%s %s)", self._place(order), answer.status, message)
            return
        raise RequestRejectedError(
            f"the provider refuses the export and says {message!r}",
            place=self._place(order),
            fix="compare the account in defs.yaml with what the provider shows",
            status=answer.status,
        )

    def _gave_up(self, order: Order, ended: Job) -> RequestRejectedError:
        said = f" and said {ended.message!r}" if ended.message else ""
        return RequestRejectedError(
            f"the provider gave the export up twice, with {ended.state}{said}",
            place=self._place(order),
            fix="export the same by hand in its portal and see; a narrower window may do",
        )

    def _place(self, order: Order) -> str:
        return f"{self._http.source}, {order.part} {order.window}"
