"""An account at Climkit, as `assets/<source>/defs.yaml` describes it."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from assets.source import Span
from pipelines.components.attributes import Meaning, SourceAttributes, VariableName
from pipelines.components.source import SourceComponent
from providers.climkit.account import AccountConfig
from providers.climkit.spec import SPEC
from resources.climkit import ClimkitConfig

Frequency = Literal["15T", "H", "D", "M", "Y"]


def _quarters() -> list[Frequency]:
    return ["15T"]


class ClimkitAttributes(SourceAttributes):
    """The attributes of an account at Climkit."""

    table = "sensors"

    base_url: str = Field("https://api.climkit.io", description="The provider's address.")
    username_env: VariableName = Field(description="The variable that holds the API user's name.")
    password_env: VariableName = Field(description="The variable that holds its password.")
    sites: list[str] | None = Field(None, description="The sites to fetch, by id; everything listed by default.")
    meters: list[str] | None = Field(
        None, description="The meters to fetch, by id, all of every site by default; one that no site lists is refused."
    )
    sampling_frequencies: list[Frequency] = Field(
        default_factory=_quarters, description="How validated data are sampled; each costs requests of its own."
    )
    has_site_totals: bool = Field(default=True, description="Whether the data of the site as a whole are fetched.")
    has_registers: bool = Field(default=True, description="Whether the raw registers of physical meters are fetched.")
    has_sensors: bool = Field(default=True, description="Whether sensors are fetched.")
    load_curves: dict[str, int] = Field(
        default_factory=dict, description="A meter's id → minutes, where its raw data are a load curve and no register."
    )
    sensors: dict[str, Meaning] = Field(
        default_factory=dict, description="A sensor's id or type → what its values are, where its unit says too little."
    )
    zones: dict[str, str] = Field(
        default_factory=dict, description="What the provider says of a time zone → the IANA name that is meant."
    )

    def account(self) -> AccountConfig:
        """What to ask for, and how to read it; see `SourceAttributes.account`."""
        sensors = {name: (meaning.quantity, meaning.unit) for name, meaning in self.sensors.items()}
        return self.build(AccountConfig, frequencies=self.sampling_frequencies, sensors=sensors)

    @property
    def meanings(self) -> Mapping[str, Meaning]:
        """Sensor → what its values are, as configured."""
        return self.sensors

    @property
    def spans(self) -> tuple[Span, ...]:
        """Those of its sampling frequencies."""
        return self.account().spans


class ClimkitSource(SourceComponent):
    """An account at Climkit: meters and sensors of apartment houses behind a name and a password."""

    provider_spec = SPEC
    attributes_type = ClimkitAttributes
    attributes: ClimkitAttributes

    def connection(self) -> ClimkitConfig:
        """How to reach the account."""
        attributes = self.attributes
        return ClimkitConfig(
            self.endpoint,
            attributes.account(),
            username_env=attributes.username_env,
            password_env=attributes.password_env,
        )
