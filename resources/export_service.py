"""The Export Service: an account, and the names of the variables that hold its OAuth2 client."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from providers.export_service.account import AccountConfig
from providers.export_service.spec import SPEC
from resources.connection import ConnectionConfig

if TYPE_CHECKING:
    from providers.export_service.client import ExportService
    from resources.session import ProviderSession

KEYCLOAK_PATH: Final = "/auth/realms/efs-sdk/protocol/openid-connect/token"
"""Where the platform's Keycloak gives out tokens (documented)."""


@dataclass(frozen=True, slots=True)
class ExportServiceConfig(ConnectionConfig):
    """How to reach one account at the Export Service.

    Attributes:
        client_id_env: The variable that holds the OAuth2 client's name.
        client_secret_env: The variable that holds its secret.
        token_base_url: The address of the platform's Keycloak, where it is another; None: the same.
        token_endpoint_auth_method: How the client proves itself there; one of `providers._login.AUTH_METHODS`.
    """

    spec = SPEC
    package = "providers.export_service"
    path = "/charginghubexporter/api/v1/export"  # documented, below the platform's address

    account: AccountConfig
    client_id_env: str
    client_secret_env: str
    token_base_url: str | None = None
    token_endpoint_auth_method: str = "client_secret_post"  # noqa: S105  # a method, no token

    def client(self, session: "ProviderSession") -> "ExportService":
        """The client, with tokens from the platform's Keycloak."""
        from providers._login import ClientCredentials
        from providers.export_service.client import ExportService

        client_id, client_secret = session.variable(self.client_id_env), session.secret(self.client_secret_env)
        budget = session.budget(client_id, SPEC.requests_per_second)
        keycloak = session.client(budget, address=self.token_base_url or session.address)
        credentials = ClientCredentials(
            keycloak,
            KEYCLOAK_PATH,
            client_id=client_id,
            client_secret=client_secret,
            auth_method=self.token_endpoint_auth_method,
        )
        return ExportService(session.client(budget, credentials), self.account)
