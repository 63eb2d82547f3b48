"""An account at Climkit, as `assets/<source>/defs.yaml` describes it."""

from typing import Final, Literal, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.quantities import conversion
from pipelines.components.mistakes import Mistake, translated
from pipelines.components.source import SourceAttributes, SourceComponent, VariableName
from pipelines.components.template import SourceTemplate
from providers._addresses import Origin
from providers.climkit.account import Account
from providers.climkit.spec import SPEC
from resources.climkit import ClimkitAccess, ClimkitResource, open_climkit
from resources.on_demand import OnDemandProvider
from resources.settings import Settings

CLOUD: Final = "https://api.climkit.io"
"""The provider's own address (documented)."""

Frequency = Literal["15T", "H", "D", "M", "Y"]


def _quarters() -> list[Frequency]:
    return ["15T"]


class ClimkitSensor(BaseModel):
    """What a sensor's values are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    quantity: str = Field(description="A quantity of domain/quantities.py, such as temperature.")
    unit: str = Field(description="The unit that the provider sends, such as degC.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        translated(lambda: conversion(self.quantity, self.unit, place=""))
        return self


class ClimkitAttributes(SourceAttributes):
    """What a data engineer writes about an account at Climkit."""

    base_url: str | None = Field(None, description=f"The provider's address; {CLOUD} by default.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the provider's address.")
    username_env: VariableName = Field(description="The variable that holds the API user's name.")
    password_env: VariableName = Field(description="The variable that holds its password.")
    sites: list[str] | None = Field(None, description="The sites to fetch, by id; everything listed by default.")
    meters: list[str] | None = Field(None, description="The meters to fetch, by id; all of every site by default.")
    sampling_frequencies: list[Frequency] = Field(
        default_factory=_quarters, description="How validated data are sampled; each costs requests of its own."
    )
    has_site_totals: bool = Field(default=True, description="Whether the data of the site as a whole are fetched.")
    has_registers: bool = Field(default=True, description="Whether the raw registers of physical meters are fetched.")
    has_sensors: bool = Field(default=True, description="Whether sensors are fetched.")
    sensors: dict[str, ClimkitSensor] = Field(
        default_factory=dict, description="A sensor's id or type → what its values are, where its unit says too little."
    )

    @field_validator("base_url")
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
            sites=None if self.sites is None else tuple(self.sites),
            meters=None if self.meters is None else tuple(self.meters),
            frequencies=tuple(self.sampling_frequencies),
            has_site_totals=self.has_site_totals,
            has_registers=self.has_registers,
            has_sensors=self.has_sensors,
            sensors={name: (meaning.quantity, meaning.unit) for name, meaning in self.sensors.items()},
        )


class ClimkitTemplate(SourceTemplate):
    """Writes a commented `defs.yaml`, in which nothing but the account has to be filled in."""

    template = "climkit.template.yaml"


@dg.scaffold_with(ClimkitTemplate)
class ClimkitSource(SourceComponent):
    """An account at Climkit: meters and sensors of apartment houses behind a name and a password."""

    provider_spec = SPEC
    attributes_type = ClimkitAttributes
    attributes: ClimkitAttributes

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:
        """Sensor → (quantity, unit), as configured."""
        assert isinstance(attributes, ClimkitAttributes)  # noqa: S101  # narrows the type
        return {name: (meaning.quantity, meaning.unit) for name, meaning in attributes.sensors.items()}

    def access(self) -> ClimkitAccess:
        """How to reach the account."""
        given = self.attributes
        return ClimkitAccess(
            source=self.facts.slug,
            place=str(self.file),
            account=given.account(),
            base_url=None if given.base_url_env else given.base_url or CLOUD,
            base_url_env=given.base_url_env,
            username_env=given.username_env,
            password_env=given.password_env,
        )

    def open(self, settings: Settings) -> OnDemandProvider:
        """The provider; variables are looked up when the first request needs them."""
        return open_climkit(self.access(), settings)

    def resource(self) -> ClimkitResource:
        """What vends the provider to a step."""
        return ClimkitResource.of(self.access())
