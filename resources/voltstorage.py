"""VoltStorage: an account, the names of the variables that hold its user's address and password, and live streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.live import LiveFeed
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.spec import SPEC
from resources.connection import ConnectionConfig
from resources.settings import Settings

if TYPE_CHECKING:
    from domain.contract import Budget
    from providers._login import BearerLogin
    from providers.voltstorage.client import VoltStorage
    from resources.session import ProviderSession


@dataclass(frozen=True, slots=True)
class VoltStorageConfig(ConnectionConfig):
    """How to reach one account at VoltStorage.

    Attributes:
        username_env: The variable that holds the e-mail address.
        password_env: The variable that holds the password.
    """

    spec = SPEC
    package = "providers.voltstorage"
    path = "/rest"  # confirmed by a working client

    account: AccountConfig
    username_env: str
    password_env: str

    def client(self, session: "ProviderSession") -> "VoltStorage":
        """The client, logged in by e-mail address and password."""
        return self._logged_in(session)[0]

    @contextmanager
    def feed(self, settings: Settings) -> Iterator[LiveFeed]:
        """The live streams of the account, none of them open yet.

        Raises:
            ConfigurationError: A variable is missing, or the address is refused.
        """
        from providers.voltstorage.live import VoltStorageFeed  # needed by the live service alone

        with self.session(settings) as session:
            client, credentials, budget = self._logged_in(session)
            yield VoltStorageFeed(
                client,
                session.origin,
                credentials,
                account=self.account,
                source=session.source,
                budget=budget,
                ca_file=session.ca_file,
                proxy=session.proxy,
            )

    def _logged_in(self, session: "ProviderSession") -> "tuple[VoltStorage, BearerLogin, Budget | None]":
        from providers.voltstorage import client, login

        username, password = session.variable(self.username_env), session.secret(self.password_env)
        budget = session.budget(username, SPEC.requests_per_second)
        credentials = login.password_login(
            session.client(budget),
            self.account.paths.login,
            username=username,
            password=password,
            validity_seconds=self.account.validity_seconds,
        )
        return client.VoltStorage(session.client(budget, credentials), self.account), credentials, budget
