"""The only rate limiter: one bucket per credential, in the database, shared by every process."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import psycopg

from domain.errors import ConfigurationError
from warehouse.connections import Address
from warehouse.sqlstates import translated
from warehouse.statements import statement

_MARGIN: Final = 0.04
"""Share by which places lie farther apart than the limit demands: what lies between a place and the arrival of its
request is not the same each time."""

_LONGEST_HELD_SECONDS: Final = 30.0
"""Waits up to here are waited in the place's own transaction, so that the next place is counted from when this one was
really taken: who oversleeps comes no closer to who does not. Longer ones would meet the limit on idle transactions, and
need not be so exact."""


class DatabaseBudget:
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
        self._address = Address.of(url)
        self._values = {"credential": credential, "spacing": timedelta(seconds=(1 + _MARGIN) / per_second)}
        self._place = f"budget of {credential}"
        self._sleep = sleep
        self._connection: psycopg.Connection | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def take(self) -> None:
        """Wait until one more request is allowed, and take that place.

        Raises:
            WarehouseUnavailableError: The database does not answer; no place was taken.
        """
        self._disown()
        with self._lock, translated(self._place):
            session = self._session()
            with session.transaction():
                session.execute(statement("budget/open"), self._values)
                row = session.execute(statement("budget/queue"), self._values).fetchone()
                wait_seconds = max(float(row[0]), 0.0) if row else 0.0
                is_held = 0 < wait_seconds <= _LONGEST_HELD_SECONDS
                if is_held:
                    self._sleep(wait_seconds)
                session.execute(statement("budget/take"), self._values)
        if wait_seconds > 0 and not is_held:
            self._sleep(wait_seconds)

    def close(self) -> None:
        """Let go of the session."""
        self._disown()
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the session."""
        self.close()

    def _disown(self) -> None:
        if self._pid != os.getpid():
            # After a fork the socket is the parent's: to speak on it or to close it here would end its session.
            self._pid, self._connection = os.getpid(), None
            self._lock = threading.Lock()

    def _session(self) -> psycopg.Connection:
        self._disown()
        if self._connection is None or self._connection.closed:
            self._connection = self._address.connect(as_loader=True)
            # A place lost in a crash of the server is a request not sent: no reason to wait for the disk.
            self._connection.execute("SET synchronous_commit = off")
        return self._connection
