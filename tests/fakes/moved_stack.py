"""The product as it is deployed (server, code server, daemon and sandbox, each a process of its own), in moved time."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psutil
import psycopg

from pipelines.local.processes import HOST, Process, poll
from pipelines.local.project import Project
from resources.settings import PROJECT, Settings
from tests.fakes.dagster_stack import clone_of_the_house
from tests.fakes.demo import PROGRAM, environment_of
from tests.fakes.moved_time import MovedTime
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.cluster import Cluster
from warehouse.embedded.host import end_processes_in, free_port, server_user
from warehouse.server import ensure_database

_PROGRAMS = Path(PROGRAM).parent
_START_SECONDS = 120.0
_PASSWORD = "of-the-proof"
_A_YEAR = str(365 * 86400)
STARTING = ("NOT_STARTED", "QUEUED", "STARTING")
"""What Dagster calls runs that are not at work yet."""

_UNFINISHED = (*STARTING, "STARTED", "CANCELING")


class MovedServer:
    """An embedded server that is run in moved time: its own address stays, whoever ends it.

    Args:
        home: As for `EmbeddedWarehouse`.
        cache: Likewise.
        begins_at: What time it is there when it is started.
    """

    def __init__(self, home: Path, cache: Path, begins_at: datetime) -> None:
        """Make it, in the time of everybody, and start it again in its own."""
        self.embedded = EmbeddedWarehouse(home, cache=cache, durable=False)
        self.embedded.start()
        self._programs = Path(self.embedded.psql_command()[0]).parent
        folder = self.embedded.status().folder
        self._cluster = Cluster(server_user(folder), folder)
        self._sockets = self.embedded._socket_folder(folder)
        self.embedded.stop()
        # Beside the server's own files: it must be able to read the clock, whoever it runs as.
        self.time = MovedTime(folder / "clock", begins_at)
        self._pg_ctl = folder / "pg_ctl"
        variables = " ".join(f"{name}='{value}'" for name, value in self.time.environment.items())
        self._pg_ctl.write_text(f'#!/bin/sh\nexec env {variables} {self._programs}/pg_ctl "$@"\n')
        self._pg_ctl.chmod(0o755)
        self.start()

    def start(self) -> None:
        """Start it as its service would, at once."""
        end_processes_in(self._cluster.data_dir, patience_seconds=5)
        self._cluster._forget_stale_locks(self._sockets)
        self._control("start", "--wait", f"--timeout={_START_SECONDS:.0f}", f"--log={self._cluster.log}")

    def restart(self) -> None:
        """Restart it as an administrator does: all sessions are ended."""
        self._control("restart", "--wait", "--mode=fast", f"--log={self._cluster.log}")

    def kill(self) -> None:
        """`kill -9` of the whole server, which its service then starts again."""
        pid = self._cluster.postmaster
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.start()

    def _control(self, command: str, *options: str) -> None:
        done = self._cluster.user.run(
            [self._pg_ctl, command, *options, f"--pgdata={self._cluster.data_dir}"], seconds=_START_SECONDS
        )
        assert done.returncode == 0, done.stdout + self._cluster.log.read_text()[-2000:]


@dataclass(frozen=True)
class MovedStack:
    """Everything that runs, in one time.

    Attributes:
        home: Where the project keeps its files.
        house: The project's code, with the sources in question and no other.
        server: The database's server.
        environment: What every process has.
        history: The address of Dagster's database.
    """

    home: Path
    house: Path
    server: MovedServer
    environment: dict[str, str]
    history: str

    @property
    def time(self) -> MovedTime:
        """The clock of all."""
        return self.server.time

    @property
    def project(self) -> Project:
        """The project as its processes see it."""
        return Project(Settings(self.environment))

    def runs(self, since: datetime) -> list[tuple[str, str, str]]:
        """The runs that were created since: id, job and status."""
        with psycopg.connect(self.history, connect_timeout=10) as session:
            return session.execute(
                "SELECT run_id, pipeline_name, status FROM runs WHERE create_timestamp >= %s AT TIME ZONE 'UTC'",
                [since],
            ).fetchall()

    def n_unfinished(self, statuses: Sequence[str] = _UNFINISHED) -> int:
        """How many runs are not over, or are in one of `statuses`."""
        with psycopg.connect(self.history, connect_timeout=10) as session:
            [(n,)] = session.execute("SELECT count(*) FROM runs WHERE status = ANY(%s)", [list(statuses)]).fetchall()
        return int(n)

    def _n_schedules(self) -> int:
        """How many schedules the daemon has taken note of: it starts with what is due from then on."""
        with psycopg.connect(self.history, connect_timeout=10) as session:
            [(n,)] = session.execute("SELECT count(*) FROM instigators WHERE instigator_type = 'SCHEDULE'").fetchall()
        return int(n)

    def run_processes(self) -> list[psutil.Process]:
        """The processes of runs at work: children of the code server."""
        pid = self._process("code-server").pid
        assert pid is not None, self._process("code-server").tail()
        found = []
        for child in psutil.Process(pid).children():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def start_dagster(self) -> None:
        """Start the code server and the daemon, as docker-compose.yml does."""
        instance, port = self.home / "dagster", free_port()
        shutil.copy(PROJECT / "pipelines" / "instance" / "dagster.yaml", instance)
        address = f"{{host: {HOST}, port: {port}, location_name: joulehouse}}"
        (instance / "workspace.yaml").write_text(f"load_from: [{{grpc_server: {address}}}]\n")
        self.run(str(_PROGRAMS / "dagster"), "instance", "migrate")
        options = ["-h", HOST, "-p", str(port), "-m", "pipelines.definitions", "-d", str(self.house)]
        command = [str(_PROGRAMS / "dagster"), "api", "grpc", *options, "--inject-env-vars-from-instance"]
        self._start("code-server", command)
        for _ in poll(_START_SECONDS, every=1):
            if not self.run(str(_PROGRAMS / "dagster"), "api", "grpc-health-check", "-p", str(port), check=False):
                break
        else:
            raise AssertionError(self._process("code-server").tail())
        self._start("daemon", [str(_PROGRAMS / "dagster-daemon"), "run", "-w", str(instance / "workspace.yaml")])
        for _ in poll(_START_SECONDS, every=1):
            if self._n_schedules():
                return
        raise AssertionError(self._process("daemon").tail())

    def run(self, *command: str, check: bool = True) -> int:
        """Run a program to its end; its exit code."""
        done = subprocess.run(
            command, cwd=self.home / "dagster", env=self._variables, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.returncode

    def complaint(self) -> str:
        """Which process has ended, with its last words; empty while all live."""
        for name in ("code-server", "daemon"):
            if self._process(name).pid is None:
                return f"{name} has ended:\n{self._process(name).tail()}"
        return ""

    @property
    def _variables(self) -> dict[str, str]:
        return {**self.environment, "DAGSTER_HOME": str(self.home / "dagster"), "DAGSTER_DISABLE_TELEMETRY": "1"}

    def _process(self, name: str) -> Process:
        return Process(name, self.home / "run")

    def _start(self, name: str, command: list[str]) -> None:
        self._process(name).start(command, cwd=self.home / "dagster", environment=self._variables)


@contextmanager
def moved_stack(
    home: Path, cache: Path, begins_at: datetime, first_day: date, sources: Sequence[str]
) -> Iterator[MovedStack]:
    """Everything, from an empty home, until the block ends; time stands still for nobody, and moves when told.

    Args:
        home: An empty folder.
        cache: Where fetched packages are kept.
        begins_at: What time it is when everything is started.
        first_day: The first day that the sources have.
        sources: The sources that are pointed at the sandbox.
    """
    with ExitStack() as ending:
        ending.callback(EmbeddedWarehouse(home, cache=cache).remove)
        server = MovedServer(home, cache, begins_at)
        history = ensure_database(server.embedded.admin_url, "dagster", "dagster", _PASSWORD)
        environment = environment_of(home, **server.time.environment) | {
            "WAREHOUSE_URL": server.embedded.url,
            "DAGSTER_PG_HOST": HOST,
            "DAGSTER_PG_PORT": str(psycopg.conninfo.conninfo_to_dict(history)["port"]),
            "DAGSTER_PG_USER": "dagster",
            "DAGSTER_PG_PASSWORD": _PASSWORD,
            "DAGSTER_PG_DB": "dagster",
            "DAGSTER_EVENT_BATCH_SIZE": "100",
            "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
            # A thread that said nothing for a day was not silent: the day was.
            "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": _A_YEAR,
            "JOULEHOUSE_FIRST_DAY": str(first_day),
        }
        for name in ("sandbox", "code-server", "daemon"):
            ending.callback(Process(name, home / "run").stop)
        project = Project(Settings(environment))
        bindings = [project.source(slug).sandbox_binding for slug in sources]
        project.sandbox.start(environment, bindings)
        environment |= project.sandbox.variables(bindings)
        environment["JOULEHOUSE_REQUESTS_PER_MINUTE"] = project.sandbox.requests_per_minute_variable(bindings)
        texts = {slug: (PROJECT / "assets" / slug / "defs.yaml").read_text("utf-8") for slug in sources}
        house = clone_of_the_house(home / "house", texts)
        stack = MovedStack(home, house, server, environment, history)
        (home / "dagster").mkdir()
        stack.run(PROGRAM, "warehouse", "migrate")
        stack.start_dagster()
        yield stack
