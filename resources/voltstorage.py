"""VoltStorage's settings and lifetime: an account, an address, and the names of two or three variables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import dagster as dg
from pydantic import Field

from domain.contract import Budget, Payload, Progress, Series
from domain.live import LiveFeed
from domain.window import Window
from providers.voltstorage.account import Account, FieldMeaning, Paths, ProductFilter
from providers.voltstorage.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

API_PATH: Final = "/rest"
"""Where the API is, below the provider's address (confirmed by a working client)."""


@dataclass(frozen=True, slots=True)
class VoltStorageAccess:
    """How to reach one account. Holds names of variables, no secret.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        account: What to ask for, and how to read it.
        base_url: The provider's address; None if `base_url_env` names the variable that holds it.
        base_url_env: The variable that holds the provider's address; it wins.
        username_env: The variable that holds the e-mail address.
        password_env: The variable that holds the password.
    """

    source: str
    place: str
    account: Account
    base_url: str | None
    base_url_env: str | None
    username_env: str
    password_env: str


def open_voltstorage(access: VoltStorageAccess, settings: Settings) -> OnDemandProvider:
    """The provider, not yet connected; the first request looks up the variables.

    Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
    address.
    """
    # The vocabulary brings pandas along, which nobody needs who only looks at definitions.
    from providers.voltstorage.normalize import normalize  # noqa: PLC0415  # see above

    return OnDemandProvider(
        lambda: _Connected(access, settings), lambda payloads, window: normalize(payloads, window, access.account)
    )


@contextmanager
def open_voltstorage_feed(access: VoltStorageAccess, settings: Settings) -> Iterator[LiveFeed]:
    """The live streams of the account, not yet open.

    Raises:
        ConfigurationError: A variable is missing, or the address is refused.
    """
    from providers.voltstorage.live import VoltStorageFeed  # noqa: PLC0415  # needed by the live service alone

    with closing(_Connected(access, settings)) as connected:
        yield VoltStorageFeed(
            connected.service, connected.origin, connected.login, account=access.account, source=access.source
        )


class VoltStorageResource(dg.ConfigurableResource[OnDemandProvider]):
    """One account at VoltStorage. Secrets are named here by their variables and looked up when they are sent."""

    source: str = Field(description="The source's slug.")
    place: str = Field(description="The file that describes it.")
    account: str = Field(description="What is asked for, and how it is read, as JSON; no secret.")
    base_url: str = Field("", description="The provider's address, unless a variable holds it.")
    base_url_env: str = Field("", description="The variable that holds the provider's address.")
    username_env: str = Field(description="The variable that holds the e-mail address.")
    password_env: str = Field(description="The variable that holds the password.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:  # noqa: ARG002  # Dagster's signature
        """The provider, for as long as a step needs it."""
        with closing(open_voltstorage(self.access(), Settings())) as provider:
            yield provider

    @classmethod
    def of(cls, access: VoltStorageAccess) -> "VoltStorageResource":
        """The resource that vends what `access` describes."""
        return cls(
            source=access.source,
            place=access.place,
            account=json.dumps(asdict(access.account)),
            base_url=access.base_url or "",
            base_url_env=access.base_url_env or "",
            username_env=access.username_env,
            password_env=access.password_env,
        )

    def access(self) -> VoltStorageAccess:
        """How to reach the account."""
        return VoltStorageAccess(
            source=self.source,
            place=self.place,
            account=_account(json.loads(self.account)),
            base_url=self.base_url or None,
            base_url_env=self.base_url_env or None,
            username_env=self.username_env,
            password_env=self.password_env,
        )


def _account(said: Mapping[str, Any]) -> Account:
    """The account that `asdict` took apart; JSON has lists for tuples."""
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    plain["fields"] = {name: FieldMeaning(**meaning) for name, meaning in said["fields"].items()}
    plain["product_filter"] = ProductFilter(**said["product_filter"])
    plain["paths"] = Paths(**said["paths"])
    return Account(**plain)


class _Connected:
    """The provider with its clients: everything that a request needs."""

    def __init__(self, access: VoltStorageAccess, settings: Settings) -> None:
        # The HTTP library and its certificates take a third of a second to import; a replay needs neither.
        from providers._http import ApiClient, Origin  # noqa: PLC0415  # see above
        from providers.voltstorage.client import VoltStorage  # noqa: PLC0415  # see above
        from providers.voltstorage.login import password_login  # noqa: PLC0415  # see above

        place = f"{access.source}, {access.place}"
        address = access.base_url or ""
        if access.base_url_env:
            address = settings.variable(access.base_url_env, place=place)
            place = f"{place}, variable {access.base_url_env}"
        self.origin: Final = Origin.parse(address.rstrip("/") + API_PATH, place=place)
        username = settings.variable(access.username_env, place=place)
        password = settings.secret(access.password_env, place=place)
        with ExitStack() as opened:
            budget = _budget(access, settings)
            logins = opened.enter_context(ApiClient(self.origin, source=access.source, budget=budget))
            self.login: Final = password_login(
                logins,
                access.account.paths.login,
                username=username,
                password=password,
                validity_seconds=access.account.validity_seconds,
            )
            http = opened.enter_context(
                ApiClient(self.origin, source=access.source, credentials=self.login, budget=budget)
            )
            self.service: Final = VoltStorage(http, access.account)
            self._opened = opened.pop_all()

    @property
    def n_requests(self) -> int:
        return self.service.n_requests + self.login.n_requests

    @property
    def fingerprint(self) -> str:
        return self.service.fingerprint

    def discover(self) -> Sequence[Series]:
        return list(self.service.discover())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        return self.service.fetch(window, progress)

    def close(self) -> None:
        self._opened.close()


def _budget(access: VoltStorageAccess, settings: Settings) -> Budget | None:
    """The bucket of this credential; the provider publishes no limit, and then there is none."""
    if SPEC.requests_per_second is None:
        return None
    from resources.warehouse import warehouse_address  # noqa: PLC0415  # only where there is a limit
    from warehouse.budget import DatabaseBudget  # noqa: PLC0415  # only where there is a limit

    return DatabaseBudget(warehouse_address(settings), access.username_env, SPEC.requests_per_second)
