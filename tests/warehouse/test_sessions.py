"""A session of ours behaves the same on every server, whatever that has for defaults."""

import psycopg
from psycopg import sql

from warehouse.connections import Address


def test_the_isolation_is_ours_whatever_the_database_has_for_a_default(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name))

    for autocommit in (True, False):
        with Address.of(database).connect(autocommit=autocommit) as session, session.transaction():
            assert session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
