"""Psycopg's errors become ours, by class, and bring no row with them."""

from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from domain.errors import RowsRefusedError, WarehouseUnavailableError, WarehouseUnsuitableError
from tests.fakes.points import load
from warehouse.connections import Address, Connections
from warehouse.sqlstates import CLASSES, translate
from warehouse.store import open_warehouse


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (errors.ConnectionException, WarehouseUnavailableError),
        (errors.DeadlockDetected, WarehouseUnavailableError),
        (errors.SerializationFailure, WarehouseUnavailableError),
        (errors.DiskFull, WarehouseUnavailableError),
        (errors.TooManyConnections, WarehouseUnavailableError),
        (errors.LockNotAvailable, WarehouseUnavailableError),
        (errors.AdminShutdown, WarehouseUnavailableError),
        (errors.QueryCanceled, WarehouseUnavailableError),
        (errors.IdleInTransactionSessionTimeout, WarehouseUnavailableError),
        (errors.ReadOnlySqlTransaction, WarehouseUnavailableError),
        (errors.IoError, WarehouseUnavailableError),
        (errors.FeatureNotSupported, WarehouseUnsuitableError),
        (errors.UndefinedTable, WarehouseUnsuitableError),
        (errors.UndefinedColumn, WarehouseUnsuitableError),
        (errors.InsufficientPrivilege, WarehouseUnsuitableError),
        (errors.InvalidPassword, WarehouseUnsuitableError),
        (errors.InvalidCatalogName, WarehouseUnsuitableError),
        (errors.UniqueViolation, RowsRefusedError),
        (errors.CheckViolation, RowsRefusedError),
        (errors.NumericValueOutOfRange, RowsRefusedError),
        (errors.UntranslatableCharacter, RowsRefusedError),
        (errors.CardinalityViolation, RowsRefusedError),
        (errors.RaiseException, RowsRefusedError),
        (psycopg.OperationalError, WarehouseUnavailableError),
        (psycopg.InterfaceError, WarehouseUnavailableError),
        (psycopg.DataError, RowsRefusedError),
    ],
)
def test_an_error_is_sorted_by_its_class(error: type[psycopg.Error], ours: type[Exception]) -> None:
    assert type(translate(error("secret row"), "hub")) is ours


def test_every_class_of_psycopg_is_sorted_or_refused_without_a_retry() -> None:
    found = (getattr(error, "sqlstate", None) for error in vars(errors).values())
    states = {state[:2] for state in found if isinstance(state, str)}
    # These need a cursor, a trigger, a procedure, a foreign server or two-phase commits, which the house does not use.
    never = {"02", "03", "09", "0B", "0F", "0L", "0P", "0Z", "20", "24", "26", "27", "2B", "2D", "2F", "34", "38", "39",
             "3B", "72", "HV", "10"}  # fmt: skip

    assert states - set(CLASSES) <= never


def test_a_message_holds_the_servers_sentence_and_no_row(database: str) -> None:
    connections = Connections(Address.of(database))
    twice = "INSERT INTO budget (credential, next_at) VALUES ('hunter2', now()), ('hunter2', now())"
    with pytest.raises(RowsRefusedError) as caught, connections.borrow("hub, 2026-03-29") as connection:
        connection.execute(twice)
    connections.close()

    assert "duplicate key value violates unique constraint" in str(caught.value)
    assert "(SQLSTATE 23505) (hub, 2026-03-29): " in str(caught.value)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__context__ if caught.value.__cause__ else ''}"


def test_a_table_that_is_missing_names_the_doctor(empty_database: str, tmp_path: Path) -> None:
    with open_warehouse(empty_database, tmp_path) as warehouse, pytest.raises(WarehouseUnsuitableError) as caught:
        load(warehouse, {("a", 0): 1.0})

    assert "joulehouse doctor" in str(caught.value)


def test_a_session_that_failed_is_not_lent_again(database: str) -> None:
    connections = Connections(Address.of(database))
    with pytest.raises(RowsRefusedError), connections.borrow("x") as first:
        first.execute("SELECT 1 / 0")
    with connections.borrow("x") as second:
        number = second.info.backend_pid
    with connections.borrow("x") as third:
        assert third.info.backend_pid == number
    connections.close()

    assert first.closed


def test_a_hung_worker_is_ended_by_the_server(database: str) -> None:
    with Address.of(database).connect() as connection:
        limits = [
            connection.execute(f"SHOW {name}".encode()).fetchone()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        ]

    assert limits == [("30min",), ("10min",), ("2min",), ("UTC",)]
