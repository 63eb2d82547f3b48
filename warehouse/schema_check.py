"""Whether a schema is the one that this code writes to. Alembic, which takes 0.3 s to import, is not asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.resources import files
from typing import Final

import psycopg
import sqlalchemy as sa

from domain.errors import WarehouseUnsuitableError
from warehouse.connections import Address
from warehouse.inspection import refuse_lost_hypertables
from warehouse.sessions import SCHEMA_STEP
from warehouse.sqlstates import translate, translated

_VERSION: Final = sa.table("alembic_version", sa.column("version_num"))


def check_schema(url: str, open_session: Callable[[], psycopg.Connection] | None = None) -> None:
    """Refuse a schema that this code does not know, or whose tables are no hypertables any longer.

    Args:
        url: The warehouse.
        open_session: Opens the session for it, where that is to wait for a server.

    Raises:
        WarehouseUnsuitableError: There is no schema, or it is older or newer than this code.
        WarehouseUnavailableError: The server does not answer.
    """
    address = Address.of(url)
    with schema_connection(address, open_session) as connection:
        found = refuse_unknown(connection, address)
        if found != SCHEMA_STEP:
            raise WarehouseUnsuitableError(
                f"the schema is at step {found or 'none'}, this code needs {SCHEMA_STEP}",
                place=address.place,
                fix="run `joulehouse warehouse migrate`",
            )
        refuse_lost_hypertables(connection, address.place)


def refuse_unknown(connection: sa.Connection, address: Address) -> str | None:
    """The step that the schema is at; None where there is no schema.

    Raises:
        WarehouseUnsuitableError: This code does not know it.
    """
    found = None
    if sa.inspect(connection).has_table(_VERSION.name):
        found = connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()
    if found is not None and found not in known_steps():
        raise WarehouseUnsuitableError(
            f"the schema is at step {found}, which this code does not know",
            place=address.place,
            fix="run the newer release that made it, or restore the database from before it",
        )
    return found


@cache
def known_steps() -> frozenset[str]:
    """The steps that this code has, by the names of their files."""
    names = (file.name for file in files("warehouse").joinpath("migrations", "versions").iterdir())
    return frozenset(
        name[len("step_") : -len(".py")] for name in names if name.startswith("step_") and name.endswith(".py")
    )


@contextmanager
def schema_connection(
    address: Address, open_session: Callable[[], psycopg.Connection] | None = None
) -> Iterator[sa.Connection]:
    """A session in a transaction, for SQLAlchemy and Alembic; `open_session` opens it if there is one."""
    creator = open_session or partial(address.connect, autocommit=False)
    engine = sa.create_engine("postgresql+psycopg://", creator=creator, poolclass=sa.NullPool)
    try:
        with translated(address.place), engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise translate(error.orig, address.place) from None
        raise
    finally:
        engine.dispose()
