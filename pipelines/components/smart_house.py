"""Homes at the Smart House, as `assets/<source>/defs.yaml` describes them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from pipelines.components.attributes import MeaningBesideUnits, SourceAttributes
from pipelines.components.source import SourceComponent
from providers.smart_house.account import AccountConfig
from providers.smart_house.spec import SPEC
from resources.smart_house import SmartHouseConfig


class SmartHouseAttributes(SourceAttributes):
    """The attributes of homes at the Smart House."""

    base_url: str = Field(
        "https://smarthouse.av.it.pt",
        description="The provider's address; the one in the document is down since 2022-06-25.",
    )
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
    fields: dict[str, MeaningBesideUnits] = Field(
        default_factory=dict, description="Entity → what its numbers are, where its unit does not say it."
    )

    def account(self) -> AccountConfig:
        """What to ask for, and how to read it; see `SourceAttributes.account`."""
        return self.build(AccountConfig)

    @property
    def meanings(self) -> Mapping[str, MeaningBesideUnits]:
        """Entity → what its numbers are, as configured."""
        return self.fields


class SmartHouseSource(SourceComponent):
    """Homes at the Smart House: the entities of Home Assistant that they share. There is no login."""

    provider_spec = SPEC
    attributes_type = SmartHouseAttributes
    attributes: SmartHouseAttributes

    def connection(self) -> SmartHouseConfig:
        """How to reach the homes."""
        return SmartHouseConfig(self.endpoint, self.attributes.account())
