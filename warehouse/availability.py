"""Whether the database answers: a warehouse that was there is waited for, because it restarts or fails over."""

import logging
import time
from collections.abc import Callable
from typing import Final

import psycopg

from domain.errors import IngestError, WarehouseUnavailableError

PATIENCE_SECONDS: Final = 600.0
"""How long a database that was there is waited for."""

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_LOG_SECONDS: Final = 30.0

_log: Final = logging.getLogger(__name__)


class Availability:
    """Opens sessions, and waits for a database that was there before. Safe for threads.

    One that has never answered is not waited for, because its address may be wrong, unless it says that it is starting.
    Once it was waited for in vain, nobody waits again before it answers. One that could be written to has gone as well
    where a standby answers: a name, or a proxy, leads to the server that was the primary before the fail-over.

    Args:
        place: Host, port and database, for messages.
        open_session: Opens a session, or raises one of our errors.
        patience_seconds: How long it is waited for.
        restart: Starts the server again if it does not run, where that is ours to do.
        sleep: How to wait.
        clock: Returns seconds that only go forward.
        log: Where the waiting is said.
    """

    def __init__(
        self,
        place: str,
        open_session: Callable[[], psycopg.Connection],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        restart: Callable[[], object] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger = _log,
    ) -> None:
        self._place = place
        self._open_session = open_session
        self._patience_seconds = patience_seconds
        self._restart = restart
        self._sleep = sleep
        self._clock = clock
        self._log = log
        self._is_expected = False
        self._was_primary = False
        self._complaint = ""

    def expect(self) -> None:
        """Say that it answers: from now on it is waited for."""
        self._is_expected = True

    def connect(self) -> psycopg.Connection:
        """A fresh session in autocommit, as soon as one is to be had.

        Raises:
            WarehouseUnavailableError: Nobody answers, or nobody did for as long as we wait.
            WarehouseUnsuitableError: The server does not let us in.
        """
        try:
            connection = self._opened()
        except WarehouseUnavailableError as error:
            is_awaited = (self._is_expected and error.session_lost) or error.is_starting
            if not is_awaited or self._patience_seconds <= 0:
                raise
            connection = self._wait(error)
        self.expect()
        return connection

    def _opened(self) -> psycopg.Connection:
        connection = self._open_session()
        is_standby = connection.info.parameter_status("in_hot_standby") == "on"
        if is_standby and self._was_primary:
            connection.close()
            raise WarehouseUnavailableError(
                "a standby answers, where a server that can be written to did before",
                place=self._place,
                fix="wait, if it fails over; let the address name all hosts, with target_session_attrs=read-write",
                session_lost=True,
            )
        self._was_primary = not is_standby
        return connection

    def _wait(self, error: WarehouseUnavailableError) -> psycopg.Connection:
        began = logged_at = self._clock()
        patience = f"{self._patience_seconds / 60:g} minutes"
        self._log.warning("%s: the database is away, and waited for, for %s at most.", self._place, patience)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._start_again()
            try:
                connection = self._opened()
            except WarehouseUnavailableError as again:
                if not again.session_lost:
                    raise
                error = again
            else:
                self._log.warning("%s: the database answers again, after %.0f s.", self._place, self._clock() - began)
                return connection
            now = self._clock()
            if now - began >= self._patience_seconds:
                self._is_expected = False
                error.culprit = f"{error.culprit}, for {patience} now"
                raise error
            if now - logged_at >= _LOG_SECONDS:
                logged_at = now
                self._log.warning("%s: the database has been away for %.0f s.", self._place, now - began)
            self._sleep(min(pause, self._patience_seconds - (now - began)))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _start_again(self) -> None:
        if self._restart is None:
            return
        try:
            self._restart()
        except IngestError as error:
            # It may still come up, or another process starts it.
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._log.warning("%s", error)


def answers(connection: psycopg.Connection) -> bool:
    """Whether a session that has rested still has its server; one that has none is closed."""
    if connection.closed:
        return False
    try:
        connection.execute(b"")
    except psycopg.Error:
        connection.close()
        return False
    return True
