"""The embedded warehouse: a private, persistent TimescaleDB without Docker and without root.

It is made at the first start and found again at every later one. What belongs to the caller lies in
`<home>/warehouse/` (password, port, lock); what belongs to the server (`cluster/`, `server.log`) lies in
`<home>/warehouse/server/`, unless the account that runs the server cannot get there.

That happens to root only: PostgreSQL refuses to run as root, and a checkout under `/root` or a test's folder of mode
0700 is closed to everyone else. The server's files are then in `/var/lib/joulehouse/<name of home>-<lot>/` and the
fetched packages in `/var/cache/joulehouse/`, both folders that are root's to write and that no cleaner empties;
`<home>/warehouse/location` says where. The lot makes a new home at an old path a new warehouse.

Each home has its own password, port and socket, so that any number of checkouts live on one host.
"""

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError, WarehouseUnavailableError, WarehouseUnsuitableError
from warehouse.embedded_host import (
    Account,
    end_processes_in,
    free_port,
    processes_in,
    remove_folder,
    server_account,
)
from warehouse.embedded_packages import Installation, find_installation
from warehouse.embedded_settings import server_settings
from warehouse.server import create_database, ensure_role

_NAME: Final = "joulehouse"
"""The database, and the role that owns it. Like the role in the containers it is no superuser."""

_ADMIN: Final = "joulehouse_admin"
"""The superuser, who makes the role above and has no other work."""

_LONGEST_SOCKET_FOLDER: Final = 107 - len("/.s.PGSQL.65535.lock")
"""The kernel's limit for a socket's path, less what PostgreSQL appends."""

_START_SECONDS: Final = 120
"""A server that was killed in the middle of a bulk load replays up to 2 GB of log first."""


@dataclass(frozen=True, slots=True)
class WarehouseStatus:
    """What is known of an embedded warehouse without connecting to it.

    Attributes:
        is_made: Whether it was ever started.
        is_running: Whether its server runs now.
        pid: The postmaster's process id, None if it does not run.
        port: Its port on 127.0.0.1, None before the first start.
        account: Who runs the server.
        folder: Where the server's files are.
        log: The server's log file.
    """

    is_made: bool
    is_running: bool
    pid: int | None
    port: int | None
    account: str
    folder: Path
    log: Path


class EmbeddedWarehouse:
    """A private TimescaleDB in a folder. Any process may start it, and every process that does gets the same one.

    Args:
        home: The folder for everything that is this checkout's own (`.joulehouse`); made if it is missing.
        cache: Where fetched packages are shared between checkouts; `~/.cache/joulehouse` if None.
        durable: Whether a commit survives a power cut. Only tests say no.
    """

    def __init__(self, home: Path, *, cache: Path | None = None, durable: bool = True) -> None:
        """Look at nothing yet: `start` does the work."""
        self._folder = home.absolute() / "warehouse"
        self._cache = cache or Path("~/.cache/joulehouse").expanduser()
        self._durable = durable

    def start(self) -> str:
        """Make the warehouse if there is none, start it if it does not run, and return its URL.

        Returns:
            `postgresql://…` with user and password, for psycopg as it is and for SQLAlchemy as `postgresql+psycopg`.

        Raises:
            ConfigurationError: No PostgreSQL with TimescaleDB can be had here, or the server does not start.
            WarehouseUnsuitableError: The data folder and the password do not belong together any longer.
        """
        with self._locked():
            account, place = self._place()
            if not self._postmaster(place):
                programs = self._programs(account, place)
                if not (place / "cluster").is_dir():
                    self._make(account, place, programs)
                self._launch(account, place, programs)
            self._await_ready(place)
            if not (self._folder / "made").is_file():
                self._make_database()
        return self.url

    def stop(self) -> bool:
        """Stop the server, and leave no process behind. The data stays.

        Returns:
            Whether it was running.

        Raises:
            ConfigurationError: A process of the server does not end.
        """
        if not self._folder.is_dir():
            return False
        with self._locked():
            account, place = self._place()
            was_running = bool(processes_in(place / "cluster")) or self._postmaster(place) is not None
            if was_running and (programs := self._remembered_programs(place)) is not None:
                control: list[str | Path] = [programs / "pg_ctl", "stop", "--wait", "--pgdata", place / "cluster"]
                # Fast: sessions are ended and everything is written. It does not wait for anybody to log out.
                account.run([*control, "--mode=fast", "--timeout=60"], seconds=90)
            end_processes_in(place / "cluster", patience_seconds=5)
        return was_running

    def remove(self) -> None:
        """Stop the server and delete everything it keeps. Fetched packages stay in the cache."""
        if not self._folder.is_dir():
            return
        self.stop()
        with self._locked():
            _, place = self._place()
            remove_folder(self._socket_folder(place))
            remove_folder(place)
            remove_folder(self._folder)

    def status(self) -> WarehouseStatus:
        """What is known without connecting: whether it is made, whether it runs, and where."""
        account, place = server_account(self._folder), self._known_place()
        pid = self._postmaster(place) if place else None
        return WarehouseStatus(
            is_made=place is not None and (place / "cluster").is_dir(),
            is_running=pid is not None,
            pid=pid,
            port=self._port(),
            account=account.name,
            folder=place or self._folder / "server",
            log=(place or self._folder / "server") / "server.log",
        )

    @property
    def url(self) -> str:
        """The address of its database, with user and password.

        Raises:
            WarehouseUnavailableError: It was never started.
        """
        return self._url_of(_NAME, _NAME)

    @property
    def admin_url(self) -> str:
        """The address of the server's maintenance database for its superuser, who is needed for nothing daily.

        Raises:
            WarehouseUnavailableError: It was never started.
        """
        return self._url_of(_ADMIN, "postgres")

    def psql_command(self) -> list[str]:
        """A command that opens its database in `psql`. The password is not in it: libpq reads it from our 0600 file.

        Raises:
            WarehouseUnavailableError: It was never started.
        """
        place = self._known_place()
        programs = self._remembered_programs(place) if place else None
        if programs is None:
            raise self._never_started()
        target = f"host=127.0.0.1 port={self._port()} user={_NAME} dbname={_NAME}"
        passfile = str(self._folder / "pgpass").replace("\\", "\\\\").replace("'", "\\'")
        return [str(programs / "psql"), f"{target} passfile='{passfile}'"]

    def _never_started(self) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(
            "the embedded warehouse was never started",
            place=str(self._folder),
            fix="run `joulehouse warehouse start`",
        )

    def _url_of(self, role: str, database: str) -> str:
        port = self._port()
        if port is None or not (self._folder / "pgpass").is_file():
            raise self._never_started()
        return f"postgresql://{role}:{self._password(role)}@127.0.0.1:{port}/{database}"

    def _password(self, role: str) -> str:
        """The password of `role`, from the file that libpq reads too (`host:port:database:user:password`)."""
        for line in (self._folder / "pgpass").read_text().splitlines():
            *_, user, password = line.split(":")
            if user == role:
                return password
        raise self._password_lost()

    def _password_lost(self) -> WarehouseUnsuitableError:
        return WarehouseUnsuitableError(
            "the password of the embedded warehouse is gone",
            place=str(self._folder / "pgpass"),
            fix="put the file back, or remove the embedded warehouse and load anew",
        )

    def _make_database(self) -> None:
        """Make the role and its database, and note that they are made: the note is removed with the cluster."""
        ensure_role(self.admin_url, _NAME, self._password(_NAME), may_create=True)
        create_database(self.admin_url, _NAME, owner=_NAME)
        _write(self._folder / "made", "")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts, stops or removes this warehouse."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _port(self) -> int | None:
        path = self._folder / "port"
        return int(path.read_text()) if path.is_file() else None

    def _known_place(self) -> Path | None:
        pointer = self._folder / "location"
        if pointer.is_file():
            return Path(pointer.read_text().strip())
        place = self._folder / "server"
        return place if place.is_dir() else None

    def _place(self) -> tuple[Account, Path]:
        """The server's account and folder, made if it is missing."""
        account, place = server_account(self._folder), self._known_place()
        if place is None:
            place = self._folder / "server"
            if not account.can_reach(self._folder):
                place = Path("/var/lib/joulehouse") / f"{self._folder.parent.name.strip('.')}-{secrets.token_hex(6)}"
                _write(self._folder / "location", f"{place}\n")
        if not place.is_dir():
            place.mkdir(parents=True, mode=0o755)
            place.chmod(0o700)
            account.own(place)
        if not account.can_reach(place):
            raise ConfigurationError(
                f"the user {account.name}, who runs the server, cannot reach its folder",
                place=str(place),
                fix="open the folders above it (chmod o+x), or remove the embedded warehouse and start again",
            )
        return account, place

    def _programs(self, account: Account, place: Path) -> Path:
        """The folder of the programs to run, remembered beside the data."""
        version = place / "cluster" / "PG_VERSION"
        major = int(version.read_text()) if version.is_file() else None
        cache = self._cache if account.can_reach(self._cache) else Path("/var/cache/joulehouse")
        found: Installation = find_installation(cache, account, major=major)
        _write(self._folder / "programs", f"{found.programs}\n")
        return found.programs

    def _remembered_programs(self, place: Path) -> Path | None:
        path = self._folder / "programs"
        return Path(path.read_text().strip()) if path.is_file() and place.is_dir() else None

    def _make(self, account: Account, place: Path, programs: Path) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        passfile, partial, secret = self._folder / "pgpass", place / "cluster.partial", place / "password"
        if not passfile.is_file():
            _write(passfile, "".join(f"*:*:*:{role}:{secrets.token_urlsafe(24)}\n" for role in (_NAME, _ADMIN)))
        (self._folder / "made").unlink(missing_ok=True)
        remove_folder(partial)
        _write(secret, f"{self._password(_ADMIN)}\n")
        account.own(secret)
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if _has_builtin_locale(account, programs)
            else ["--no-locale"]
        )
        done = account.run(
            [programs / "initdb", "--pgdata", partial, "--username", _ADMIN, "--auth=scram-sha-256",
             f"--pwfile={secret}", "--encoding=UTF8", "--no-sync", "--no-instructions", *locale],
            seconds=120,
        )  # fmt: skip
        secret.unlink(missing_ok=True)
        if done.returncode != 0:
            raise ConfigurationError(
                f"the embedded warehouse could not be made: {_last_line(done.stdout)}",
                place=str(place),
                fix="see that the disk has room and start again, or set WAREHOUSE_URL",
            )
        with (partial / "postgresql.conf").open("a") as settings:
            settings.write("\ninclude 'joulehouse.conf'\n")
        partial.rename(place / "cluster")

    def _launch(self, account: Account, place: Path, programs: Path) -> None:
        """Start the postmaster; a port that somebody has taken since is left to them."""
        cluster, log = place / "cluster", place / "server.log"
        # Children of a postmaster that was killed end by themselves; until then they hold the old shared memory.
        end_processes_in(cluster, patience_seconds=5)
        _forget_stale_locks(cluster, self._socket_folder(place))
        for _ in range(5):
            port = free_port(self._port())
            _write(self._folder / "port", f"{port}\n")
            sockets = self._socket_folder(place)
            _make_private(sockets, account)
            text = server_settings(port=port, socket_folder=sockets, durable=self._durable)
            _write(cluster / "joulehouse.conf", text)
            account.own(cluster / "joulehouse.conf")
            _set_aside_long(log)
            before = log.stat().st_size if log.is_file() else 0
            done = account.run(
                [programs / "pg_ctl", "start", "--wait", f"--timeout={_START_SECONDS}",
                 "--pgdata", cluster, "--log", log],
                seconds=_START_SECONDS + 30,
            )  # fmt: skip
            if done.returncode == 0:
                return
            said = log.read_text(errors="replace")[before:] if log.is_file() else done.stdout
            if "could not create any TCP/IP sockets" not in said:
                break
        raise ConfigurationError(
            f"the embedded warehouse does not start: {_last_line(said)}",
            place=str(log),
            fix="read the log, or set WAREHOUSE_URL to a server of your own",
        )

    def _socket_folder(self, place: Path) -> Path:
        """Beside the data if the path is short enough for a socket, otherwise a private folder of a short name."""
        sockets = place / "run"
        if len(os.fsencode(sockets)) <= _LONGEST_SOCKET_FOLDER:
            return sockets
        pointer = self._folder / "sockets"
        if not pointer.is_file():
            _write(pointer, f"{Path(tempfile.gettempdir()) / f'joulehouse-{secrets.token_hex(6)}'}\n")
        return Path(pointer.read_text().strip())

    def _postmaster(self, place: Path) -> int | None:
        """The postmaster's process id, None if it does not run. A pid file that names somebody else is not believed."""
        lines = _pid_file(place / "cluster")
        if not lines:
            return None
        pid = int(lines[0])
        if Path("/proc/self").exists():
            return pid if pid in processes_in(place / "cluster") else None
        return pid if _is_alive(pid) else None

    def _await_ready(self, place: Path) -> None:
        """Wait until the server takes sessions: another process may have started it a moment ago."""
        deadline = time.monotonic() + _START_SECONDS
        while "ready" not in _pid_file(place / "cluster"):
            if time.monotonic() > deadline or self._postmaster(place) is None:
                raise WarehouseUnavailableError(
                    "the embedded warehouse runs, but takes no sessions",
                    place=str(place / "server.log"),
                    fix="read the log; `joulehouse warehouse stop`, then start again",
                )
            time.sleep(0.05)
        if not (self._folder / "pgpass").is_file():
            raise self._password_lost()


def _write(path: Path, text: str) -> None:
    """Write a file for our eyes only, in one piece: nobody reads half of it, and it is never readable to others."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.rename(path)


def _pid_file(cluster: Path) -> list[str]:
    """The lines of `postmaster.pid`, stripped; empty if there is none or it is being written."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines] if lines and lines[0].strip().isdigit() else []


def _forget_stale_locks(cluster: Path, sockets: Path) -> None:
    """Remove lock files whose number belongs to somebody else, or to a zombie, by now: they would keep the server out.

    Only `/proc` tells that nobody works in the cluster any more. Without it, and for a number that belongs to nobody,
    the lock files are PostgreSQL's own to judge.
    """
    lines = _pid_file(cluster)
    if lines and _is_alive(int(lines[0])) and Path("/proc/self").exists() and not processes_in(cluster):
        (cluster / "postmaster.pid").unlink()
        for lock in sockets.glob(".s.PGSQL.*"):
            lock.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _make_private(folder: Path, account: Account) -> None:
    """Make a folder that only the server's account enters, and refuse one that somebody else has put there."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        account.own(folder)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != account.uid or facts.st_mode & 0o077:
        raise ConfigurationError(
            "the folder of the server's socket belongs to somebody else",
            place=str(folder),
            fix="remove it and start again",
        )


def _has_builtin_locale(account: Account, programs: Path) -> bool:
    """Whether initdb knows UTF-8 without the host's locales (PostgreSQL 17 and newer)."""
    return "--builtin-locale" in account.run([programs / "initdb", "--help"], seconds=20).stdout


def _set_aside_long(log: Path) -> None:
    """Keep one older log of at most 10 MB and a bit."""
    if log.is_file() and log.stat().st_size > 10_000_000:  # noqa: PLR2004 - bytes; said above
        log.replace(log.with_suffix(".log.1"))


def _last_line(text: str) -> str:
    """The most telling line of a program's complaint."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines or ["it said nothing"])[-1]
