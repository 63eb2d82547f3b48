"""What a local server needs of its host: a user to run as, free ports, private files, and its own processes.

PostgreSQL refuses to run as root. Started by root, the server therefore runs as somebody else, who must be able to
reach its files; started by anyone else, it runs as that person and every question here is trivial.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from domain.errors import ConfigurationError

_PORTS: Final = range(15_000, 32_000)
"""Below the range that the kernel hands to outgoing connections, so that a stopped server's port stays free."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who the server runs as.

    Attributes:
        name: The login name, or the number where the host has none for it.
        uid: User id.
        gid: Group id.
        is_other: Somebody else than this process: files must be given to it, and children started as it.
    """

    name: str
    uid: int
    gid: int
    is_other: bool

    def own(self, *paths: Path) -> None:
        """Give `paths` to the user. Does nothing where this process runs as the user."""
        if self.is_other:
            for path in paths:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_reach(self, path: Path) -> bool:
        """Whether every folder on the way to `path`, and `path` itself if it exists, lets the user through."""
        if not self.is_other:
            return True
        path = path.resolve()
        return all(self._may_enter(folder) for folder in (path, *path.parents) if folder.exists())

    def _may_enter(self, folder: Path) -> bool:
        facts = folder.stat()
        if facts.st_uid == self.uid:
            return bool(facts.st_mode & 0o100)
        if facts.st_gid == self.gid:
            return bool(facts.st_mode & 0o010)
        return bool(facts.st_mode & 0o001)

    def run(self, command: Sequence[str | Path], *, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a program as the user, from `/`, without our environment, and collect what it prints.

        Args:
            command: Program and arguments; no secrets, `ps` shows them.
            seconds: How long it may take.

        Raises:
            ConfigurationError: The program is missing or did not end in time.
        """
        # Without an environment a PGDATA, PGPORT or LD_LIBRARY_PATH of the caller cannot lead the server astray.
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        try:
            return subprocess.run(  # noqa: S603 - the programs are the server's own, arguments are never a shell's
                [str(part) for part in command],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd="/",
                env=environment,
                timeout=seconds,
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=[] if self.is_other else None,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigurationError(
                f"the program {Path(command[0]).name} could not be run to its end ({type(error).__name__})",
                place=str(command[0]),
                fix="look at the server's log, or set WAREHOUSE_URL to a server of your own",
            ) from None


def server_user(home: Path) -> ServerUser:
    """Who runs the server whose home is `home`: us, or, for root, the checkout's owner, `postgres` or `nobody`.

    The checkout's owner is the owner of the nearest folder above that is not root's: root makes folders inside.

    Raises:
        ConfigurationError: Root has nobody to hand the server to.
    """
    if os.geteuid() != 0:
        return ServerUser(_name_of(os.geteuid()), os.geteuid(), os.getegid(), is_other=False)
    for facts in (folder.stat() for folder in (home, *home.parents) if folder.exists()):
        if facts.st_uid != 0:
            return ServerUser(_name_of(facts.st_uid), facts.st_uid, facts.st_gid, is_other=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise ConfigurationError(
        "PostgreSQL does not run as root, and the host has neither a user postgres nor a user nobody",
        place=str(home),
        fix="start it as an ordinary user, or set WAREHOUSE_URL",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def free_port(preferred: int | None = None) -> int:
    """A loopback TCP port nobody listens on: `preferred` if it is free, otherwise a random one.

    Raises:
        ConfigurationError: No free port was found.
    """
    if preferred is not None and _is_free(preferred):
        return preferred
    for _ in range(200):
        port = secrets.choice(_PORTS)
        if _is_free(port):
            return port
    raise ConfigurationError(
        "no TCP port is free on 127.0.0.1",
        place=f"{_PORTS.start} to {_PORTS.stop}",
        fix="end a process that listens there",
    )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def processes_in(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL processes that work in `folder`: the postmaster and all its children.

    A number in a pid file may belong to anybody after a restart of the host; the working folder does not lie.
    """
    wanted = os.path.realpath(folder)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or it is somebody else's
            if process.name().startswith("postgres") and process.cwd() == wanted:
                found.append(process)
    return found


def end_processes_in(folder: Path, *, patience_seconds: float) -> None:
    """Wait for the processes that work in `folder` to end by themselves, then kill those that have not.

    Raises:
        ConfigurationError: One of them does not even die of SIGKILL.
    """
    deadline = time.monotonic() + patience_seconds
    while left := processes_in(folder):
        if time.monotonic() > deadline + 10:
            raise ConfigurationError(
                f"the processes {[process.pid for process in left]} of an earlier server do not end",
                place=str(folder),
                fix="end them by hand, then start again",
            )
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, which is made if it is missing; others wait.

    Raises:
        PermissionError: The file belongs to another user.
    """
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_privately(path: Path, text: str) -> None:
    """Write a file for its owner's eyes only, in one piece: nobody ever reads half of it, or a wider mode."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.rename(path)


def remove_folder(folder: Path) -> None:
    """Delete a folder that is ours and everything in it; a missing one is fine.

    Raises:
        ConfigurationError: Something of it cannot be deleted.
    """
    for _ in range(5):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            # It was never there; or a part of it went away between being listed and being deleted.
            if not os.path.lexists(folder):
                return
        except OSError as error:
            raise ConfigurationError(
                f"a folder cannot be deleted ({error.strerror or type(error).__name__})",
                place=str(error.filename or folder),
                fix="delete it as the user to whom it belongs, then do this again",
            ) from None
