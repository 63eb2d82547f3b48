"""An account at Servitly, as `assets/<source>/defs.yaml` describes it."""

from typing import Final, Literal, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.quantities import QUANTITIES, conversion
from pipelines.components.mistakes import Mistake, translated
from pipelines.components.source import SourceAttributes, SourceComponent, VariableName
from pipelines.components.template import SourceTemplate
from providers._addresses import Address, Origin
from providers.servitly.account import DOCUMENTED_MASK, Account, FieldMeaning, Metric
from providers.servitly.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.servitly import ServitlyAccess, ServitlyResource, open_servitly
from resources.settings import Settings

CLOUD: Final = "https://api.servitly.com"
"""The provider's own address (documented; others are api-ap.servitly.com and azapi.servitly.com)."""

_STRICT: Final = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ServitlyField(BaseModel):
    """What the numbers of a metric are."""

    model_config = _STRICT

    quantity: str = Field(description="A quantity of domain/quantities.py, such as energy.")
    unit: str | None = Field(None, description="The unit that is sent, where no header says it, such as kWh.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = QUANTITIES.get(self.quantity)
        translated(lambda: conversion(self.quantity, self.unit or (known.unit if known else ""), place=""))
        return self


class ServitlyMetric(BaseModel):
    """One metric to export, as the provider qualifies it."""

    model_config = _STRICT

    metric_id: str = Field(description="The metric's id.")
    product_model_id: str | None = Field(None, description="The product model's id.")
    product_model_part_id: str | None = Field(None, description="The id of the model's part.")
    thing_definition_id: str | None = Field(None, description="The thing definition's id, instead of model and part.")


class ServitlyAttributes(SourceAttributes):
    """What a data engineer writes about an account at Servitly."""

    base_url: str | None = Field(None, description=f"The API's address; {CLOUD} by default.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the API's address.")
    tenant: str = Field(description="The tenant's name, as in the address of its portal.")
    login: Literal["password", "pat"] = Field("password", description="By password, or by personal access token.")
    username_env: VariableName | None = Field(None, description="The variable that holds the e-mail address.")
    password_env: VariableName = Field(description="The variable that holds the password, or the access token.")
    api_key_env: VariableName = Field(description="The variable that holds the application's key.")
    tenant_header: Literal["X-Servitly-Tenant", "X-Semioty-Tenant"] = Field(
        "X-Servitly-Tenant", description="The header that names the tenant; an older one still works."
    )
    customer_id: str | None = Field(None, description="Whose things; everybody's by default.")
    location_id: str | None = Field(None, description="Where they stand; everywhere by default.")
    things: list[str] | None = Field(
        None, description="Things by id, each exported on its own; all in one export by default."
    )
    metrics: list[ServitlyMetric] = Field(default_factory=list, description="What is exported; everything by default.")
    fields: dict[str, ServitlyField] = Field(
        default_factory=dict, description="Metric → what its numbers are, where its unit says too little."
    )
    thing_file_name: str = Field(DOCUMENTED_MASK, description="The mask of file names; it tells all things apart.")
    are_names_hashed: bool = Field(default=False, description="Whether the MD5 of file names stands for them.")
    are_units_included: bool = Field(default=True, description="Whether headers say units.")
    timestamp_format: Literal["EPOCH_MILLIS", "ISO_8601"] = Field("EPOCH_MILLIS", description="How times are sent.")
    export_name: str = Field("joulehouse", description="What exports are called in the provider's portal.")
    file_hosts: list[str] = Field(
        default_factory=list, description="Hosts that archives may be fetched from beside the API's own; no secret."
    )
    requests_per_minute: float = Field(
        (SPEC.requests_per_second or 1) * 60, gt=0, le=2000, description="What the key's quota bears."
    )
    poll_seconds: float = Field(15.0, ge=1, le=60, description="Before a new export is asked after.")

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, url: str | None) -> str | None:
        if url is not None:
            translated(lambda: Origin.parse(url, place=""))
        return url

    @field_validator("file_hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            try:
                address = Address.parse(f"https://{host}")
            except ValueError:
                address = None
            if address is None or address.path or address.query:
                raise Mistake(f"{host!r} is not a host that files can come from", "write a name, or a name with :port")
        return hosts

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.base_url and self.base_url_env:
            raise Mistake("base_url and base_url_env contradict each other", "keep one of them")
        if self.login == "password" and self.username_env is None:
            raise Mistake("a login by password needs username_env", "name the variable of the e-mail address")
        translated(self.account)
        return self

    def account(self) -> Account:
        """What to ask for, and how to read it.

        Raises:
            ConfigurationError: It contradicts itself.
        """
        return Account(
            tenant=self.tenant,
            customer_id=self.customer_id,
            location_id=self.location_id,
            things=None if self.things is None else tuple(self.things),
            metrics=tuple(Metric(**metric.model_dump()) for metric in self.metrics),
            fields={name: FieldMeaning(meaning.quantity, meaning.unit) for name, meaning in self.fields.items()},
            thing_file_name=self.thing_file_name,
            are_names_hashed=self.are_names_hashed,
            are_units_included=self.are_units_included,
            timestamp_format=self.timestamp_format,
            export_name=self.export_name,
            login=self.login,
            tenant_header=self.tenant_header,
            file_hosts=tuple(self.file_hosts),
            site=self.site,
        )


class ServitlyTemplate(SourceTemplate):
    """Writes a commented `defs.yaml`, in which nothing but the account has to be filled in."""

    template = "servitly.template.yaml"


@dg.scaffold_with(ServitlyTemplate)
class ServitlySource(SourceComponent):
    """An account at Servitly: a fleet of connected machines, exported as archives."""

    provider_spec = SPEC
    attributes_type = ServitlyAttributes
    attributes: ServitlyAttributes

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:
        """Metric → (quantity, unit), as configured."""
        assert isinstance(attributes, ServitlyAttributes)  # noqa: S101  # narrows the type
        return {name: (meaning.quantity, meaning.unit or "") for name, meaning in attributes.fields.items()}

    def access(self) -> ServitlyAccess:
        """How to reach the account."""
        given = self.attributes
        return ServitlyAccess(
            source=self.facts.slug,
            place=str(self.file),
            account=given.account(),
            base_url=None if given.base_url_env else given.base_url or CLOUD,
            base_url_env=given.base_url_env,
            username_env=given.username_env,
            password_env=given.password_env,
            api_key_env=given.api_key_env,
            requests_per_minute=given.requests_per_minute,
            poll_seconds=given.poll_seconds,
        )

    def open(self, settings: Settings) -> OnDemandProvider:
        """The provider; variables are looked up when the first request needs them."""
        return open_servitly(self.access(), settings)

    def resource(self) -> ServitlyResource:
        """What vends the provider to a step."""
        return ServitlyResource.of(self.access())
