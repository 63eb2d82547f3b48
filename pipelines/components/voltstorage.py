"""An account at VoltStorage, as `assets/<source>/defs.yaml` describes it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal

from pydantic import Field

from assets.source import Span
from domain.live import LiveFeed
from pipelines.components.attributes import Meaning, SourceAttributes, Strict, VariableName
from pipelines.components.source import SourceComponent
from providers.voltstorage.account import AccountConfig, Paths
from providers.voltstorage.spec import DEFAULT_VALIDITY_SECONDS, SPEC
from resources.settings import Settings
from resources.voltstorage import VoltStorageConfig

Timespan = Literal["hour", "day", "month", "year", "lifetime"]

_PATHS = Paths()


def _hours_and_days() -> list[Timespan]:
    return ["hour", "day"]


class VoltStoragePaths(Strict):
    """Where the endpoints are, below the API's address."""

    login: str = Field(_PATHS.login, description="Where tokens are attributes.")
    products: str = Field(_PATHS.products, description="Where products are listed.")
    export: str = Field(_PATHS.export, description="Where measurements are exported, before .csv or .json.")
    latest: str = Field(_PATHS.latest, description="Where the latest values are; not documented, our choice.")
    statistics: str = Field(_PATHS.statistics, description="Where statistics are; not documented, our choice.")
    stream: str = Field(_PATHS.stream, description="Where the live stream is; not documented, our choice.")


class VoltStorageProducts(Strict):
    """Which products the list holds."""

    q: str | None = Field(None, description="Free text, searched for in id, serial number, type …")
    group_id: int | None = Field(None, description="The group they belong to.")
    is_installed: bool | None = Field(None, description="Whether they have a date of installation.")
    owner_id: int | None = Field(None, description="Their owner.")
    sort: str = Field("id", description="Fields to sort by, - before one for descending.")


class VoltStorageAttributes(SourceAttributes):
    """The attributes of an account at VoltStorage."""

    # What a working client uses.
    base_url: str = Field("https://api.voltstorage.com", description="The provider's address.")
    username_env: VariableName = Field(description="The variable that holds the e-mail address.")
    password_env: VariableName = Field(description="The variable that holds the password.")
    products: list[int] | None = Field(None, description="The products to fetch, by id; everything listed by default.")
    components: list[int] = Field(default_factory=list, description="Components to export beside them, by id.")
    product_filter: VoltStorageProducts = Field(
        default_factory=lambda: VoltStorageProducts.model_validate({}), description="Which products are listed."
    )
    fields: dict[str, Meaning] = Field(
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
        default_factory=_hours_and_days,
        description="Time spans of which statistics are fetched; a lifetime is a reading of now, and pulls of days that"
        " are over, as on schedule, do not ask for it.",
    )
    validity_seconds: int = Field(DEFAULT_VALIDITY_SECONDS, description="The life of a token.")
    paths: VoltStoragePaths = Field(
        default_factory=lambda: VoltStoragePaths.model_validate({}), description="Where the endpoints are."
    )
    stream_token: Literal["header", "query"] = Field(
        "header", description="Where the stream's token is sent: as Bearer, or in the address as the document says."
    )
    zones: dict[str, str] = Field(
        default_factory=dict, description="What the provider says of a time zone → the IANA name that is meant."
    )

    def account(self) -> AccountConfig:
        """What to ask for, and how to read it; see `SourceAttributes.account`."""
        return self.build(AccountConfig, token_in=self.stream_token)

    @property
    def meanings(self) -> Mapping[str, Meaning]:
        """Field → what its numbers are, as configured."""
        return self.fields

    @property
    def spans(self) -> tuple[Span, ...]:
        """Those of its statistics."""
        return self.account().spans


class VoltStorageSource(SourceComponent):
    """An account at VoltStorage: home batteries behind an e-mail address and a password, as series of a source."""

    provider_spec = SPEC
    attributes_type = VoltStorageAttributes
    attributes: VoltStorageAttributes

    def connection(self) -> VoltStorageConfig:
        """How to reach the account."""
        attributes = self.attributes
        return VoltStorageConfig(
            self.endpoint,
            attributes.account(),
            username_env=attributes.username_env,
            password_env=attributes.password_env,
        )

    def open_live(self, settings: Settings) -> AbstractContextManager[LiveFeed]:
        """Its live streams; variables are looked up when it is entered."""
        return self.connection().feed(settings)
