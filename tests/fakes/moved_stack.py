"""The product as it is deployed (server, code server, daemon and sandbox, each a process of its own), in moved time."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pipelines.local.project import Project
from resources.settings import PROJECT, Settings
from tests.fakes.dagster_stack import clone_of_the_house
from tests.fakes.demo import PROGRAM, environment_of
from tests.fakes.deployed_stack import DeployedStack, history_on
from tests.fakes.moved_time import MovedTime
from warehouse.embedded import EmbeddedWarehouse
from warehouse.embedded.cluster import Cluster
from warehouse.embedded.host import end_processes_in, server_user

_START_SECONDS = 120.0
_A_YEAR = str(365 * 86400)
_REQUESTS_PER_MINUTE = 600
_QUEUE = """
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config: { dequeue_interval_seconds: 1, dequeue_use_threads: true, dequeue_num_workers: 3 }
"""
"""A day of moved time is short: what waits is looked for each second, and not one after the other."""


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

    @property
    def n_crashes(self) -> int:
        """How often a process of it has died, by nobody's hand."""
        return self._cluster.log.read_text("utf-8", "replace").count("was terminated by signal")

    def _control(self, command: str, *options: str) -> None:
        done = self._cluster.user.run(
            [self._pg_ctl, command, *options, f"--pgdata={self._cluster.data_dir}"], seconds=_START_SECONDS
        )
        assert done.returncode == 0, done.stdout + self._cluster.log.read_text()[-2000:]


@dataclass(frozen=True)
class MovedStack(DeployedStack):
    """Everything that runs, in one time.

    Attributes:
        server: The database's server.
    """

    server: MovedServer

    @property
    def time(self) -> MovedTime:
        """The clock of all."""
        return self.server.time

    @property
    def project(self) -> Project:
        """The project as its processes see it."""
        return Project(Settings(self.environment))


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
        history, variables = history_on(server.embedded.admin_url)
        environment = environment_of(home, **server.time.environment) | {
            **variables,
            "WAREHOUSE_URL": server.embedded.url,
            # A thread that said nothing for a day was not silent: the day was.
            "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": _A_YEAR,
            "JOULEHOUSE_FIRST_DAY": str(first_day),
        }
        project = Project(Settings(environment))
        ending.callback(project.sandbox.stop)
        bindings = [project.source(slug).sandbox_binding for slug in sources]
        project.sandbox.start(environment, bindings)
        environment |= project.sandbox.variables(bindings)
        # Slots of a budget are instants of a clock that is moved while they are waited for: they would prove nothing.
        often = ",".join(f"{slug}={_REQUESTS_PER_MINUTE}" for slug in sources)
        environment["JOULEHOUSE_REQUESTS_PER_MINUTE"] = often
        texts = {slug: (PROJECT / "assets" / slug / "defs.yaml").read_text("utf-8") for slug in sources}
        house = clone_of_the_house(home / "house", texts)
        stack = MovedStack(home, house, environment, history, server)
        ending.callback(stack.stop)
        (home / "dagster").mkdir()
        stack.run(PROGRAM, "warehouse", "migrate")
        stack.start_dagster(_QUEUE)
        yield stack
