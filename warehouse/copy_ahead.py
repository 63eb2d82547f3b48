"""Points on their way into an empty partition while others are still to come, in the transaction that will commit them.

A load of a large day takes its points in, and then the server takes them: two spans of about the same length, on two
processors. Here the second begins with the first run of points that is in order. It is a shortcut and no more: where
the partition is not empty or not free, where points come twice, where they come so slowly that a transaction would
stay open for nothing, or where anything else is wrong, it is rolled back, and the load goes on as if it had not been.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Thread
from typing import Final

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from domain.contract import Closeable
from domain.records import LoadReport
from domain.window import Window
from warehouse.connections import Connections
from warehouse.copy_binary import MeasurementEncoder
from warehouse.literals import literals
from warehouse.points import Slice
from warehouse.rows_in import send_rows
from warehouse.statements import statement

Complete = Callable[[psycopg.Connection, int], LoadReport]

_SLOWEST: Final = 50_000
"""Points a second below which the server takes them in no time once all are there, and none is kept waiting."""

_FASTEST: Final = 4_000_000
"""Points a second above which they come faster than any server takes them: all of them in order are taken faster."""

_PATIENCE_SECONDS: Final = 10.0
"""How long the transaction waits for the next points, or they for it."""

_MOST_SERIES: Final = 5_000
"""Of a source: with more, a run has few points of each, which costs the server more than is won."""

_HELD_RUNS: Final = 1


class CopyAhead(Closeable):
    """One load's numbers, copied as they come. Until the first run it is nothing, and costs nothing.

    Args:
        connections: Lend the session.
        source: Whose points.
        window: The partition.
        place: For messages.

    Attributes:
        n_sent: Points handed over.
    """

    def __init__(self, connections: Connections, source: str, window: Window, *, place: str) -> None:
        self._connections = connections
        self._source = source
        self._window = window
        self._place = place
        self._began = time.monotonic()
        self._handed: Queue[memoryview | Complete] = Queue(_HELD_RUNS)
        self._report: Future[LoadReport | None] = Future()
        self._thread: Thread | None = None
        self._is_over = False
        self._complete: Complete | None = None
        self.n_sent = 0

    def take(self, series_id: npt.NDArray[np.int64], run: Slice[np.float64]) -> None:
        """Hand over a run of points, in the order of series and time; the first one decides whether any is sent."""
        n = len(series_id)
        if self._thread is None and not self._is_over:
            per_second = n / max(time.monotonic() - self._began, 1e-9)
            self._is_over = not _SLOWEST <= per_second <= _FASTEST
            if not self._is_over:
                self._thread = Thread(target=self._run, name="copy_ahead", daemon=True)
                self._thread.start()
        if not self._is_over:
            self.n_sent += n
            self._hand(MeasurementEncoder(n).encode(series_id, run.at_us, run.value))

    def complete(self, complete: Complete) -> LoadReport | None:
        """Commit, once everything that was handed over is with the server.

        Args:
            complete: Does what else belongs to the load, in the same transaction: it is given the session, and how many
                points the server has counted.

        Returns:
            What it returns; None if nothing of it was done, and the load is to be done without.

        Raises:
            Whatever `complete` raises, or the commit.
        """
        if self._thread is None:
            return None
        if not self._is_over:
            self._hand(complete)
        try:
            return self._report.result()
        except Exception:
            if self._complete is None:  # it has failed before: what is really wrong, the load meets again
                return None
            raise

    def close(self) -> None:
        """Roll back, unless it is committed."""
        self._is_over = True
        if self._thread is not None:
            while self._thread.is_alive():
                with suppress(Full):  # then it has something to take, and sees that it is over
                    self._handed.put_nowait(_give_up)
                self._thread.join(0.1)

    def _hand(self, what: "memoryview | Complete") -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._is_over:
            try:
                self._handed.put(what, timeout=0.05)
            except Full:
                if time.monotonic() > until:
                    self._is_over = True
            else:
                return

    def _run(self) -> None:
        try:
            self._report.set_result(self._copied())
        except BaseException as error:  # noqa: BLE001 - raised where the report is wanted
            self._report.set_exception(error)
        self._is_over = True

    def _copied(self) -> LoadReport | None:
        with self._connections.borrow(self._place) as connection:
            try:
                with connection.transaction():
                    if not self._is_free(connection):
                        return None
                    target = sql.Identifier("public", "measurement")
                    columns = ("series_id", "measured_at", "value")
                    n_copied = send_rows(connection, target, columns, self._blocks())
                    if self._complete is None:
                        raise _GivenUpError  # noqa: TRY301 - it rolls back
                    return self._complete(connection, n_copied)
            except (_GivenUpError, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                return None

    def _is_free(self, connection: psycopg.Connection) -> bool:
        """Whether nothing is there and nobody else is at work; from now on nobody will be."""
        connection.execute(statement("load/limits"))
        for day in self._window.days():
            locked = connection.execute(statement("load/try_lock_day"), {"source": self._source, "day": day}).fetchone()
            if locked != (True,):
                return False
        ids = [row[0] for row in connection.execute(statement("catalogue/all_ids"), {"source": self._source})]
        if len(ids) > _MOST_SERIES:
            return False
        names = literals(ids, self._window.start, self._window.end)
        return connection.execute(statement("load/is_empty").format(**names)).fetchone() == (True,)

    def _blocks(self) -> Iterator[memoryview]:
        while not self._is_over:
            try:
                handed = self._handed.get(timeout=_PATIENCE_SECONDS)
            except Empty:
                raise _GivenUpError from None
            if not isinstance(handed, memoryview):
                self._complete = handed
                return
            yield handed
        raise _GivenUpError


class _GivenUpError(Exception):
    """Nobody is told: the load is done without."""


def _give_up(*_: object) -> LoadReport:
    raise _GivenUpError
