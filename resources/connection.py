"""How an account is reached, whatever its provider: facts and names of variables, no secret and no connection."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from domain.contract import ProviderClient
from domain.records import ProviderSpec
from resources.endpoint import Endpoint
from resources.settings import Settings

if TYPE_CHECKING:
    from resources.session import ProviderSession


@dataclass(frozen=True, slots=True)
class ConnectionConfig(ABC):
    """How to reach one account. Holds names of variables, no secret, and is a value: equal, and fit to be pickled.

    A provider's own class adds its variables, and says how its client is made. That method imports what it needs when
    it is called: HTTP and pandas take a third of a second each, and one that only lists definitions needs neither.

    Attributes:
        spec: What is true of the provider.
        package: Where its `normalize.py` is, which exports `normalize`, and `normalize_each` where its pulls are wide.
        path: Where the API is, below the provider's address.
        endpoint: Where the provider's address is written.
        account: What to ask for, and how to read it.
    """

    spec: ClassVar[ProviderSpec]
    package: ClassVar[str]
    path: ClassVar[str] = ""

    endpoint: Endpoint
    account: Any

    @abstractmethod
    def client(self, session: "ProviderSession") -> ProviderClient:
        """The client, made of what `session` gives; it sends nothing yet. Closing the session closes all of it.

        Raises:
            ConfigurationError: A variable is missing.
            WarehouseError: What is kept in the warehouse (a budget, a ledger) cannot be had.
        """

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it names."""
        own = [getattr(self, field.name) for field in fields(self) if field.name.endswith("_env")]
        return tuple(name for name in (self.endpoint.base_url_env, self.endpoint.proxy_env, *own) if name)

    def session(self, settings: Settings, *, warehouse: str | None = None) -> "ProviderSession":
        """What its client is made of, open until it is closed.

        Args:
            settings: What the environment holds.
            warehouse: See `ProviderSession`.

        Raises:
            ConfigurationError: The variable that holds the address is missing, or the address is refused.
        """
        from resources.session import ProviderSession  # brings HTTP along

        return ProviderSession(self.endpoint, settings, provider=self.spec.slug, path=self.path, warehouse=warehouse)
