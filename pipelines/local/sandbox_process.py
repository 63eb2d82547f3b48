"""The sandbox as a process beside us: its port and its random credentials are kept, so that it comes back the same."""

import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from domain.errors import ConfigurationError
from pipelines.local.loopback import HOST, Loopback, free_port, looks
from pipelines.local.processes import Process
from pipelines.local.state import keep, kept, recalled

_TWINS: Final = "/_sandbox/twins"
_START_SECONDS: Final = 60.0
_NAMES: Final = ("id", "username", "user")


_PER_MINUTE: Final = {"servitly": 120}
"""A tenant at Servitly gets ten; a demo need not wait for that. Climkit's one a second is shown as it is."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a source has to be told before it can ask: where its provider is, and who asks.

    Attributes:
        source: Whose account.
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
class Twin:
    """The sandbox of one home, with a twin of each provider that it knows.

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
        return "paths" in recalled(self._facts_file)

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self.process.pid is not None and self.server.is_up(_TWINS)

    def serves(self, account: Account) -> bool:
        """Whether it has a twin of the account's provider, to which the source can be pointed. Known once it ran."""
        return bool(account.addresses) and account.provider in recalled(self._facts_file).get("paths", {})

    def is_meant_by(self, environment: Mapping[str, str], account: Account) -> bool:
        """Whether `environment` says nothing about the account, or names this sandbox."""
        said = {name: value for name in account.variables if (value := environment.get(name, "").strip())}
        return not said or (self.serves(account) and said.items() <= self.variables([account]).items())

    def start(self, environment: Mapping[str, str], accounts: Iterable[Account]) -> str:
        """Start it, unless it runs; its URL. Safe to call again.

        Args:
            environment: What the process inherits.
            accounts: Whom it lets in: a credential that was never drawn is drawn, once for each provider.

        Raises:
            ConfigurationError: It does not come up.
        """
        facts = kept(self._facts_file, lambda: {"port": free_port(), "credentials": {}})
        known = {slug: dict(drawn) for slug, drawn in facts["credentials"].items()}
        for account in accounts:
            mine = known.setdefault(account.provider, {})
            mine.update({name: _drawn(name) for name in account.credentials if name not in mine})
        is_new = known != facts["credentials"]
        if self.is_running and not is_new:
            return self.server.url
        # Whoever was drawn just now is let in by a sandbox that is told so.
        self.process.stop()
        port = free_port(facts["port"])
        keep(self._facts_file, facts | {"port": port, "credentials": known})
        self.process.start(
            [sys.executable, "-m", "sandbox", "--host", HOST, "--port", str(port)],
            cwd=self.root,
            # By environment, not by argument: arguments are for every user of the machine to read.
            environment={**environment, **_handed(known)},
        )
        self._await(port)
        paths = {slug: twin["path"] for slug, twin in self.ask("GET", "/twins").items()}
        keep(self._facts_file, recalled(self._facts_file) | {"paths": paths})
        return self.server.url

    def begin(self, days: Mapping[str, date] | None) -> str:
        """Source → the first day that the demo pulls, as text: `days`, which are kept, or those kept last."""
        facts = recalled(self._facts_file)
        if days is None:
            return str(facts.get("first_day", ""))
        text = ",".join(f"{source}={day}" for source, day in sorted(days.items()))
        keep(self._facts_file, facts | {"first_day": text})
        return text

    def paces(self, accounts: Iterable[Account]) -> str:
        """Source → requests a minute, as text, where the sandbox bears more than the provider allows by itself."""
        return ",".join(f"{one.source}={_PER_MINUTE[one.provider]}" for one in accounts if one.provider in _PER_MINUTE)

    def stop(self) -> bool:
        """Stop it; whether it ran."""
        return self.process.stop()

    def variables(self, accounts: Iterable[Account]) -> dict[str, str]:
        """The environment variables that point `accounts` at it; those that it does not serve are left out.

        Raises:
            ConfigurationError: It was never started here.
        """
        facts, found = recalled(self._facts_file), dict[str, str]()
        for account in accounts:
            drawn = facts.get("credentials", {}).get(account.provider, {})
            if not self.serves(account) or not drawn.keys() >= account.credentials.keys():
                continue
            address = self.server.url + facts["paths"][account.provider]
            found |= dict.fromkeys(account.addresses, address)
            found |= {variable: drawn[name] for name, variable in account.credentials.items()}
        return found

    def ask(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 — a JSON document
        """What its control says; `path` is below `/_sandbox`."""
        return self.server.ask(method, f"/_sandbox{path}", document)

    def truth(self, provider: str, day: date) -> list[bytes]:
        """What the twin of `provider` means for one UTC day: a point a line, as JSON of `labels`, `at` and `value`."""
        return self.server.lines(f"/_sandbox/{provider}/truth?start={day}&end={day + timedelta(days=1)}")

    def _await(self, port: int) -> None:
        for _ in looks(_START_SECONDS):
            if self.server.is_up(_TWINS):
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
    def _facts_file(self) -> Path:
        return self.home / "sandbox.json"


def _drawn(credential: str) -> str:
    """A random value for `credential`: short where it is a name, long where it is a secret."""
    is_name = credential.rpartition("_")[2] in _NAMES
    return f"demo-{secrets.token_hex(4)}" if is_name else secrets.token_urlsafe(32)


def _handed(credentials: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The variables by which the sandbox's process is given them."""
    return {
        f"SANDBOX_{slug}_{name}".upper(): value for slug, drawn in credentials.items() for name, value in drawn.items()
    }
