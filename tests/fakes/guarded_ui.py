"""The installed webserver behind the guard, over HTTP on loopback, and requests as any program may send them."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from starlette.applications import Starlette
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from pipelines.webserver.origins import OwnOrigins
from pipelines.webserver.server import guarded_application
from warehouse.embedded.host import free_port

FURTHER = "https://energy.example.org"
"""An origin that the operator named, beside the loopback address."""

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class GuardedUI:
    """A UI that runs.

    Attributes:
        application: The same in this process.
        instance: Dagster's instance behind it.
        port: Where it listens.
    """

    application: Starlette
    instance: dg.DagsterInstance
    port: int

    @property
    def host(self) -> str:
        """Its own `Host`."""
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """Its own `Origin`."""
        return f"http://{self.host}"

    def send(
        self, method: str, path: str, headers: Mapping[str, str | list[str]] | None = None, body: bytes = b""
    ) -> Answer:
        """Send exactly these headers, and its own `Host` where they name none; a list is sent as several lines."""
        sent = {"Host": self.host} | dict(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                for line in [value] if isinstance(value, str) else value:
                    connection.putheader(name, line)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode(errors="replace"))
        finally:
            connection.close()

    def ask(self, document: str) -> Answer:
        """Ask GraphQL as a page of the UI does."""
        body = json.dumps({"query": document}).encode()
        return self.send("POST", "/graphql", {"Origin": self.origin, **JSON}, body)

    def websocket(self, origin: str) -> ClientConnection:
        """The websocket of GraphQL, opened by a page of `origin`."""
        address, protocols = f"ws://{self.host}/graphql", [Subprotocol("graphql-ws")]
        return connect(address, origin=Origin(origin), subprotocols=protocols, proxy=None)

    def limits(self) -> set[str]:
        """The pools that somebody gave a limit of their own: what the tests' mutation changes."""
        return set(self.instance.event_log_storage.get_concurrency_keys())

    def events(self) -> int:
        """How many materializations of `roof` were reported."""
        return len(self.instance.fetch_materializations(dg.AssetKey("roof"), limit=10).records)


def limiting(name: str) -> str:
    """A mutation that changes something which can be seen: it gives the pool `name` a limit."""
    return f'mutation {{ setConcurrencyLimit(concurrencyKey: "{name}", limit: 1) }}'


@contextmanager
def guarded_ui(instance: dg.DagsterInstance, *, is_read_only: bool = False) -> Iterator[GuardedUI]:
    """The UI of `instance`, without any code location, until the block ends."""
    port = free_port()
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), read_only=is_read_only) as context:
        application = guarded_application(context, OwnOrigins.of([port], [FURTHER]))
        server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                assert thread.is_alive(), "the webserver did not start"
                assert time.monotonic() < deadline, "the webserver did not start"
                time.sleep(0.02)
            yield GuardedUI(application, instance, port)
        finally:
            server.should_exit = True
            thread.join(timeout=30)


def parsed(answer: Answer) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.text)
