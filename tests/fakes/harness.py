"""A provider over a client that a test has made, as `LazyProvider` is one over a client that its config makes."""

from typing import Generic, Protocol, TypeVar

from domain.contract import ProviderClient
from resources.connection import ConnectionConfig
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.session import ProviderSession
from resources.settings import Settings
from tests.fakes.provider import FAKE_SPEC


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
            spec = FAKE_SPEC
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
