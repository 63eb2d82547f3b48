"""A pooler between us and the database lends the sessions of one client to another, and with them their locks.

The real pgbouncer is no package that every machine has. What betrays a pooler is the number by which a session can be
cancelled: a pooler tells its own, and so does the one here, which is otherwise a wire.
"""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError, WarehouseError, WarehouseUnsuitableError
from resources.settings import Settings
from tests.fakes.points import DAY, load
from tests.fakes.pooler import lending, pooled
from warehouse.budget import DatabaseBudget
from warehouse.connections import plain_url
from warehouse.export_jobs import DatabaseExportJobs
from warehouse.fill import fill
from warehouse.schema import migrate
from warehouse.server import libpq_environment
from warehouse.store import open_warehouse
from warehouse.summary_check import recompute


def test_a_pooler_tells_another_number_than_the_servers(database: str) -> None:
    with pooled(database) as url, psycopg.connect(url) as session:
        number = session.execute("SELECT pg_backend_pid()").fetchone()
        assert number != (session.info.backend_pid,)
    with psycopg.connect(database) as session:
        assert session.execute("SELECT pg_backend_pid()").fetchone() == (session.info.backend_pid,)


def test_a_pull_through_a_pooler_is_refused_by_name(database: str, tmp_path: Path) -> None:
    with (
        pooled(database) as url,
        open_warehouse(url, tmp_path) as warehouse,
        pytest.raises(WarehouseError, match="pooler"),
    ):
        warehouse.begin_pull("hub", DAY)


def _migrate(url: str, _: Path) -> None:
    migrate(url)


def _fill(url: str, _: Path) -> None:
    list(fill(url))


def _recompute(url: str, _: Path) -> None:
    recompute(url, "hub", DAY)


def _take(url: str, _: Path) -> None:
    with DatabaseBudget(url, "client", 1000.0) as budget:
        budget.take()


def _order(url: str, _: Path) -> None:
    with DatabaseExportJobs(url, "hub", "tenant") as jobs, jobs.slot(1):
        pass


def _load(url: str, folder: Path) -> None:
    with open_warehouse(url, folder) as warehouse:
        load(warehouse, {("a", 1): 1.0})


def _stream(url: str, folder: Path) -> None:
    with open_warehouse(url, folder) as warehouse:
        warehouse.live.put("hub", [])


def _describe(url: str, folder: Path) -> None:
    with open_warehouse(url, folder) as warehouse:
        warehouse.catalogue("hub", [])


WRITERS = [_migrate, _fill, _recompute, _take, _order, _load, _stream, _describe]


@pytest.mark.parametrize("write", WRITERS)
def test_whatever_writes_is_refused_by_name_behind_a_pooler(
    database: str, tmp_path: Path, write: Callable[[str, Path], None]
) -> None:
    with pooled(database) as url, pytest.raises(WarehouseUnsuitableError, match=r"pooler.*WAREHOUSE_POOLER=session"):
        write(url, tmp_path)


@pytest.mark.parametrize("write", WRITERS)
def test_a_pooler_that_gives_each_client_a_session_is_let_through_where_somebody_says_so(
    database: str, tmp_path: Path, write: Callable[[str, Path], None]
) -> None:
    with pooled(database) as url:
        settings = Settings({"WAREHOUSE_URL": url, "WAREHOUSE_POOLER": "session"})
        assert settings.warehouse_url is not None
        write(settings.warehouse_url, tmp_path)


def test_a_pooler_that_lends_sessions_is_refused_whatever_somebody_says(database: str, tmp_path: Path) -> None:
    with lending(database) as url, psycopg.connect(url, autocommit=True) as one, psycopg.connect(url) as other:
        number = one.execute("SELECT pg_backend_pid()").fetchone()
        assert other.execute("SELECT pg_backend_pid()").fetchone() == number  # it does lend its session
        other.rollback()
        settings = Settings({"WAREHOUSE_URL": url, "WAREHOUSE_POOLER": "session"})
        assert settings.warehouse_url is not None
        for write in WRITERS:
            with pytest.raises(WarehouseUnsuitableError, match="lends one session to several clients"):
                write(settings.warehouse_url, tmp_path)


def test_another_word_for_the_mode_is_refused_by_the_variables_name() -> None:
    with pytest.raises(ConfigurationError, match="WAREHOUSE_POOLER"):
        _ = Settings({"WAREHOUSE_URL": "postgresql://me@here/x", "WAREHOUSE_POOLER": "transaction"}).warehouse_url


def test_the_word_reaches_no_other_program(database: str) -> None:
    url = Settings({"WAREHOUSE_URL": f"{database}?application_name=x", "WAREHOUSE_POOLER": "session"}).warehouse_url
    assert url is not None
    assert plain_url(url) == f"{database}?application_name=x"
    assert "pooler" not in str(libpq_environment(url))
    assert Settings({"WAREHOUSE_URL": url, "WAREHOUSE_POOLER": "session"}).warehouse_url == url
