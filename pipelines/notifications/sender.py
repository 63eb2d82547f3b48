"""Hands messages to the process that sends them, and ends it when its time is over: one that hangs holds nobody up."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from providers._http_types import Secret

SECONDS: Final = 25.0
"""How long messages may take, all of them together; a sensor has 60 s for everything."""

_INHERITED: Final = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
)
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent to one address.

    Attributes:
        url: Apprise's address of the recipient.
        title: One line.
        body: Plain text.
        severity: `critical`, `warning`, or empty for what is no trouble.
    """

    url: Secret
    title: str
    body: str
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends, in a process of its own.

    Attributes:
        environment: The variables of this process; the other gets what a connection needs, and no secret.
        seconds: How long it may take.
    """

    environment: Mapping[str, str] = field(repr=False)
    seconds: float = SECONDS

    def send(self, messages: Sequence[Message]) -> list[str]:
        """Send them all at once; for each why it was not sent, empty where it was."""
        return self._deliver(
            [
                {"url": one.url.reveal(), "title": one.title, "body": one.body, "severity": one.severity}
                for one in messages
            ]
        )

    def check(self, urls: Iterable[Secret]) -> list[str]:
        """For each address why it is none, empty where it is one. Nothing is sent."""
        return self._deliver([{"url": url.reveal(), "is_check": True} for url in urls])

    def ping(self, url: Secret) -> str:
        """Ask for `url`, which tells a watchdog that we live; why it could not be asked, empty if it was."""
        return self._deliver([{"ping": url.reveal()}])[0]

    def _deliver(self, jobs: Sequence[Mapping[str, object]]) -> list[str]:
        if not jobs:
            return []
        environment = {
            name: value
            for name, value in self.environment.items()
            if name in _INHERITED or name.lower() in _PROXIES or name.startswith("LC_")
        }
        child = subprocess.Popen(  # our own module
            [sys.executable, "-m", "pipelines.notifications.delivery"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with child:
            try:
                output, _ = child.communicate(json.dumps(jobs).encode(), self.seconds)
                why = f"the process that sends has ended with {child.returncode}"
            except subprocess.TimeoutExpired:
                child.kill()
                output, _ = child.communicate()
                why = f"it was not sent within {self.seconds:g} s"
        failures = [why] * len(jobs)
        for line in output.splitlines():
            with suppress(ValueError, KeyError, IndexError):  # a last line that was cut off
                done = json.loads(line)
                failures[done["job"]] = done["failure"]
        return failures
