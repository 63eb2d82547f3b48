"""The sandbox as a process beside us: its port and its random credentials are kept, so that it comes back the same."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from domain.errors import ConfigurationError
from pipelines.command_line.keepsake import keep, kept, recalled
from pipelines.command_line.loopback import HOST, Loopback, free_port, looks
from pipelines.command_line.processes import Process

SOURCE: Final = "charging_hub"
"""The source that ships with the house, and that the sandbox stands in for."""

_VARIABLES: Final = tuple(f"{SOURCE.upper()}_{name}" for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"))
_LIVES: Final = "/_sandbox/faults"
_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Twin:
    """The sandbox of one home.

    Attributes:
        home: Where the house keeps its own files.
        root: The top of the checkout.
    """

    home: Path
    root: Path

    @property
    def process(self) -> Process:
        """The process, running or not."""
        return Process("sandbox", self.home / "run")

    @property
    def server(self) -> Loopback:
        """Where it answers.

        Raises:
            ConfigurationError: It was never started here.
        """
        port = recalled(self._facts_file).get("port")
        if port is None:
            raise ConfigurationError(
                "the sandbox was never started", place=str(self.home), fix="run joulehouse sandbox start"
            )
        return Loopback(port, "the sandbox", str(self.process.log))

    @property
    def was_started(self) -> bool:
        """Whether this home has a sandbox, running or not."""
        return self._facts_file.exists()

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self.process.pid is not None and self.server.is_up(_LIVES)

    def is_meant_by(self, environment: Mapping[str, str]) -> bool:
        """Whether `environment` says nothing about the shipped source's account, or names this sandbox."""
        said = {name: value for name in _VARIABLES if (value := environment.get(name, "").strip())}
        return not said or (self.was_started and said.items() <= self.variables().items())

    def start(self, environment: Mapping[str, str]) -> str:
        """Start it, unless it runs; its URL. Safe to call again.

        Raises:
            ConfigurationError: It does not come up.
        """
        facts = kept(
            self._facts_file,
            lambda: {
                "client_id": f"demo-{secrets.token_hex(4)}",
                "client_secret": secrets.token_urlsafe(32),
                "port": free_port(),
            },
        )
        if self.is_running:
            return self.server.url
        port = free_port(facts["port"])
        keep(self._facts_file, facts | {"port": port})
        self.process.start(
            [sys.executable, "-m", "sandbox", "--host", HOST, "--port", str(port)],
            cwd=self.root,
            # By environment, not by argument: arguments are for every user of the machine to read.
            environment={
                **environment,
                "SANDBOX_EXPORT_SERVICE_CLIENT_ID": facts["client_id"],
                "SANDBOX_EXPORT_SERVICE_CLIENT_SECRET": facts["client_secret"],
            },
        )
        for _ in looks(_START_SECONDS):
            if self.server.is_up(_LIVES):
                return self.server.url
            if self.process.pid is None:
                break
        tail = self.process.tail()
        self.process.stop()
        raise ConfigurationError(
            f"the sandbox did not come up: {tail.splitlines()[-1] if tail else 'it said nothing'}",
            place=f"{HOST}:{port}",
            fix=f"read {self.process.log}",
        )

    def begin(self, day: date | None) -> str:
        """The first day that the demo pulls, as text: `day`, which is kept, or the one kept last; empty if none was."""
        facts = recalled(self._facts_file)
        if day is not None:
            keep(self._facts_file, facts | {"first_day": day.isoformat()})
        return day.isoformat() if day else str(facts.get("first_day", ""))

    def stop(self) -> bool:
        """Stop it; whether it ran."""
        return self.process.stop()

    def variables(self) -> dict[str, str]:
        """The environment variables that point the shipped source at it.

        Raises:
            ConfigurationError: It was never started here.
        """
        facts = recalled(self._facts_file)
        return dict(zip(_VARIABLES, (self.server.url, facts["client_id"], facts["client_secret"]), strict=True))

    def ask(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 — a JSON document
        """What its control says; `path` is below `/_sandbox`."""
        return self.server.ask(method, f"/_sandbox{path}", document)

    def products(self, day: date) -> list[str]:
        """What it has that day."""
        return sorted(self.ask("GET", f"/export_service/totals?start={day}&end={day + timedelta(days=1)}"))

    def served(self, product: str, day: date) -> list[bytes]:
        """The documents of one product and UTC day that it holds now, one JSON text each."""
        query = f"product={product}&start={day}&end={day + timedelta(days=1)}"
        return self.server.lines(f"/_sandbox/export_service/documents?{query}")

    @property
    def _facts_file(self) -> Path:
        return self.home / "sandbox.json"
