"""Everything running at once: the warehouse, the sandbox where sources point at it, and Dagster's three processes."""

import fcntl
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from domain.errors import ConfigurationError, IngestError
from pipelines.console import complain, fail, say
from pipelines.local import state
from pipelines.local.code_server import DAGSTER, CodeServer
from pipelines.local.dagster_graphql import LOCATION, DagsterGraphQL
from pipelines.local.processes import (
    HOST,
    LoopbackServer,
    Process,
    handle_signals,
    ignore_signals,
    poll,
    require_free,
)
from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from resources.other_hosts import refuse_embedded_warehouse, require_history, require_places
from resources.settings import PROJECT
from warehouse.embedded.host import free_port
from warehouse.server import ensure_database

_POLL_SECONDS: Final = 2.0
_START_SECONDS: Final = 120.0
_LOCK_FILE: Final = "stack.lock"
_DATABASE: Final = "dagster"


@dataclass(frozen=True, slots=True)
class DagsterProcesses:
    """Dagster beside us: webserver and daemon, and the code server of both.

    Attributes:
        home: Where the project keeps its own files.
        environment: What the processes inherit: the warehouse's address, the sources' variables, and where Dagster
            keeps its own history (`dagster_storage`).
    """

    home: Path
    environment: Mapping[str, str]

    @property
    def webserver(self) -> Process:
        """The webserver."""
        return Process("dagster-webserver", self.home / "run")

    @property
    def daemon(self) -> Process:
        """The daemon."""
        return Process("dagster-daemon", self.home / "run")

    @property
    def code_server(self) -> CodeServer:
        """The code server; runs are children of it."""
        return CodeServer(self.home / "run", self.instance)

    @property
    def instance(self) -> Path:
        """DAGSTER_HOME."""
        return self.home / "dagster"

    @property
    def exists(self) -> bool:
        """Whether it was ever started here."""
        return self._state_file.exists()

    @property
    def url(self) -> str:
        """Where the webserver listens, or listened last."""
        return f"http://{HOST}:{state.read(self._state_file).get('port')}"

    def start_webserver(self, *, port: int | None = None, is_read_only: bool = False) -> DagsterGraphQL:
        """Start the code server and the webserver, behind its guard, on the instance in `home`.

        Args:
            port: Where to listen; the port of the last time, or any free one, when None.
            is_read_only: Whether it is for viewers.

        Raises:
            ConfigurationError: It does not come up, or the code location does not load.
        """
        values = state.read_or_create(self._state_file, lambda: {"port": free_port()})
        chosen_port = port or free_port(values["port"])
        state.write(self._state_file, values | {"port": chosen_port})
        self.write_instance()

        self.code_server.start(self._inherited)
        command = [sys.executable, "-m", "pipelines.webserver", "--port", str(chosen_port)]
        self._start(self.webserver, [*command, "--read-only"] if is_read_only else command)
        dagster = DagsterGraphQL(LoopbackServer(chosen_port, "the Dagster webserver", str(self.webserver.log)))
        self._wait_for_webserver(dagster)
        return dagster

    def start_daemon(self) -> None:
        """Start the daemon. Its first look for backfills is at once, and then every 30 seconds."""
        self._start(self.daemon, [str(DAGSTER / "dagster-daemon"), "run"])

    def write_instance(self) -> Path:
        """Make DAGSTER_HOME, with the settings that the project ships: where there is a broker, those for workers."""
        state.make_private_folder(self.instance)
        shipped = PROJECT / "pipelines" / "instance"
        shutil.copy(
            (shipped / "workers" if self.environment.get("BROKER_URL") else shipped) / "dagster.yaml", self.instance
        )
        return self.instance

    def failure(self) -> str:
        """Which process has ended, with the last lines of its log; empty while both run.

        A code server that has ended is started again before.
        """
        self.code_server.keep(self._inherited)
        for process in (self.webserver, self.daemon):
            if process.pid is None:
                return f"{process.name} has ended: read {process.log}\n{process.tail()}"
        return ""

    def stop(self) -> bool:
        """Stop all, and all their children, at the same time; whether any of them ran."""
        all_of_them = (self.daemon, self.webserver, self.code_server.process)
        for process in all_of_them:
            process.ask_to_stop()
        were_running = [process.stop() for process in all_of_them]
        return any(were_running)

    def _start(self, process: Process, command: list[str]) -> None:
        # Not at the top: Dagster lets a `.env` in its folder overrule the environment, and ours is for containers.
        where = ["-w", str(self.code_server.workspace)]
        process.start([*command, *where], cwd=self.instance, environment=self._inherited)

    @property
    def _inherited(self) -> dict[str, str]:
        return {
            **self.environment,
            "DAGSTER_HOME": str(self.instance),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            # Measured: a ranged run's events in a third of the time on PostgreSQL.
            "DAGSTER_EVENT_BATCH_SIZE": "100",
            # A code server that is started again would fail every backfill for good, if the daemon looks just then.
            "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
        }

    def _wait_for_webserver(self, dagster: DagsterGraphQL) -> None:
        for _ in poll(_START_SECONDS):
            if dagster.server.is_up("/server_info"):
                break
            if self.webserver.pid is None:
                raise self._start_error("it has ended")
        else:
            raise self._start_error(f"no answer in {_START_SECONDS:.0f} seconds")
        if error := dagster.location_error():
            raise ConfigurationError(
                f"the code location {LOCATION} does not load: {error.strip().splitlines()[-1]}",
                place="workspace.yaml",
                fix="run .venv/bin/dg check defs, which says the whole of it",
            )

    def _start_error(self, why: str) -> ConfigurationError:
        last_line = (self.webserver.tail().splitlines() or ["it said nothing"])[-1]
        return ConfigurationError(
            f"the Dagster webserver did not come up, {why}: {last_line}", place=HOST, fix=f"read {self.webserver.log}"
        )

    @property
    def _state_file(self) -> Path:
        return self.home / "dagster.json"


@dataclass(frozen=True, slots=True)
class RunningEnvironment:
    """What runs.

    Attributes:
        project: The checkout and its settings.
        sandbox: The sandbox; None when no source points at it.
        processes: Dagster's processes.
        dagster: Dagster's GraphQL.
        warehouse_url: Where measurements go.
    """

    project: Project
    sandbox: SandboxProcess | None
    processes: DagsterProcesses
    dagster: DagsterGraphQL
    warehouse_url: str

    @property
    def graph_url(self) -> str:
        """The page of the asset graph, with every source."""
        return f"{self.dagster.server.url}/asset-groups"

    def start_daemon(self) -> None:
        """Start the daemon: schedules, sensors, queue and backfills begin to move."""
        self.processes.start_daemon()

    def poll(self, seconds: float) -> Iterator[None]:
        """Yield again and again while every process lives; ends the command when one does not, or when time is up."""
        for _ in poll(seconds, every=_POLL_SECONDS):
            if failure := self.processes.failure():
                fail(failure)
            self.keep_server()
            yield
        fail(f"it has not ended in {seconds:.0f} s: read {self.processes.daemon.log}.")

    def keep_server(self) -> None:
        """Start the embedded server again if it has ended: the points are on it, or Dagster's history, or both."""
        embedded, settings = self.project.embedded, self.project.settings
        is_used = not self.project.is_external or settings.dagster_storage is None
        if not is_used or not (status := embedded.status()).is_made or status.is_running:
            return
        complain(f"the embedded warehouse has ended, and is started again: {status.log} may say why.")
        try:
            embedded.start()
        except IngestError as error:
            complain(str(error))

    def wait_until_interrupted(self) -> None:
        """Wait until Ctrl-C; the embedded server is started again if it ends meanwhile.

        Raises:
            ConfigurationError: A process of Dagster has ended by itself.
        """
        while not (failure := self.processes.failure()):
            self.keep_server()
            time.sleep(_POLL_SECONDS)
        raise ConfigurationError(failure, place=str(self.project.home), fix="start joulehouse ui again")


@contextmanager
def running_environment(
    project: Project,
    *,
    bindings: Sequence[SandboxBinding],
    port: int | None,
    first_days: Mapping[str, date] | None = None,
    is_read_only: bool = False,
) -> Iterator[RunningEnvironment]:
    """Start everything but the daemon, and stop what was started, however the block ends.

    An embedded server and a sandbox that ran before are left running.

    Args:
        project: The checkout and its settings.
        bindings: The sources that are pointed at the sandbox; without any, none is started.
        port: Where the UI listens; any free port when None.
        first_days: With the sandbox, source → the first day that Dagster knows of; those of the last time when None.
        is_read_only: Whether the UI is for viewers.

    Raises:
        ConfigurationError: Something does not come up; its log is named.
    """
    if project.settings.broker_url:
        refuse_embedded_warehouse(project.settings)
        require_history(project.settings)
        require_places(project.settings)
    require_free(port)
    handle_signals()
    sandbox = project.sandbox if bindings else None
    with exclusive_lock(project.home):
        processes: DagsterProcesses | None = None
        warehouse_ran_before = project.embedded.status().is_running
        sandbox_ran_before = sandbox is not None and sandbox.is_running
        try:
            say(
                "Warehouse: the one that WAREHOUSE_URL names"
                if project.is_external
                else "Warehouse: starting (the first time, its packages are fetched)"
            )
            warehouse_url = project.warehouse_url()
            environment = project.inherited | {"JOULEHOUSE_HOME": str(project.home), "WAREHOUSE_URL": warehouse_url}
            environment |= dagster_storage(project)
            if sandbox is not None:
                say(f"Sandbox:   {sandbox.start(project.inherited, bindings)}")
                environment |= sandbox.variables(bindings) | {
                    "JOULEHOUSE_FIRST_DAY": sandbox.first_day_variable(first_days),
                    "JOULEHOUSE_REQUESTS_PER_MINUTE": sandbox.requests_per_minute_variable(bindings),
                }
            processes = DagsterProcesses(project.home, environment)
            dagster = processes.start_webserver(port=port, is_read_only=is_read_only)
            say(f"Dagster:   {dagster.server.url}")
            yield RunningEnvironment(project, sandbox, processes, dagster, warehouse_url)
        finally:
            ignore_signals()
            if processes is not None:
                processes.stop()
            if sandbox is not None and not sandbox_ran_before:
                sandbox.stop()
            if not warehouse_ran_before:
                project.embedded.stop()


def dagster_storage(project: Project) -> dict[str, str]:
    """The variables that `pipelines/instance/dagster.yaml` names: Dagster's own history in a PostgreSQL of yours.

    Without one it is a database of its own on the embedded server, which is started if it does not run.

    Raises:
        ConfigurationError: There is nowhere to keep it, or its variables are incomplete.
        IngestError: The embedded server does not come up.
    """
    if variables := project.settings.dagster_storage:
        return dict(variables)
    try:
        project.embedded.start()
    except IngestError as error:
        if not project.is_external:
            raise
        raise ConfigurationError(
            f"Dagster has nowhere to keep its own history, since the embedded server cannot be had: {error.culprit}",
            place=error.place,
            fix="set DAGSTER_PG_HOST, DAGSTER_PG_USER, DAGSTER_PG_PASSWORD and DAGSTER_PG_DB to a database of yours",
        ) from None
    values = state.read_or_create(project.home / "dagster.json", lambda: {"password": secrets.token_urlsafe(24)})
    ensure_database(project.embedded.admin_url, _DATABASE, _DATABASE, values["password"])
    return _on_embedded(project, values["password"])


def made_dagster_storage(project: Project) -> dict[str, str] | None:
    """The same, where nothing is started or made for it; None if it is nowhere yet, or its server is stopped."""
    if variables := project.settings.dagster_storage:
        return dict(variables)
    password = state.read(project.home / "dagster.json").get("password")
    return _on_embedded(project, password) if password and project.embedded.status().is_running else None


def _on_embedded(project: Project, password: str) -> dict[str, str]:
    server = urlsplit(project.embedded.admin_url)
    return {
        "DAGSTER_PG_HOST": server.hostname or HOST,
        "DAGSTER_PG_PORT": str(server.port or 5432),
        "DAGSTER_PG_DB": _DATABASE,
        "DAGSTER_PG_USER": _DATABASE,
        "DAGSTER_PG_PASSWORD": password,
    }


@contextmanager
def exclusive_lock(home: Path) -> Iterator[None]:
    """Hold the Dagster of `home` for this process.

    Raises:
        ConfigurationError: Another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                "a demo or a UI is open already", place=str(home), fix="end it with Ctrl-C, or use it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def lock_holder(home: Path) -> int | None:
    """The process that holds the Dagster of `home`; None when none does."""
    try:
        file = (home / _LOCK_FILE).open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pid = file.read().strip()
            return int(pid) if pid else None
    return None
