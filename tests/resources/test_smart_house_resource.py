"""The resource of the Smart House: one variable, no secret, and a component that says what is wrong."""

from contextlib import closing

import pytest

from domain.errors import ConfigurationError
from domain.window import Window
from pipelines.components import SmartHouseSource
from pipelines.sources import ASSETS, read_sources
from providers.smart_house.account import AccountConfig, FieldMeaning
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.settings import Settings
from resources.smart_house import LIMITS, SmartHouseConfig
from tests.providers.smart_house.harness import DAY, HOMES, points_of, smart_homes

CONFIG = SmartHouseConfig(
    Endpoint("homes", "assets/homes/defs.yaml", base_url_env="HOMES_URL"),
    AccountConfig(
        format="xml",
        types=("sensor",),
        units=("W",),
        homes={"a": ("sensor.x", "light.y")},
        fields={"sensor.gas": FieldMeaning("volume_register", "m³")},
    ),
)


def test_a_missing_variable_fails_the_first_request_by_name() -> None:
    with pytest.raises(ConfigurationError, match="HOMES_URL is not set"):
        next(LazyProvider(CONFIG, Settings({})).fetch(DAY, {}))


def test_a_replay_needs_no_variable() -> None:
    with closing(LazyProvider(CONFIG, Settings({}))) as provider:
        assert list(provider.normalize([], Window.of_day(DAY.day))) == []
        assert provider.n_requests == 0


def test_the_provider_waits_for_a_result_that_is_built_before_its_first_byte() -> None:
    assert LIMITS.read_seconds >= 120
    assert LIMITS.total_seconds > LIMITS.read_seconds * LIMITS.max_tries


def test_the_shipped_source_tells_the_homes_of_the_twin_apart() -> None:
    (source,) = [one for one in read_sources(ASSETS) if isinstance(one, SmartHouseSource)]
    assert source.connection().account.homes == HOMES
    with smart_homes() as made:
        variables = {"SMART_HOMES_URL": f"{made.sandbox.url}/smart_house"}
        with closing(source.open(Settings(variables))) as provider:
            points = [points_of(batch) for batch in provider.normalize(list(provider.fetch(DAY, {})), DAY)]
    assert {key.split("/")[0] for one in points for key, _ in one} == set(HOMES)
