"""The warehouse of a test, and a session beside it."""

from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture
def observer(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        yield connection
