"""Homes at the Smart House, as `assets/<source>/defs.yaml` describes them."""

from typing import Final, Literal, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.quantities import QUANTITIES, units_of
from pipelines.components.mistakes import Mistake, translated
from pipelines.components.source import SourceAttributes, SourceComponent, VariableName
from pipelines.components.template import SourceTemplate
from providers._addresses import Origin
from providers.smart_house.account import Account, FieldMeaning
from providers.smart_house.spec import SPEC
from resources.on_demand import OnDemandProvider
from resources.settings import Settings
from resources.smart_house import SmartHouseAccess, SmartHouseResource, open_smart_house

PUBLIC: Final = "https://smarthouse.av.it.pt"
"""The address that the document names; its server is down since 2022-06-25."""


class SmartHouseField(BaseModel):
    """What an entity's numbers are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    quantity: str = Field(description="A quantity of domain/quantities.py, such as energy_register.")
    unit: str = Field("", description="Their unit where the provider names none; where it names one, that one counts.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = QUANTITIES.get(self.quantity)
        if known is None:
            raise Mistake(f"the quantity {self.quantity!r} is unknown", f"use one of {', '.join(sorted(QUANTITIES))}")
        if self.unit and self.unit not in units_of(known):
            raise Mistake(f"{self.unit!r} is no unit of {self.quantity}", f"use one of {', '.join(units_of(known))}")
        return self


class SmartHouseAttributes(SourceAttributes):
    """What a data engineer writes about homes at the Smart House."""

    base_url: str | None = Field(None, description=f"The provider's address; {PUBLIC} by default.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the provider's address.")
    format: Literal["json", "csv", "xml"] = Field("json", description="The format of the files; json, if it is free.")
    types: list[str] = Field(
        default_factory=list, description="First words of entities, such as sensor; all by default."
    )
    units: list[str] = Field(
        default_factory=list,
        description="Units to ask for. The provider looks at an entity's first change alone, so some are never sent.",
    )
    homes: dict[str, list[str]] = Field(
        default_factory=dict, description="Name of a home → entities that it has, and no other home."
    )
    fields: dict[str, SmartHouseField] = Field(
        default_factory=dict, description="Entity → what its numbers are, where its unit does not say it."
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
            format=self.format,
            types=tuple(self.types),
            units=tuple(self.units),
            homes={name: tuple(entities) for name, entities in self.homes.items()},
            fields={name: FieldMeaning(meaning.quantity, meaning.unit) for name, meaning in self.fields.items()},
        )


class SmartHouseTemplate(SourceTemplate):
    """Writes a commented `defs.yaml`, in which nothing but the homes has to be filled in."""

    template = "smart_house.template.yaml"


@dg.scaffold_with(SmartHouseTemplate)
class SmartHouseSource(SourceComponent):
    """Homes at the Smart House: the entities of Home Assistant that they share, as series of a source."""

    provider_spec = SPEC
    attributes_type = SmartHouseAttributes
    attributes: SmartHouseAttributes

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:
        """Entity → (quantity, unit), as configured."""
        assert isinstance(attributes, SmartHouseAttributes)  # noqa: S101  # narrows the type
        return {name: (meaning.quantity, meaning.unit) for name, meaning in attributes.fields.items()}

    def access(self) -> SmartHouseAccess:
        """How to reach the homes."""
        given = self.attributes
        return SmartHouseAccess(
            source=self.facts.slug,
            place=str(self.file),
            account=given.account(),
            base_url=None if given.base_url_env else given.base_url or PUBLIC,
            base_url_env=given.base_url_env,
        )

    def open(self, settings: Settings) -> OnDemandProvider:
        """The provider; the variable is looked up when the first request needs it."""
        return open_smart_house(self.access(), settings)

    def resource(self) -> SmartHouseResource:
        """What vends the provider to a step."""
        return SmartHouseResource.of(self.access())
