"""The cluster of an embedded warehouse: made whole or not at all, started on a free port, ended without a trace."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from domain.errors import ConfigurationError, WarehouseUnavailableError
from warehouse.embedded.host import (
    ServerUser,
    end_processes_in,
    free_port,
    processes_in,
    remove_folder,
    write_privately,
)
from warehouse.embedded.settings import server_settings

_START_SECONDS: Final = 120
"""A server that was killed in the middle of a bulk load replays up to 2 GB of log first."""

_LONGEST_LOG: Final = 10_000_000
_PORT_LINE: Final = 3  # of the pid file, from 0 on
"""Bytes after which a start sets the log aside; one older log is kept."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """PostgreSQL's files and processes in one folder.

    Attributes:
        user: Who runs it.
        folder: Everything that is its own.
    """

    user: ServerUser
    folder: Path

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's data directory. It is there if and only if it is whole."""
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def is_made(self) -> bool:
        """Whether there is one to start."""
        return self.data_dir.is_dir()

    @property
    def major(self) -> int | None:
        """The major version of PostgreSQL that made it, None if it is not made."""
        version = self.data_dir / "PG_VERSION"
        return int(version.read_text()) if version.is_file() else None

    @property
    def postmaster(self) -> int | None:
        """The server's process id, None if it does not run. A pid file that names somebody else is not believed."""
        lines = self._pid_file()
        if not lines:
            return None
        pid = int(lines[0])
        return pid if pid in {process.pid for process in processes_in(self.data_dir)} else None

    @property
    def port(self) -> int | None:
        """The port on which it listens now, None if it does not run."""
        lines = self._pid_file()
        return int(lines[_PORT_LINE]) if len(lines) > _PORT_LINE and self.postmaster else None

    def make(self, programs: Path, *, superuser: str, password: str, durable: bool) -> None:
        """Make it beside its place, and move it there when it is whole.

        Raises:
            ConfigurationError: `initdb` fails.
        """
        partial, secret = self.folder / "cluster.partial", self.folder / "password"
        remove_folder(partial)
        write_privately(secret, f"{password}\n")
        self.user.own(secret)
        # The built-in locale (PostgreSQL 17) knows UTF-8 without the host's.
        has_builtin = "--builtin-locale" in self.user.run([programs / "initdb", "--help"], seconds=20).stdout
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"] if has_builtin else []
        command: list[str | Path] = [
            programs / "initdb", "--pgdata", partial, "--username", superuser, "--auth=scram-sha-256",
            f"--pwfile={secret}", "--encoding=UTF8", "--no-instructions",
            *(locale or ["--no-locale"]), *([] if durable else ["--no-sync"]),
        ]  # fmt: skip
        done = self.user.run(command, seconds=120)
        secret.unlink(missing_ok=True)
        if done.returncode != 0:
            raise ConfigurationError(
                f"the embedded warehouse could not be made: {_most_telling_line(done.stdout)}",
                place=str(self.folder),
                fix="see that the disk has room and start again, or set WAREHOUSE_URL",
            )
        with (partial / "postgresql.conf").open("a") as settings:
            settings.write("\ninclude 'joulehouse.conf'\n")
        partial.rename(self.data_dir)

    def launch(self, programs: Path, *, port: int | None, sockets: Path, durable: bool) -> None:
        """Start the server, on `port` unless somebody has taken it since: then it is left to them.

        Raises:
            ConfigurationError: It does not start; the log's complaint is in the message.
        """
        # Children of a postmaster that was killed end by themselves; until then they hold the old shared memory.
        end_processes_in(self.data_dir, patience_seconds=5)
        self._forget_stale_locks(sockets)
        _make_private(sockets, self.user)
        command: list[str | Path] = [
            programs / "pg_ctl",
            "start",
            "--wait",
            f"--timeout={_START_SECONDS}",
            "--pgdata",
            self.data_dir,
            "--log",
            self.log,
        ]
        complaint = ""
        for _ in range(5):
            port = free_port(port)
            settings = self.data_dir / "joulehouse.conf"
            write_privately(settings, server_settings(port=port, socket_folder=sockets, durable=durable))
            self.user.own(settings)
            n_before = self._trimmed_log_bytes()
            done = self.user.run(command, seconds=_START_SECONDS + 30)
            if done.returncode == 0:
                return
            complaint = self.log.read_bytes()[n_before:].decode(errors="replace") if self.log.is_file() else done.stdout
            if "could not create any TCP/IP sockets" not in complaint:
                break
        raise ConfigurationError(
            f"the embedded warehouse does not start: {_most_telling_line(complaint)}",
            place=str(self.log),
            fix="read the log, or set WAREHOUSE_URL to a server of your own",
        )

    def await_ready(self) -> None:
        """Wait until the server takes sessions: the process that started it may have been killed before that.

        Raises:
            WarehouseUnavailableError: It ended, or recovers for longer than we wait.
        """
        deadline = time.monotonic() + _START_SECONDS
        while "ready" not in self._pid_file():
            if time.monotonic() > deadline or self.postmaster is None:
                raise WarehouseUnavailableError(
                    "the embedded warehouse runs, but takes no sessions",
                    place=str(self.log),
                    fix="read the log; `joulehouse warehouse stop`, then start again",
                )
            time.sleep(0.05)

    def end(self, programs: Path | None) -> bool:
        """Stop the server, and see that none of its processes is left.

        Returns:
            Whether there was anything to stop.

        Raises:
            ConfigurationError: A process does not end.
        """
        was_running = self.postmaster is not None or bool(processes_in(self.data_dir))
        if was_running and programs is not None:
            # Fast: sessions are ended and everything is written. It does not wait for anybody to log out.
            command: list[str | Path] = [programs / "pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=60"]
            self.user.run([*command, f"--pgdata={self.data_dir}"], seconds=90)
        end_processes_in(self.data_dir, patience_seconds=5)
        return was_running

    def _pid_file(self) -> list[str]:
        """The lines of `postmaster.pid`, stripped; empty if there is none or it is being written."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines] if lines and lines[0].strip().isdigit() else []

    def _forget_stale_locks(self, sockets: Path) -> None:
        """Remove lock files whose number is somebody else's, or a zombie's, by now: they would keep the server out.

        Where the number belongs to nobody, the lock files are PostgreSQL's own to judge.
        """
        lines = self._pid_file()
        if lines and psutil.pid_exists(int(lines[0])) and not processes_in(self.data_dir):
            (self.data_dir / "postmaster.pid").unlink()
            for lock in sockets.glob(".s.PGSQL.*"):
                lock.unlink()

    def _trimmed_log_bytes(self) -> int:
        """The size of the log, which is set aside first if it is long."""
        size = self.log.stat().st_size if self.log.is_file() else 0
        if size <= _LONGEST_LOG:
            return size
        self.log.replace(self.log.with_suffix(".log.1"))
        return 0


def _make_private(folder: Path, user: ServerUser) -> None:
    """Make a folder that only the server's user enters, and refuse one that somebody else has put there."""
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
        user.own(folder)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != user.uid or facts.st_mode & 0o077:
        raise ConfigurationError(
            "the folder of the server's socket belongs to somebody else",
            place=str(folder),
            fix="remove it and start again",
        )


def _most_telling_line(text: str) -> str:
    """The line of a program's complaint that says why."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines or ["it said nothing"])[-1]
