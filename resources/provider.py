"""The one way from an account to its provider, connected by the first request.

A step that only replays must run without the provider's variables, and an error while connecting must reach the asset
as one of ours: what Dagster raises from a resource has lost its class and its sentence.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from domain.contract import Provider, ProviderClient
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Progress, Series
from domain.window import Window
from resources.connection import ConnectionConfig
from resources.settings import Settings

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from resources.session import ProviderSession


class LazyProvider(Provider):
    """One account's provider (`Provider`). What needs its client may also raise what making the client raises.

    That is `ConfigurationError`, which names a missing variable or a refused address, and `WarehouseError`, where a
    budget or a ledger is in the warehouse.

    Args:
        config: How the account is reached, and which package understands its answers.
        settings: What the environment holds.
    """

    def __init__(self, config: ConnectionConfig, settings: Settings) -> None:
        self.has_pages = config.spec.has_pages
        self._config = config
        self._settings = settings
        self._connected: tuple[ProviderSession, ProviderClient] | None = None

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far, retries and logins included."""
        return self._connected[0].n_requests if self._connected else 0

    @property
    def fingerprint(self) -> str:
        """See `Provider.fingerprint`."""
        return self._client().fingerprint

    def discover(self) -> Iterable[Series]:
        """See `Provider.discover`."""
        return self._client().discover()

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """See `Provider.fetch`."""
        return self._client().fetch(window, progress)

    def plan(self, windows: Sequence[Window]) -> int | None:
        """See `Provider.plan`."""
        return self._client().plan(windows)

    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """See `Provider.normalize`; connects to nothing."""
        package = import_module(f"{self._config.package}.normalize")
        batches: Iterator[Normalized] = package.normalize(payloads, window, self._config.account, kinds)
        return batches

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """See `Provider.normalize_each`; connects to nothing."""
        each = getattr(import_module(f"{self._config.package}.normalize"), "normalize_each", None)
        if each is None:
            return super().normalize_each(payloads, windows, kinds)
        batches: Iterator[tuple[int, Normalized]] = each(payloads, windows, self._config.account, kinds)
        return batches

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._connected is not None:
            self._connected[0].close()

    def _client(self) -> ProviderClient:
        if self._connected is None:
            session = self._config.session(self._settings)
            try:
                self._connected = session, self._config.client(session)
            except BaseException:
                session.close()
                raise
        return self._connected[1]
