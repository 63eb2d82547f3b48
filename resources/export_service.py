"""The Export Service: an account, and the names of the variables that hold its OAuth2 client."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from providers.export_service.account import Account
from providers.export_service.spec import SPEC
from resources.access import Access

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from providers.export_service.client import ExportService
    from resources.line import Line

TOKEN_PATH: Final = "/auth/realms/efs-sdk/protocol/openid-connect/token"  # noqa: S105  # a path
"""Where the platform's Keycloak gives out tokens (documented)."""


@dataclass(frozen=True, slots=True)
class ExportServiceAccess(Access):
    """How to reach one account at the Export Service.

    Attributes:
        account: What to ask for, and how to read it.
        client_id_env: The variable that holds the OAuth2 client's name.
        client_secret_env: The variable that holds its secret.
        token_base_url: The address of the platform's Keycloak, where it is another; None: the same.
    """

    spec = SPEC
    path = "/charginghubexporter/api/v1/export"  # documented, below the platform's address

    account: Account
    client_id_env: str
    client_secret_env: str
    token_base_url: str | None = None

    def service(self, line: "Line") -> "ExportService":
        """The client, with tokens from the platform's Keycloak."""
        from providers._oauth2 import ClientCredentials  # noqa: PLC0415  # see `Access`
        from providers.export_service.client import ExportService  # noqa: PLC0415  # see `Access`

        client_id, client_secret = line.variable(self.client_id_env), line.secret(self.client_secret_env)
        budget = line.budget(client_id, SPEC.requests_per_second)
        keycloak = line.client(budget, address=self.token_base_url or line.address)
        login = ClientCredentials(keycloak, TOKEN_PATH, client_id=client_id, client_secret=client_secret)
        return ExportService(line.client(budget, login), self.account)

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # noqa: ARG002  # its fields say it
    ) -> "Iterator[Normalized]":
        """What the answers mean; see `Provider.normalize`."""
        from providers.export_service.normalize import normalize  # noqa: PLC0415  # see `Access`

        return normalize(payloads, window, self.account)
