"""Sessions of Dagster's history, which Dagster's own engines open: through a dialect that says what ours say.

A URL cannot: SQLAlchemy drops its empty arguments, and a pooler refuses `options` at the door. A history that is away
is waited for as the warehouse is: Dagster gives up after some seconds, and with it the run, or the thread of a
code server that marks runs as failed. Also by a process that begins meanwhile.
"""

import logging
import re
from contextlib import suppress
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from domain.errors import WarehouseError
from warehouse.availability import PATIENCE_SECONDS, Availability
from warehouse.connections import Address
from warehouse.libpq import forget_variables
from warehouse.sessions import LANGUAGE, first_statement, libpq_words
from warehouse.sqlstates import translated
from warehouse.statements import script

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

_DRIVERS: Final = ("postgresql://", "postgresql+psycopg2://")
_OURS: Final = "postgresql+joulehouse://"
_WRITABLE: Final = "target_session_attrs=read-write"

# Not one that a run's log listens to: it is kept in the very database that is away.
_log: Final = logging.getLogger("joulehouse.history")


class HistoryDialect(PGDialect_psycopg2):
    """psycopg2's, with sessions that neither the environment nor a role's defaults change."""

    supports_statement_cache = True

    patience_seconds: ClassVar[float] = PATIENCE_SECONDS
    """How long a database that does not answer is waited for."""

    def connect(self, *arguments: Any, **keywords: Any) -> "DBAPIConnection":  # noqa: ANN401 - handed through
        """Open a session; what the URL says stays, but for the encoding."""
        forget_variables()
        words = libpq_words(keywords, version=self._extensions.libpq_version())
        known = {word: value for word, value in words.items() if self._knows(word)}
        open_session = partial(self._open, *arguments, **known | keywords | {"client_encoding": "UTF8"})
        availability = _availability(make_conninfo("", **keywords), self.patience_seconds)
        try:
            connection = open_session()
        except cast("Any", self.dbapi).OperationalError:
            with suppress(WarehouseError):
                availability.connect().close()
                return open_session()
            raise
        availability.expect()
        return connection

    @classmethod
    def engine_created(cls, engine: "Engine") -> None:
        """A session is tried before it is used again: the engines of Dagster's webserver would try none."""
        engine.pool._pre_ping = True  # noqa: SLF001 - what `pool_pre_ping` sets, and they do not

    def _open(self, *arguments: object, **keywords: object) -> "DBAPIConnection":
        connection = super().connect(*arguments, **keywords)
        try:
            cursor = connection.cursor()
            cursor.execute(first_statement(LANGUAGE).as_string())
            cursor.close()
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def _extensions(self) -> ModuleType:
        return cast("ModuleType", cast("Any", self.dbapi).extensions)

    def _knows(self, word: str) -> bool:
        """Whether psycopg2's libpq, which is another than psycopg's, knows a keyword."""
        try:
            self._extensions.parse_dsn(f"{word}=''")
        except cast("Any", self.dbapi).ProgrammingError:
            return False
        return True


@cache
def _availability(conninfo: str, patience_seconds: float) -> Availability:
    """One for all engines of a process: Dagster makes some anew for each tick. It opens sessions of psycopg."""
    place = "Dagster's history"
    words = libpq_words(conninfo_to_dict(conninfo), version=psycopg.pq.version())

    def open_session() -> psycopg.Connection:
        with translated(place):
            return psycopg.connect(make_conninfo(conninfo, **words | {"connect_timeout": "10"}))

    availability = Availability(place, open_session, patience_seconds=patience_seconds, log=_log)
    # The daemon starts code servers anew now and then: one that does not come up fails the backfills of its location.
    availability.expect()
    return availability


def history_url(url: str) -> str:
    """`url` of Dagster's history for SQLAlchemy; another driver than psycopg2 is left as it is.

    Of several hosts (`a,b` or `a:5432,b:5433`), the one is meant that can be written to.
    """
    registry.register("postgresql.joulehouse", __name__, HistoryDialect.__name__)
    if several := _several_hosts(url):
        arguments = "&".join(f"host={host}" for host in several[1])
        url = f"{several[0]}/{several[2]}?{arguments}&{_WRITABLE}"
    for driver in _DRIVERS:
        if url.startswith(driver):
            return _OURS + url.removeprefix(driver)
    return url


def _several_hosts(url: str) -> tuple[str, list[str], str] | None:
    """What stands before the hosts of `url`, each host with its port, and the database; None where there is one."""
    found = re.fullmatch(r"([^@]*@)([^@/?]*,[^@/?]*?)(?::(\d+))?/([^?]*)", url)
    if found is None:
        return None
    before, hosts, port, database = found.groups()
    return before, [host if ":" in host else f"{host}:{port or 5432}" for host in hosts.split(",")], database


def has_history(url: str) -> bool:
    """Whether Dagster has made its tables in the database of `url`.

    Raises:
        WarehouseError: It is not to be had.
    """
    if several := _several_hosts(url):
        url = f"{several[0]}{','.join(several[1])}/{several[2]}?{_WRITABLE}"
    address = Address.of(url)
    with translated(address.place), address.connect(any_encoding=True) as session:
        row = session.execute(script("inspection/has_history").encode()).fetchone()
    return bool(row and row[0])
