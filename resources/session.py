"""What a provider's client is made of: an address, secrets, a budget, connections. Imported by the first request."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Protocol, TypeVar

from domain.contract import Budget, Closeable
from domain.export_jobs import ExportJobs
from providers._http import ApiClient, BlobClient, Credentials, Limits, Origin, Secret
from providers._proxy import Proxy
from resources.endpoint import Endpoint
from resources.settings import Settings
from warehouse.budget import DatabaseBudget
from warehouse.embedded import EmbeddedWarehouse
from warehouse.export_jobs import DatabaseExportJobs

Opened = TypeVar("Opened")

_LIMITS: Final = Limits()


class Counts(Protocol):
    """Whatever sends requests and counts them."""

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far."""


Sender = TypeVar("Sender", bound=Counts)


class ProviderSession(Closeable):
    """The open way to one account: all that a provider's client is made of comes from here.

    Args:
        endpoint: Where the API is, and which file says it.
        settings: What the environment holds.
        provider: The provider's slug.
        path: Where the API is below the address.
        warehouse: The warehouse's address, where somebody has started and checked it a moment ago.

    Raises:
        ConfigurationError: The variable that holds the address is missing, or the address, or the proxy's, is refused.

    Attributes:
        source: The source's slug.
        address: The provider's address, without a slash at its end.
        origin: Where the API is: what `client` speaks to.
        home: Where this checkout keeps what it makes.
        ca_file: A private certificate authority, in PEM.
        proxy: What connects in our place; None for nothing.
    """

    def __init__(
        self, endpoint: Endpoint, settings: Settings, *, provider: str, path: str, warehouse: str | None = None
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._warehouse = warehouse
        self._file = self._place = f"{endpoint.source}, {endpoint.place}"
        address = endpoint.base_url
        if endpoint.base_url_env:
            address = settings.variable(endpoint.base_url_env, place=self._file)
            self._place = f"{self._file}, variable {endpoint.base_url_env}"
        self.source: Final = endpoint.source
        self.address: Final = address.rstrip("/")
        self.origin: Final = Origin.parse(self.address + path, place=self._place)
        self.home: Final = settings.home
        self.ca_file: Final = endpoint.ca_file
        self.proxy: Final = self._proxy(endpoint)
        self._clients: list[Counts] = []
        self._opened = ExitStack()

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far by all clients, retries, logins, files and order workers included."""
        return sum(client.n_requests for client in self._clients)

    def _proxy(self, endpoint: Endpoint) -> Proxy | None:
        """The proxy that the source names; else that of the environment."""
        if endpoint.proxy_env:
            return Proxy.parse(self.variable(endpoint.proxy_env), setting=endpoint.proxy_env)
        if endpoint.proxy:
            return Proxy.parse(endpoint.proxy, setting=f"proxy in {endpoint.place}")
        return self._settings.proxy

    def variable(self, name: str) -> str:
        """The value of the variable `name`.

        Raises:
            ConfigurationError: It is not set.
        """
        return self._settings.variable(name, place=self._file)

    def secret(self, name: str) -> Secret:
        """The value of the variable `name`, wrapped so that it cannot be shown.

        Raises:
            ConfigurationError: It is not set.
        """
        return self._settings.secret(name, place=self._file)

    def warehouse(self) -> str:
        """The address of the warehouse, started and checked; it holds a password.

        Raises:
            IngestError: See `warehouse_address`.
        """
        if self._warehouse is not None:
            return self._warehouse
        from resources.warehouse import warehouse_address  # brings the schema's tools along

        return warehouse_address(self._settings)

    def environment(self) -> Mapping[str, str]:
        """The variables of a process of ours with the same task: our own, and the warehouse where we found it.

        They hold secrets: never shown.

        Raises:
            IngestError: See `warehouse_address`.
        """
        return {**self._settings.inherited, "WAREHOUSE_URL": self.warehouse(), "WAREHOUSE_PASSWORD": ""}

    def budget(self, counted_by: str, per_second: float | None) -> Budget | None:
        """The bucket that all sources share whose requests the provider counts together.

        Where no limit is known, it holds the waits that the provider asks for; there, None if no warehouse is at hand.

        Args:
            counted_by: What the provider counts by: a user, a client, a tenant. Only a digest of it is stored.
            per_second: Requests that are allowed per second; None if no limit is known.

        Raises:
            IngestError: The warehouse, where the bucket is, cannot be had.
            ConfigurationError: What a trial says instead of `per_second` is no number.
        """
        if per_second is None and not self._has_warehouse():
            return None
        if per_second is not None and (of_trial := self._settings.requests_per_minute(self.source)) is not None:
            per_second = of_trial / 60
        digest = hashlib.sha256(f"{self.origin.netloc}\0{counted_by}".encode()).hexdigest()[:16]
        credential = f"{self._provider}-{digest}"
        return self.kept(DatabaseBudget(self.warehouse(), credential, per_second, source=self.source))

    def _has_warehouse(self) -> bool:
        """Whether there is a warehouse to be asked: whoever only tries a login starts none."""
        if self._warehouse is not None or self._settings.warehouse_url:
            return True
        return EmbeddedWarehouse(self._settings.home, cache=self._settings.cache).status().is_running

    def export_jobs(self, tenant: str) -> ExportJobs:
        """The ledger of the jobs that `tenant` has at this API, for all sources.

        Raises:
            IngestError: The warehouse, where the ledger is, cannot be had.
        """
        place = f"{self.origin.place('')} {tenant}"
        return self.kept(DatabaseExportJobs(self.warehouse(), self.source, place))

    def client(
        self,
        budget: Budget | None,
        credentials: Credentials | None = None,
        *,
        limits: Limits = _LIMITS,
        address: str | None = None,
    ) -> ApiClient:
        """A client of the API.

        Args:
            budget: Asked before every request.
            credentials: What proves who we are; None for none.
            limits: Bounds in time, size and number.
            address: Where it speaks to, if not to the API: a login that stands elsewhere.

        Raises:
            ConfigurationError: The address is refused, or the file of certificate authorities cannot be read.
        """
        origin = self.origin if address is None else Origin.parse(address.rstrip("/"), place=self._place)
        client = ApiClient(
            origin,
            source=self.source,
            credentials=credentials,
            budget=budget,
            limits=limits,
            ca_file=self.ca_file,
            proxy=self.proxy,
        )
        return self.counted(self.kept(client))

    def files(self, hosts: frozenset[str]) -> BlobClient:
        """A client of files on other hosts, which are shown no credential.

        Raises:
            ConfigurationError: One of `hosts` is not a host, or the file of certificate authorities cannot be read.
        """
        return self.counted(self.kept(BlobClient(hosts, source=self.source, ca_file=self.ca_file, proxy=self.proxy)))

    def kept(self, thing: AbstractContextManager[Opened]) -> Opened:
        """`thing`, entered, and left when the session is closed."""
        return self._opened.enter_context(thing)

    def counted(self, sender: Sender) -> Sender:
        """`sender`, its requests counted with all others."""
        self._clients.append(sender)
        return sender

    def close(self) -> None:
        """Let go of everything that was opened, last things first."""
        self._opened.close()
