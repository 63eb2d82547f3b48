"""A server with a standby, synchronous or behind, which takes its place when it is killed."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fakes.outages import kill_server
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.host import free_port, server_user

_RECEIVING: Final = "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND (sync_state = 'sync') = %s"


@dataclass(frozen=True)
class Pair:
    """Both of them.

    Attributes:
        primary: The server that is written to.
        standby: The folder of the other's cluster.
        port: Where the other listens.
    """

    primary: EmbeddedWarehouse
    standby: Path
    port: int

    def url(self, database: str) -> str:
        """An address that names both, and wants the one that can be written to."""
        at = conninfo_to_dict(self.primary.url)
        hosts = f"127.0.0.1:{at['port']},127.0.0.1:{self.port}"
        return f"postgresql://{at['user']}:{at['password']}@{hosts}/{database}?target_session_attrs=read-write"

    def fail_over(self, *, waits: bool = False) -> None:
        """Kill the primary, and promote the standby; come back once it can be written to, if one `waits`."""
        kill_server(self.primary)
        self.control("promote", "-w" if waits else "-W")

    def fall_behind(self) -> None:
        """Let the standby receive nothing more."""
        at = make_conninfo(self.primary.admin_url, port=self.port)
        with psycopg.connect(at, autocommit=True) as session:
            session.execute("ALTER SYSTEM SET primary_conninfo = ''")
            session.execute("SELECT pg_reload_conf()")
            while session.execute("SELECT FROM pg_stat_wal_receiver").rowcount:
                time.sleep(0.05)

    def control(self, command: str, *options: str) -> None:
        programs = Path(self.primary.psql_command()[0]).parent
        log: list[str | Path] = ["-l", self.standby.parent / "standby.log"] if command == "start" else []
        words: list[str | Path] = [programs / "pg_ctl", command, "-D", self.standby, *log, *options]
        done = server_user(self.standby.parent).run(words, seconds=60)
        complaint = self.standby.parent / "standby.log"
        assert done.returncode == 0, f"{done.stdout}{complaint.read_text() if complaint.exists() else ''}"


@contextmanager
def with_standby(primary: EmbeddedWarehouse, *, is_synchronous: bool = True) -> Iterator[Pair]:
    """Make `primary` one of a pair. The other's files go with its own.

    Args:
        primary: The server.
        is_synchronous: Whether each commit is on both before it is answered.
    """
    primary.start()
    _set(primary, wal_level="replica", max_wal_senders="5", hot_standby="on")
    primary.stop()
    primary.start()  # from here on its log is one that a standby can follow
    primary.stop()
    folder = primary.status().folder
    cluster, standby, port = folder / "cluster", folder / "standby", free_port()
    shutil.copytree(cluster, standby, symlinks=True)
    primary.start()
    admin = conninfo_to_dict(primary.admin_url)
    source = f"host=127.0.0.1 port={admin['port']} user={admin['user']} password={admin['password']}"
    with (standby / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"port = '{port}'\nunix_socket_directories = ''\nprimary_conninfo = '{source}'\n")
    (standby / "standby.signal").touch()
    user = server_user(folder)
    user.own(standby, *standby.rglob("*"))
    pair = Pair(primary, standby, port)
    pair.control("start", "-w")
    try:
        if is_synchronous:
            _set(primary, synchronous_standby_names="*")
        with psycopg.connect(primary.admin_url, autocommit=True) as session:
            session.execute("SELECT pg_reload_conf()")
            while session.execute(_RECEIVING, [is_synchronous]).rowcount == 0:
                time.sleep(0.05)
        yield pair
    finally:
        pair.control("stop", "-m", "immediate")


def _set(server: EmbeddedWarehouse, **settings: str) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as session:
        session.execute("SET synchronous_commit = 'local'")
        for name, value in settings.items():
            session.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
