"""What a server must be, and the databases and roles on it, against real servers."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from domain.errors import ConfigurationError, IngestError, WarehouseUnavailableError, WarehouseUnsuitableError
from tests.fakes.shared_server import freeze_database
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import processes_in, server_user
from warehouse.server import (
    check_server,
    create_database,
    drop_database,
    ensure_database,
    ensure_role,
    libpq_environment,
    place_of,
    with_database,
)


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def at_once(step: Callable[[], object], *, times: int) -> list[Exception]:
    """Do a step in several threads that start together; what they raised."""
    gate = threading.Barrier(times)
    raised: list[Exception] = []

    def one() -> None:
        gate.wait(30)
        try:
            step()
        except (IngestError, psycopg.Error) as error:
            raised.append(error)

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.fixture
def name(warehouse_server: EmbeddedWarehouse) -> Iterator[str]:
    """A name for a database and a role that are gone afterwards."""
    name = f'odd "name" {os.getpid()}'
    yield name
    drop_database(warehouse_server.admin_url, name)
    with psycopg.connect(warehouse_server.admin_url, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP ROLE IF EXISTS {}").format(psycopg.sql.Identifier(name)))


# What a server must be.


def test_a_suitable_server_is_described_and_not_changed(empty_database: str) -> None:
    facts = check_server(empty_database)
    assert facts.postgres.split(".")[0].isdigit()
    assert facts.timescaledb.startswith("2.")
    assert facts.edition in {"apache", "community"}
    assert facts.sentence == (
        f"PostgreSQL {facts.postgres} with TimescaleDB {facts.timescaledb} ({facts.edition} edition)"
    )
    assert ask(empty_database, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == [(0,)]

    ask(empty_database, "CREATE EXTENSION timescaledb")
    assert check_server(empty_database) == facts
    assert check_server(empty_database.replace("postgresql://", "postgresql+psycopg://")) == facts


def test_the_edition_is_what_the_server_says(empty_database: str) -> None:
    ask(empty_database, "CREATE EXTENSION timescaledb")
    [(licence,)] = ask(empty_database, "SHOW timescaledb.license")
    assert check_server(empty_database).edition == {"apache": "apache", "timescale": "community"}[str(licence)]


def test_many_may_look_at_one_server_while_somebody_makes_the_extension(empty_database: str) -> None:
    looks = iter([*["look"] * 5, "make"])

    def step() -> None:
        if next(looks) == "make":
            ask(empty_database, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        else:
            check_server(empty_database)

    assert [error for error in at_once(step, times=6) if isinstance(error, IngestError)] == []


@pytest.fixture
def plain_server(warehouse_server: EmbeddedWarehouse) -> Iterator[Callable[..., str]]:
    """PostgreSQL servers that are not ours: their URLs, by what they lack."""
    programs = Path(warehouse_server.psql_command()[0]).parent
    user = server_user(warehouse_server.status().folder)
    with tempfile.TemporaryDirectory(prefix="plain") as name:
        folder = Path(name)
        folder.chmod(0o755)
        clusters: list[tuple[Path, Path]] = []

        def start(*, has_extension: bool) -> str:
            run_from, cluster, sockets = programs, folder / "cluster", folder / "run"
            if not has_extension:
                run_from = _without_timescaledb(programs, folder / "copy")
            sockets.mkdir()
            user.own(sockets)
            folder.chmod(0o777)
            user.run([run_from / "initdb", "-D", cluster, "-U", "me", "-A", "trust", "-N"], seconds=60)
            options = f"-c listen_addresses='' -c unix_socket_directories='{sockets}' -c fsync=off"
            clusters.append((run_from, cluster))
            done = user.run(
                [run_from / "pg_ctl", "start", "-w", "-D", cluster, "-l", folder / "log", "-o", options], seconds=60
            )
            assert done.returncode == 0, done.stdout
            return f"postgresql:///postgres?host={quote(str(sockets), safe='')}&user=me"

        yield start
        for run_from, cluster in clusters:
            user.run([run_from / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", cluster], seconds=60)
            assert processes_in(cluster) == []


def _without_timescaledb(programs: Path, target: Path) -> Path:
    """A copy of the fetched PostgreSQL from which the extension's control file is gone."""
    tree = next((folder for folder in programs.parents if folder.name == "tree"), None)
    if tree is None:
        pytest.skip("this host has a PostgreSQL of its own, which is not ours to copy")
    for part in ("usr/lib/postgresql", "usr/share/postgresql"):
        shutil.copytree(tree / part, target / part, symlinks=True)
    next(target.rglob("timescaledb.control")).unlink()
    return target / programs.relative_to(tree)


def test_a_plain_postgresql_is_refused_by_name(plain_server: Callable[..., str]) -> None:
    url = plain_server(has_extension=False)
    with pytest.raises(WarehouseUnsuitableError, match=r"PostgreSQL \d+.* without the timescaledb extension.*docker"):
        check_server(url)


def test_a_server_that_has_timescaledb_but_does_not_load_it_is_refused_with_the_cure(
    plain_server: Callable[..., str],
) -> None:
    url = plain_server(has_extension=True)
    with pytest.raises(WarehouseUnsuitableError, match="shared_preload_libraries"):
        check_server(url)


def test_a_database_that_does_not_hold_every_text_is_refused(warehouse_server: EmbeddedWarehouse, name: str) -> None:
    with psycopg.connect(warehouse_server.admin_url, autocommit=True) as connection:
        wanted = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        connection.execute(psycopg.sql.SQL(wanted).format(psycopg.sql.Identifier(name)))
    with pytest.raises(WarehouseUnsuitableError, match="SQL_ASCII"):
        check_server(with_database(warehouse_server.admin_url, name))


def test_a_role_that_may_not_make_the_extension_is_told_who_must(
    warehouse_server: EmbeddedWarehouse, empty_database: str, name: str
) -> None:
    ensure_role(warehouse_server.url, name, "secret")
    port = conninfo_to_dict(empty_database)["port"]
    guest = f"postgresql://{quote(name)}:secret@127.0.0.1:{port}/{conninfo_to_dict(empty_database)['dbname']}"
    with pytest.raises(WarehouseUnsuitableError, match="CREATE EXTENSION timescaledb"):
        check_server(guest)


def test_a_server_that_is_away_is_worth_waiting_for_and_a_wrong_password_is_not(
    warehouse_server: EmbeddedWarehouse,
) -> None:
    with pytest.raises(WarehouseUnavailableError, match=r"127\.0\.0\.1:1/x") as away:
        check_server("postgresql://me:s3cret@127.0.0.1:1/x")
    wrong = make_url(warehouse_server.url).set(password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(WarehouseUnsuitableError) as refused:
        check_server(wrong)
    assert away.value.retryable
    assert not refused.value.retryable
    assert "s3cret" not in f"{away.value}{refused.value}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://me:s3cret@host/x",
        "postgresql://me:s3cret@host:port/x?nonsense=1",
        # What libpq would take for another host, port or database:
        "postgresql://me:p@s3cret@host/x",
        "postgresql://me:p/s3cret@host/x",
        "postgresql://me:4/s3cret@host/x",
        "postgresql://me:s3cret",
        "postgresql://me:p?s3cret@host/x",
        "postgresql://me:p#s3cret@host/x",
        "postgresql://me:p s3cret@host/x",
    ],
)
def test_what_is_no_address_of_a_postgresql_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="WAREHOUSE_URL") as refused:
        check_server(url)
    assert "s3cret" not in str(refused.value)


# Databases and roles.


def test_a_random_password_is_not_made_slow_to_guess_at_the_price_of_every_session(
    warehouse_server: EmbeddedWarehouse, name: str
) -> None:
    ensure_role(warehouse_server.url, name, "a-long-and-random-one")
    wanted = f"SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'"
    [(verifier,)] = ask(warehouse_server.admin_url, wanted)
    assert str(verifier).startswith("SCRAM-SHA-256$1:")
    assert "a-long-and-random-one" not in str(verifier)


def test_a_role_gets_a_database_of_its_own_and_nothing_more(warehouse_server: EmbeddedWarehouse, name: str) -> None:
    password = "p@ss:w/rd?ü"
    url = ensure_database(warehouse_server.url, name, name, password)
    ask(url, "CREATE TABLE mine (x int)")
    assert ask(url, "SELECT current_database()::text, current_user::text") == [(name, name)]
    rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    assert ask(url, rights) == [(False, False, False)]
    assert make_url(url.replace("postgresql:", "postgresql+psycopg:")).password == password

    stranger = f"stranger_{os.getpid()}"
    ensure_role(warehouse_server.url, stranger, "x")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url, user=stranger, password="x")
    finally:
        ask(warehouse_server.admin_url, f"DROP ROLE {stranger}")


def test_a_role_that_exists_gets_the_new_password_and_keeps_its_data(
    warehouse_server: EmbeddedWarehouse, name: str
) -> None:
    old = ensure_database(warehouse_server.url, name, name, "old")
    ask(old, "CREATE TABLE mine AS SELECT 42 AS x")
    new = ensure_database(warehouse_server.url, name, name, "new")
    assert ask(new, "SELECT x FROM mine") == [(42,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)


def test_a_database_and_its_role_are_made_once_however_many_ask_at_once(
    warehouse_server: EmbeddedWarehouse, name: str
) -> None:
    raised = at_once(lambda: ensure_database(warehouse_server.url, name, name, "same"), times=6)
    assert raised == []
    assert ask(with_database(warehouse_server.admin_url, name), "SELECT 1") == [(1,)]


def test_no_password_reaches_the_servers_log(warehouse_server: EmbeddedWarehouse, name: str) -> None:
    ensure_database(warehouse_server.url, name, name, "very-s3cret-indeed")
    with pytest.raises(IngestError) as refused:
        # A role that may not: the server logs the statement that it refuses.
        ensure_role(with_database(ensure_database(warehouse_server.url, name, name, "x"), name), "y", "very-s3cret")
    log = warehouse_server.status().log.read_text()
    assert "permission denied to create role" in log
    assert "very-s3cret" not in log + str(refused.value)


def test_a_frozen_database_lets_nobody_in_and_is_copied_whole(warehouse_server: EmbeddedWarehouse, name: str) -> None:
    admin = warehouse_server.admin_url
    template = f"template_{os.getpid()}"
    ask(create_database(admin, template), "CREATE EXTENSION timescaledb")
    with psycopg.connect(with_database(admin, template)) as visitor:
        visitor.execute("CREATE TABLE kept AS SELECT 42 AS x").connection.commit()
        freeze_database(admin, template)
        with pytest.raises(psycopg.OperationalError):
            visitor.execute("SELECT 1")
    try:
        with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
            psycopg.connect(with_database(admin, template))
        copy = create_database(admin, name, template=template)
        assert create_database(admin, name, template=template) == copy
        assert ask(copy, "SELECT x FROM kept") == [(42,)]
    finally:
        drop_database(admin, template)
    assert ask(admin, f"SELECT FROM pg_database WHERE datname = '{template}'") == []


def test_a_database_that_is_not_there_is_dropped_without_complaint(warehouse_server: EmbeddedWarehouse) -> None:
    drop_database(warehouse_server.admin_url, "never_was")


def test_a_database_is_dropped_whoever_is_connected(warehouse_server: EmbeddedWarehouse, name: str) -> None:
    url = create_database(warehouse_server.admin_url, name)
    with psycopg.connect(url) as visitor:
        drop_database(warehouse_server.admin_url, name)
        with pytest.raises(psycopg.OperationalError):
            visitor.execute("SELECT 1")


# Addresses.


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p%40ss%3Aw%2F@127.0.0.1:5433/one?sslmode=disable",
        "postgresql+psycopg://me:p%40ss%3Aw%2F@[::1]:5433/one",
        "postgresql:///one?host=%2Frun%2Fpg&user=me&password=p%40ss%3Aw%2F",
        "postgresql://me:p%40ss%3Aw%2F@a,b:5433/one",
    ],
)
def test_an_address_keeps_everything_but_the_database(url: str) -> None:
    before = conninfo_to_dict(url.replace("+psycopg", ""))
    changed = with_database(url, "two/ü")
    assert conninfo_to_dict(changed) == before | {"dbname": "two/ü"}
    assert make_url(changed).database == "two/ü" or make_url(changed).database == quote("two/ü", safe="")
    assert "p%40ss" not in place_of(url)
    assert "me" not in place_of(url)


def test_an_address_reaches_psql_through_its_environment() -> None:
    assert libpq_environment("postgresql+psycopg://me:p%40ss%3Aw%2F@[::1]:5433/one?sslmode=disable") == {
        "PGUSER": "me",
        "PGPASSWORD": "p@ss:w/",
        "PGHOST": "::1",
        "PGPORT": "5433",
        "PGDATABASE": "one",
        "PGSSLMODE": "disable",
    }
