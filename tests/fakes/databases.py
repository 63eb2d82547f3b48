"""Databases of tests that serve as a template."""

from psycopg import sql

from warehouse import server


def freeze_database(url: str, name: str) -> None:
    """Let nobody into the database `name` any longer, and send away who is: it serves as a template from now on.

    `url` is of another database, by a superuser: TimescaleDB's own workers are sent away too.
    """
    with server._session(url) as (connection, _):
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])
