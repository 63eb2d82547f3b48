"""The Smart House: what is asked, at an address. There is no credential."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from providers._limits import Limits
from providers.smart_house.account import Account
from providers.smart_house.spec import API_PATH, SPEC
from resources.access import Access

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from providers.smart_house.client import SmartHouse
    from resources.line import Line

LIMITS: Final = Limits(read_seconds=180.0, total_seconds=1200.0, max_tries=3)
"""The whole result is built before its first byte is sent, for tens of seconds; what fails is asked for in less."""


@dataclass(frozen=True, slots=True)
class SmartHouseAccess(Access):
    """How to reach the homes at the Smart House.

    Attributes:
        account: What to ask for, and how to read it.
    """

    spec = SPEC
    path = API_PATH

    account: Account

    def service(self, line: "Line") -> "SmartHouse":
        """The client; all who ask are one to the provider."""
        from providers.smart_house.client import SmartHouse  # noqa: PLC0415  # see `Access`

        budget = line.budget("", SPEC.requests_per_second)
        return SmartHouse(line.client(budget, limits=LIMITS), self.account)

    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """What the answers mean; see `Provider.normalize`."""
        from providers.smart_house.normalize import normalize  # noqa: PLC0415  # see `Access`

        return normalize(payloads, window, self.account, kinds)

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """What the answers of a wide pull mean; see `Provider.normalize_each`."""
        from providers.smart_house.normalize import normalize_each  # noqa: PLC0415  # see `Access`

        return normalize_each(payloads, windows, self.account, kinds)
