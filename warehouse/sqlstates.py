"""The door between psycopg's errors and ours, sorted by SQLSTATE class. No row and no password comes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from domain.errors import RowsRefusedError, WarehouseError, WarehouseUnavailableError, WarehouseUnsuitableError
from warehouse.refused_sessions import refusal_of

_WAIT: Final = "wait and run it again; look at the server's log if it stays"
_MIGRATE: Final = "run `joulehouse doctor`: it names what the server or the schema lacks"
_READ: Final = "read the server's message; the partition is what it was before"

CLASSES: Final[dict[str, type[WarehouseError]]] = {
    "08": WarehouseUnavailableError,  # connection lost
    "25": WarehouseUnavailableError,  # the server ended an idle transaction, or is read-only while it fails over
    "40": WarehouseUnavailableError,  # deadlock, serialization failure
    "53": WarehouseUnavailableError,  # disk full, out of memory, too many connections
    "55": WarehouseUnavailableError,  # lock timeout, object in use
    "57": WarehouseUnavailableError,  # shutdown, crash, cancelled, statement timeout
    "58": WarehouseUnavailableError,  # input or output failed below the server
    "XX": WarehouseUnavailableError,  # internal: "tuple concurrently updated" among them
    "0A": WarehouseUnsuitableError,  # a feature this edition does not have
    "28": WarehouseUnsuitableError,  # the server does not accept who we are
    "3D": WarehouseUnsuitableError,  # no such database
    "3F": WarehouseUnsuitableError,  # no such schema
    "42": WarehouseUnsuitableError,  # no such table, column or function, or no right to it
    "F0": WarehouseUnsuitableError,  # the server's own configuration file
    "21": RowsRefusedError,  # one row twice in one statement
    "22": RowsRefusedError,  # a value does not fit its type
    "23": RowsRefusedError,  # a constraint said no
    "44": RowsRefusedError,  # a view's check option said no
    "54": RowsRefusedError,  # too long, too many, too deep
    "P0": RowsRefusedError,  # a trigger or function said no
}
"""SQLSTATE class → what it means for the run that waits. A class that is not here is refused without a retry."""

SESSION_LOST: Final = frozenset(
    {
        "25P03",  # it rested inside a transaction for longer than the server bears
        "25P04",  # its transaction took longer than the server bears
        "57P01",  # shut down, or ended by somebody
        "57P02",  # another session crashed, and the server ends all of them
        "57P03",  # starting, or recovering
        "57P05",  # it rested for longer than the server bears
    }
)
"""SQLSTATE of a session that is over; so is one of class 08, and one that ends without a word. On another one the same
step may succeed. A statement that took too long (57014) would take as long again."""

_FIX_OF_STATE: Final = {
    # Our sessions begin no transaction read-only by themselves.
    "25006": "wait, if it fails over; it is a standby: let the address name all hosts, with"
    " target_session_attrs=read-write",
    # Ours, of step 0016: the process has outlived a migration.
    "0AJ01": "restart the live processes and Dagster's code servers; nothing of this was written",
    "0AJ02": "nothing is to be done: another run has taken its days over; nothing of this was written",
}

_FIXES: Final = {WarehouseUnavailableError: _WAIT, WarehouseUnsuitableError: _MIGRATE, RowsRefusedError: _READ}

_NOT_READY: Final = "FATAL:  the database system is "  # starting up, shutting down, in recovery mode …


def translate(error: psycopg.Error, place: str) -> WarehouseError:
    """Our error for one of psycopg's.

    Args:
        error: Psycopg's.
        place: What was being done: a source and window, or host, port and database.

    Returns:
        An error whose sentence holds the server's primary message and SQLSTATE, and never its DETAIL: that quotes rows.
    """
    state = error.sqlstate or ""
    is_starting = state == "57P03" or (not state and _NOT_READY in str(error))
    # A session that is refused while it is being opened has no SQLSTATE, only libpq's text.
    is_refused = isinstance(error, psycopg.OperationalError) and not state and not is_starting
    refusal = refusal_of(str(error)) if is_refused else None
    cls = CLASSES.get(state[:2], RowsRefusedError) if state else refusal.kind if refusal else _stateless(error)
    if state:
        culprit = f"the database says: {error.diag.message_primary or type(error).__name__} (SQLSTATE {state})"
    elif refusal is not None:
        culprit = refusal.culprit
    elif is_starting:
        culprit = "the database starts, ends or recovers, and takes no sessions yet"
    elif cls is WarehouseUnavailableError:
        culprit = "the database does not answer, or the connection to it was lost"
    else:
        culprit = f"the driver refused a value ({type(error).__name__})"
    fix = refusal.fix if refusal else _FIX_OF_STATE.get(state, _FIXES[cls])
    if cls is WarehouseUnavailableError:
        lost = _is_session_lost(error, state)
        return cls(culprit, place=place, fix=fix, session_lost=lost, is_starting=is_starting)
    return cls(culprit, place=place, fix=fix)


def _is_session_lost(error: psycopg.Error, state: str) -> bool:
    if state:
        return state[:2] == "08" or state in SESSION_LOST
    return isinstance(error, psycopg.OperationalError)  # others without a state are not about the connection


def _stateless(error: psycopg.Error) -> type[WarehouseError]:
    is_lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return WarehouseUnavailableError if is_lost else RowsRefusedError


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Whatever psycopg raises inside leaves as one of our errors."""
    try:
        yield
    except psycopg.Error as error:
        # `from None`: the original's text may quote a row or an address.
        raise translate(error, place) from None
    except UnicodeEncodeError:
        raise RowsRefusedError(
            "a text holds a lone surrogate, which is no character",
            place=place,
            fix="quarantine such rows in the provider's normalize (not_storable_text)",
        ) from None
