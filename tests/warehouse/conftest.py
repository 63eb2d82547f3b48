"""The warehouse of a test, and a session beside it."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from warehouse.store import TimescaleWarehouse, open_warehouse


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, tmp_path / "landing") as opened:
        yield opened


@pytest.fixture
def observer(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        yield connection
