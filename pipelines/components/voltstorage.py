"""An account at VoltStorage, as `assets/<source>/defs.yaml` describes it."""

from contextlib import AbstractContextManager
from typing import Final, Literal, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.live import LiveFeed
from domain.quantities import conversion
from pipelines.components.mistakes import Mistake, translated
from pipelines.components.source import SourceAttributes, SourceComponent, VariableName
from pipelines.components.template import SourceTemplate
from providers._addresses import Origin
from providers.voltstorage.account import Account, FieldMeaning, Paths, ProductFilter
from providers.voltstorage.spec import (
    DEFAULT_VALIDITY_SECONDS,
    EXPORT_PATH,
    LATEST_PATH,
    LOGIN_PATH,
    PRODUCTS_PATH,
    SPEC,
    STATISTICS_PATH,
    STREAM_PATH,
)
from resources.on_demand import OnDemandProvider
from resources.settings import Settings
from resources.voltstorage import (
    VoltStorageAccess,
    VoltStorageResource,
    open_voltstorage,
    open_voltstorage_feed,
)

CLOUD: Final = "https://api.voltstorage.com"
"""The address that a working client uses."""

Timespan = Literal["hour", "day", "month", "year", "lifetime"]


def _hours_and_days() -> list[Timespan]:
    return ["hour", "day"]


class VoltStorageField(BaseModel):
    """What the numbers of a field are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    quantity: str = Field(description="A quantity of domain/quantities.py, such as power.")
    unit: str = Field(description="The unit that the provider sends, such as W.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        translated(lambda: conversion(self.quantity, self.unit, place=""))
        return self


class VoltStoragePaths(BaseModel):
    """Where the endpoints are, below the API's address."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    login: str = Field(LOGIN_PATH, description="Where tokens are given.")
    products: str = Field(PRODUCTS_PATH, description="Where products are listed.")
    export: str = Field(EXPORT_PATH, description="Where measurements are exported, before .csv or .json.")
    latest: str = Field(LATEST_PATH, description="Where the latest values are; not documented, our choice.")
    statistics: str = Field(STATISTICS_PATH, description="Where statistics are; not documented, our choice.")
    stream: str = Field(STREAM_PATH, description="Where the live stream is; not documented, our choice.")


class VoltStorageProducts(BaseModel):
    """Which products the list holds."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    q: str | None = Field(None, description="Free text, searched for in id, serial number, type …")
    group_id: int | None = Field(None, description="The group they belong to.")
    is_installed: bool | None = Field(None, description="Whether they have a date of installation.")
    owner_id: int | None = Field(None, description="Their owner.")
    sort: str = Field("id", description="Fields to sort by, - before one for descending.")


class VoltStorageAttributes(SourceAttributes):
    """What a data engineer writes about an account at VoltStorage."""

    base_url: str | None = Field(None, description=f"The provider's address; {CLOUD} by default.")
    base_url_env: VariableName | None = Field(None, description="The variable that holds the provider's address.")
    username_env: VariableName = Field(description="The variable that holds the e-mail address.")
    password_env: VariableName = Field(description="The variable that holds the password.")
    products: list[int] | None = Field(None, description="The products to fetch, by id; everything listed by default.")
    components: list[int] = Field(default_factory=list, description="Components to export beside them, by id.")
    product_filter: VoltStorageProducts = Field(
        default_factory=lambda: VoltStorageProducts.model_validate({}), description="Which products are listed."
    )
    fields: dict[str, VoltStorageField] = Field(
        default_factory=dict, description="Field → what its numbers are, beyond the known ones."
    )
    live_names: dict[str, str] = Field(
        default_factory=dict, description="Name in the live stream → name of the same in the export."
    )
    export_fields: list[str] | None = Field(None, description="Columns to export; all by default.")
    export_format: Literal["csv", "json"] = Field("csv", description="The format of exports.")
    precision: int = Field(9, description="Significant digits; the provider's own default of 6 rounds large numbers.")
    tolerance: float = Field(0.0, description="Relative error that the provider may simplify by.")
    tz_minutes: int | None = Field(None, description="UTC offset in which times are asked for; UTC by default.")
    separator: str | None = Field(None, description="What separates cells; the provider's default if left out.")
    is_last_line_ended: bool = Field(
        default=True, description="Whether the provider ends the last line of a CSV, so that one without end was cut."
    )
    statistics: list[Timespan] = Field(
        default_factory=_hours_and_days, description="Time spans of which statistics are fetched."
    )
    validity_seconds: int = Field(DEFAULT_VALIDITY_SECONDS, description="The life of a token.")
    paths: VoltStoragePaths = Field(
        default_factory=lambda: VoltStoragePaths.model_validate({}), description="Where the endpoints are."
    )
    stream_token: Literal["header", "query"] = Field(
        "header", description="Where the stream's token is sent: as Bearer, or in the address as the document says."
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
            products=None if self.products is None else tuple(self.products),
            components=tuple(self.components),
            fields={name: FieldMeaning(meaning.quantity, meaning.unit) for name, meaning in self.fields.items()},
            live_names=dict(self.live_names),
            export_fields=None if self.export_fields is None else tuple(self.export_fields),
            export_format=self.export_format,
            precision=self.precision,
            tolerance=self.tolerance,
            tz_minutes=self.tz_minutes,
            separator=self.separator,
            is_last_line_ended=self.is_last_line_ended,
            statistics=tuple(self.statistics),
            product_filter=ProductFilter(**self.product_filter.model_dump()),
            validity_seconds=self.validity_seconds,
            paths=Paths(**self.paths.model_dump()),
            token_in=self.stream_token,
            site=self.site,
        )


class VoltStorageTemplate(SourceTemplate):
    """Writes a commented `defs.yaml`, in which nothing but the account has to be filled in."""

    template = "voltstorage.template.yaml"


@dg.scaffold_with(VoltStorageTemplate)
class VoltStorageSource(SourceComponent):
    """An account at VoltStorage: home batteries behind an e-mail address and a password, as series of a source."""

    provider_spec = SPEC
    attributes_type = VoltStorageAttributes
    attributes: VoltStorageAttributes

    @classmethod
    def fields_of(cls, attributes: SourceAttributes) -> dict[str, tuple[str, str]]:
        """Field → (quantity, unit), as configured."""
        assert isinstance(attributes, VoltStorageAttributes)  # noqa: S101  # narrows the type
        return {name: (meaning.quantity, meaning.unit) for name, meaning in attributes.fields.items()}

    def access(self) -> VoltStorageAccess:
        """How to reach the account."""
        given = self.attributes
        return VoltStorageAccess(
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
        return open_voltstorage(self.access(), settings)

    def open_live(self, settings: Settings) -> AbstractContextManager[LiveFeed]:
        """Its live streams; variables are looked up when it is entered."""
        return open_voltstorage_feed(self.access(), settings)

    def resource(self) -> VoltStorageResource:
        """What vends the provider to a step."""
        return VoltStorageResource.of(self.access())
