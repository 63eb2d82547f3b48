"""What the harnesses of the providers share: a provider over a client of a test, and the twin that it talks to."""

import atexit
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from domain.contract import ProviderClient
from domain.measurement import Normalized, concat
from domain.records import Payload, Progress
from domain.window import Window
from resources.connection import ConnectionConfig
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.session import ProviderSession
from resources.settings import Settings
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.api import Naps


class Sender(Protocol):
    """What the client sends its requests through."""

    @property
    def n_requests(self) -> int:
        """Requests sent so far."""


Client = TypeVar("Client", bound=ProviderClient)


class ProviderOver(LazyProvider, Generic[Client]):
    """The three verbs: two by `client`, the third by its package.

    Args:
        client: What talks.
        account: What its answers are read by.
        senders: Whose requests are counted.

    Attributes:
        client: What talks.
    """

    def __init__(self, client: Client, account: object, *senders: Sender) -> None:
        folder = type(client).__module__.rpartition(".")[0]

        class Config(ConnectionConfig):
            spec = import_module(f"{folder}.spec").SPEC
            package = folder

            def client(self, session: ProviderSession) -> ProviderClient:
                raise NotImplementedError

        super().__init__(Config(Endpoint("test", "test"), account), Settings({}))
        self.client = client
        self._senders = senders

    @property
    def n_requests(self) -> int:
        """Requests sent so far."""
        return sum(sender.n_requests for sender in self._senders)

    def _client(self) -> ProviderClient:
        return self.client


def interrupt(coming: Iterator[object]) -> None:
    """Let go of what `coming` holds open, as who stops takes no more of it; it is a generator, as every fetch is."""
    assert isinstance(coming, Generator)
    coming.close()


Twin = TypeVar("Twin")


@dataclass
class Served(Generic[Twin, Client]):
    """A provider and the twin it talks to.

    Attributes:
        sandbox: The server.
        twin: The twin, with its switches and what it holds.
        provider: The provider.
        clients: What it talks through, logins included.
        naps: The waits it was told to take.
    """

    day: ClassVar[Window]  # what is asked for where a test names no window

    sandbox: Sandbox
    twin: Twin
    provider: ProviderOver[Client]
    clients: Sequence[Any]  # each a `Sender`
    naps: Naps

    @property
    def n_requests(self) -> int:
        """Requests sent so far, logins included."""
        return sum(client.n_requests for client in self.clients)

    def fetch(self, window: Window | None = None, progress: Mapping[str, Progress] | None = None) -> list[Payload]:
        """All answers; those that lie in files are gone by then."""
        return list(self.provider.fetch(window or self.day, progress or {}))

    def load(self, window: Window | None = None) -> Normalized:
        """What all answers mean together."""
        window = window or self.day
        return concat(self.provider.normalize(self.provider.fetch(window, {}), window))

    def requests(self) -> Sequence[dict[str, Any]]:
        """The requests so far, oldest first; those that were sent are waited for: an answer may precede its entry."""
        for _ in range(400):
            if len(self.sandbox.control.requests()) >= self.n_requests:
                break
            time.sleep(0.005)
        return self.sandbox.control.requests()


@cache
def shared_sandbox() -> Sandbox:
    """One sandbox for all tests of this process: starting one takes longer than most tests."""
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(running_sandbox())
