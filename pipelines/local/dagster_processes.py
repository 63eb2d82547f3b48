"""Dagster's three processes beside us: the webserver, the daemon, and the code server of both."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from pipelines.local import state
from pipelines.local.code_server import DAGSTER, CodeServer
from pipelines.local.dagster_graphql import LOCATION, DagsterGraphQL
from pipelines.local.processes import (
    HOST,
    LoopbackServer,
    Process,
    poll,
)
from resources.settings import PROJECT
from warehouse.embedded.host import free_port

_START_SECONDS: Final = 120.0


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
