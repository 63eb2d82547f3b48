"""An account at the SDK Export Service, as `assets/<source>/defs.yaml` describes it."""

from typing import Final, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.quantities import conversion
from pipelines.components.mistakes import Mistake, translated
from pipelines.components.source import SourceAttributes, SourceComponent, VariableName
from pipelines.components.template import SourceTemplate
from providers._addresses import Origin
from providers.export_service.account import Account, FieldMeaning
from providers.export_service.spec import SPEC
from resources.export_service import ExportServiceAccess, ExportServiceResource, open_export_service
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

PLATFORM: Final = "https://app.sdk-cloud.de"
"""The documented address."""


class FieldAttributes(BaseModel):
    """What the numbers of a field are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    quantity: str = Field(description="A quantity of domain/quantities.py, such as power.")
    unit: str = Field(description="The unit that the provider sends, such as kW.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        translated(lambda: conversion(self.quantity, self.unit, place=""))
        return self


class ExportServiceAttributes(SourceAttributes):
    """What a data engineer writes about an account at the Export Service."""

    organization: str = Field(min_length=1, description="Whose data is exported.")
    space: str | None = Field(None, description="A space within the organization, if permissions hang on it.")
    products: list[str] | None = Field(None, description="The products to fetch; everything listed by default.")
    base_url: str | None = Field(None, description=f"The platform's address; {PLATFORM} by default.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the platform's address.")
    token_base_url: str | None = Field(None, description="The address of the platform's Keycloak, if it is another.")
    client_id_env: VariableName = Field(description="The variable that holds the OAuth2 client's name.")
    client_secret_env: VariableName = Field(description="The variable that holds its secret.")
    fields: dict[str, FieldAttributes] = Field(
        default_factory=dict, description="field or product/field → what its numbers are, beyond the unit suffixes."
    )
    identity: dict[str, list[str]] = Field(
        default_factory=dict, description="Product, or *, → the fields that tell its devices apart."
    )
    time_field: str = Field("timestamp", description="The field that holds the epoch in milliseconds.")

    @field_validator("base_url", "token_base_url")
    @classmethod
    def _is_safe(cls, url: str | None) -> str | None:
        if url is not None:
            translated(lambda: Origin.parse(url, place=""))
        return url

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.base_url and self.base_url_env:
            raise Mistake("base_url and base_url_env contradict each other", "keep one of them")
        translated(self.account)
        return self

    def account(self) -> Account:
        """What to ask for, and how to read it.

        Raises:
            ConfigurationError: It contradicts itself.
        """
        return Account(
            organization=self.organization,
            space=self.space,
            products=None if self.products is None else tuple(self.products),
            fields={name: FieldMeaning(meaning.quantity, meaning.unit) for name, meaning in self.fields.items()},
            identity={product: tuple(names) for product, names in self.identity.items()},
            time_field=self.time_field,
            site=self.site,
        )


class ExportServiceTemplate(SourceTemplate):
    """Writes a commented `defs.yaml`, in which only the account has to be filled in."""

    template = "export_service.template.yaml"


@dg.scaffold_with(ExportServiceTemplate)
class ExportServiceSource(SourceComponent):
    """An account at the SDK Export Service: products behind OAuth2, as series of a source."""

    provider_spec = SPEC
    attributes_type = ExportServiceAttributes
    attributes: ExportServiceAttributes

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:
        """Field → (quantity, unit), as configured."""
        assert isinstance(attributes, ExportServiceAttributes)  # noqa: S101  # narrows the type
        return {name: (meaning.quantity, meaning.unit) for name, meaning in attributes.fields.items()}

    def access(self) -> ExportServiceAccess:
        """How to reach the account."""
        given = self.attributes
        return ExportServiceAccess(
            source=self.facts.slug,
            place=str(self.file),
            account=given.account(),
            base_url=None if given.base_url_env else given.base_url or PLATFORM,
            base_url_env=given.base_url_env,
            client_id_env=given.client_id_env,
            client_secret_env=given.client_secret_env,
            token_base_url=given.token_base_url,
        )

    def open(self, settings: Settings) -> OnDemandProvider:
        """The provider; variables are looked up when the first request needs them."""
        return open_export_service(self.access(), settings)

    def resource(self) -> ExportServiceResource:
        """What vends the provider to a step."""
        return ExportServiceResource.of(self.access())
