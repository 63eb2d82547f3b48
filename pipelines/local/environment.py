"""Everything running at once: the warehouse, the sandbox where sources point at it, and Dagster's three processes."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError, IngestError
from pipelines.console import complain, fail, say
from pipelines.local.dagster_graphql import DagsterGraphQL
from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.dagster_storage import dagster_storage
from pipelines.local.processes import (
    handle_signals,
    ignore_signals,
    poll,
    require_free,
)
from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from resources.other_hosts import refuse_embedded_warehouse, require_history, require_places

_POLL_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 5.0
"""Between two looks at what runs while nobody waits: each asks the code server, and is most of what the UI takes."""

_LOCK_FILE: Final = "stack.lock"


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
            time.sleep(_WATCH_SECONDS)
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
