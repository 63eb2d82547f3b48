"""Climkit: an account, and the names of the variables that hold its user's name and password."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.climkit.account import AccountConfig
from providers.climkit.spec import SPEC
from resources.connection import ConnectionConfig

if TYPE_CHECKING:
    from providers.climkit.client import Climkit
    from resources.session import ProviderSession


@dataclass(frozen=True, slots=True)
class ClimkitConfig(ConnectionConfig):
    """How to reach one account at Climkit.

    Attributes:
        username_env: The variable that holds the API user's name.
        password_env: The variable that holds its password.
    """

    spec = SPEC
    package = "providers.climkit"
    path = "/api/v1"  # documented

    account: AccountConfig
    username_env: str
    password_env: str

    def client(self, session: "ProviderSession") -> "Climkit":
        """The client, logged in by name and password; the provider counts the requests of each user."""
        from providers.climkit import client, login

        username, password = session.variable(self.username_env), session.secret(self.password_env)
        budget = session.budget(username, SPEC.requests_per_second)
        credentials = login.password_login(session.client(budget), username=username, password=password)
        return client.Climkit(session.client(budget, credentials), self.account)
