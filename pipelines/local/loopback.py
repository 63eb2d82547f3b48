"""JSON over HTTP to a process of our own on this machine: the sandbox's control and Dagster's GraphQL.

Not a client for providers (that is `providers/_http.py`): it knows one host, the loopback address, and no credential.
"""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import ConfigurationError

HOST: Final = "127.0.0.1"
_ANSWER_SECONDS: Final = 60.0
_BETWEEN_LOOKS_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Loopback:
    """One server on this machine.

    Attributes:
        port: Where it listens.
        title: What it is, for a message.
        log: The file to read when it does not answer.
    """

    port: int
    title: str
    log: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def ask(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 — a JSON document
        """The JSON that it answers.

        Raises:
            ConfigurationError: It is away, or refuses.
        """
        body = self._good(method, path, document)
        return json.loads(body) if body else None

    def lines(self, path: str) -> list[bytes]:
        """The lines of a newline-delimited answer.

        Raises:
            ConfigurationError: It is away, or refuses.
        """
        return self._good("GET", path, None).splitlines()

    def is_up(self, path: str) -> bool:
        """Whether it answers `path` with a success."""
        try:
            status, _ = self._exchange("GET", path, None)
        except ConfigurationError:
            return False
        return status < http.client.BAD_REQUEST

    def _good(self, method: str, path: str, document: object) -> bytes:
        status, body = self._exchange(method, path, document)
        if status >= http.client.BAD_REQUEST:
            raise ConfigurationError(
                f"{self.title} answered {status}: {_reason(body)}",
                place=f"{method} {path.partition('?')[0]}",
                fix=f"ask for something else, or read {self.log}",
            )
        return body

    def _exchange(self, method: str, path: str, document: object) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_ANSWER_SECONDS)
        body = None if document is None else json.dumps(document)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(str(error)) from None
        finally:
            connection.close()

    def _away(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.title} does not answer: {why}", place=f"{HOST}:{self.port}", fix=f"read {self.log}"
        )


def _reason(body: bytes) -> str:
    """The `error` of a JSON body, or the beginning of any other."""
    try:
        return str(json.loads(body)["error"]).rstrip(".")
    except (ValueError, TypeError, KeyError):
        return body[:200].decode(errors="replace").strip()


def free_port(preferred: int | None = None) -> int:
    """A loopback port nobody listens on: `preferred` if it is free, any other if not."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigurationError(
        "no port is free on the loopback address", place=HOST, fix="end a process that listens there"
    )


def require_free(port: int | None) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        ConfigurationError: It is taken.
    """
    if port is not None and free_port(port) != port:
        raise ConfigurationError("the port is taken", place=f"{HOST}:{port}", fix="choose another with --port")


def looks(seconds: float, *, every: float = _BETWEEN_LOOKS_SECONDS) -> Iterator[float]:
    """Seconds gone by, again and again until `seconds` have: the body looks, and leaves when it has seen enough."""
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < seconds:
        yield gone
        time.sleep(every)
