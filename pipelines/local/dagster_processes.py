"""Dagster as processes beside us: webserver and daemon, each with its code server, on a database of their own."""

import fcntl
import os
import shutil
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from pipelines.local.dagster_graphql import LOCATION, Orchestra
from pipelines.local.loopback import HOST, Loopback, free_port, looks
from pipelines.local.processes import Process
from pipelines.local.state import keep, kept, private_folder, recalled

_START_SECONDS: Final = 120.0
_LOCK: Final = "stack.lock"
_PROGRAMS: Final = Path(sysconfig.get_path("scripts"))


@dataclass(frozen=True, slots=True)
class Stack:
    """Dagster's processes of one home.

    Attributes:
        home: Where the house keeps its own files.
        root: The top of the checkout.
        environment: What the processes inherit: the warehouse's address, the sources' variables, and where Dagster
            keeps its own history (`pipelines.local.dagster_storage`).
    """

    home: Path
    root: Path
    environment: Mapping[str, str]

    @property
    def webserver(self) -> Process:
        """The webserver; its code server is a child of it."""
        return Process("dagster-webserver", self.home / "run")

    @property
    def daemon(self) -> Process:
        """The daemon; runs are children of its code server."""
        return Process("dagster-daemon", self.home / "run")

    def start_webserver(self, *, port: int | None = None) -> Orchestra:
        """Start the webserver on the instance in `home`.

        Args:
            port: Where to listen; the port of the last time, or any free one, when None.

        Raises:
            ConfigurationError: It does not come up, or the code location does not load.
        """
        facts = kept(self._facts_file, lambda: {"port": free_port()})
        chosen = port or free_port(facts["port"])
        keep(self._facts_file, facts | {"port": chosen})
        self._write_instance()

        command = ["dagster-webserver", "-h", HOST, "-p", str(chosen)]
        self._start(self.webserver, command)
        orchestra = Orchestra(Loopback(chosen, "the Dagster webserver", str(self.webserver.log)))
        self._await_webserver(orchestra)
        return orchestra

    def start_daemon(self) -> None:
        """Start the daemon. Its first look for backfills is at once, and then every 30 seconds."""
        self._start(self.daemon, ["dagster-daemon", "run"])

    def trouble(self) -> str:
        """Which process is gone, and what it said last; empty while both run."""
        for process in (self.webserver, self.daemon):
            if process.pid is None:
                return f"{process.name} has ended: read {process.log}\n{process.tail()}"
        return ""

    def stop(self) -> bool:
        """Stop both, and all their children, at the same time; whether any of them ran."""
        for process in (self.daemon, self.webserver):
            process.ask_to_stop()
        ended = [process.stop() for process in (self.daemon, self.webserver)]
        return any(ended)

    def _start(self, process: Process, command: list[str]) -> None:
        program, *arguments = command
        process.start(
            [str(_PROGRAMS / program), *arguments, "-w", str(self.root / "workspace.yaml")],
            # Not at the top: Dagster lets a `.env` in its folder overrule the environment, and ours is for containers.
            cwd=self.instance,
            environment={
                **self.environment,
                "DAGSTER_HOME": str(self.instance),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                # Measured: a ranged run's events in a third of the time on PostgreSQL.
                "DAGSTER_EVENT_BATCH_SIZE": "100",
            },
        )

    def _await_webserver(self, orchestra: Orchestra) -> None:
        for _ in looks(_START_SECONDS):
            if orchestra.server.is_up("/server_info"):
                break
            if self.webserver.pid is None:
                raise self._not_up("it has ended")
        else:
            raise self._not_up(f"no answer in {_START_SECONDS:.0f} seconds")
        if trouble := orchestra.location_trouble():
            raise ConfigurationError(
                f"the code location {LOCATION} does not load: {trouble.strip().splitlines()[-1]}",
                place="workspace.yaml",
                fix="run .venv/bin/dg check defs, which says the whole of it",
            )

    def _not_up(self, why: str) -> ConfigurationError:
        last = (self.webserver.tail().splitlines() or ["it said nothing"])[-1]
        return ConfigurationError(
            f"the Dagster webserver did not come up, {why}: {last}", place=HOST, fix=f"read {self.webserver.log}"
        )

    def _write_instance(self) -> None:
        private_folder(self.instance)
        shutil.copy(self.root / "pipelines" / "instance" / "dagster.yaml", self.instance)

    @property
    def instance(self) -> Path:
        """DAGSTER_HOME."""
        return self.home / "dagster"

    @property
    def is_made(self) -> bool:
        """Whether it was ever started here."""
        return self._facts_file.exists()

    @property
    def url(self) -> str:
        """Where the webserver listens, or listened last."""
        return f"http://{HOST}:{recalled(self._facts_file).get('port')}"

    @property
    def _facts_file(self) -> Path:
        return self.home / "dagster.json"


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home's Dagster for this process.

    Raises:
        ConfigurationError: Another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("a+") as file:
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


def holder(home: Path) -> int | None:
    """The process that holds the home's Dagster; None when nobody does."""
    try:
        file = (home / _LOCK).open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pid = file.read().strip()
            return int(pid) if pid else None
    return None
