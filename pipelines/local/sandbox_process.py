"""The sandbox as a process beside us: its port and its random credentials stay the same from start to start."""

import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from domain.records import Json
from pipelines.local import state
from pipelines.local.processes import HOST, LoopbackServer, Process, poll
from resources.settings import PROJECT
from warehouse.embedded.host import free_port

_TWINS_PATH: Final = "/_sandbox/twins"
_START_SECONDS: Final = 60.0
_NAME_SUFFIXES: Final = ("id", "username", "user")
_REQUESTS_PER_MINUTE: Final = {"servitly": 120}
"""A tenant at Servitly gets ten; a demo need not wait for that. Climkit's one a second is shown as it is."""


@dataclass(frozen=True, slots=True)
class SandboxBinding:
    """The variables by which a source is pointed at its twin: where its provider is, and who asks.

    Attributes:
        source: The source's slug.
        provider: The provider's slug, which is its twin's too.
        addresses: The variables that hold the provider's address; without any, the source cannot be pointed elsewhere.
        credentials: Credential (`client_secret`, `password` …) → the variable that holds it.
    """

    source: str
    provider: str
    addresses: tuple[str, ...]
    credentials: Mapping[str, str]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable."""
        return (*self.addresses, *self.credentials.values())


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """The sandbox of one home, with a twin of each provider that it knows.

    Attributes:
        home: Where the project keeps its own files.
    """

    home: Path

    @property
    def process(self) -> Process:
        """The process, running or not."""
        return Process("sandbox", self.home / "run")

    @property
    def server(self) -> LoopbackServer:
        """Where it answers.

        Raises:
            ConfigurationError: It was never started here.
        """
        port = state.read(self._state_file).get("port")
        if port is None:
            raise ConfigurationError(
                "the sandbox was never started", place=str(self.home), fix="run joulehouse sandbox start"
            )
        return LoopbackServer(port, "the sandbox", str(self.process.log))

    @property
    def was_started(self) -> bool:
        """Whether this home has a sandbox, running or not."""
        return "paths" in state.read(self._state_file)

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self.process.pid is not None and self.server.is_up(_TWINS_PATH)

    def serves(self, binding: SandboxBinding) -> bool:
        """Whether it has a twin to which the source can be pointed. Known once it ran."""
        return bool(binding.addresses) and binding.provider in state.read(self._state_file).get("paths", {})

    def is_selected_by(self, environment: Mapping[str, str], binding: SandboxBinding) -> bool:
        """Whether `environment` sets none of the source's variables, or sets them to this sandbox."""
        values = {name: value for name in binding.variables if (value := environment.get(name, "").strip())}
        return not values or (self.serves(binding) and values.items() <= self.variables([binding]).items())

    def start(self, environment: Mapping[str, str], bindings: Iterable[SandboxBinding]) -> str:
        """Start it, unless it runs; its URL. Safe to call again.

        Args:
            environment: What the process inherits.
            bindings: Whom it lets in; a credential that does not exist yet is drawn, once for each provider.

        Raises:
            ConfigurationError: It does not come up.
        """
        values = state.read_or_create(self._state_file, lambda: {"port": free_port(), "credentials": {}})
        credentials = {slug: dict(drawn) for slug, drawn in values["credentials"].items()}
        for binding in bindings:
            drawn = credentials.setdefault(binding.provider, {})
            drawn.update({name: _draw(name) for name in binding.credentials if name not in drawn})
        if self.is_running and credentials == values["credentials"]:
            return self.server.url
        # A running sandbox does not know a credential that was drawn just now.
        self.process.stop()
        port = free_port(values["port"])
        state.write(self._state_file, values | {"port": port, "credentials": credentials})
        self.process.start(
            [sys.executable, "-m", "sandbox", "--host", HOST, "--port", str(port)],
            cwd=PROJECT,
            # By environment, not by argument: arguments are for every user of the machine to read.
            environment={**environment, **_credential_variables(credentials)},
        )
        self._wait_until_up(port)
        paths = {slug: twin["path"] for slug, twin in self.request("GET", "/twins").items()}
        state.write(self._state_file, state.read(self._state_file) | {"paths": paths})
        return self.server.url

    def first_day_variable(self, days: Mapping[str, date] | None) -> str:
        """Source → the first day that the demo pulls, as text: `days`, which are stored, or those stored last."""
        values = state.read(self._state_file)
        if days is None:
            return str(values.get("first_day", ""))
        text = ",".join(f"{source}={day}" for source, day in sorted(days.items()))
        state.write(self._state_file, values | {"first_day": text})
        return text

    def requests_per_minute_variable(self, bindings: Iterable[SandboxBinding]) -> str:
        """Source → requests a minute, as text, where the sandbox may be asked more often than the provider."""
        return ",".join(
            f"{binding.source}={_REQUESTS_PER_MINUTE[binding.provider]}"
            for binding in bindings
            if binding.provider in _REQUESTS_PER_MINUTE
        )

    def stop(self) -> bool:
        """Stop it; whether it ran."""
        return self.process.stop()

    def variables(self, bindings: Iterable[SandboxBinding]) -> dict[str, str]:
        """The environment variables that point the sources at it; those that it does not serve are left out.

        Raises:
            ConfigurationError: It was never started here.
        """
        values, variables = state.read(self._state_file), dict[str, str]()
        for binding in bindings:
            credentials = values.get("credentials", {}).get(binding.provider, {})
            if not self.serves(binding) or not credentials.keys() >= binding.credentials.keys():
                continue
            address = self.server.url + values["paths"][binding.provider]
            variables |= dict.fromkeys(binding.addresses, address)
            variables |= {variable: credentials[name] for name, variable in binding.credentials.items()}
        return variables

    def request(self, method: str, path: str, document: object = None) -> Json:
        """The answer of its control; `path` is below `/_sandbox`."""
        return self.server.request(method, f"/_sandbox{path}", document)

    def truth(self, provider: str, day: date) -> list[bytes]:
        """The true points of a provider's twin for one UTC day: a line each, as JSON of `labels`, `at` and `value`."""
        return self.server.lines(f"/_sandbox/{provider}/truth?start={day}&end={day + timedelta(days=1)}")

    def _wait_until_up(self, port: int) -> None:
        for _ in poll(_START_SECONDS):
            if self.server.is_up(_TWINS_PATH):
                return
            if self.process.pid is None:
                break
        tail = self.process.tail()
        self.process.stop()
        raise ConfigurationError(
            f"the sandbox did not come up: {tail.splitlines()[-1] if tail else 'it said nothing'}",
            place=f"{HOST}:{port}",
            fix=f"read {self.process.log}",
        )

    @property
    def _state_file(self) -> Path:
        return self.home / "sandbox.json"


def _draw(credential: str) -> str:
    """A random value for `credential`: short where it is a name, long where it is a secret."""
    is_name = credential.rpartition("_")[2] in _NAME_SUFFIXES
    return f"demo-{secrets.token_hex(4)}" if is_name else secrets.token_urlsafe(32)


def _credential_variables(credentials: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The variables in which the sandbox's process finds them."""
    return {
        f"SANDBOX_{slug}_{name}".upper(): value for slug, drawn in credentials.items() for name, value in drawn.items()
    }
