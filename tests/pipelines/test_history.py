"""Dagster's history is asked on sessions that stay open, and outlives a restart of its server."""

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import dagster as dg
import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import OperationalError

from pipelines.history import PooledPostgresStorage, recorded
from tests.fakes.relay import Relay
from tests.warehouse.test_libpq_variables import HOSTILE
from warehouse.embedded.host import free_port
from warehouse.history_sessions import HistoryDialect, history_url

PROJECT = Path(__file__).resolve().parents[2]
MOST_SESSIONS = 3


@pytest.fixture
def observer(empty_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def instance(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance with the settings that ship, over a database of this test."""
    parts = conninfo_to_dict(empty_database)
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "DB": "dbname"}
    for variable, part in names.items():
        monkeypatch.setenv(f"DAGSTER_PG_{variable}", str(parts[part]))
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    settings["python_logs"] = {}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def _sessions(observer: psycopg.Connection) -> set[int]:
    """Those of the instances, when none is on its way out any longer."""
    query = (
        "SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = current_user AND pid <> pg_backend_pid()"
    )
    before, now = None, set[int]()
    while now != before:
        time.sleep(0.2)
        [(pids,)] = observer.execute(query).fetchall()
        before, now = now, set(pids)
    return now


def at_port(url: str, port: int) -> str:
    """The same database by another port of this machine."""
    at = make_url(url)
    return at.set(port=port).render_as_string(hide_password=False)


def _ask(instance: dg.DagsterInstance) -> None:
    assert instance.get_runs() == []
    assert instance.fetch_materializations(dg.AssetKey("hub"), limit=1).records == []
    assert list(instance.all_instigator_state()) == []


def test_a_hundred_questions_need_no_more_sessions_than_three(
    instance: dg.DagsterInstance, observer: psycopg.Connection
) -> None:
    _ask(instance)
    at_rest = _sessions(observer)
    assert 1 <= len(at_rest) <= MOST_SESSIONS
    for _ in range(30):
        _ask(instance)
    assert _sessions(observer) == at_rest


@pytest.mark.parametrize("of_the_webserver", [False, True])
def test_sessions_that_the_server_ended_cost_no_question(
    of_the_webserver: bool, instance: dg.DagsterInstance, observer: psycopg.Connection
) -> None:
    if of_the_webserver:
        instance.optimize_for_webserver(statement_timeout=15000, pool_recycle=3600, max_overflow=20)
    _ask(instance)
    ended = _sessions(observer)
    observer.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [sorted(ended)])
    _ask(instance)
    assert _sessions(observer).isdisjoint(ended)


def test_a_server_that_is_away_is_waited_for_also_by_a_process_that_begins_meanwhile(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    at = conninfo_to_dict(empty_database)
    relay = Relay(str(at["host"]), int(str(at["port"])))
    url = at_port(empty_database, relay.port)
    begins = threading.Timer(0.5, relay.open)
    begins.start()
    storage = PooledPostgresStorage.from_config_value(None, {"postgres_url": url})
    assert storage.run_storage.get_runs() == []
    relay.close()
    threading.Timer(0.5, relay.open).start()
    assert storage.run_storage.get_runs() == []
    said = [record.message for record in caplog.records if record.name == "joulehouse.history"]
    assert [message.rpartition(", ")[2][:5] for message in said] == ["for 1", "after", "for 1", "after"]
    assert "Dagster's history: the database is away, and waited for, for 10 minutes at most." in said
    storage.run_storage.dispose()
    relay.close()


def test_a_process_looks_for_the_tables_of_its_history_once(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    PooledPostgresStorage.from_config_value(None, {"postgres_url": empty_database}).run_storage.dispose()
    opened: list[str] = []
    connect = HistoryDialect.connect

    def counted(dialect: HistoryDialect, *arguments: object, **keywords: object) -> object:
        opened.append("")
        return connect(dialect, *arguments, **keywords)

    monkeypatch.setattr(HistoryDialect, "connect", counted)
    again = PooledPostgresStorage.from_config_value(None, {"postgres_url": empty_database})
    assert opened == [], "each look of a sensor makes one"
    assert again.run_storage.get_runs() == []
    assert len(opened) == 1
    again.run_storage.dispose()


def test_of_several_hosts_the_one_is_taken_that_can_be_written_to(empty_database: str) -> None:
    at = conninfo_to_dict(empty_database)
    host = {"hostname": f"127.0.0.1:{free_port()},{at['host']}", "port": int(str(at["port"])), "db_name": at["dbname"]}
    login = {"username": at["user"], "password": at["password"]}
    storage = PooledPostgresStorage.from_config_value(None, {"postgres_db": host | login})
    assert storage.run_storage.get_runs() == []
    storage.run_storage.dispose()
    names = {"HOST": host["hostname"], "PORT": str(host["port"]), "DB": host["db_name"]}
    names |= {"USER": at["user"], "PASSWORD": at["password"]}
    with recorded({f"DAGSTER_PG_{name}": str(value) for name, value in names.items()}) as history:
        assert history is not None
        assert list(history.event_log_storage.all_asset_keys()) == []


@pytest.mark.parametrize(
    ("hosts", "meant"),
    [
        ("a,b:5433", "/db?host=a:5433&host=b:5433&target_session_attrs=read-write"),
        ("a:1,b:2:5432", "/db?host=a:1&host=b:2&target_session_attrs=read-write"),
        ("a:5433", "a:5433/db"),
    ],
)
def test_several_hosts_are_written_as_sqlalchemy_reads_them(hosts: str, meant: str) -> None:
    assert (
        history_url(f"postgresql+psycopg2://me:se%40cret@{hosts}/db") == f"postgresql+joulehouse://me:se%40cret@{meant}"
    )


def test_a_webserver_does_not_wait(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HistoryDialect, "patience_seconds", 0.0)
    url = at_port(empty_database, free_port())
    began = time.monotonic()
    with pytest.raises(OperationalError):
        create_engine(history_url(url)).connect()
    assert time.monotonic() - began < 5


def test_instances_that_are_closed_leave_no_session(instance: dg.DagsterInstance, observer: psycopg.Connection) -> None:
    """A code server makes one for every tick, and collects its garbage when it likes."""
    _ask(instance)
    at_rest = _sessions(observer)
    gc.disable()
    try:
        for _ in range(5):
            with dg.DagsterInstance.from_ref(instance.get_ref()) as other:
                _ask(other)
                assert len(_sessions(observer)) > len(at_rest)
        assert _sessions(observer) == at_rest
    finally:
        gc.enable()


def test_tables_are_not_made_where_that_is_forbidden(empty_database: str, observer: psycopg.Connection) -> None:
    PooledPostgresStorage.from_config_value(None, {"postgres_url": empty_database, "should_autocreate_tables": False})
    tables = observer.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_neither_the_environment_nor_defaults_change_the_sessions_of_the_history(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as owner:
        for default in ("datestyle TO 'SQL, DMY'", "client_encoding TO 'LATIN1'", "timezone TO 'Asia/Kathmandu'"):
            owner.execute(f"ALTER DATABASE {owner.info.dbname} SET {default}".encode())
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    storage = PooledPostgresStorage.from_config_value(None, {"postgres_url": empty_database})
    storage.run_storage.optimize_for_webserver(statement_timeout=5000, pool_recycle=60, max_overflow=2)
    for part in (storage.run_storage, storage.event_log_storage):
        engine = cast("Engine", part._engine)  # type: ignore[union-attr] # what Dagster asks with
        with engine.connect() as connection:
            said = [
                connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("datestyle", "client_encoding", "timezone")
            ]
            assert said == ["ISO, YMD", "UTF8", "UTC"]
        engine.dispose()
    assert storage.run_storage.get_runs() == []
    storage.run_storage.dispose()
