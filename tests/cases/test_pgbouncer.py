"""A pooler between us and the database lends the sessions of one client to another, and with them their locks.

The real pgbouncer is no package that every machine has. What betrays a pooler is the number by which a session can be
cancelled: a pooler tells its own, and so does the one here, which is otherwise a wire.
"""

from pathlib import Path

import psycopg
import pytest

from domain.errors import WarehouseError
from tests.fakes.points import DAY
from tests.fakes.pooler import pooled
from warehouse.store import open_warehouse


def test_a_pooler_tells_another_number_than_the_servers(database: str) -> None:
    with pooled(database) as url, psycopg.connect(url) as session:
        number = session.execute("SELECT pg_backend_pid()").fetchone()
        assert number != (session.info.backend_pid,)
    with psycopg.connect(database) as session:
        assert session.execute("SELECT pg_backend_pid()").fetchone() == (session.info.backend_pid,)


@pytest.mark.xfail(raises=pytest.fail.Exception, reason="nobody looks whether a session is our own")
def test_a_pull_through_a_pooler_is_refused_by_name(database: str, tmp_path: Path) -> None:
    with (
        pooled(database) as url,
        open_warehouse(url, tmp_path) as warehouse,
        pytest.raises(WarehouseError, match="pooler"),
    ):
        warehouse.begin_pull("hub", DAY)
