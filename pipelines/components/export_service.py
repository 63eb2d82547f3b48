"""An account at the SDK Export Service, as `assets/<source>/defs.yaml` describes it."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from pipelines.components.attributes import Meaning, SourceAttributes, VariableName, checked_address
from pipelines.components.source import SourceComponent
from providers.export_service.account import AccountConfig
from providers.export_service.spec import SPEC
from resources.export_service import ExportServiceConfig


class ExportServiceAttributes(SourceAttributes):
    """The attributes of an account at the Export Service."""

    base_url: str = Field("https://app.sdk-cloud.de", description="The platform's address.")
    organization: str = Field(min_length=1, description="Whose data is exported.")
    space: str | None = Field(None, description="A space within the organization, if permissions hang on it.")
    products: list[str] | None = Field(None, description="The products to fetch; everything listed by default.")
    token_base_url: str | None = Field(None, description="The address of the platform's Keycloak, if it is another.")
    token_endpoint_auth_method: Literal["client_secret_post", "client_secret_basic"] = Field(
        "client_secret_post", description="How the client proves itself to it: in the form, or in a header."
    )
    client_id_env: VariableName = Field(description="The variable that holds the OAuth2 client's name.")
    client_secret_env: VariableName = Field(description="The variable that holds its secret.")
    fields: dict[str, Meaning] = Field(
        default_factory=dict, description="field or product/field → what its numbers are, beyond the unit suffixes."
    )
    identity: dict[str, list[str]] = Field(
        default_factory=dict, description="Product, or *, → the fields that tell its devices apart."
    )
    time_field: str = Field("timestamp", description="The field that holds the epoch in milliseconds.")

    @field_validator("token_base_url")
    @classmethod
    def _is_safe_too(cls, url: str | None) -> str | None:
        return url if url is None else checked_address(url)

    def account(self) -> AccountConfig:
        """What to ask for, and how to read it; see `SourceAttributes.account`."""
        return self.build(AccountConfig)

    @property
    def meanings(self) -> Mapping[str, Meaning]:
        """Field → what its numbers are, as configured."""
        return self.fields


class ExportServiceSource(SourceComponent):
    """An account at the SDK Export Service: products behind OAuth2, as series of a source."""

    provider_spec = SPEC
    attributes_type = ExportServiceAttributes
    attributes: ExportServiceAttributes

    def connection(self) -> ExportServiceConfig:
        """How to reach the account."""
        attributes = self.attributes
        return ExportServiceConfig(
            self.endpoint,
            attributes.account(),
            client_id_env=attributes.client_id_env,
            client_secret_env=attributes.client_secret_env,
            token_base_url=attributes.token_base_url,
            token_endpoint_auth_method=attributes.token_endpoint_auth_method,
        )
