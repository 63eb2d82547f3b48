"""Sessions of Dagster's history, which Dagster's own engines open: through a dialect that says what ours say.

A URL cannot: SQLAlchemy drops its empty arguments, and a pooler refuses `options` at the door.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from warehouse.connections import Address
from warehouse.libpq import forget_variables
from warehouse.sessions import LANGUAGE, first_statement, libpq_words
from warehouse.sqlstates import translated
from warehouse.statements import script

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

_DRIVERS: Final = ("postgresql://", "postgresql+psycopg2://")
_OURS: Final = "postgresql+joulehouse://"


class HistoryDialect(PGDialect_psycopg2):
    """psycopg2's, with sessions that neither the environment nor a role's defaults change."""

    supports_statement_cache = True

    def connect(self, *arguments: Any, **keywords: Any) -> "DBAPIConnection":  # noqa: ANN401 - handed through
        """Open a session; what the URL says stays, but for the encoding."""
        forget_variables()
        words = libpq_words(keywords, version=self._extensions.libpq_version())
        known = {word: value for word, value in words.items() if self._knows(word)}
        connection = super().connect(*arguments, **known | keywords | {"client_encoding": "UTF8"})
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


def history_url(url: str) -> str:
    """`url` of Dagster's history for SQLAlchemy; another driver than psycopg2 is left as it is."""
    registry.register("postgresql.joulehouse", __name__, HistoryDialect.__name__)
    for driver in _DRIVERS:
        if url.startswith(driver):
            return _OURS + url.removeprefix(driver)
    return url


def has_history(url: str) -> bool:
    """Whether Dagster has made its tables in the database of `url`.

    Raises:
        WarehouseError: It is not to be had.
    """
    address = Address.of(url)
    with translated(address.place), address.connect(any_encoding=True) as session:
        row = session.execute(script("inspection/has_history").encode()).fetchone()
    return bool(row and row[0])
