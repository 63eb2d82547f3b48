"""Whether a pooler stands between us and the database, and whether it gives each client a session of its own.

Pulls, loads and budgets rest on locks, settings and temporary tables of a session. A pooler that lends one session to
several clients lends these with it: two processes then hold one lock, and one's settings are the other's.
"""

from typing import Final

import psycopg

from domain.errors import WarehouseUnsuitableError

_ROUNDS: Final = (
    20  # one finds out a pooler that nobody else uses; under load about one in ten does not (2026-11, n=50)
)
_FIX: Final = "let WAREHOUSE_URL name the server itself, or a pooler in session mode, and set WAREHOUSE_POOLER=session"


def refuse_pooler(connection: psycopg.Connection, conninfo: str, place: str, *, is_allowed: bool) -> None:
    """Refuse a session that a pooler has opened, unless it is allowed and gives each client one of its own.

    What a client can cancel its session by is the server's number of it; a pooler tells one of its own.

    Args:
        connection: Opened a moment ago; nothing was said in it yet.
        conninfo: Another one is opened by it, for the trial.
        place: For messages.
        is_allowed: Whether somebody has said that there is a pooler, and that it is in session mode.

    Raises:
        WarehouseUnsuitableError: A pooler stands there, and is not allowed, or lends sessions.
    """
    number = _number(connection)
    if connection.info.backend_pid == number or conninfo in _proven:
        return
    if not is_allowed:
        raise WarehouseUnsuitableError(
            "a pooler stands between us and the database, which may lend one session to several clients",
            place=place,
            fix=_FIX,
        )
    with psycopg.connect(conninfo, autocommit=False, prepare_threshold=None, connect_timeout=10) as other:
        for _ in range(_ROUNDS):
            try:
                borrowed = _number(other)  # begins a transaction, which holds what it was lent
            except psycopg.errors.ProtocolViolation:
                borrowed = number  # so does a pooler in statement mode answer whoever begins one
            if borrowed == number or _number(connection) != number:
                raise WarehouseUnsuitableError(
                    "a pooler stands between us and the database, and lends one session to several clients",
                    place=place,
                    fix=_FIX,
                )
            other.rollback()
    _proven.add(conninfo)


_proven: Final[set[str]] = set()
"""Addresses behind which every client has been seen to have a session of its own; of this process."""


def _number(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0
