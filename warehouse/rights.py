"""What a database must let us do and hold: found out before a load trips over it, with the command that mends it."""

import re
from typing import Final

import psycopg
from psycopg import sql

from domain.errors import WarehouseUnsuitableError
from warehouse.statements import statement

OLDEST: Final = {"apache": (2, 13), "community": (2, 18)}
"""The first release with all that our schema is made of: `by_range`; and, in the community edition, the columnstore."""


def refuse_missing_rights(connection: psycopg.Connection, place: str, *, runs_steps: bool) -> None:
    """Refuse a database in which our role, or the role that loads, may not do what a load does.

    Args:
        connection: A session of the owner of our tables.
        place: For messages.
        runs_steps: Whether steps of the schema are to be run, which make tables.

    Raises:
        WarehouseUnsuitableError: A right is missing; every GRANT that is needed is in the sentence.
    """
    missing = connection.execute(statement("server/missing_rights"), {"steps": runs_steps}).fetchall()
    if not missing:
        return
    grants = []
    for role, privilege, kind in missing:
        name = connection.info.dbname if kind == "DATABASE" else "public"
        parts = sql.SQL(privilege), sql.SQL(kind), sql.Identifier(name), sql.Identifier(role)
        grants.append(sql.SQL("GRANT {} ON {} {} TO {}").format(*parts).as_string(connection))
    role, privilege, kind = missing[0]
    raise WarehouseUnsuitableError(
        f"the role {role} lacks {privilege} on the {kind.lower()}{' public' if kind == 'SCHEMA' else ''}",
        place=place,
        fix=f"let its owner or a superuser run `{'; '.join(grants)}`",
    )


def refuse_extension(
    connection: psycopg.Connection, place: str, *, installed: str | None, version: str, edition: str
) -> None:
    """Refuse a TimescaleDB that is too old for our schema, or whose functions our sessions do not find.

    Args:
        connection: A session of the database.
        place: For messages.
        installed: Its version in the database, if it is there.
        version: The same, or what the server would install.
        edition: `apache` or `community`.

    Raises:
        WarehouseUnsuitableError: It is.
    """
    oldest = OLDEST[edition]
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        fix = f"install {needed} or newer on the server"
        if installed:
            fix += ", and let the extension's owner run `ALTER EXTENSION timescaledb UPDATE` in a session of its own"
        raise WarehouseUnsuitableError(
            f"TimescaleDB is {version}, and the {edition} edition is needed from {needed} on", place=place, fix=fix
        )
    row = connection.execute(statement("server/extension_schema")).fetchone()
    if row and row[0] != "public":
        raise WarehouseUnsuitableError(
            f"the timescaledb extension is in the schema {row[0]}, where no session of ours looks",
            place=place,
            fix="it cannot be moved: make a database of our own, and run `CREATE EXTENSION timescaledb SCHEMA public`",
        )
