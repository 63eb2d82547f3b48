"""What every source has in common, whatever its provider: attributes, facts, assets, checks, a job and a schedule."""

import keyword
import re
from abc import abstractmethod
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

import dagster as dg

# The words that Dagster refuses as a name have no public name themselves in 1.13.27.
from dagster._core.definitions.utils import DISALLOWED_NAMES
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from assets.checks import source_checks
from assets.factory import source_assets
from assets.source import SourceFacts
from domain.contract import Provider, ProviderSpec
from pipelines.components.mistakes import Mistake
from pipelines.schedules import CHECKS, is_cron, is_daily_or_oftener, source_job, trailing_schedule
from pipelines.sensors import RETIREMENTS, failed_days
from resources.settings import PROJECT, Settings

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Words in capitals joined by underscores: few secrets look like that, and every variable's name can.
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
# A source's slug is its resource, its job and its schedule, and these are taken.
_OF_THE_HOUSE: Final = frozenset({"house", "warehouse", CHECKS, failed_days.name, RETIREMENTS})
_OF_DAGSTER: Final = frozenset({*DISALLOWED_NAMES, *keyword.kwlist, "io_manager"})
_OWNER: Final = re.compile(r"team:\S+|[^@\s]+@[^@\s]+\.[^@\s]+")


def _variable(value: object) -> object:
    if isinstance(value, str) and not (_VARIABLE.fullmatch(value) and len(value) <= 64):  # noqa: PLR2004  # no variable is longer
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


class SourceAttributes(BaseModel):
    """What a data engineer writes about any source."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    slug: str | None = Field(None, description="Its name everywhere; the folder's name by default.")
    description: str = Field(description="What it measures, in a sentence; the UI shows it.")
    first_day: Day = Field(description="The first UTC day to ask for, as 2025-01-31.")
    schedule: str | None = Field(
        "30 4 * * *", description="When the trailing days are asked for again: cron, in UTC; null for never."
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
    site: str = Field("", description="Where the devices stand, if they stand in one place.")

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


class SourceComponent(dg.Component):
    """One account at a provider. A provider's own class says its spec, its attributes, and how it is opened."""

    provider_spec: ClassVar[ProviderSpec]
    attributes_type: ClassVar[type[SourceAttributes]]

    def __init__(self, facts: SourceFacts, attributes: SourceAttributes, file: Path) -> None:
        """Hold what `made_from` found to be sound."""
        self.facts = facts
        self.attributes = attributes
        self.file = file

    @classmethod
    def made_from(cls, attributes: SourceAttributes, file: Path) -> Self:
        """The source that `file` describes.

        Raises:
            Mistake: The attributes are sound by themselves, but not for this provider.
        """
        slug = checked_slug(attributes.slug or file.parent.name)
        if attributes.first_day < cls.provider_spec.first_day:
            title, first_day = cls.provider_spec.title, cls.provider_spec.first_day
            raise Mistake(
                f"first_day {attributes.first_day} lies before the first day of the {title}, {first_day}",
                f"write {first_day} or later",
            )
        facts = SourceFacts(
            slug=slug,
            spec=cls.provider_spec,
            first_day=max(attributes.first_day, Settings().first_day(slug) or attributes.first_day),
            description=attributes.description,
            owners=tuple(attributes.owners),
            schedule=None if cls.provider_spec.is_retired or attributes.retired else attributes.schedule,
            fields=cls.fields_of(attributes),
            left_out=tuple(attributes.left_out),
            site=attributes.site,
            was_retired=attributes.retired,
        )
        return cls(facts, attributes, file)

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:  # noqa: ARG003  # for classes below
        """Provider's field → (quantity, unit), where a source maps fields by hand."""
        return {}

    @abstractmethod
    def open(self, settings: Settings) -> Provider:
        """The provider, ready for all three verbs; variables are looked up when the first request needs them."""

    @abstractmethod
    def resource(self) -> dg.ResourceDefinition | dg.ConfigurableResource[Any]:
        """What vends the provider to a step."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema behind `dg check yaml`."""
        return cls.attributes_type

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Called by Dagster with what `get_model_cls` has validated."""
        if not isinstance(attributes, cls.attributes_type):
            raise Mistake(f"{context.path} has no attributes", "write what the template of `dg scaffold defs` shows")
        path = context.path
        return cls.made_from(attributes, named(path if path.is_file() else path / "defs.yaml"))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002  # Dagster's signature
        """Everything Dagster has to know of this source."""
        job = source_job(self.facts)
        schedule = trailing_schedule(self.facts, job)
        return dg.Definitions(
            assets=source_assets(self.facts),
            asset_checks=[source_checks(self.facts)],
            jobs=[job],
            schedules=[schedule] if schedule else [],
            resources={self.facts.slug: self.resource()},
        )


def checked_slug(slug: str) -> str:
    """`slug`, if it can name a source.

    Raises:
        Mistake: It cannot.
    """
    if not _SLUG.fullmatch(slug) or len(slug) > 40:  # noqa: PLR2004  # job, pool and schedule names are made of it
        raise Mistake(
            f"{slug!r} cannot be the name of a source", "use small letters, digits and single underscores, at most 40"
        )
    if slug in _OF_THE_HOUSE:
        raise Mistake(f"{slug!r} names a part of the house", "choose another name for the folder or the slug")
    if slug in _OF_DAGSTER:
        raise Mistake(f"{slug!r} is a word of Dagster or Python", "choose another name for the folder or the slug")
    return slug


def named(path: Path) -> Path:
    """`path` as a person names it: from the top of the checkout, where it lies inside."""
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
