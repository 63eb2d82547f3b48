"""Where a test run's one server lives: all workers of the run share it, and the last of them takes it away.

It lives in memory if there is room. A run makes and drops a thousand databases of a thousand files each; on ext4
without a journal, which many build machines have, a file is made by looking at every one that was lately deleted, and
the suite spent a third of its time there (2026-11).

Databases of tests that serve as a template.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from psycopg import sql

from warehouse import server
from warehouse.embedded import EmbeddedWarehouse

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what lies there is in a folder that only its owner can write
_PREFIX: Final = "joulehouse-tests-"
_NOTE: Final = "home.path"
_ROOM_BYTES: Final = 6 << 30
"""The databases of a few workers and the server's log of 2 GiB, twice."""


def enter(run_folder: Path, *, memory: Path = _MEMORY, room_bytes: int = _ROOM_BYTES) -> Path:
    """The server's home, which this process uses from now on: all who share `run_folder` get the same. Hold its lock.

    Args:
        run_folder: A folder on the disk that is this run's own.
        memory: A file system in memory, if the host has one.
        room_bytes: How much must be free in it.
    """
    note = run_folder / _NOTE
    if not note.exists() or not Path(note.read_text()).exists():
        has_room = _has_room(memory, room_bytes)
        # It gets its name when its first user is noted: until then no other run's `sweep` knows it.
        made = Path(tempfile.mkdtemp(prefix=f"making-{_PREFIX}", dir=memory if has_room else run_folder))
        made.chmod(0o711)  # the account that runs the server for root has to get in
        home = made.with_name(made.name.removeprefix("making-")) / "home"
        _sign(made / "home")
        made.rename(home.parent)
        note.write_text(str(home))
    home = Path(note.read_text())
    _sign(home)
    return home


def leave(run_folder: Path, cache: Path) -> bool:
    """Say that this process uses the server no longer; the last who does takes it away. Hold the lock.

    Returns:
        Whether it was the last.
    """
    home = Path((run_folder / _NOTE).read_text())
    mine = home / "users" / str(os.getpid())
    if _is_used(home, but=mine):
        mine.unlink()
        return False
    (run_folder / _NOTE).unlink()
    _take_away(home, cache)  # with our own sign, so that no other run's `sweep` is at it, too
    return True


def sweep(cache: Path, *, memory: Path = _MEMORY) -> list[Path]:
    """Take away what earlier runs left in memory because they were killed; what is in use, or not ours, stays."""
    left: list[Path] = []
    if not os.access(memory, os.W_OK):
        return left
    with (memory / f".{_PREFIX}{os.geteuid()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one run sweeps, and the next finds it swept
        for folder in memory.glob(f"{_PREFIX}*"):
            home = folder / "home"
            with suppress(FileNotFoundError):  # its last user has just taken it away
                if folder.stat().st_uid == os.geteuid() and not _is_used(home):
                    _take_away(home, cache)
                    left.append(home)
    return left


def _take_away(home: Path, cache: Path) -> None:
    EmbeddedWarehouse(home, cache=cache, durable=False).remove()
    shutil.rmtree(home.parent, ignore_errors=True)  # another run may sweep, too


def _sign(home: Path) -> None:
    (home / "users").mkdir(parents=True, exist_ok=True)
    (home / "users" / str(os.getpid())).touch()


def _has_room(memory: Path, room_bytes: int) -> bool:
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return False
    # The mount says how much it may hold, and the kernel how much there is to be had.
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(facts["MemAvailable"].split()[0]) * 1024
    return min(shutil.disk_usage(memory).free, available) >= room_bytes


def _is_used(home: Path, *, but: Path | None = None) -> bool:
    return any(psutil.pid_exists(int(user.name)) for user in (home / "users").iterdir() if user != but)


def freeze_database(url: str, name: str) -> None:
    """Let nobody into the database `name` any longer, and send away who is: it serves as a template from now on.

    `url` is of another database, by a superuser: TimescaleDB's own workers are sent away too.
    """
    with server._session(url) as (connection, _):
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])
