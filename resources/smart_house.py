"""The Smart House's settings and lifetime: an address, and what is asked there. There is no credential."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import dagster as dg
from pydantic import Field

from domain.contract import Budget, Payload, Progress, Series
from domain.window import Window
from providers._limits import Limits
from providers.smart_house.account import Account, FieldMeaning
from providers.smart_house.spec import API_PATH, SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

LIMITS: Final = Limits(read_seconds=180.0, total_seconds=1200.0, max_tries=3)
"""The whole result is built before its first byte is sent, for tens of seconds; what fails is asked for in less."""


@dataclass(frozen=True, slots=True)
class SmartHouseAccess:
    """How to reach the homes. Holds no secret; there is none.

    Attributes:
        source: The source's slug.
        place: The file that describes it, for messages.
        account: What to ask for, and how to read it.
        base_url: The provider's address; None if `base_url_env` names the variable that holds it.
        base_url_env: The variable that holds the provider's address; it wins.
    """

    source: str
    place: str
    account: Account
    base_url: str | None
    base_url_env: str | None


def open_smart_house(access: SmartHouseAccess, settings: Settings) -> OnDemandProvider:
    """The provider, not yet connected; the first request looks up the variable.

    Beside `ProviderError`, that request may raise `ConfigurationError`, which names a missing variable or a refused
    address.
    """
    # The vocabulary brings pandas along, which nobody needs who only looks at definitions.
    from providers.smart_house.normalize import normalize  # noqa: PLC0415  # see above

    return OnDemandProvider(
        lambda: _Connected(access, settings), lambda payloads, window: normalize(payloads, window, access.account)
    )


class SmartHouseResource(dg.ConfigurableResource[OnDemandProvider]):
    """The homes at the Smart House; connects when first asked."""

    source: str = Field(description="The source's slug.")
    place: str = Field(description="The file that describes it.")
    account: str = Field(description="What is asked for, and how it is read, as JSON; no secret.")
    base_url: str = Field("", description="The provider's address, unless a variable holds it.")
    base_url_env: str = Field("", description="The variable that holds the provider's address.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[OnDemandProvider]:  # noqa: ARG002  # Dagster's signature
        """The provider, for as long as a step needs it."""
        with closing(open_smart_house(self.access(), Settings())) as provider:
            yield provider

    @classmethod
    def of(cls, access: SmartHouseAccess) -> "SmartHouseResource":
        """The resource that vends what `access` describes."""
        return cls(
            source=access.source,
            place=access.place,
            account=json.dumps(asdict(access.account)),
            base_url=access.base_url or "",
            base_url_env=access.base_url_env or "",
        )

    def access(self) -> SmartHouseAccess:
        """How to reach the homes."""
        return SmartHouseAccess(
            source=self.source,
            place=self.place,
            account=_account(json.loads(self.account)),
            base_url=self.base_url or None,
            base_url_env=self.base_url_env or None,
        )


def _account(said: Mapping[str, Any]) -> Account:
    """The account that `asdict` took apart; JSON has lists for tuples."""
    return Account(
        format=said["format"],
        types=tuple(said["types"]),
        units=tuple(said["units"]),
        homes={name: tuple(entities) for name, entities in said["homes"].items()},
        fields={name: FieldMeaning(**meaning) for name, meaning in said["fields"].items()},
    )


class _Connected:
    """The provider with its client: everything that a request needs."""

    def __init__(self, access: SmartHouseAccess, settings: Settings) -> None:
        # The HTTP library and its certificates take a third of a second to import; a replay needs neither.
        from providers._http import ApiClient, Origin  # noqa: PLC0415  # see above
        from providers.smart_house.client import SmartHouse  # noqa: PLC0415  # see above

        place = f"{access.source}, {access.place}"
        address = access.base_url or ""
        if access.base_url_env:
            address = settings.variable(access.base_url_env, place=place)
            place = f"{place}, variable {access.base_url_env}"
        self.origin: Final = Origin.parse(address.rstrip("/") + API_PATH, place=place)
        http = ApiClient(self.origin, source=access.source, budget=_budget(access, settings), limits=LIMITS)
        self.service: Final = SmartHouse(http, access.account)

    @property
    def n_requests(self) -> int:
        return self.service.n_requests

    @property
    def fingerprint(self) -> str:
        return self.service.fingerprint

    def discover(self) -> Sequence[Series]:
        return list(self.service.discover())

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        return self.service.fetch(window, progress)

    def close(self) -> None:
        self.service.close()


def _budget(access: SmartHouseAccess, settings: Settings) -> Budget | None:
    """The bucket of this source; the provider publishes no limit, and then there is none."""
    if SPEC.requests_per_second is None:
        return None
    from resources.warehouse import warehouse_address  # noqa: PLC0415  # only where there is a limit
    from warehouse.budget import DatabaseBudget  # noqa: PLC0415  # only where there is a limit

    return DatabaseBudget(warehouse_address(settings), access.source, SPEC.requests_per_second)
