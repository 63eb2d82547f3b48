"""An account at Servitly, as `assets/<source>/defs.yaml` describes it."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pipelines.components.attributes import MeaningBesideUnits, SourceAttributes, Strict, VariableName
from pipelines.components.mistakes import Mistake
from pipelines.components.source import SourceComponent
from providers._addresses import Address
from providers.servitly.account import DOCUMENTED_MASK, AccountConfig
from providers.servitly.polling_policy import PollingPolicy
from providers.servitly.spec import SPEC
from resources.servitly import ServitlyConfig


class ServitlyMetric(Strict):
    """One metric to export, as the provider qualifies it."""

    metric_id: str = Field(description="The metric's id.")
    product_model_id: str | None = Field(None, description="The product model's id.")
    product_model_part_id: str | None = Field(None, description="The id of the model's part.")
    thing_definition_id: str | None = Field(None, description="The thing definition's id, instead of model and part.")


class ServitlyAttributes(SourceAttributes):
    """The attributes of an account at Servitly."""

    # Documented; others are api-ap.servitly.com and azapi.servitly.com.
    base_url: str = Field("https://api.servitly.com", description="The API's address.")
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
    fields: dict[str, MeaningBesideUnits] = Field(
        default_factory=dict, description="Metric → what its numbers are, where its unit says too little."
    )
    thing_file_name: str = Field(DOCUMENTED_MASK, description="The mask of file names; it tells all things apart.")
    are_names_hashed: bool = Field(default=False, description="Whether the MD5 of file names stands for them.")
    are_units_included: bool = Field(default=True, description="Whether headers say units.")
    timestamp_format: Literal["EPOCH_MILLIS", "ISO_8601"] = Field("EPOCH_MILLIS", description="How times are sent.")
    decimal: Literal[".", ","] | None = Field(
        None, description="The decimal sign of all numbers; by default what each file proves."
    )
    export_name: str = Field("joulehouse", description="What exports are called in the provider's portal.")
    file_hosts: list[str] = Field(
        default_factory=list, description="Hosts that archives may be fetched from beside the API's own; no secret."
    )
    requests_per_minute: float = Field(
        (SPEC.requests_per_second or 1) * 60, gt=0, le=2000, description="What the key's quota bears."
    )
    poll_seconds: float = Field(15.0, ge=1, le=60, description="Before a new export is asked after.")

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
    def _can_log_in(self) -> Self:
        if self.login == "password" and self.username_env is None:
            raise Mistake("a login by password needs username_env", "name the variable of the e-mail address")
        return self

    def account(self) -> AccountConfig:
        """What to ask for, and how to read it; see `SourceAttributes.account`."""
        return self.build(AccountConfig)

    @property
    def meanings(self) -> Mapping[str, MeaningBesideUnits]:
        """Metric → what its numbers are, as configured."""
        return self.fields


class ServitlySource(SourceComponent):
    """An account at Servitly: a fleet of connected machines, exported as archives."""

    provider_spec = SPEC
    attributes_type = ServitlyAttributes
    attributes: ServitlyAttributes

    def connection(self) -> ServitlyConfig:
        """How to reach the account."""
        attributes = self.attributes
        return ServitlyConfig(
            self.endpoint,
            attributes.account(),
            username_env=attributes.username_env,
            password_env=attributes.password_env,
            api_key_env=attributes.api_key_env,
            requests_per_minute=attributes.requests_per_minute,
            polling_policy=PollingPolicy(first_poll=attributes.poll_seconds),
        )
