"""The schema's version: made, moved forward, and checked before anything is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from domain.errors import WarehouseUnsuitableError
from warehouse.connections import Address
from warehouse.inspection import refuse_lost_hypertables
from warehouse.server import check_server
from warehouse.sqlstates import translated_wrapped
from warehouse.statements import script

# Any number will do, as long as nobody else locks it: the bytes of "joule".
_MIGRATION_LOCK = 0x6A6F756C65


def migrate(url: str, *, step: str = "head") -> None:
    """Bring the schema to this code's version: all steps in one transaction, or none. Safe to race.

    In the community edition, columnstore and policies that are missing are set besides.

    Args:
        url: `postgresql://…` of an owner of the database.
        step: How far; to the newest.

    Raises:
        WarehouseUnsuitableError: The server has no TimescaleDB, or the schema is newer than this code.
        WarehouseUnavailableError: The server does not answer.
    """
    address = Address.of(url)
    with _connection(address) as connection, connection.begin():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        # What a step writes is of the step before for a moment: `refuse_other_releases` is not meant for it.
        connection.exec_driver_sql("SET LOCAL application_name TO 'joulehouse migrate'")
        found = _refuse_unknown(connection, address)
        if found is not None:
            refuse_lost_hypertables(connection, address.place)
        # Under the lock: the check makes the extension for a moment, and two at once would collide.
        check_server(url, runs_steps=found != _steps().get_current_head())
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS timescaledb")
        upgrade(connection, step)
    # The role that loads is there by now.
    check_server(url)


def upgrade(connection: sa.Connection, step: str = "head") -> None:
    """The steps as far as `step`, in the transaction that is open; `migrate` has seen to everything else.

    The columnstore is no step: an edition changes when its server is configured anew, whatever step the schema is at.
    """
    command.upgrade(_config(connection), step)
    connection.exec_driver_sql(script("columnstore/set"))


def check_schema(url: str) -> None:
    """Refuse a schema that this code does not know, or whose tables are no hypertables any longer.

    Raises:
        WarehouseUnsuitableError: There is no schema, or it is older or newer than this code.
        WarehouseUnavailableError: The server does not answer.
    """
    address = Address.of(url)
    with _connection(address) as connection:
        found = _refuse_unknown(connection, address)
        head = _steps().get_current_head()
        if found != head:
            raise WarehouseUnsuitableError(
                f"the schema is at step {found or 'none'}, this code needs {head}",
                place=address.place,
                fix="run `joulehouse warehouse migrate`",
            )
        refuse_lost_hypertables(connection, address.place)


def _refuse_unknown(connection: sa.Connection, address: Address) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in {step.revision for step in _steps().walk_revisions()}:
        raise WarehouseUnsuitableError(
            f"the schema is at step {found}, which this code does not know",
            place=address.place,
            fix="run the newer release that made it, or restore the database from before it",
        )
    return found


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("warehouse").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config


def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@contextmanager
def _connection(address: Address) -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=partial(address.connect, autocommit=False), poolclass=sa.NullPool
    )
    try:
        with translated_wrapped(address.place), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
