"""The attributes that a `defs.yaml` gives every source; a provider's own class adds those that only it has."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from assets.source import Span
from domain.quantities import QUANTITIES, conversion
from pipelines.components.mistakes import Mistake, raise_mistake
from pipelines.components.slugs import checked_slug
from pipelines.components.yaml_checks import BY_NAME, TEMPLATE
from pipelines.schedules import is_cron, is_daily_or_oftener
from providers._addresses import Origin
from providers._proxy import Proxy

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Words in capitals joined by underscores: few secrets look like that, and every variable's name can.
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_LONGEST_VARIABLE: Final = 64
_OWNER: Final = re.compile(r"team:\S+|[^@\s]+@[^@\s]+\.[^@\s]+")

Config = TypeVar("Config", bound="DataclassInstance")


def _variable(value: object) -> object:
    if isinstance(value, str) and not (_VARIABLE.fullmatch(value) and len(value) <= _LONGEST_VARIABLE):
        raise Mistake(
            "the attribute '{name}' is no name of an environment variable",
            "write the variable's name in capitals, such as CHARGING_HUB_CLIENT_SECRET, and never the secret itself",
        )
    return value


def _day(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise Mistake(f"{value!r} is not a day", "write it as 2025-01-31") from None
    return value


# Without a pattern in the schema: `dg check yaml` would print a secret that was written here by mistake.
VariableName = Annotated[str, BeforeValidator(_variable)]
"""The name of an environment variable; the value stays in the environment."""

Day = Annotated[date, BeforeValidator(_day)]
"""A UTC day, written 2025-01-31."""


class Strict(BaseModel):
    """A part of a `defs.yaml`: nothing unknown, nothing of another type, and no value in a message."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """For `dg check yaml`, which knows only the schema: no text may be a template, since none is filled in here."""
        schema = handler(core)
        unvisited: list[object] = [handler.resolve_ref_schema(schema)]
        while unvisited:
            part = unvisited.pop()
            if isinstance(part, dict):
                unvisited += part.values()
                if part.get("type") == "string":
                    # The description is what `dg` shows of it.
                    part["not"] = {"description": f"{TEMPLATE}: {BY_NAME}", "pattern": r"\{\{[\s\S]*?\}\}"}
            elif isinstance(part, list):
                unvisited += part
        return schema


class Meaning(Strict):
    """The quantity and the unit of numbers."""

    quantity: str = Field(description="A quantity of domain/quantities.py, such as power.")
    unit: str = Field(description="The unit that the provider sends, such as kW.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        raise_mistake(lambda: conversion(self.quantity, self.unit, place=""))
        return self


class MeaningBesideUnits(Strict):
    """The quantity of numbers, and the unit where the provider does not send it."""

    quantity: str = Field(description="A quantity of domain/quantities.py, such as energy.")
    unit: str | None = Field(None, description="Their unit, where the provider does not say it, such as kWh.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = QUANTITIES.get(self.quantity)
        raise_mistake(lambda: conversion(self.quantity, self.unit or (known.unit if known else ""), place=""))
        return self


class SeriesNote(Strict):
    """What a person knows of a device, or of one of its series, and no provider says."""

    device: str | None = Field(None, description="The device, as `joulehouse gaps` names it.")
    key: str | None = Field(None, description="One series alone: its key.")
    dead_since: Day = Field(description="The UTC day from which on nothing is expected of it.")
    reason: str = Field(min_length=1, description="Why, in words.")
    replaced_by: str = Field("", description="The device or series that has taken its place.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.device is None) == (self.key is None):
            raise Mistake("a note under series names a device or the key of a series", "keep one of the two")
        return self

    @property
    def name(self) -> str:
        """The device or the key."""
        return self.device or self.key or ""


class LimitAttributes(Strict):
    """What is possible of a series, in its unit in the catalogue."""

    least: float | None = Field(None, description="The least value that is possible.")
    most: float | None = Field(None, description="The most that is possible.")

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.least is None and self.most is None:
            raise Mistake("a limit says nothing", "write least, most, or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise Mistake(f"the limit's least {self.least:g} is above its most {self.most:g}", "exchange them")
        return self


class CompletenessAttributes(Strict):
    """What may be missing before a check is yellow, and before it is red."""

    missing_yellow: float = Field(default=0.0, ge=0, le=1, description="Share of the points of a week: yellow above.")
    missing_red: float = Field(default=0.2, ge=0, le=1, description="The same: red above it.")
    silent_yellow_hours: float = Field(default=1.0, ge=0, description="Hours of silence: yellow above it.")
    silent_red_hours: float = Field(default=12.0, ge=0, description="The same: red from then on.")


class SourceAttributes(Strict):
    """The attributes of any source.

    A provider's own class gives `base_url` its default, adds its attributes, and builds its account of them.

    Attributes:
        table: The attribute that says what numbers are, of which `fields_file` may hold a part.
    """

    table: ClassVar[str] = "fields"

    slug: str | None = Field(None, description="Its name everywhere; the folder's name by default.")
    description: str = Field(description="What it measures, in a sentence; the UI shows it.")
    first_day: Day = Field(description="The first UTC day to ask for, as 2025-01-31.")
    schedule: str | None = Field(
        "",
        description="When the trailing days are asked for again: cron, in UTC; null for never. By default daily, at"
        " 4:30 to 4:39: the minute follows from its name.",
    )
    due_after_hours: float = Field(
        2.0,
        ge=0,
        le=24,
        description="How many hours after its scheduled load a day should be there at the latest.",
    )
    restated_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Which share of a final day's points a later load may change before the check restated warns.",
    )
    retired: bool = Field(
        default=False, description="It has gone for good: no schedule asks it; what is loaded stays, and is replayed."
    )
    owners: list[str] = Field(default_factory=list, description="E-mail addresses, or team:<name>.")
    left_out: list[str] = Field(
        default_factory=list,
        description="Values without a quantity that nobody waits for, as status names them; * for any part. They are "
        "counted and kept all the same, and no check warns of them.",
    )
    series: list[SeriesNote] = Field(
        default_factory=list, description="Devices and series that are known to be dead: nothing is expected of them."
    )
    limits: dict[str, LimitAttributes] = Field(
        default_factory=dict,
        description="Key of a series, * for any part → the least and the most that is possible, in the catalogue's "
        "unit; the first that fits counts. Values beyond are kept, and flagged.",
    )
    completeness: CompletenessAttributes = Field(
        default=CompletenessAttributes(), description="What may be missing before a check is yellow, or red."
    )
    fields_file: str | None = Field(
        None,
        description="A CSV file beside this one, of columns field, quantity and unit: what would be a long table.",
    )
    site: str = Field("", description="Where the devices stand, if they stand in one place.")
    base_url: str = Field(description="The provider's address.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the provider's address.")
    ca_file: str | None = Field(
        None, description="The PEM file of a private certificate authority, named from the folder of this file."
    )
    proxy: str | None = Field(
        None, description="The outgoing proxy, as http://host:port; direct for none, whatever JOULEHOUSE_PROXY says."
    )
    proxy_env: VariableName | None = Field(
        None, description="The variable that holds it, where it wants a user and a password: http://user:password@…"
    )

    @field_validator("slug")
    @classmethod
    def _is_slug(cls, slug: str | None) -> str | None:
        return slug if slug is None else checked_slug(slug)

    @field_validator("first_day")
    @classmethod
    def _is_not_ahead(cls, day: date) -> date:
        if day > datetime.now(UTC).date():
            raise Mistake(f"first_day {day} is in the future", "name the first UTC day that has data")
        return day

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None and not is_cron(cron):
            raise Mistake(f"the schedule {cron!r} is no cron expression", "write five fields, such as 30 4 * * *")
        if cron is not None and not is_daily_or_oftener(cron):
            raise Mistake(f"the schedule {cron!r} leaves out days", "let it come at least once a day, or write null")
        return cron

    @field_validator("owners")
    @classmethod
    def _are_owners(cls, owners: list[str]) -> list[str]:
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                raise Mistake(f"the owner {owner!r} is nobody", "write an e-mail address, or team:<name>")
        return owners

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        return checked_address(url)

    @field_validator("proxy")
    @classmethod
    def _is_without_a_user(cls, url: str | None) -> str | None:
        if url is not None and "@" in url:
            raise Mistake(
                "the proxy is written with a user", "name the variable that holds it with proxy_env, and no user here"
            )
        if url is not None:
            raise_mistake(lambda: Proxy.parse(url, setting=""))
        return url

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.proxy and self.proxy_env:
            raise Mistake("proxy and proxy_env contradict each other", "keep one of them")
        if self.base_url_env and "base_url" in self.model_fields_set:
            raise Mistake("base_url and base_url_env contradict each other", "keep one of them")
        raise_mistake(self.account)
        return self

    @abstractmethod
    def account(self) -> object:
        """What to ask for, and how to read it: the provider's own `AccountConfig`.

        Raises:
            ConfigurationError: It contradicts itself.
        """

    @property
    def meanings(self) -> Mapping[str, Meaning | MeaningBesideUnits]:
        """Provider's field → what its numbers are, where a source says it by hand."""
        return {}

    @property
    def spans(self) -> tuple[Span, ...]:
        """Spans beyond the hour that some of its values are about; see `SourceFacts.spans`."""
        return ()

    def build(self, config: type[Config], **others: object) -> Config:
        """A configuration made of the attributes whose names it has; one that was left out keeps its own default.

        Args:
            config: Its class, a dataclass.
            others: Its fields that have another name here, or another form.

        Raises:
            ConfigurationError: It contradicts itself.
        """
        names = {field.name for field in fields(config)} - others.keys()
        built: Config = _adapter(config).validate_python(self.model_dump(include=names, exclude_none=True) | others)
        return built


@cache
def _adapter(config: type[Config]) -> TypeAdapter[Config]:
    """Made once for each class: making one takes longer than all that it validates."""
    return TypeAdapter(config)


def checked_address(url: str) -> str:
    """`url`, if it can be the address of an API.

    Raises:
        Mistake: It cannot.
    """
    raise_mistake(lambda: Origin.parse(url, place=""))
    return url
