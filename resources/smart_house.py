"""The Smart House: what is asked, at an address. There is no credential."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from providers._http_types import Limits
from providers.smart_house.account import AccountConfig
from providers.smart_house.spec import API_PATH, SPEC
from resources.connection import ConnectionConfig

if TYPE_CHECKING:
    from providers.smart_house.client import SmartHouse
    from resources.session import ProviderSession

LIMITS: Final = Limits(read_seconds=180.0, total_seconds=1200.0, max_tries=3)
"""The whole result is built before its first byte is sent, for tens of seconds; what fails is asked for in less."""


@dataclass(frozen=True, slots=True)
class SmartHouseConfig(ConnectionConfig):
    """How to reach the homes at the Smart House."""

    spec = SPEC
    package = "providers.smart_house"
    path = API_PATH

    account: AccountConfig

    def client(self, session: "ProviderSession") -> "SmartHouse":
        """The client; all who ask are one to the provider."""
        from providers.smart_house.client import SmartHouse

        budget = session.budget("", SPEC.requests_per_second)
        return SmartHouse(session.client(budget, limits=LIMITS), self.account)
