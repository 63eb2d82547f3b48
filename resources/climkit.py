"""Climkit's settings and lifetime: an account, an address, and the names of two or three variables."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from pydantic import Field

from domain.contract import Payload, Progress, Series
from domain.window import Window
from providers.climkit.account import Account
from providers.climkit.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

if TYPE_CHECKING:
    from warehouse.budget import DatabaseBudget

API_PATH: Final = "/api/v1"
"""Where the API is, below the provider's address (documented)."""


@dataclass(frozen=True, slots=True)
class ClimkitAccess:
    """How to reach one account. Holds names of variables, no secret.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        account: What to ask for, and how to read it.
        base_url: The provider's address; None if `base_url_env` names the variable that holds it.
        base_url_env: The variable that holds the provider's address; it wins.
        username_env: The variable that holds the API user's name.
        password_env: The variable that holds its password.
    """

    source: str
    place: str
    account: Account
    base_url: str | None
    base_url_env: str | None
    username_env: str
    password_env: str


def open_climkit(access: ClimkitAccess, settings: Settings) -> OnDemandProvider:
    """The provider, not yet connected; the first request looks up the variables.

    Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
    address, and `WarehouseError`, because the budget of requests is in the warehouse.
    """
    # The vocabulary brings pandas along, which nobody needs who only looks at definitions.
    from providers.climkit.normalize import normalize  # noqa: PLC0415  # see above

    return OnDemandProvider(
        lambda: _Connected(access, settings), lambda payloads, window: normalize(payloads, window, access.account)
    )


class ClimkitResource(dg.ConfigurableResource[OnDemandProvider]):
    """One account at Climkit. Secrets are named here by their variables and looked up when they are sent."""

    source: str = Field(description="The source's slug.")
    place: str = Field(description="The file that describes it.")
    account: str = Field(description="What is asked for, and how it is read, as JSON; no secret.")
    base_url: str = Field("", description="The provider's address, unless a variable holds it.")
    base_url_env: str = Field("", description="The variable that holds the provider's address.")
    username_env: str = Field(description="The variable that holds the API user's name.")
    password_env: str = Field(description="The variable that holds its password.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:  # noqa: ARG002  # Dagster's signature
        """The provider, for as long as a step needs it."""
        with closing(open_climkit(self.access(), Settings())) as provider:
            yield provider

    @classmethod
    def of(cls, access: ClimkitAccess) -> "ClimkitResource":
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

    def access(self) -> ClimkitAccess:
        """How to reach the account."""
        return ClimkitAccess(
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
    plain["sensors"] = {name: (quantity, unit) for name, (quantity, unit) in said["sensors"].items()}
    return Account(**plain)


class _Connected:
    """The provider with its clients: everything that a request needs."""

    def __init__(self, access: ClimkitAccess, settings: Settings) -> None:
        # HTTP and its certificates take a third of a second to import; a replay needs neither.
        from providers._http import ApiClient, Origin  # noqa: PLC0415  # see above
        from providers.climkit.client import Climkit  # noqa: PLC0415  # see above
        from providers.climkit.login import password_login  # noqa: PLC0415  # see above

        place = f"{access.source}, {access.place}"
        address = access.base_url or ""
        if access.base_url_env:
            address = settings.variable(access.base_url_env, place=place)
            place = f"{place}, variable {access.base_url_env}"
        origin = Origin.parse(address.rstrip("/") + API_PATH, place=place)
        username = settings.variable(access.username_env, place=place)
        password = settings.secret(access.password_env, place=place)
        with ExitStack() as opened:
            budget = opened.enter_context(_budget(username, origin.netloc, settings))
            logins = opened.enter_context(ApiClient(origin, source=access.source, budget=budget))
            self._login = password_login(logins, username=username, password=password)
            http = opened.enter_context(ApiClient(origin, source=access.source, credentials=self._login, budget=budget))
            self._service = Climkit(http, access.account)
            self._opened = opened.pop_all()

    @property
    def n_requests(self) -> int:
        return self._service.n_requests + self._login.n_requests

    @property
    def fingerprint(self) -> str:
        return self._service.fingerprint

    def discover(self) -> Sequence[Series]:
        return list(self._service.discover())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        return self._service.fetch(window, progress)

    def close(self) -> None:
        self._opened.close()


def _budget(username: str, netloc: str, settings: Settings) -> "DatabaseBudget":
    """The bucket of this credential, whichever sources and variables name it; of the name only a digest is stored."""
    from resources.warehouse import warehouse_address  # noqa: PLC0415  # nobody needs it who sends no request
    from warehouse.budget import DatabaseBudget  # noqa: PLC0415  # as above

    digest = hashlib.sha256(f"{netloc}\0{username}".encode()).hexdigest()[:16]
    return DatabaseBudget(warehouse_address(settings), f"climkit-{digest}", SPEC.requests_per_second or 1.0)
