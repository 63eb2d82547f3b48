"""A session of ours behaves the same on every server, whatever that has for defaults."""

from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from warehouse.connections import Address, Connections


def test_the_isolation_is_ours_whatever_the_database_has_for_a_default(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name))

    for autocommit in (True, False):
        with Address.of(database).connect(autocommit=autocommit) as session, session.transaction():
            assert session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def test_a_session_that_loads_can_drop_no_table_and_one_that_administers_can(database: str) -> None:
    with Address.of(database).connect(as_loader=True) as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse_loader",)
        for forbidden in ("DROP TABLE load", "TRUNCATE measurement", "ALTER TABLE state ADD COLUMN x int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)
    with Address.of(database).connect() as session:
        session.execute("DROP TABLE load")


def test_whatever_the_warehouse_borrows_is_a_loaders_session(database: str) -> None:
    with closing(Connections(Address.of(database))) as connections, connections.borrow("here") as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse_loader",)


def test_a_database_whose_roles_have_no_rights_is_loaded_by_its_owner(empty_database: str) -> None:
    with Address.of(empty_database).connect(as_loader=True) as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse",)
