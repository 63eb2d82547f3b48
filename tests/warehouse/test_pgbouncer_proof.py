"""PgBouncer itself, in both modes and under load: each session is judged right, 200 of 200."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.errors import WarehouseUnsuitableError
from tests.fakes.points import Said, load, table
from warehouse import poolers
from warehouse.connections import Address
from warehouse.embedded.host import free_port, server_user
from warehouse.libpq import POOLER_ARGUMENT
from warehouse.store import open_warehouse

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

N_TRIALS: Final = 200
N_CLIENTS: Final = 6  # others that talk meanwhile


@contextmanager
def pgbouncer(url: str, folder: Path, mode: str) -> Iterator[str]:
    """The address of `url` through PgBouncer, which is no root: it switches to the user that runs the server."""
    program = shutil.which("pgbouncer")
    assert program, "there is no pgbouncer here: apt-get install pgbouncer"
    parts = conninfo_to_dict(url)
    folder.chmod(0o755)
    port = free_port()
    server = f"host={parts['host']} port={parts['port']} user={parts['user']} password={parts['password']}"
    who = f"user = {server_user(folder).name}" if os.geteuid() == 0 else ""
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = 20\nmax_client_conn = 500\nunix_socket_dir =\n{who}\n"
    )
    (folder / "pgbouncer.ini").chmod(0o644)
    running = subprocess.Popen([program, "-q", str(folder / "pgbouncer.ini")])
    through = f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}"
    try:
        for _ in range(200):
            assert running.poll() is None, "pgbouncer has ended: its complaint is above"
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(through):
                break
            time.sleep(0.05)
        yield through
    finally:
        running.terminate()
        running.wait()


@contextmanager
def talk(url: str) -> Iterator[None]:
    """Others use the pooler meanwhile, a statement or a short transaction at a time."""
    is_over = threading.Event()

    def one() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
            while not is_over.is_set():
                session.execute("SELECT pg_sleep(0.001)")
                with session.transaction():
                    session.execute("SELECT pg_sleep(0.002)")

    threads = [threading.Thread(target=one) for _ in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def refused(url: str) -> bool:
    """Whether a session is refused; nothing is remembered of those before."""
    poolers._proven.clear()
    try:
        Address.of(url).connect(as_loader=True).close()
    except WarehouseUnsuitableError as error:
        return "pooler" in error.culprit
    return False


@pytest.mark.parametrize("mode", ["transaction", "statement", "session"])
def test_each_session_is_judged_right_under_load(database: str, tmp_path: Path, mode: str) -> None:
    with pgbouncer(database, tmp_path, mode) as url:
        assert refused(url), "nobody has said that there is a pooler"
        with talk(url) if mode != "statement" else contextlib.nullcontext():
            judged = [refused(f"{url}?{POOLER_ARGUMENT}") for _ in range(N_TRIALS)]
    assert judged.count(mode != "session") == N_TRIALS


def test_what_is_loaded_through_sessions_of_its_own_is_as_it_was_sent(database: str, tmp_path: Path) -> None:
    said: Said = {("a", 1): 1.0, ("m", 2): "höher"}
    with (
        pgbouncer(database, tmp_path, "session") as url,
        open_warehouse(f"{url}?{POOLER_ARGUMENT}", tmp_path / "landing") as warehouse,
    ):
        assert [load(warehouse, said).n_written for _ in range(2)] == [2, 0]
        assert table(warehouse) == said
