"""What a PostgreSQL server is, and the databases and roles on it.

Every address here is a `postgresql://` URL of libpq. No message carries one: only host, port and database are named.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, LiteralString
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from domain.errors import ConfigurationError, WarehouseUnavailableError, WarehouseUnsuitableError

_CONNECT_SECONDS: Final = 10

_DATABASES_LOCK: Final = 0x6A6F756C
"""The key of the advisory lock under which databases and roles are made, one at a time per server."""

_FACTS: Final[LiteralString] = """
    SELECT current_setting('server_version'),
           (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
           (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
           current_setting('timescaledb.max_background_workers', true) IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a suitable server is.

    Attributes:
        postgres: PostgreSQL's version, as the server says it.
        timescaledb: The version of TimescaleDB in the database, or the one that it would get.
        edition: `community` has the columnstore, continuous aggregates and policies; `apache` has hypertables.
    """

    postgres: str
    timescaledb: str
    edition: Literal["community", "apache"]


def check_server(url: str) -> ServerFacts:
    """Tell what the server behind `url` is, and refuse one that is no TimescaleDB. Changes nothing.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
        WarehouseUnavailableError: The server does not answer, or does not let us in.
        WarehouseUnsuitableError: It is a PostgreSQL without TimescaleDB, or without its library loaded.
    """
    with connected(url) as connection:
        row = connection.execute(_FACTS).fetchone()
        version, offered, installed, is_loaded = row if row else ("", None, None, False)
        if offered is None:
            raise WarehouseUnsuitableError(
                f"the server is PostgreSQL {version} without the timescaledb extension",
                place=place_of(url),
                fix="start `docker compose up -d warehouse`, or let WAREHOUSE_URL name a server that has TimescaleDB",
            )
        if not is_loaded:
            raise WarehouseUnsuitableError(
                f"the server is PostgreSQL {version}, which has timescaledb but does not load it",
                place=place_of(url),
                fix="add timescaledb to shared_preload_libraries in its configuration and restart it",
            )
        return ServerFacts(version, installed or offered, _edition(connection, url, is_installed=bool(installed)))


def _edition(connection: psycopg.Connection, url: str, *, is_installed: bool) -> Literal["community", "apache"]:
    """Which edition answers. Where the extension is not in the database yet, it is created and rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            if not is_installed:
                connection.execute("CREATE EXTENSION timescaledb")
            row = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    except psycopg.Error as error:
        raise WarehouseUnsuitableError(
            f"timescaledb cannot be created in the database ({error.diag.message_primary or type(error).__name__})",
            place=place_of(url),
            fix="let the database's owner or a superuser run `CREATE EXTENSION timescaledb` in it",
        ) from None
    return "community" if row and row[0] == "timescale" else "apache"


def create_database(url: str, name: str, *, owner: str | None = None, template: str | None = None) -> str:
    """Create the database `name` on the server of `url`, unless it exists.

    Args:
        url: Any database of the server, by a role that may create databases.
        name: The new database.
        owner: The role that it belongs to; the connecting role if None.
        template: The database to copy; nobody may be connected to it. The server's own template if None.

    Returns:
        `url` with the new database in place of its own.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with connected(url) as connection, _making_databases(connection, url):
        if not _exists(connection, name):
            parts = [sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))]
            if owner is not None:
                parts.append(sql.SQL("OWNER {}").format(sql.Identifier(owner)))
            if template is not None:
                parts.append(sql.SQL("TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template)))
            connection.execute(sql.SQL(" ").join(parts))
    return with_database(url, name)


def drop_database(url: str, name: str) -> None:
    """Drop the database `name` on the server of `url`, whoever is connected to it; a missing one is fine.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with connected(url) as connection, _making_databases(connection, url):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def freeze_database(url: str, name: str) -> None:
    """Let nobody into the database `name` any longer, and send away who is: it serves as a template from now on.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with connected(url) as connection, _making_databases(connection, url):
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])


def ensure_database(url: str, name: str, role: str, password: str) -> str:
    """See that the server of `url` has a role with a password and a database of its own. Safe to repeat and to race.

    The role may log in and nothing else; the database belongs to it, and no other ordinary role may connect to it. A
    role that exists gets the password given.

    Args:
        url: Any database of the server, by a role that may create roles and databases.
        name: The database.
        role: The role that owns it.
        password: The role's password. Only its SCRAM verifier is sent, so that no log can hold it.

    Returns:
        The URL of the database for the role.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with connected(url) as connection, _making_databases(connection, url):
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        connection.execute(
            sql.SQL("{} {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                sql.SQL("ALTER ROLE") if known else sql.SQL("CREATE ROLE"), sql.Identifier(role), sql.Literal(verifier)
            )
        )
    create_database(url, name, owner=role)
    with connected(url) as connection, _making_databases(connection, url):
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    parts = urlsplit(with_database(url, name))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{host}"))


def with_database(url: str, name: str) -> str:
    """`url` with the database `name` in place of its own."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


def place_of(url: str) -> str:
    """Host, port and database of `url`, for a message: never the user, never the password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'local socket'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "WAREHOUSE_URL"


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit, closed at the end.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
        WarehouseUnavailableError: The server does not answer, or does not let us in.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(
            "the warehouse's address is not a postgresql:// URL",
            place="WAREHOUSE_URL",
            fix="write postgresql://user:password@host:port/database",
        )
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
    except psycopg.Error as error:
        raise WarehouseUnavailableError(
            f"the warehouse does not let us in: {_reason(error)}",
            place=place_of(url),
            fix="see that it runs (`joulehouse warehouse status`) and that user and password are right",
        ) from None
    with connection:
        yield connection


def _reason(error: psycopg.Error) -> str:
    """The last sentence of libpq's complaint: the first ones repeat host and port, and none holds the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rpartition("failed: ")[2] if lines else type(error).__name__


@contextmanager
def _making_databases(connection: psycopg.Connection, url: str) -> Iterator[None]:
    """One process at a time makes databases and roles here; what the server refuses becomes our error."""
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [_DATABASES_LOCK])
        yield
        connection.execute("SELECT pg_advisory_unlock(%s)", [_DATABASES_LOCK])
    except psycopg.Error as error:
        raise WarehouseUnsuitableError(
            f"the server refuses: {error.diag.message_primary or type(error).__name__}",
            place=place_of(url),
            fix="let WAREHOUSE_URL name a role that may create databases and roles, or create them by hand",
        ) from None


def _exists(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
