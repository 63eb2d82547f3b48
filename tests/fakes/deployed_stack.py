"""The product as docker-compose.yml runs it: a code server, a daemon and a webserver, each a process of its own.

Dagster's history is in PostgreSQL, and each run in a process of the code server.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.processes import HOST, LoopbackServer, Process, poll
from tests.fakes.demo import PROGRAM
from warehouse.embedded.host import free_port
from warehouse.server import ensure_database

_PROGRAMS = Path(PROGRAM).parent
_START_SECONDS = 120.0
_PASSWORD = "of-the-proof"
NAMES: Final = ("daemon", "webserver", "code-server")
"""Its processes, in the order in which they are stopped."""

STARTING = ("NOT_STARTED", "QUEUED", "STARTING")
"""What Dagster calls runs that are not at work yet."""

AT_WORK = ("STARTED", "CANCELING")
"""What it calls those whose process is at work, or should be."""

_UNFINISHED = (*STARTING, *AT_WORK)


@dataclass(frozen=True)
class DeployedStack:
    """Everything that runs.

    Attributes:
        home: Where the project keeps its files.
        house: The project's code, with the sources in question and no other.
        environment: What every process has.
        history: The address of Dagster's database.
    """

    home: Path
    house: Path
    environment: dict[str, str]
    history: str

    def runs(self, since: datetime) -> list[tuple[str, str, str]]:
        """The runs that were created since: id, job and status."""
        return self.asked(
            "SELECT run_id, pipeline_name, status FROM runs WHERE create_timestamp >= %s AT TIME ZONE 'UTC'", since
        )

    def n_unfinished(self, statuses: Sequence[str] = _UNFINISHED) -> int:
        """How many runs are not over, or are in one of `statuses`."""
        [(n,)] = self.asked("SELECT count(*) FROM runs WHERE status = ANY(%s)", list(statuses))
        return int(n)

    def _n_schedules(self) -> int:
        """How many schedules the daemon has taken note of: it starts with what is due from then on."""
        [(n,)] = self.asked("SELECT count(*) FROM instigators WHERE instigator_type = 'SCHEDULE'")
        return int(n)

    def asked(self, query: str, *values: object) -> list[Any]:
        """What Dagster's history answers; a server that is recovering is waited for."""
        for _ in poll(_START_SECONDS):
            with suppress(psycopg.OperationalError), psycopg.connect(self.history, connect_timeout=10) as session:
                return session.execute(query.encode(), values or None).fetchall()
        raise AssertionError("Dagster's history is away")

    def run_processes(self) -> list[psutil.Process]:
        """The processes of runs at work: children of the code server."""
        found = []
        for child in self.process("code-server").children():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def start_dagster(self, further_settings: str = "") -> None:
        """Start the code server and the daemon, as docker-compose.yml does, with `further_settings` of Dagster."""
        instance, port = self.home / "dagster", free_port()
        settings = self.house / "pipelines" / "instance" / "dagster.yaml"
        (instance / "dagster.yaml").write_text(settings.read_text("utf-8") + further_settings, "utf-8")
        address = f"{{host: {HOST}, port: {port}, location_name: joulehouse}}"
        self._workspace.write_text(f"load_from: [{{grpc_server: {address}}}]\n")
        self.run(str(_PROGRAMS / "dagster"), "instance", "migrate")
        options = ["-h", HOST, "-p", str(port), "-m", "pipelines.definitions", "-d", str(self.house)]
        command = [str(_PROGRAMS / "dagster"), "api", "grpc", *options, "--inject-env-vars-from-instance"]
        self._start("code-server", command)
        for _ in poll(_START_SECONDS, every=1):
            if not self.run(str(_PROGRAMS / "dagster"), "api", "grpc-health-check", "-p", str(port), check=False):
                break
        else:
            raise AssertionError(self._process("code-server").tail())
        self._start("daemon", [str(_PROGRAMS / "dagster-daemon"), "run", "-w", str(self._workspace)])
        for _ in poll(_START_SECONDS, every=1):
            if self._n_schedules():
                return
        raise AssertionError(self._process("daemon").tail())

    def start_webserver(self) -> DagsterGraphQL:
        """Start the webserver, which launches what is asked for: Dagster's own, without the guard."""
        port = free_port()
        where = ["-h", HOST, "-p", str(port), "-w", str(self._workspace)]
        self._start("webserver", [str(_PROGRAMS / "dagster-webserver"), *where])
        dagster = DagsterGraphQL(LoopbackServer(port, "the webserver", str(self._process("webserver").log)))
        for _ in poll(_START_SECONDS):
            if dagster.server.is_up("/server_info") and not dagster.location_error():
                return dagster
        raise AssertionError(self._process("webserver").tail())

    def stop(self) -> None:
        """End Dagster's processes, and the runs."""
        for name in NAMES:
            self._process(name).stop()

    def run(self, *command: str, check: bool = True) -> int:
        """Run a program to its end; its exit code."""
        done = subprocess.run(
            command, cwd=self.home / "dagster", env=self._variables, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.returncode

    def complaint(self) -> str:
        """Which process has ended, with its last words; empty while both live."""
        for name in ("code-server", "daemon"):
            if self._process(name).pid is None:
                return f"{name} has ended:\n{self._process(name).tail()}"
        return ""

    def process(self, name: str) -> psutil.Process:
        """One of `NAMES`, which runs."""
        pid = self._process(name).pid
        assert pid is not None, self._process(name).tail()
        return psutil.Process(pid)

    @property
    def _workspace(self) -> Path:
        return self.home / "dagster" / "workspace.yaml"

    @property
    def _variables(self) -> dict[str, str]:
        # The code of the clone, whatever is installed beside its libraries.
        path = os.pathsep.join([*filter(None, [self.environment.get("PYTHONPATH")]), str(self.house)])
        own = {"DAGSTER_HOME": str(self.home / "dagster"), "PYTHONPATH": path}
        return {**self.environment, **own, "DAGSTER_DISABLE_TELEMETRY": "1"}

    def _process(self, name: str) -> Process:
        return Process(name, self.home / "run")

    def _start(self, name: str, command: list[str]) -> None:
        self._process(name).start(command, cwd=self.home / "dagster", environment=self._variables)


def history_on(admin_url: str, name: str = "dagster") -> tuple[str, Mapping[str, str]]:
    """A database for Dagster's history: its address, and the variables that `dagster.yaml` names.

    Args:
        admin_url: The server, for its superuser.
        name: The database.
    """
    address = ensure_database(admin_url, name, "dagster", _PASSWORD)
    return address, {
        "DAGSTER_PG_HOST": HOST,
        "DAGSTER_PG_PORT": str(psycopg.conninfo.conninfo_to_dict(address)["port"]),
        "DAGSTER_PG_USER": "dagster",
        "DAGSTER_PG_PASSWORD": _PASSWORD,
        "DAGSTER_PG_DB": name,
        "DAGSTER_EVENT_BATCH_SIZE": "100",
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
    }
