"""The only rate limiter: one bucket per credential, in the database, shared by every process."""

import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import psycopg

from domain.errors import ConfigurationError, WarehouseUnavailableError
from warehouse.connections import Address, OwnSession
from warehouse.sqlstates import translated
from warehouse.statements import statement

_MARGIN: Final = 0.04
"""Share by which slots lie farther apart than the limit demands: what lies between a slot and the arrival of its
request is not the same each time."""

_ALLOWANCE: Final = 0.25
"""Share by which the next slot is moved at most when an answer was late: the request may have been late as well, or
the provider may have thought about it, and only the first brings two requests closer."""


class DatabaseBudget(OwnSession):
    """The right to send requests with one credential; `domain.contract.Budget`.

    Args:
        url: The warehouse.
        credential: What the provider counts by: a client id or a source's slug. Stored as it is, so never a secret.
        per_second: Requests per second that are allowed.
        sleep: How to wait.
    """

    def __init__(
        self, url: str, credential: str, per_second: float, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if not 0 < per_second < float("inf"):
            raise ConfigurationError(
                f"a budget of {per_second} requests per second", place=credential, fix="set a limit above 0"
            )
        super().__init__(Address.of(url))
        self._values: dict[str, object] = {
            "credential": credential,
            "limit": timedelta(seconds=1 / per_second),
            "spacing": timedelta(seconds=(1 + _MARGIN) / per_second),
            "allowance": timedelta(seconds=_ALLOWANCE / per_second),
        }
        self._place = f"budget of {credential}"
        self._sleep = sleep

    def take(self) -> int:
        """Wait until one more request is allowed, and take that slot; its number, for `answered`.

        Nobody holds anything while waiting: who is killed has taken nothing, and who oversleeps comes no closer to
        who does not.

        Raises:
            WarehouseUnavailableError: The database does not answer; no slot was taken.
        """
        while True:
            self._disown()
            with self.lock, translated(self._place):
                session = self.connection()
                session.execute(statement("budget/open"), self._values)
                taken = session.execute(statement("budget/take"), self._values).fetchone()
                if taken:
                    return int(taken[0])
                missing = session.execute(statement("budget/missing"), self._values).fetchone()
            self._sleep(max(float(missing[0]), 0.0) if missing else 0.0)

    def answered(self, slot: int) -> None:
        """Note that the request of `slot` has an answer, or has failed: until now it may have been on its way."""
        # What was answered is not lost because the next slot may come a little early.
        with contextlib.suppress(WarehouseUnavailableError), self.lock, translated(self._place):
            self.connection().execute(statement("budget/answered"), {**self._values, "place": slot})

    def _open(self) -> psycopg.Connection:
        connection = super()._open()
        # A slot lost in a crash of the server is a request not sent: no reason to wait for the disk.
        connection.execute("SET synchronous_commit = off")
        return connection
