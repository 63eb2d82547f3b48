"""The Export Service's settings and lifetime: an account, an address, and the names of two variables."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

import dagster as dg
from pydantic import Field

from domain.contract import Budget, Payload, Progress, Series
from domain.window import Window
from providers.export_service.account import Account, FieldMeaning
from providers.export_service.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

EXPORT_PATH: Final = "/charginghubexporter/api/v1/export"
"""Where the service is, below the platform's address (documented)."""

TOKEN_PATH: Final = "/auth/realms/efs-sdk/protocol/openid-connect/token"  # noqa: S105  # a path
"""Where the platform's Keycloak gives out tokens (documented)."""


@dataclass(frozen=True, slots=True)
class ExportServiceAccess:
    """How to reach one account. Holds names of variables, no secret.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        account: What to ask for, and how to read it.
        base_url: The platform's address; None if `base_url_env` names the variable that holds it.
        base_url_env: The variable that holds the platform's address; it wins.
        client_id_env: The variable that holds the OAuth2 client's name.
        client_secret_env: The variable that holds its secret.
        token_base_url: The address of the platform's Keycloak, where it is another; None: the same.
    """

    source: str
    place: str
    account: Account
    base_url: str | None
    base_url_env: str | None
    client_id_env: str
    client_secret_env: str
    token_base_url: str | None = None


def open_export_service(access: ExportServiceAccess, settings: Settings) -> OnDemandProvider:
    """The provider, not yet connected; the first request looks up the variables.

    Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
    address.
    """
    # The vocabulary brings pandas along, which nobody needs who only looks at definitions.
    from providers.export_service.normalize import normalize  # noqa: PLC0415  # see above

    return OnDemandProvider(
        lambda: _Connected(access, settings), lambda payloads, window: normalize(payloads, window, access.account)
    )


class ExportServiceResource(dg.ConfigurableResource[OnDemandProvider]):
    """One account at the Export Service. Secrets are named here by their variables and looked up when they are sent."""

    source: str = Field(description="The source's slug.")
    place: str = Field(description="The file that describes it.")
    organization: str = Field(description="Whose data is exported.")
    space: str = Field("", description="A space within the organization; empty for none.")
    products: list[str] = Field(default_factory=list, description="What is fetched; empty for everything listed.")
    fields: dict[str, str] = Field(default_factory=dict, description="Field → its quantity and unit, as `power kW`.")
    identity: dict[str, list[str]] = Field(
        default_factory=dict, description="Product → the fields that tell its devices apart."
    )
    time_field: str = Field("timestamp", description="The field that holds the epoch in milliseconds.")
    site: str = Field("", description="Where the devices stand.")
    base_url: str = Field("", description="The platform's address, unless a variable holds it.")
    base_url_env: str = Field("", description="The variable that holds the platform's address.")
    token_base_url: str = Field("", description="The address of the platform's Keycloak, if it is another.")
    client_id_env: str = Field(description="The variable that holds the OAuth2 client's name.")
    client_secret_env: str = Field(description="The variable that holds its secret.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:  # noqa: ARG002  # Dagster's signature
        """The provider, for as long as a step needs it."""
        with closing(open_export_service(self.access(), Settings())) as provider:
            yield provider

    @classmethod
    def of(cls, access: ExportServiceAccess) -> "ExportServiceResource":
        """The resource that vends what `access` describes."""
        account = access.account
        return cls(
            source=access.source,
            place=access.place,
            organization=account.organization,
            space=account.space or "",
            products=list(account.products or ()),
            fields={name: f"{meaning.quantity} {meaning.unit}" for name, meaning in account.fields.items()},
            identity={product: list(names) for product, names in account.identity.items()},
            time_field=account.time_field,
            site=account.site,
            base_url=access.base_url or "",
            base_url_env=access.base_url_env or "",
            token_base_url=access.token_base_url or "",
            client_id_env=access.client_id_env,
            client_secret_env=access.client_secret_env,
        )

    def access(self) -> ExportServiceAccess:
        """What the fields say, as a value.

        Raises:
            ConfigurationError: They contradict each other.
        """
        account = Account(
            organization=self.organization,
            space=self.space or None,
            products=tuple(self.products) or None,
            fields={name: FieldMeaning(*meaning.split(" ", 1)) for name, meaning in self.fields.items()},
            identity={product: tuple(names) for product, names in self.identity.items()},
            time_field=self.time_field,
            site=self.site,
        )
        return ExportServiceAccess(
            source=self.source,
            place=self.place,
            account=account,
            base_url=self.base_url or None,
            base_url_env=self.base_url_env or None,
            client_id_env=self.client_id_env,
            client_secret_env=self.client_secret_env,
            token_base_url=self.token_base_url or None,
        )


class _Connected:
    """An open connection to the service: the client, its credentials, and its budget."""

    def __init__(self, access: ExportServiceAccess, settings: Settings) -> None:
        # HTTP and its certificates take a third of a second to import; a replay needs neither.
        from providers._http import ApiClient, Origin  # noqa: PLC0415  # see above
        from providers._oauth2 import ClientCredentials  # noqa: PLC0415  # see above
        from providers.export_service.client import ExportService  # noqa: PLC0415  # see above

        place = f"{access.source}, {access.place}"
        platform = access.base_url or ""
        if access.base_url_env:
            platform = settings.variable(access.base_url_env, place=place)
            place = f"{place}, variable {access.base_url_env}"
        platform = platform.rstrip("/")
        keycloak = (access.token_base_url or platform).rstrip("/")
        api_origin = Origin.parse(platform + EXPORT_PATH, place=place)
        token_origin = Origin.parse(keycloak, place=place)
        client_id = settings.variable(access.client_id_env, place=place)
        client_secret = settings.secret(access.client_secret_env, place=place)
        with ExitStack() as opened:
            budget = _budget(access, settings)
            token_http = opened.enter_context(ApiClient(token_origin, source=access.source, budget=budget))
            self._credentials = ClientCredentials(
                token_http, TOKEN_PATH, client_id=client_id, client_secret=client_secret
            )
            http = opened.enter_context(
                ApiClient(api_origin, source=access.source, credentials=self._credentials, budget=budget)
            )
            self._service = ExportService(http, access.account)
            self._opened = opened.pop_all()

    @property
    def n_requests(self) -> int:
        return self._service.n_requests + self._credentials.n_requests

    @property
    def fingerprint(self) -> str:
        return self._service.fingerprint

    def discover(self) -> Sequence[Series]:
        return list(self._service.discover())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        return self._service.fetch(window, progress)

    def close(self) -> None:
        self._opened.close()


def _budget(access: ExportServiceAccess, settings: Settings) -> Budget | None:
    """The bucket of this credential; the provider publishes no limit, and then there is none."""
    if SPEC.requests_per_second is None:
        return None
    from resources.warehouse import warehouse_address  # noqa: PLC0415  # only where there is a limit
    from warehouse.budget import DatabaseBudget  # noqa: PLC0415  # only where there is a limit

    return DatabaseBudget(warehouse_address(settings), access.client_id_env, SPEC.requests_per_second)
