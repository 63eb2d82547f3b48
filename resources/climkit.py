"""Climkit: an account, and the names of the variables that hold its user's name and password."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from providers.climkit.account import Account
from providers.climkit.spec import SPEC
from resources.access import Access

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from providers.climkit.client import Climkit
    from resources.line import Line


@dataclass(frozen=True, slots=True)
class ClimkitAccess(Access):
    """How to reach one account at Climkit.

    Attributes:
        account: What to ask for, and how to read it.
        username_env: The variable that holds the API user's name.
        password_env: The variable that holds its password.
    """

    spec = SPEC
    path = "/api/v1"  # documented

    account: Account
    username_env: str
    password_env: str

    def service(self, line: "Line") -> "Climkit":
        """The client, logged in by name and password; the provider counts the requests of each user."""
        from providers.climkit.client import Climkit  # noqa: PLC0415  # see `Access`
        from providers.climkit.login import password_login  # noqa: PLC0415  # see `Access`

        username, password = line.variable(self.username_env), line.secret(self.password_env)
        budget = line.budget(username, SPEC.requests_per_second)
        login = password_login(line.client(budget), username=username, password=password)
        return Climkit(line.client(budget, login), self.account)

    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """What the answers mean; see `Provider.normalize`."""
        from providers.climkit.normalize import normalize  # noqa: PLC0415  # see `Access`

        return normalize(payloads, window, self.account, kinds)

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """What the answers of a wide pull mean; see `Provider.normalize_each`."""
        from providers.climkit.normalize import normalize_each  # noqa: PLC0415  # see `Access`

        return normalize_each(payloads, windows, self.account, kinds)
