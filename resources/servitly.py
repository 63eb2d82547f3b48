"""Servitly's settings and lifetime: an account, an address, and the names of three or four variables."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from domain.contract import Payload, Progress, Series
from domain.window import Window
from providers.servitly.account import Account, FieldMeaning, Metric
from providers.servitly.pace import Pace
from providers.servitly.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings


@dataclass(frozen=True, slots=True)
class ServitlyAccess:
    """How to reach one account. Holds names of variables, no secret.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        account: What to ask for, and how to read it.
        base_url: The API's address; None if `base_url_env` names the variable that holds it.
        base_url_env: The variable that holds the API's address; it wins.
        username_env: The variable that holds the e-mail address; None for a personal access token.
        password_env: The variable that holds the password, or the personal access token.
        api_key_env: The variable that holds the application's key.
        requests_per_minute: What the key's quota bears.
        poll_seconds: Before a new job is asked after for the first time.
    """

    source: str
    place: str
    account: Account
    base_url: str | None
    base_url_env: str | None
    username_env: str | None
    password_env: str
    api_key_env: str
    requests_per_minute: float
    poll_seconds: float


def open_servitly(access: ServitlyAccess, settings: Settings) -> OnDemandProvider:
    """The provider, not yet connected; the first request looks up the variables.

    Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
    address, and `WarehouseError`, because the ledger of jobs and the budget of requests are in the warehouse.
    """
    # The vocabulary brings pandas along, which nobody needs who only looks at definitions.
    from providers.servitly.normalize import normalize  # noqa: PLC0415  # see above

    return OnDemandProvider(
        lambda: _Connected(access, settings), lambda payloads, window: normalize(payloads, window, access.account)
    )


class ServitlyResource(dg.ConfigurableResource[OnDemandProvider]):
    """One account at Servitly. Secrets are named here by their variables and looked up when they are sent."""

    source: str = Field(description="The source's slug.")
    place: str = Field(description="The file that describes it.")
    account: str = Field(description="What is asked for, and how it is read, as JSON; no secret.")
    base_url: str = Field("", description="The API's address, unless a variable holds it.")
    base_url_env: str = Field("", description="The variable that holds the API's address.")
    username_env: str = Field("", description="The variable that holds the e-mail address.")
    password_env: str = Field(description="The variable that holds the password, or the personal access token.")
    api_key_env: str = Field(description="The variable that holds the application's key.")
    requests_per_minute: float = Field(description="What the key's quota bears.")
    poll_seconds: float = Field(description="Before a new job is asked after for the first time.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:  # noqa: ARG002  # Dagster's signature
        """The provider, for as long as a step needs it."""
        with closing(open_servitly(self.access(), Settings())) as provider:
            yield provider

    @classmethod
    def of(cls, access: ServitlyAccess) -> "ServitlyResource":
        """The resource that vends what `access` describes."""
        return cls(
            source=access.source,
            place=access.place,
            account=json.dumps(asdict(access.account)),
            base_url=access.base_url or "",
            base_url_env=access.base_url_env or "",
            username_env=access.username_env or "",
            password_env=access.password_env,
            api_key_env=access.api_key_env,
            requests_per_minute=access.requests_per_minute,
            poll_seconds=access.poll_seconds,
        )

    def access(self) -> ServitlyAccess:
        """How to reach the account."""
        return ServitlyAccess(
            source=self.source,
            place=self.place,
            account=_account(json.loads(self.account)),
            base_url=self.base_url or None,
            base_url_env=self.base_url_env or None,
            username_env=self.username_env or None,
            password_env=self.password_env,
            api_key_env=self.api_key_env,
            requests_per_minute=self.requests_per_minute,
            poll_seconds=self.poll_seconds,
        )


def _account(said: Mapping[str, Any]) -> Account:
    """The account that `asdict` took apart; JSON has lists for tuples."""
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    plain["fields"] = {name: FieldMeaning(**meaning) for name, meaning in said["fields"].items()}
    plain["metrics"] = tuple(Metric(**metric) for metric in said["metrics"])
    return Account(**plain)


class _Connected:
    """The provider with its clients: everything that a request needs."""

    def __init__(self, access: ServitlyAccess, settings: Settings) -> None:
        # HTTP and its certificates take a third of a second to import; a replay needs neither.
        from providers._http import ApiClient, BlobClient, Origin  # noqa: PLC0415  # see above
        from providers._limits import FILE_LIMITS  # noqa: PLC0415  # see above
        from providers.servitly.client import Servitly  # noqa: PLC0415  # see above
        from providers.servitly.exports import Exports  # noqa: PLC0415  # see above
        from providers.servitly.files import Files  # noqa: PLC0415  # see above
        from providers.servitly.login import servitly_login  # noqa: PLC0415  # see above
        from resources.warehouse import warehouse_address  # noqa: PLC0415  # see above
        from warehouse.budget import DatabaseBudget  # noqa: PLC0415  # see above
        from warehouse.export_jobs import DatabaseExportJobs  # noqa: PLC0415  # see above

        place = f"{access.source}, {access.place}"
        address = access.base_url or ""
        if access.base_url_env:
            address = settings.variable(access.base_url_env, place=place)
            place = f"{place}, variable {access.base_url_env}"
        origin = Origin.parse(address, place=place)
        username = settings.variable(access.username_env, place=place) if access.username_env else ""
        password = settings.secret(access.password_env, place=place)
        api_key = settings.secret(access.api_key_env, place=place)
        source, account, pace = access.source, access.account, Pace(first_poll=access.poll_seconds)
        warehouse = warehouse_address(settings)
        tenant = f"{origin.place('')} {account.tenant}"
        bucket = f"{SPEC.slug}-{hashlib.sha256(tenant.encode()).hexdigest()[:16]}"
        with ExitStack() as opened:
            budget = opened.enter_context(DatabaseBudget(warehouse, bucket, access.requests_per_minute / 60))
            logins = opened.enter_context(ApiClient(origin, source=source, budget=budget))
            login = servitly_login(logins, account, username=username, password=password, api_key=api_key)
            http = opened.enter_context(ApiClient(origin, source=source, credentials=login, budget=budget))
            own = opened.enter_context(
                ApiClient(origin, source=source, credentials=login, budget=budget, limits=FILE_LIMITS)
            )
            others = opened.enter_context(BlobClient(frozenset(account.file_hosts), source=source))
            jobs = opened.enter_context(DatabaseExportJobs(warehouse, source, tenant))
            exports = Exports(http, login, jobs, pace=pace)
            files = Files(own, others, settings.home / "spool", waits=pace.files)
            self._login = login
            self._service = Servitly(http, exports, files, jobs, account)
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
