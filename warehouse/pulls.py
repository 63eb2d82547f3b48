"""Pulls: answers kept one by one, none of which counts until the pull is finished.

Two processes never share a pull. The holder of one holds an advisory lock on its number for as long as its session
lives; a second process that wants the same window does not wait, it begins a pull of its own, and the one finished
later wins when they are loaded. A pull whose holder is gone or has paused it is continued by the next that asks the
same, the same warehouse object included; an abandoned one is continued by nobody.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.types.json import Jsonb

from domain.errors import (
    AccountingError,
    ConfigurationError,
    StaleLoadError,
    WarehouseUnavailableError,
)
from domain.records import Payload, Progress, PullReport
from domain.texts import storable
from domain.window import Window
from warehouse.connections import OwnSession
from warehouse.landing import Landing
from warehouse.ordered_keeps import OrderedKeeps
from warehouse.sqlstates import translated
from warehouse.statements import statement


class PullSession(OwnSession):
    """The session whose locks say which pulls are alive. A forked child holds none of its parent's pulls."""

    def begin(self, source: str, window: Window, fingerprint: str, zone_id: str) -> tuple[int, bool]:
        """The number of the pull to go on with, and whether it is a continued one.

        Raises:
            ConfigurationError: The zone is no longer the warehouse's.
        """
        with self.lock:
            connection = self.tried_connection()
            values = {"source": source, "start": window.start, "end": window.end, "fingerprint": fingerprint}
            found = connection.execute(statement("pull/unfinished"), values).fetchone()
            if found and self._take_over(connection, found[0]):
                pull_id, is_resumed = int(found[0]), True
            else:
                fresh = connection.execute(statement("pull/begin"), values).fetchone()
                pull_id, is_resumed = int(fresh[0]) if fresh else 0, False
                self._locked_pulls.add(pull_id)
            if connection.execute(statement("landing/is_current"), {"zone_id": zone_id}).fetchone() == (True,):
                return pull_id, is_resumed
            self.release(pull_id)
            raise ConfigurationError(
                "the warehouse keeps its answers in another landing zone since this process began",
                place="LANDING_URL",
                fix="let it name the new zone, and start again",
            )

    def holds(self, pull_id: int) -> bool:
        """Whether the lock on a pull is still this session's."""
        self._disown()
        return pull_id in self._locked_pulls and self._connection is not None and not self._connection.closed

    def release(self, pull_id: int) -> None:
        """Let go of a pull."""
        if self.holds(pull_id):
            self._locked_pulls.discard(pull_id)
            self.connection().execute(statement("pull/release"), {"pull_id": pull_id})

    def close(self) -> None:
        """End the session: every pull that is not finished may be continued by others."""
        with self.lock:
            super().close()

    def _open(self) -> psycopg.Connection:
        self._locked_pulls.clear()
        return super()._open()

    def _start(self) -> None:
        super()._start()
        self._locked_pulls: set[int] = set()

    def _take_over(self, connection: psycopg.Connection, pull_id: int) -> bool:
        if pull_id not in self._locked_pulls:
            row = connection.execute(statement("pull/take_over"), {"pull_id": pull_id}).fetchone()
            if not row or not row[0]:
                return False
            self._locked_pulls.add(pull_id)
        row = connection.execute(statement("pull/is_unfinished"), {"pull_id": pull_id}).fetchone()
        if row and row[0]:
            return True
        self.release(pull_id)
        return False


class TimescalePull:
    """An open pull; `domain.contract.Pull`."""

    def __init__(
        self, session: PullSession, landing: Landing, source: str, window: Window, *, fingerprint: str, zone_id: str
    ) -> None:
        self._session = session
        self._landing = landing
        self._source = source
        self._window = window
        self._place = f"{source}, {window}"
        self._started = time.monotonic()
        with translated(self._place):
            self.pull_id, self._is_resumed = session.begin(source, window, fingerprint, zone_id)
            with session.lock:
                rows = session.connection().execute(statement("pull/progress"), {"pull_id": self.pull_id}).fetchall()
        self.progress: Mapping[str, Progress] = {part: Progress(page, cursor) for part, page, cursor in rows}
        self._at = dict(self.progress)
        self._keeps: OrderedKeeps | None = None
        self._known: set[str] | None = None
        landing.sweep(source)

    def keep(self, payload: Payload) -> None:
        """Put the answer into the landing zone, index it, and move the checkpoint behind it.

        On an object store this may return before it is done: whatever ends the pull waits for it.

        Raises:
            AccountingError: A page is missing between this one and the last.
            WarehouseUnavailableError: The landing zone or the database cannot take it, or one before it.
        """
        self._require_next(payload)
        if self._landing.is_store:
            if self._keeps is None:
                self._known = self._known_bodies()
                self._keeps = OrderedKeeps(self._put, self._index)
            self._keeps.keep(payload)
        else:
            self._index(payload, self._put(payload))
        self._at[payload.part] = Progress(payload.page, payload.cursor)

    def _known_bodies(self) -> set[str]:
        """The hashes of what was ever kept of this window: a store is asked for no other before it is put."""
        values = {"source": self._source, "start": self._window.start, "end": self._window.end}
        with self._holding() as connection:
            return {sha256 for (sha256,) in connection.execute(statement("pull/known_bodies"), values)}

    def _put(self, payload: Payload) -> str:
        sha256 = payload.sha256
        is_known = self._known is None or sha256 in self._known
        if payload.file is None:
            path = self._landing.keep(self._source, payload.body, sha256, is_known=is_known)
        else:
            path = self._landing.keep_file(self._source, payload.file, is_known=is_known)
        if self._known is not None:
            self._known.add(sha256)
        return path

    def _index(self, payload: Payload, path: str) -> None:
        values = {
            "pull_id": self.pull_id,
            "part": payload.part,
            "page": payload.page,
            "endpoint": payload.endpoint,
            "params": Jsonb({storable(name): storable(text) for name, text in payload.params.items()}),
            "start": payload.window.start,
            "end": payload.window.end,
            "sha256": payload.sha256,
            "n_bytes": payload.n_bytes,
            "received_at": payload.received_at,
            "media_type": payload.media_type,
            "proof": payload.proof,
            "path": path,
            "cursor": payload.cursor,
        }
        if payload.page == 1:
            with self._transaction() as connection:
                connection.execute(statement("pull/forget_part"), values)
                connection.execute(statement("pull/keep"), values)
        else:
            # A statement alone is a transaction of its own, and two round trips fewer for every answer.
            with self._holding() as connection:
                connection.execute(statement("pull/keep"), values)

    def _end_keeps(self) -> BaseException | None:
        """Wait for what is under way; why something of it is not kept."""
        if self._keeps is None:
            return None
        failure = self._keeps.end()
        self._keeps = None
        return failure

    def finish(self, *, n_requests: int) -> PullReport:
        """Declare the pull complete.

        Raises:
            AccountingError: A part has not come to its last page, or the pull has ended already.
            StaleLoadError: It asked for several days, and some of them were pulled anew since it began.
            WarehouseUnavailableError: An answer could not be kept, or the database is away.
        """
        failure = self._end_keeps()
        if failure is not None:
            raise failure
        unfinished = sorted(part for part, progress in self._at.items() if progress.cursor is not None)
        if unfinished:
            raise AccountingError(
                f"{len(unfinished)} parts are not at their last page, the first is {unfinished[0]!r}",
                place=self._place,
                fix="fetch them to the end: the provider's fetch must leave no cursor behind",
            )
        with self._transaction() as connection:
            values = {"pull_id": self.pull_id, "n_requests": n_requests}
            if connection.execute(statement("pull/is_overtaken"), values).fetchall() == [(True,)]:
                raise StaleLoadError(
                    "some of these days were pulled anew since this pull began, which would be taken for newer",
                    place=self._place,
                    fix="nothing is to be done: the days are asked for again, in smaller pieces",
                )
            row = connection.execute(statement("pull/finish"), values).fetchone()
            connection.execute(statement("pull/clear_checkpoints"), values)
        if row is None:
            raise AccountingError("the pull has ended already", place=self._place, fix="begin another one")
        self._release()
        n_payloads, n_bytes, n_requests_of_all = row
        seconds = time.monotonic() - self._started
        return PullReport(
            self.pull_id, self._window, n_payloads, int(n_bytes), n_requests_of_all, seconds, self._is_resumed
        )

    def pause(self, *, n_requests: int) -> None:
        """Let go of the pull as it stands; the next that asks the same continues it.

        Raises:
            WarehouseUnavailableError: The session was lost, and with it the number of requests. The pull is paused.
        """
        self._end_keeps()  # what fails now is asked for again: no checkpoint stands behind it
        with self._transaction() as connection:
            connection.execute(statement("pull/pause"), {"pull_id": self.pull_id, "n_requests": n_requests})
        self._release()

    def abandon(self, *, n_requests: int) -> None:
        """Give the pull up: nobody continues it.

        Raises:
            WarehouseUnavailableError: The session was lost, and the pull may have been taken over: it lives on.
        """
        self._end_keeps()
        with self._transaction() as connection:
            values = {"pull_id": self.pull_id, "n_requests": n_requests}
            connection.execute(statement("pull/abandon"), values)
            connection.execute(statement("pull/clear_checkpoints"), values)
        self._release()

    def _release(self) -> None:
        try:
            with self._session.lock, translated(self._place):
                self._session.release(self.pull_id)
        except WarehouseUnavailableError as error:
            if not error.session_lost:  # the lock is gone with its session, and how the pull ended is committed
                raise

    def _require_next(self, payload: Payload) -> None:
        last = self._at[payload.part].page if payload.part in self._at else 0
        if payload.page != 1 and payload.page not in (last, last + 1):
            raise AccountingError(
                f"page {payload.page} of part {payload.part!r} follows page {last}",
                place=self._place,
                fix="number the pages 1, 2, 3 … in the provider's fetch, and leave none out",
            )

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        with self._holding() as connection, connection.transaction():
            yield connection

    @contextmanager
    def _holding(self) -> Iterator[psycopg.Connection]:
        """The session, in autocommit, as long as it holds this pull."""
        with self._session.lock, translated(self._place):
            if not self._session.holds(self.pull_id):
                raise WarehouseUnavailableError(
                    "the session that held this pull was lost, and another process may have taken the pull over",
                    place=self._place,
                    fix="run it again: the pull continues behind the last page kept",
                    session_lost=True,
                )
            yield self._session.connection()
