"""The embedded warehouse: a private, persistent TimescaleDB without Docker and without root.

It is made at the first start and found again at every later one. What belongs to the caller lies in
`<home>/warehouse/` (password, port, lock); what belongs to the server (`cluster/`, `server.log`) lies in
`<home>/warehouse/server/`, unless the user that runs the server cannot get there.

That happens to root only: PostgreSQL refuses to run as root, and a checkout under `/root` or a test's folder of mode
0700 is closed to everyone else. The server's files are then in `/var/lib/joulehouse/<name of home>-<lot>/` and the
fetched packages in `/var/cache/joulehouse/`, both folders that are root's to write and that no cleaner empties;
`<home>/warehouse/location` says where. The lot makes a new home at an old path a new warehouse.

Each home has its own password, port and socket, so that any number of checkouts live on one host.
"""

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
from warehouse.embedded.cluster import Cluster
from warehouse.embedded.host import locked, remove_folder, server_user, write_privately
from warehouse.embedded.packages import find_installation
from warehouse.server import check_session, create_database, ensure_role

_NAME: Final = "joulehouse"
"""The database, and the role that owns it. Like the role in the containers it is no superuser."""

_ADMIN: Final = "joulehouse_admin"
"""The superuser, who makes the role above and has no other work."""

_LONGEST_SOCKET_FOLDER: Final = 107 - len("/.s.PGSQL.65535.lock")
"""The kernel's limit for a socket's path, less what PostgreSQL appends."""

_ROOTS_SERVERS: Final = Path("/var/lib/joulehouse")
_ROOTS_CACHE: Final = Path("/var/cache/joulehouse")


@dataclass(frozen=True, slots=True)
class WarehouseStatus:
    """What is known of an embedded warehouse without connecting to it.

    Attributes:
        is_made: Whether it was ever started.
        is_running: Whether its server runs now.
        pid: The postmaster's process id, None if it does not run.
        port: Its port on 127.0.0.1, None before the first start.
        user: Who runs the server.
        folder: Where the server's files are.
        log: The server's log file.
    """

    is_made: bool
    is_running: bool
    pid: int | None
    port: int | None
    user: str
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
            WarehouseUnavailableError: The server runs and takes no sessions.
            WarehouseUnsuitableError: The data folder and the password do not belong together any longer.
        """
        with self._locked():
            cluster = self._cluster()
            for wait_seconds in (0.2, 1, 5):
                self._run(cluster)
                try:
                    self._open_session(cluster)
                except WarehouseUnavailableError:
                    # It was killed a moment ago, and is not quite dead yet.
                    time.sleep(wait_seconds)
                else:
                    return self.url
            self._run(cluster)
            self._open_session(cluster)
        return self.url

    def _run(self, cluster: Cluster) -> None:
        """Make the cluster if there is none, start it if it does not run, and wait until it takes sessions."""
        if cluster.postmaster is None:
            programs = self._programs(cluster)
            if not cluster.is_made:
                self._make(cluster, programs)
            sockets = self._socket_folder(cluster.folder)
            cluster.launch(programs, port=self._port(), sockets=sockets, durable=self._durable)
        cluster.await_ready()
        if (port := cluster.port) is not None and port != self._port():
            self._write_note("port", str(port))

    def _open_session(self, cluster: Cluster) -> None:
        """Open a session: a pid file that says `ready` proves less. Make role and database the first time."""
        if self._read_note("made") is not None:
            check_session(self.url)
            return
        ensure_role(self.admin_url, _NAME, self._password(_NAME), may_create=True)
        create_database(self.admin_url, _NAME, owner=_NAME)
        self._write_note("made", str(cluster.folder))

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
            programs = self._read_note("programs")
            return self._cluster().end(Path(programs) if programs else None)

    def remove(self) -> None:
        """Stop the server and delete everything it keeps. Fetched packages stay in the cache."""
        if not self._folder.is_dir():
            return
        self.stop()
        with self._locked():
            server = self._cluster().folder
            remove_folder(self._socket_folder(server))
            remove_folder(server)
            remove_folder(self._folder)

    def status(self) -> WarehouseStatus:
        """What is known without connecting: whether it is made, whether it runs, and where."""
        server = self._known_server() or self._folder / "server"
        cluster = Cluster(server_user(server), server)
        pid = cluster.postmaster
        return WarehouseStatus(
            is_made=cluster.is_made,
            is_running=pid is not None,
            pid=pid,
            port=self._port(),
            user=cluster.user.name,
            folder=server,
            log=cluster.log,
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

    @property
    def psql_program(self) -> Path | None:
        """`psql` itself, which reaches other servers as well; None if nothing was fetched or found yet."""
        programs = self._read_note("programs")
        return Path(programs) / "psql" if programs else None

    def psql_command(self) -> list[str]:
        """A command that opens its database in `psql`. The password is not in it: libpq reads it from our 0600 file.

        Raises:
            WarehouseUnavailableError: It was never started.
        """
        program = self.psql_program
        if program is None or self._port() is None:
            raise self._never_started()
        target = f"host=127.0.0.1 port={self._port()} user={_NAME} dbname={_NAME}"
        passfile = str(self._folder / "pgpass").replace("\\", "\\\\").replace("'", "\\'")
        return [str(program), f"{target} passfile='{passfile}'"]

    def _never_started(self) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(
            "the embedded warehouse was never started",
            place=str(self._folder),
            fix="run `joulehouse warehouse start`",
        )

    def _url_of(self, role: str, database: str) -> str:
        port = self._port()
        if port is None:
            raise self._never_started()
        return f"postgresql://{role}:{self._password(role)}@127.0.0.1:{port}/{database}"

    def _password(self, role: str) -> str:
        """The password of `role`, from the file that libpq reads too (`host:port:database:user:password`)."""
        for line in (self._read_note("pgpass") or "").splitlines():
            *_, user, password = line.split(":")
            if user == role:
                return password
        raise WarehouseUnsuitableError(
            "the password of the embedded warehouse is gone",
            place=str(self._folder / "pgpass"),
            fix="put the file back, or remove the embedded warehouse and load anew",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts, stops or removes this warehouse."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "lock").touch(exist_ok=True)
        except PermissionError:
            raise ConfigurationError(
                "the embedded warehouse belongs to another user",
                place=str(self._folder),
                fix="run this as the user who started it first, or set WAREHOUSE_URL",
            ) from None
        with locked(self._folder / "lock"):
            yield

    def _read_note(self, name: str) -> str | None:
        """What was noted under `name` in the caller's folder, None if nothing was."""
        try:
            return (self._folder / name).read_text().strip()
        except FileNotFoundError:
            return None

    def _write_note(self, name: str, text: str) -> None:
        write_privately(self._folder / name, f"{text}\n")

    def _port(self) -> int | None:
        port = self._read_note("port")
        return int(port) if port else None

    def _known_server(self) -> Path | None:
        """The server's folder, None if it has none yet."""
        elsewhere, here = self._read_note("location"), self._folder / "server"
        if elsewhere is not None:
            return Path(elsewhere)
        return here if here.is_dir() else None

    def _cluster(self) -> Cluster:
        """The server's files, and who runs it: the owner of its folder, which is made if it is missing."""
        server = self._known_server() or self._folder / "server"
        user = server_user(server)
        if self._known_server() is None and not user.can_reach(self._folder):
            server = _ROOTS_SERVERS / f"{self._folder.parent.name.strip('.')}-{secrets.token_hex(6)}"
            self._write_note("location", str(server))
        if not server.is_dir():
            server.mkdir(parents=True)
            server.chmod(0o700)
            user.own(server)
        if not user.can_reach(server):
            raise ConfigurationError(
                f"the user {user.name}, who runs the server, cannot reach its folder",
                place=str(server),
                fix="open the folders above it (chmod o+x), or remove the embedded warehouse and start again",
            )
        return Cluster(user, server)

    def _programs(self, cluster: Cluster) -> Path:
        """The folder of the programs to run, noted for the commands that stop the server or open psql."""
        cache = self._cache if cluster.user.can_reach(self._cache) else _ROOTS_CACHE
        found = find_installation(cache, cluster.user, major=cluster.major).programs
        self._write_note("programs", str(found))
        return found

    def _make(self, cluster: Cluster, programs: Path) -> None:
        passwords = "\n".join(f"*:*:*:{role}:{secrets.token_urlsafe(24)}" for role in (_NAME, _ADMIN))
        if self._read_note("pgpass") is None:
            self._write_note("pgpass", passwords)
        (self._folder / "made").unlink(missing_ok=True)
        cluster.make(programs, superuser=_ADMIN, password=self._password(_ADMIN), durable=self._durable)

    def _socket_folder(self, server: Path) -> Path:
        """Beside the data if the path is short enough for a socket, otherwise a private folder of a short name."""
        sockets = server / "run"
        if len(os.fsencode(sockets)) <= _LONGEST_SOCKET_FOLDER:
            return sockets
        note = self._read_note("sockets")
        if note is None:
            note = str(Path(tempfile.gettempdir()) / f"joulehouse-{secrets.token_hex(6)}")
            self._write_note("sockets", note)
        return Path(note)
