"""The embedded warehouse, on real processes: it starts, is shared, survives, and leaves no trace."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from domain.errors import ConfigurationError, WarehouseUnavailableError, WarehouseUnsuitableError
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import processes_in, server_user
from warehouse.server import check_server

Make = Callable[..., EmbeddedWarehouse]


@pytest.fixture
def make(tmp_path: Path, package_cache: Path) -> Iterator[Make]:
    """Embedded warehouses in folders of their own, removed afterwards."""
    made: list[EmbeddedWarehouse] = []

    def one(name: str = "home", *, durable: bool = False, under: Path = tmp_path) -> EmbeddedWarehouse:
        made.append(EmbeddedWarehouse(under / name, cache=package_cache, durable=durable))
        return made[-1]

    yield one
    for warehouse in made:
        warehouse.remove()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, package_cache: Path) -> Iterator[EmbeddedWarehouse]:
    """One that runs, for tests that only look at it."""
    warehouse = EmbeddedWarehouse(tmp_path_factory.mktemp("looked") / "at", cache=package_cache, durable=False)
    warehouse.start()
    yield warehouse
    warehouse.remove()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as a checkout usually is."""
    with tempfile.TemporaryDirectory(prefix="joule") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def cluster_of(warehouse: EmbeddedWarehouse) -> Path:
    return warehouse.status().folder / "cluster"


def test_it_starts_keeps_its_data_over_a_restart_and_stops_without_a_trace(make: Make) -> None:
    warehouse = make(durable=True)
    before = warehouse.status()
    assert (before.is_made, before.is_running, before.pid, before.port) == (False, False, None, None)
    assert not warehouse.stop()

    url = warehouse.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    running = warehouse.status()
    assert running.is_made
    assert running.is_running
    assert running.pid in {process.pid for process in processes_in(cluster_of(warehouse))}
    assert running.log.is_file()

    assert warehouse.stop()
    assert processes_in(cluster_of(warehouse)) == []
    assert not warehouse.status().is_running
    assert warehouse.status().is_made
    assert not warehouse.stop()

    assert warehouse.start() == url == warehouse.url
    assert ask(url, "SELECT answer FROM kept") == [(42,)]


def test_a_second_start_finds_the_server_that_runs(running: EmbeddedWarehouse) -> None:
    url, pid = running.url, running.status().pid
    assert (running.start(), running.status().pid) == (url, pid)


def test_four_processes_that_start_it_at_once_share_one_server(make: Make, tmp_path: Path, package_cache: Path) -> None:
    warehouse = make()
    program = (
        "import sys; from pathlib import Path; from warehouse.embedded import EmbeddedWarehouse;"
        "print(EmbeddedWarehouse(Path(sys.argv[1]), cache=Path(sys.argv[2]), durable=False).start())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "home"), str(package_cache)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    urls = {starter.communicate(timeout=120)[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    assert urls == {warehouse.url}
    assert ask(warehouse.url, "SELECT 1") == [(1,)]


def test_it_comes_back_with_every_commit_after_its_postmaster_was_killed(make: Make) -> None:
    warehouse = make(durable=True)
    url = warehouse.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = warehouse.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert warehouse.start() == url
    assert warehouse.status().pid != pid
    assert ask(url, "SELECT answer FROM kept") == [(42,)]


@contextmanager
def a_session_that_does_not_notice(url: str) -> Iterator[None]:
    """A backend that is held in the midst of nothing, as by a disk that hangs: it outlives its postmaster."""
    connection = psycopg.connect(url)
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    yield
    # It would wait for ever if it lived.
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_a_session_that_outlives_a_killed_postmaster_does_not_keep_the_next_one_out(make: Make) -> None:
    warehouse = make()
    with a_session_that_does_not_notice(warehouse.start()):
        pid = warehouse.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert ask(warehouse.start(), "SELECT 1") == [(1,)]


def test_stopping_after_the_postmaster_was_killed_leaves_no_process(make: Make) -> None:
    warehouse = make()
    with a_session_that_does_not_notice(warehouse.start()):
        pid = warehouse.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert warehouse.stop()
        assert processes_in(cluster_of(warehouse)) == []


def test_a_pid_file_that_names_somebody_else_by_now_is_not_believed(make: Make) -> None:
    warehouse = make()
    warehouse.start()
    pid_file = cluster_of(warehouse) / "postmaster.pid"
    text = pid_file.read_text()
    warehouse.stop()
    user = server_user(cluster_of(warehouse))
    stranger = subprocess.Popen(
        ["sleep", "60"],
        user=user.uid if user.is_other else None,
    )
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *text.splitlines()[1:]]) + "\n")
        user.own(pid_file)
        assert not warehouse.status().is_running
        assert ask(warehouse.start(), "SELECT 1") == [(1,)]
        assert stranger.poll() is None, "a process that is not ours was ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_cluster_that_was_half_made_is_made_again(make: Make) -> None:
    warehouse = make()
    warehouse.start()
    cluster = cluster_of(warehouse)
    warehouse.stop()
    cluster.rename(cluster.with_name("cluster.partial"))
    assert ask(warehouse.start(), "SELECT current_user::text") == [("joulehouse",)]


def test_two_homes_live_side_by_side_and_neither_opens_the_other(make: Make) -> None:
    one, other = make("one"), make("other")
    urls = one.start(), other.start()
    assert one.status().port != other.status().port
    with psycopg.connect(urls[0]) as connection:
        password = connection.info.password
    with psycopg.connect(urls[1]) as connection:
        assert connection.info.password != password
        port = connection.info.port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=port, user="joulehouse", dbname="joulehouse", password=password)
    one.stop()
    assert ask(urls[1], "SELECT 1") == [(1,)]


def test_nobody_gets_in_without_the_password(running: EmbeddedWarehouse) -> None:
    port, sockets = running.status().port, next(running.status().folder.glob("run"))
    for host in ("127.0.0.1", str(sockets)):
        for user in ("joulehouse", "joulehouse_admin"):
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(host=host, port=port, user=user, dbname="postgres")


def test_it_listens_on_loopback_alone(running: EmbeddedWarehouse) -> None:
    assert ask(running.url, "SHOW listen_addresses") == [("127.0.0.1",)]


def test_it_never_runs_as_root_and_its_role_is_no_superuser(running: EmbeddedWarehouse) -> None:
    owners = {process.uids().effective for process in processes_in(cluster_of(running))}
    assert len(owners) == 1
    assert 0 not in owners
    assert ask(running.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(running.url, "COPY (SELECT 1) TO PROGRAM 'true'")


def test_what_it_keeps_in_the_home_is_for_its_owner_alone(running: EmbeddedWarehouse) -> None:
    folder = Path(running.psql_command()[1].rpartition("passfile='")[2].rstrip("'")).parent
    for path in folder.iterdir():
        if path.is_file() and path.name != "lock":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_an_open_checkout_holds_the_servers_files_itself(make: Make, open_folder: Path) -> None:
    warehouse = make(under=open_folder)
    warehouse.start()
    assert warehouse.status().folder == open_folder / "home" / "warehouse" / "server"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers for others")
def test_in_somebodys_checkout_roots_server_runs_as_its_owner_every_time(make: Make, open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(open_folder, nobody.pw_uid, nobody.pw_gid)
    warehouse = make(under=open_folder)
    for _ in range(2):
        warehouse.start()
        users = set()
        for process in processes_in(cluster_of(warehouse)):
            with suppress(psutil.NoSuchProcess):  # a worker of the server's, which has done its work
                users.add(process.uids().effective)
        assert users == {nobody.pw_uid}
        warehouse.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that its server cannot enter")
def test_a_closed_checkout_of_roots_has_the_servers_files_elsewhere_and_takes_them_along(
    make: Make, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    warehouse = make()
    warehouse.start()
    folder = warehouse.status().folder
    assert not folder.is_relative_to(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid != 0
    warehouse.remove()
    assert not folder.exists()
    assert not (tmp_path / "home" / "warehouse").exists()
    assert not warehouse.status().is_made


def test_a_checkout_in_a_very_deep_folder_still_has_its_socket(make: Make, open_folder: Path) -> None:
    deep = open_folder / ("deep" * 25) / ("deeper" * 10)
    deep.mkdir(parents=True)
    warehouse = make(under=deep)
    warehouse.start()
    [(sockets,)] = ask(warehouse.admin_url, "SHOW unix_socket_directories")
    with psycopg.connect(warehouse.url, host=str(sockets)) as connection:
        assert connection.execute("SELECT inet_server_addr()").fetchone() == (None,)


def test_a_remembered_port_that_somebody_has_taken_is_left_to_them(make: Make) -> None:
    warehouse = make()
    warehouse.start()
    port = warehouse.status().port
    warehouse.stop()
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        url = warehouse.start()
        assert warehouse.status().port != port
        assert ask(url, "SELECT 1") == [(1,)]


def test_a_callers_postgresql_environment_does_not_lead_it_astray(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "PGUSER": "x", "LD_LIBRARY_PATH": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    assert ask(make().start(), "SELECT current_user::text") == [("joulehouse",)]


def test_only_tests_trade_durability_for_speed(make: Make) -> None:
    durable, hasty = make("durable", durable=True).start(), make("hasty").start()
    for name, wanted in {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}.items():
        assert ask(durable, f"SHOW {name}") == [(wanted,)]
        assert ask(hasty, f"SHOW {name}") == [("off",)]


def test_it_is_a_timescaledb_that_tells_nobody(running: EmbeddedWarehouse) -> None:
    assert check_server(running.url).edition in {"apache", "community"}
    assert ask(running.url, "SHOW timescaledb.telemetry_level") == [("off",)]


def test_psql_opens_it_without_the_password_on_the_command_line(running: EmbeddedWarehouse) -> None:
    command = running.psql_command()
    with psycopg.connect(running.url) as connection:
        assert connection.info.password not in " ".join(command)
    answer = subprocess.run(
        [*command, "-Atc", "SELECT current_user"], check=True, capture_output=True, text=True, timeout=30
    )
    assert answer.stdout == "joulehouse\n"


def test_a_warehouse_that_was_never_started_has_no_address(make: Make) -> None:
    warehouse = make()
    for question in (lambda: warehouse.url, lambda: warehouse.admin_url, warehouse.psql_command):
        with pytest.raises(WarehouseUnavailableError, match="joulehouse warehouse start"):
            question()


def test_a_lost_password_is_said_by_name(make: Make, tmp_path: Path) -> None:
    warehouse = make()
    warehouse.start()
    (tmp_path / "home" / "warehouse" / "pgpass").unlink()
    with pytest.raises(WarehouseUnsuitableError, match="pgpass"):
        warehouse.start()


def test_a_server_that_cannot_start_says_what_its_log_says(make: Make) -> None:
    warehouse = make()
    warehouse.start()
    warehouse.stop()
    (cluster_of(warehouse) / "postgresql.auto.conf").write_text("nonsense = here\n")
    with pytest.raises(
        ConfigurationError, match=r"does not start: .*configuration file .*contains errors.*server\.log"
    ):
        warehouse.start()


def test_what_cannot_be_deleted_is_said_and_not_passed_over(make: Make) -> None:
    warehouse = make()
    warehouse.start()
    warehouse.stop()
    place = cluster_of(warehouse).parent
    elsewhere = place.with_name(f"{place.name}-elsewhere")
    # A link in the folder's place: what it leads to is not ours to delete.
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    try:
        with pytest.raises(ConfigurationError, match=r"a folder cannot be deleted .*delete it as the user"):
            warehouse.remove()
        assert (elsewhere / "cluster").is_dir()
    finally:
        place.unlink()
        elsewhere.rename(place)
