"""What a PostgreSQL server is, and the databases and roles on it.

Every address here is a `postgresql://` URL (SQLAlchemy's `postgresql+psycopg://` is understood too). No message carries
one: only host, port and database are named.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, LiteralString
from urllib.parse import quote

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from domain.errors import WarehouseUnsuitableError
from warehouse.connections import Address, plain_url, refuse_encoding
from warehouse.rights import refuse_extension, refuse_missing_rights
from warehouse.sqlstates import translated

_FACTS: Final[LiteralString] = """
    SELECT current_setting('server_version'),
           (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
           (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
           current_setting('timescaledb.max_background_workers', true) IS NOT NULL,
           current_setting('server_encoding')
"""

_RACES: Final = (
    # Two who make the same database, role or extension at once: one of them is told so in one of these ways.
    errors.DuplicateDatabase,
    errors.DuplicateObject,
    errors.UniqueViolation,
    errors.InternalError_,  # "tuple concurrently updated"
    errors.ObjectInUse,  # the template is just being copied, or looked at by a background worker
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a suitable server is.

    Attributes:
        postgres: PostgreSQL's version (`17.11`).
        timescaledb: The version of TimescaleDB in the database, or the one that it would get.
        edition: `community` has the columnstore, continuous aggregates and policies; `apache` has hypertables.
    """

    postgres: str
    timescaledb: str
    edition: Literal["community", "apache"]

    @property
    def sentence(self) -> str:
        """The same for a person, without a full stop."""
        return f"PostgreSQL {self.postgres} with TimescaleDB {self.timescaledb} ({self.edition} edition)"


def check_server(url: str, *, runs_steps: bool = False) -> ServerFacts:
    """Tell what the server behind `url` is, and refuse one that does not do. Changes nothing.

    Args:
        url: `postgresql://…` of an owner of the database.
        runs_steps: Whether steps of the schema are to be run, which make tables.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: It is a PostgreSQL without TimescaleDB, with one that is too old or lies where we do
            not look, or without its library loaded; the database is not in UTF-8; our role, or the one that loads,
            lacks a right; or it does not let us in.
    """
    with _session(url) as (connection, place):
        row = connection.execute(_FACTS).fetchone()
        version, offered, installed, is_loaded, encoding = row or ("", None, None, False, "")
        postgres = re.split(r"\s", version, maxsplit=1)[0]
        if offered is None:
            raise WarehouseUnsuitableError(
                f"the server is PostgreSQL {postgres} without the timescaledb extension",
                place=place,
                fix="let WAREHOUSE_URL name one that has it: `make .env && docker compose up -d warehouse` starts one",
            )
        if not is_loaded:
            raise WarehouseUnsuitableError(
                f"the server is PostgreSQL {postgres}, which has timescaledb but does not load it",
                place=place,
                fix="add timescaledb to shared_preload_libraries in its configuration and restart it",
            )
        refuse_encoding(encoding, place)
        refuse_missing_rights(connection, place, runs_steps=runs_steps)
        if installed is None:
            _try_extension(connection, place)
        row = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
        edition: Literal["community", "apache"] = "community" if row and row[0] == "timescale" else "apache"
        facts = ServerFacts(postgres, installed or offered, edition)
        refuse_extension(connection, place, installed=installed, version=facts.timescaledb, edition=edition)
        return facts


def check_session(url: str) -> None:
    """See that the server of `url` lets us in and answers.

    Raises:
        WarehouseUnavailableError: It does not answer.
        WarehouseUnsuitableError: It does not let us in.
    """
    with _session(url) as (connection, _):
        connection.execute("SELECT 1")


def _try_extension(connection: psycopg.Connection, place: str) -> None:
    """Create the extension and take it back: this loads its library, which knows the edition, and proves our right."""

    def trial() -> None:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")

    try:
        _retry_races(trial)
    except errors.InsufficientPrivilege:
        raise WarehouseUnsuitableError(
            "the database lacks the timescaledb extension, and our role may not create it",
            place=place,
            fix="let the database's owner or a superuser run `CREATE EXTENSION timescaledb` in it",
        ) from None


def create_database(url: str, name: str, *, owner: str | None = None, template: str | None = None) -> str:
    """Create the database `name` on the server of `url`, unless it exists. Safe to race.

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
    with _session(url) as (connection, _):
        _create(connection, name, owner=owner, template=template)
    return with_database(url, name)


def _create(connection: psycopg.Connection, name: str, *, owner: str | None, template: str | None = None) -> None:
    parts = [sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))]
    if owner is not None:
        parts.append(sql.SQL("OWNER {}").format(sql.Identifier(owner)))
    if template is not None:
        parts.append(sql.SQL("TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template)))

    def create() -> None:
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall():
            connection.execute(sql.SQL(" ").join(parts))

    _retry_races(create)


def drop_database(url: str, name: str) -> None:
    """Drop the database `name` on the server of `url`, whoever is connected to it; a missing one is fine.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with _session(url) as (connection, _):
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        _retry_races(lambda: connection.execute(statement))


def ensure_role(url: str, role: str, password: str, *, may_create: bool = False) -> None:
    """See that the server of `url` has the ordinary role `role` with this password. Safe to repeat and to race.

    Args:
        url: Any database of the server, by a role that may create roles.
        role: The role. It may log in and is never a superuser.
        password: A random one of 128 bits or more. Only its SCRAM verifier is sent, so that no log can hold it.
        may_create: Whether it may create databases and roles of its own.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with _session(url) as (connection, _):
        _ensure_role(connection, role, password, may_create=may_create)


def _ensure_role(connection: psycopg.Connection, role: str, password: str, *, may_create: bool) -> None:
    # Many rounds protect passwords that people choose. These are random and long, and Dagster opens thirty connections
    # a second: with one round each takes 6 ms instead of 11 (2026-11, n=200). Servers before 16 have no such setting.
    connection.execute("SELECT set_config(name, '1', false) FROM pg_settings WHERE name = 'scram_iterations'")
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    rights = sql.SQL("CREATEDB CREATEROLE") if may_create else sql.SQL("NOCREATEDB NOCREATEROLE")
    rest = sql.SQL("{} LOGIN {} PASSWORD {}").format(sql.Identifier(role), rights, sql.Literal(verifier))

    def ensure() -> None:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchall()
        connection.execute(sql.SQL("ALTER ROLE {}" if known else "CREATE ROLE {}").format(rest))

    _retry_races(ensure)


def ensure_database(url: str, name: str, role: str, password: str) -> str:
    """See that the server of `url` has a role with a password and a database of its own. Safe to repeat and to race.

    The role may log in and nothing else; the database belongs to it, and no other ordinary role may connect to it. A
    role that exists gets the password given.

    Args:
        url: Any database of the server, by a role that may create roles and databases.
        name: The database.
        role: The role that owns it.
        password: The role's password, as `ensure_role` says.

    Returns:
        The URL of the database for the role.

    Raises:
        WarehouseUnavailableError: The server does not answer.
        WarehouseUnsuitableError: The server refuses.
    """
    with _session(url) as (connection, _):
        _ensure_role(connection, role, password, may_create=False)
        # Who is no superuser gives a database away only to a role of which it is a member.
        is_super = connection.execute("SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper").fetchall()
        if not is_super:
            grant = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))
            _retry_races(lambda: connection.execute(grant))
        _create(connection, name, owner=role)
        revoke = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        _retry_races(lambda: connection.execute(revoke))
    return _url({**conninfo_to_dict(plain_url(url)), "dbname": name, "user": role, "password": password})


def with_database(url: str, name: str) -> str:
    """`url` with the database `name` in place of its own."""
    return _url({**conninfo_to_dict(plain_url(url)), "dbname": name})


def place_of(url: str) -> str:
    """Host, port and database of `url`, for a message: never the user, never the password.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
    """
    return Address.of(url).place


def libpq_environment(url: str) -> dict[str, str]:
    """`url` as the environment variables that `psql` and its siblings read, for children: arguments are public.

    Raises:
        ConfigurationError: The URL is not one of PostgreSQL.
    """
    Address.of(url)
    names = {option.keyword.decode(): option.envvar for option in psycopg.pq.Conninfo.get_defaults()}
    found = {names.get(key): str(value) for key, value in conninfo_to_dict(plain_url(url)).items()}
    return {name.decode(): value for name, value in found.items() if name}


def _url(parts: dict[str, object]) -> str:
    """A URL that libpq and SQLAlchemy read alike: a socket's folder or a list of hosts travels as an argument."""
    parts = {name: value for name, value in parts.items() if value is not None}
    user, password = (quote(str(parts.pop(name, "")), safe="") for name in ("user", "password"))
    credentials = f"{user}{':' if password else ''}{password}@" if user else ""
    name = quote(str(parts.pop("dbname", "")), safe="")
    host = str(parts.get("host", ""))
    origin = ""
    if host and not set(host) & set(",/:%"):
        origin = f"{parts.pop('host')}:{parts.pop('port', 5432)}"
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in parts.items())
    return f"postgresql://{credentials}{origin}/{name}{'?' if query else ''}{query}"


@contextmanager
def _session(url: str) -> Iterator[tuple[psycopg.Connection, str]]:
    """A connection in autocommit and its place; what the server refuses inside leaves as one of our errors."""
    address = Address.of(url)
    with translated(address.place), address.connect(any_encoding=True) as connection:
        yield connection, address.place


def _retry_races(step: Callable[[], object]) -> None:
    """Do an idempotent step again for as long as somebody else is seen to be at the same."""
    for wait_seconds in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
        try:
            step()
        except _RACES:
            time.sleep(wait_seconds)
        else:
            return
    step()
