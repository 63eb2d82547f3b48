"""Connections to the warehouse: how they are addressed, how they are limited, and how they are lent."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock, RLock
from typing import Final, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory

from domain.contract import Closeable
from domain.errors import ConfigurationError, WarehouseUnsuitableError
from warehouse.availability import Availability, answers
from warehouse.libpq import POOLER_ARGUMENT, forget_variables
from warehouse.poolers import refuse_pooler
from warehouse.sessions import SETTINGS, first_statement, libpq_words
from warehouse.sqlstates import translated
from warehouse.statements import statement

_Row = TypeVar("_Row")

# PostgreSQL's own defaults are "never" (0). A hung worker holds the lock of its partition no longer than these.
STATEMENT_SECONDS: Final = 1800  # the COPY of a 10-million-row day takes some 20 s; a loaded laptop ten times that
LOCK_SECONDS: Final = 600  # waiting for another loader of the same partition to finish
_UNANSWERED_MS: Final = 60_000  # a host that does not even acknowledge what was sent is gone
IDLE_SECONDS: Final = 120  # between two statements of one transaction there is only encoding

# libpq ends a password at its first @ or / and takes the rest for a host, a port or a database, which messages name.
_HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[^@/?#\s:,\[\]]*)(:[0-9]*)?"
_SHAPE: Final = re.compile(
    r"postgres(ql)?://"
    r"([\w.~!$&'()*+,;=%-]+(:[\w.~!$&'()*+,;=%:-]*)?@)?"  # user and password
    rf"{_HOST}(,{_HOST})*(/[^@/?#\s]*)?(\?[^@#\s]*)?",  # hosts and ports, database, arguments
)

# The owner of the tables may drop them; a session that loads needs none of that. A role that the session's user may not
# take on, or that has no rights in this database, is left alone: there the owner loads.
_LESS_POWER: Final = """
    SELECT set_config('role', rolname, false) FROM pg_roles
    WHERE rolname = 'joulehouse_loader'
    AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
    AND has_table_privilege(oid, to_regclass('public.load'), 'INSERT')
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a warehouse is.

    Attributes:
        conninfo: For psycopg. Holds the password: never shown.
        place: Host, port and database, for messages.
        is_pooler_allowed: Whether it says `pooler=session`: that a pooler stands there, in session mode.
    """

    conninfo: str
    place: str
    is_pooler_allowed: bool = False

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL: `postgresql://…`, `postgres://…` or SQLAlchemy's `postgresql+psycopg://…`.

        Raises:
            ConfigurationError: It is not one. The message does not quote it, because it may hold a password.
        """
        plain = plain_url(url)
        try:
            if not _SHAPE.fullmatch(plain):
                raise psycopg.ProgrammingError
            parts = conninfo_to_dict(plain)
        except psycopg.Error:
            raise ConfigurationError(
                "the warehouse's address is not a PostgreSQL URL, or a special character in it is not percent-encoded",
                place="WAREHOUSE_URL",
                fix="write postgresql://user@host:port/database, and the password as it is into WAREHOUSE_PASSWORD",
            ) from None
        host, port = parts.get("host", "the local socket"), parts.get("port", 5432)
        return cls(
            make_conninfo("", **{key: str(value) for key, value in parts.items()}),
            f"{host}:{port}/{parts.get('dbname', '')}",
            POOLER_ARGUMENT in url.partition("?")[2].split("&"),
        )

    def __repr__(self) -> str:
        """Without the password."""
        return f"Address({self.place})"

    def connect(
        self, *, autocommit: bool = True, as_loader: bool = False, any_encoding: bool = False
    ) -> psycopg.Connection:
        """Open a session that says everything itself, as `warehouse.sessions` has it.

        Args:
            autocommit: Whether each statement is a transaction.
            as_loader: Take on the role `joulehouse_loader`, where the migration could grant it: it can load, and can
                neither change nor drop a table.
            any_encoding: Whether the database may be in another encoding than UTF-8: a server's own ones may.

        Raises:
            WarehouseUnavailableError: Nobody answers.
            WarehouseUnsuitableError: Role, password or database are wrong, it does not hold every text, or a pooler
                stands before it.
        """
        forget_variables()
        words = libpq_words(conninfo_to_dict(self.conninfo), version=psycopg.pq.version())
        limits = {
            "statement_timeout": f"{STATEMENT_SECONDS}s",
            "lock_timeout": f"{LOCK_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        }
        conninfo = make_conninfo(self.conninfo, **words)
        with translated(self.place):
            connection = psycopg.connect(
                conninfo,
                autocommit=True,
                client_encoding="UTF8",
                connect_timeout=10,
                application_name="joulehouse",
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                # Keepalives are for sessions that rest; what was sent would be sent anew for a quarter of an hour.
                tcp_user_timeout=_UNANSWERED_MS,
                # Every statement is planned with its own literals: a generic plan would open every chunk.
                prepare_threshold=None,
            )
            try:
                # Before anything is said that a pooler would lend to the next client.
                refuse_pooler(connection, conninfo, self.place, is_allowed=self.is_pooler_allowed)
                if not any_encoding:
                    refuse_encoding(connection.info.parameter_status("server_encoding"), self.place)
                connection.execute(first_statement(SETTINGS | limits))
                if as_loader:
                    connection.execute(_LESS_POWER)
                connection.autocommit = autocommit
            except BaseException:
                connection.close()
                raise
            return connection


def plain_url(url: str) -> str:
    """`url` as libpq reads it: without SQLAlchemy's driver, and without our own argument."""
    address, mark, query = url.replace("postgresql+psycopg://", "postgresql://", 1).partition("?")
    arguments = [argument for argument in query.split("&") if argument != POOLER_ARGUMENT]
    return address + mark + "&".join(arguments) if any(arguments) else address


def refuse_encoding(encoding: str | None, place: str) -> None:
    """Refuse a database that is in `encoding`, unless that is UTF-8.

    Raises:
        WarehouseUnsuitableError: It is not.
    """
    if encoding != "UTF8":
        raise WarehouseUnsuitableError(
            f"the database is encoded in {encoding}, which does not hold every text",
            place=place,
            fix="create it anew with ENCODING 'UTF8' TEMPLATE template0",
        )


class Connections:
    """Sessions of loaders that are lent, one borrower each, and kept for the next. Safe for threads and forks."""

    def __init__(self, address: Address, availability: Availability | None = None) -> None:
        self.address: Final = address
        self.availability: Final = availability or Availability(address.place, partial(address.connect, as_loader=True))
        self._idle: list[psycopg.Connection] = []
        self._lock = Lock()
        self._pid = os.getpid()

    @contextmanager
    def borrow(self, place: str) -> Iterator[psycopg.Connection]:
        """A session in autocommit, for as long as the block lasts.

        Raises:
            WarehouseError: Whatever psycopg raises inside the block, translated; the session is then thrown away.
        """
        connection = self._take()
        try:
            with translated(place):
                yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def rows(self, place: str, name: str, values: Mapping[str, object], row: BaseRowFactory[_Row]) -> list[_Row]:
        """The rows of the statement `name`, in a session of its own; a `row` factory makes each.

        Raises:
            WarehouseError: As `borrow`.
        """
        with self.borrow(place) as connection, connection.cursor(row_factory=row) as cursor:
            return cursor.execute(statement(name), values).fetchall()

    def close(self) -> None:
        """Close every session that is not lent."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._pid == os.getpid():
            for connection in idle:
                connection.close()

    def _take(self) -> psycopg.Connection:
        with self._lock:
            if self._pid != os.getpid():
                # These sockets are the parent's; closing them here would end its sessions.
                self._pid, self._idle = os.getpid(), []
            while self._idle:
                connection = self._idle.pop()
                if answers(connection):
                    return connection
        return self.availability.connect()

    def _give_back(self, connection: psycopg.Connection) -> None:
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


class OwnSession(Closeable):
    """One session that stays open, opened when first needed and again if it was lost. A forked child has its own.

    Args:
        address: Where it leads to.
        availability: Opens it, where the database is to be waited for.

    Attributes:
        lock: To be held while the session is used.
    """

    def __init__(self, address: Address, availability: Availability | None = None) -> None:
        self._open_session = availability.connect if availability else partial(address.connect, as_loader=True)
        self._connection: psycopg.Connection | None = None
        self._start()

    def connection(self) -> psycopg.Connection:
        """The session, which must be used under `lock`."""
        self._disown()
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def tried_connection(self) -> psycopg.Connection:
        """The same, after a look whether it still has its server: nothing that it held counts, where it has none."""
        self._disown()
        if self._connection is not None:
            answers(self._connection)  # closes one that has none
        return self.connection()

    def close(self) -> None:
        """Let go of the session."""
        self._disown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection:
        return self._open_session()

    def _start(self) -> None:
        """Begin without a session: at first, and in a forked child."""
        self._pid, self._connection, self.lock = os.getpid(), None, RLock()

    def _disown(self) -> None:
        if self._pid != os.getpid():
            # After a fork the socket is the parent's: to speak on it or to close it here would end its session.
            self._start()
