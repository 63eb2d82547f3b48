"""How an account is reached, whatever its provider: facts and names of variables, no secret and no connection."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from domain.contract import window_by_window
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Progress, ProviderSpec, Series
from domain.window import Window
from resources.endpoint import Endpoint
from resources.on_demand import OnDemandProvider, Service
from resources.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

    from domain.measurement import Normalized
    from resources.line import Line


@dataclass(frozen=True, slots=True)
class Access(ABC):
    """How to reach one account. Holds names of variables, no secret, and is a value: equal, and fit to be pickled.

    A provider's own class adds its account and its variables, and says how its client is made and what answers mean.
    Both its methods import what they need when they are called: HTTP and pandas take a third of a second each, and
    whoever only looks at definitions needs neither.

    Attributes:
        spec: What is true of the provider.
        path: Where the API is, below the provider's address.
        endpoint: Where the provider's address is said.
    """

    spec: ClassVar[ProviderSpec]
    path: ClassVar[str] = ""

    endpoint: Endpoint

    @abstractmethod
    def service(self, line: "Line") -> Service:
        """The client, made of what `line` gives; it sends nothing yet. Closing the line closes all of it.

        Raises:
            ConfigurationError: A variable is missing.
            WarehouseError: What is kept in the warehouse (a budget, a ledger) cannot be had.
        """

    @abstractmethod
    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """See `Provider.normalize`."""

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """See `Provider.normalize_each`; for wide pulls."""
        return window_by_window(self.normalize, payloads, windows, kinds)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it names."""
        own = [getattr(self, field.name) for field in fields(self) if field.name.endswith("_env")]
        return tuple(name for name in (self.endpoint.base_url_env, *own) if name)

    def open(self, settings: Settings) -> OnDemandProvider:
        """The provider, not yet connected; the first request looks up the variables.

        Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
        address, and `WarehouseError`, where a budget or a ledger is in the warehouse.
        """
        return OnDemandProvider(lambda: _Connection(self, settings), self.normalize, self.normalize_each)

    @contextmanager
    def line(self, settings: Settings, *, warehouse: str | None = None) -> "Iterator[Line]":
        """The way to the account, for whoever needs more than the provider.

        Args:
            settings: What the environment says.
            warehouse: See `Line`.

        Raises:
            ConfigurationError: The variable that holds the address is missing, or the address is refused.
        """
        from resources.line import Line  # noqa: PLC0415  # brings HTTP along

        with closing(
            Line(self.endpoint, settings, provider=self.spec.slug, path=self.path, warehouse=warehouse)
        ) as line:
            yield line

    def resource(self) -> "dg.ResourceDefinition":
        """What vends the provider to a step."""
        import dagster as dg  # noqa: PLC0415  # a second and more, and a courier has no use for it

        said = f"{self.spec.title}, as {self.endpoint.place} says."
        needs = f" Needs {', '.join(self.variables)}, looked up when a request is sent." if self.variables else ""

        @dg.resource(description=said + needs)
        def vended(_context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:
            with closing(self.open(Settings())) as provider:
                yield provider

        return vended


class _Connection:
    """A client and the line it speaks over (`resources.on_demand.Connection`)."""

    def __init__(self, access: Access, settings: Settings) -> None:
        with ExitStack() as opened:
            self._line = opened.enter_context(access.line(settings))
            self._service = access.service(self._line)
            self._opened = opened.pop_all()

    @property
    def n_requests(self) -> int:
        return self._line.n_requests

    @property
    def fingerprint(self) -> str:
        return self._service.fingerprint

    def discover(self) -> Iterable[Series]:
        return self._service.discover()

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        return self._service.fetch(window, progress)

    def plan(self, windows: Sequence[Window]) -> int | None:
        return self._service.plan(windows)

    def close(self) -> None:
        self._opened.close()
