"""The schema: made, and moved forward. `schema_check` looks at it before anything is written."""

from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from warehouse.connections import Address
from warehouse.inspection import refuse_lost_hypertables
from warehouse.schema_check import check_schema, refuse_unknown, schema_connection
from warehouse.server import check_server
from warehouse.statements import script

__all__ = ["check_schema", "migrate", "upgrade"]

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
    with schema_connection(address) as connection, connection.begin():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        # What a step writes is of the step before for a moment: `refuse_other_releases` is not meant for it.
        connection.exec_driver_sql("SET LOCAL application_name TO 'joulehouse migrate'")
        found = refuse_unknown(connection, address)
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


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("warehouse").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config


def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
