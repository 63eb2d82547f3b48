"""VoltStorage's resource: a missing variable is named, and the streams come by the same way."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import ConfigurationError, ProviderUnavailableError
from providers.voltstorage.account import AccountConfig, FieldMeaning, Paths, ProductFilter
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.settings import Settings
from resources.voltstorage import VoltStorageConfig
from tests.fakes.authority import private_authority
from tests.fakes.raw_server import RawServer, answer
from tests.providers.voltstorage.harness import DAY

CONFIG = VoltStorageConfig(
    Endpoint("home", "assets/home/defs.yaml", base_url_env="HOME_URL"),
    AccountConfig(
        products=(77, 79),
        components=(501,),
        fields={"Power_New": FieldMeaning("power", "kW")},
        live_names={"dcVoltage": "Voltage_DC"},
        export_fields=("Power_PV",),
        tz_minutes=60,
        separator=";",
        statistics=("month",),
        product_filter=ProductFilter(group_id=64),
        paths=Paths(stream="live"),
    ),
    username_env="HOME_USERNAME",
    password_env="HOME_PASSWORD",
)
VARIABLES = {"HOME_URL": "http://127.0.0.1:1", "HOME_USERNAME": "canary-user", "HOME_PASSWORD": "canary-password"}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_fails_the_first_request_by_name(name: str) -> None:
    settings = Settings({key: value for key, value in VARIABLES.items() if key != name})
    with closing(LazyProvider(CONFIG, settings)) as provider, pytest.raises(ConfigurationError, match=name):
        next(provider.fetch(DAY, {}))
    with pytest.raises(ConfigurationError, match=name), CONFIG.feed(settings):
        pass


def test_a_replay_needs_no_variable() -> None:
    with closing(LazyProvider(CONFIG, Settings({}))) as provider:
        assert list(provider.normalize([], DAY)) == []
        assert provider.n_requests == 0


def test_the_streams_parts_are_the_products() -> None:
    with CONFIG.feed(Settings(VARIABLES)) as feed:
        assert list(feed.parts()) == ["77", "79"]


def test_the_stream_too_believes_the_private_authority_of_the_account(tmp_path: Path) -> None:
    script = [answer(b'{"token": "abc"}'), answer(status=503), answer(status=503)]
    with private_authority(tmp_path) as authority, RawServer(script, tls=authority.trust) as server:
        settings = Settings({**VARIABLES, "HOME_URL": f"https://127.0.0.1:{server.port}"})
        believing = replace(CONFIG, endpoint=replace(CONFIG.endpoint, ca_file=authority.file))
        with (
            believing.feed(settings) as feed,
            pytest.raises(ProviderUnavailableError, match="503"),
            feed.listen("77"),
        ):
            pass
        assert [seen.target.partition("?")[0] for seen in server.seen] == ["/rest/login/password", "/rest/live"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"products": ()}, {"products": (77, 77)}, {"components": (0,)}, {"export_format": "xml"}, {"precision": 0},
        {"tolerance": 2.0}, {"tz_minutes": 2000}, {"separator": "."}, {"separator": ""}, {"statistics": ("week",)},
        {"validity_seconds": 0}, {"validity_seconds": 31_622_401}, {"token_in": "cookie"},
        {"fields": {"x": FieldMeaning("colour", "red")}},
    ],
)  # fmt: skip
def test_an_account_that_could_not_work_is_refused_before_any_request(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        AccountConfig(**wrong)  # type: ignore[arg-type]  # wrong on purpose
