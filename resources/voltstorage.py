"""VoltStorage: an account, the names of the variables that hold its user's address and password, and live streams."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.live import LiveFeed
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from providers.voltstorage.account import Account
from providers.voltstorage.spec import SPEC
from resources.access import Access
from resources.settings import Settings

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from providers._login import BearerLogin
    from providers.voltstorage.client import VoltStorage
    from resources.line import Line


@dataclass(frozen=True, slots=True)
class VoltStorageAccess(Access):
    """How to reach one account at VoltStorage.

    Attributes:
        account: What to ask for, and how to read it.
        username_env: The variable that holds the e-mail address.
        password_env: The variable that holds the password.
    """

    spec = SPEC
    path = "/rest"  # confirmed by a working client

    account: Account
    username_env: str
    password_env: str

    def service(self, line: "Line") -> "VoltStorage":
        """The client, logged in by e-mail address and password."""
        return self._logged_in(line)[0]

    @contextmanager
    def feed(self, settings: Settings) -> Iterator[LiveFeed]:
        """The live streams of the account, none of them open yet.

        Raises:
            ConfigurationError: A variable is missing, or the address is refused.
        """
        from providers.voltstorage.live import VoltStorageFeed  # noqa: PLC0415  # needed by the live service alone

        with self.line(settings) as line:
            service, login = self._logged_in(line)
            yield VoltStorageFeed(
                service, line.origin, login, account=self.account, source=line.source, ca_file=line.ca_file
            )

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # noqa: ARG002  # fields and their meanings say it
    ) -> "Iterator[Normalized]":
        """What the answers mean; see `Provider.normalize`."""
        from providers.voltstorage.normalize import normalize  # noqa: PLC0415  # see `Access`

        return normalize(payloads, window, self.account)

    def _logged_in(self, line: "Line") -> "tuple[VoltStorage, BearerLogin]":
        from providers.voltstorage.client import VoltStorage  # noqa: PLC0415  # see `Access`
        from providers.voltstorage.login import password_login  # noqa: PLC0415  # see `Access`

        username, password = line.variable(self.username_env), line.secret(self.password_env)
        budget = line.budget(username, SPEC.requests_per_second)
        login = password_login(
            line.client(budget),
            self.account.paths.login,
            username=username,
            password=password,
            validity_seconds=self.account.validity_seconds,
        )
        return VoltStorage(line.client(budget, login), self.account), login
