"""One order on its way: from an intention in the ledger to the name of the job, or to the reason why there is none."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from domain.errors import (
    CredentialsRejectedError,
    ExportPendingError,
    PayloadUnreadableError,
    ProviderError,
    RateLimitedError,
    RequestRejectedError,
    WarehouseUnavailableError,
)
from domain.export_jobs import ExportJobs, JobState, Order
from providers._http import ApiClient, Credentials, Response
from providers.servitly.polling_policy import PollingPolicy
from providers.servitly.spec import EXPORTS_PATH
from providers.servitly.wire import is_busy, message_of, parse_job

_BAD_REQUEST: Final = 400
_CONFLICT: Final = 409
_REFUSALS: Final = (_BAD_REQUEST, _CONFLICT)
_SHORTEST_WAIT: Final = 1.0  # whatever `Retry-After` says: each order is a row of the ledger


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that was not taken, and may be later.

    Attributes:
        words: The provider's.
        wait_seconds: Before the next one.
    """

    words: str
    wait_seconds: float


Carry = Callable[[int, Order], Refusal | None]
"""Carries the order of an intention, by its number; see `Orders.carry`."""


class Orders:
    """Sends orders, and writes into the ledger what became of them. It needs no place, and nobody who waits for it.

    Args:
        http: Asks the API.
        login: What `http` proves itself with.
        jobs: The ledger.
        policy: Waits.
    """

    def __init__(self, http: ApiClient, login: Credentials, jobs: ExportJobs, *, policy: PollingPolicy) -> None:
        self._http = http
        self._login = login
        self._jobs = jobs
        self._policy = policy

    def carry(self, number: int, order: Order) -> Refusal | None:
        """Order what was intended; what the provider says if another export is pending, or if it was asked too often.

        What may have been sent and was not answered stays as it is in the ledger: the next one waits it out.

        Args:
            number: The intention's, in the ledger.
            order: What was intended.

        Raises:
            ExportPendingError: The intention was cancelled meanwhile; nothing was sent.
            ProviderError: The provider refuses it, or cannot be asked.
        """
        try:
            self._login.headers()
        except ProviderError as error:
            self._refuse(number, error.culprit)
            raise
        # Nothing comes between this and the request: who was held up for long finds the intention cancelled.
        if not self._jobs.sent(number):
            raise self._too_late(order)
        try:
            response = self._http.post(
                EXPORTS_PATH, json=dict(order.request), handled_statuses=_REFUSALS, is_repeatable=False
            )
            if response.status in _REFUSALS:
                return self._refused(number, order, response)
            details = parse_job(response.body, place=self._place(order))
        except RateLimitedError as error:
            self._refuse(number, error.culprit)
            if not error.was_sent:
                raise
            return self._too_many(error)
        except ProviderError as error:
            is_certain = not error.was_sent or isinstance(error, RequestRejectedError | CredentialsRejectedError)
            if is_certain and not isinstance(error, PayloadUnreadableError):
                self._refuse(number, error.culprit)
            raise
        self._noted(lambda: self._jobs.taken(number, details.id, details.state))
        return None

    def _refuse(self, number: int, words: str) -> None:
        self._noted(lambda: self._jobs.ended(number, JobState.REFUSED, words))

    def _noted(self, note: Callable[[], None]) -> None:
        """Write down what the provider has said. Nobody else knows it, so a database that is away is waited for."""
        deadline = time.monotonic() + self._policy.unknown
        while True:
            try:
                note()
            except WarehouseUnavailableError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(self._policy.look)
            else:
                return

    def _too_many(self, error: RateLimitedError) -> Refusal:
        """429 may mean either, too: its quotas are of minutes, and so is the wait where it asks for none."""
        if error.retry_after_seconds is not None:
            return Refusal(error.culprit, max(error.retry_after_seconds, _SHORTEST_WAIT))
        # Waited out like any export of somebody else, however often it is said: the deadline is the bound.
        self._http.new_step()
        return Refusal(error.culprit, self._policy.busy)

    def _refused(self, number: int, order: Order, response: Response) -> Refusal:
        """Raise, unless waiting helps."""
        message = message_of(response.body)
        words = f"{response.status} {message}".strip()
        self._refuse(number, words)
        if response.status == _CONFLICT or is_busy(response.body):
            return Refusal(words, self._policy.busy)
        raise RequestRejectedError(
            f"the provider refuses the export and says {message!r}",
            place=self._place(order),
            fix="compare the account in defs.yaml with what the provider shows",
            status=response.status,
        )

    def _too_late(self, order: Order) -> ExportPendingError:
        error = ExportPendingError(
            "the order was held up for so long that another run has cancelled it; it was not sent",
            place=self._place(order),
            fix="wait for the next run; table export_job says what the other one has ordered",
        )
        error.was_sent = False
        return error

    def _place(self, order: Order) -> str:
        return f"{self._http.source}, {order.part} {order.window}"
