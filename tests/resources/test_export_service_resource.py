from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import ConfigurationError
from domain.records import Payload
from domain.window import Window
from providers.export_service.account import AccountConfig, FieldMeaning
from resources.endpoint import Endpoint
from resources.export_service import ExportServiceConfig
from resources.provider import LazyProvider
from resources.settings import Settings
from tests.fakes.days import FIRST

CONFIG = ExportServiceConfig(
    Endpoint("hub", "assets/hub/defs.yaml", base_url_env="HUB_URL"),
    AccountConfig(
        organization="audicharginghub",
        space="ladedaten",
        products=("a", "b"),
        fields={"energy_kWh": FieldMeaning("energy", "kWh"), "a/x": FieldMeaning("irradiance", "W/m²")},
        identity={"a": ("vehicleId", "plug"), "*": ()},
        site="Nürnberg",
    ),
    client_id_env="HUB_CLIENT_ID",
    client_secret_env="HUB_CLIENT_SECRET",
)
VARIABLES = {"HUB_URL": "http://127.0.0.1:1", "HUB_CLIENT_ID": "canary-id", "HUB_CLIENT_SECRET": "canary-secret"}


def first_answer(variables: dict[str, str]) -> Iterable[Payload]:
    return [next(LazyProvider(CONFIG, Settings(variables)).fetch(Window.of_day(FIRST), {}))]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_fails_the_first_request_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        first_answer({key: value for key, value in VARIABLES.items() if key != name})


@pytest.mark.parametrize(
    "url", ["http://example.org", "https://user:word@example.org", "https://example.org/?a=b", "x"]
)
def test_an_absurd_address_in_a_variable_is_refused_by_the_variables_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HUB_URL") as raised:
        first_answer({**VARIABLES, "HUB_URL": url})
    assert "word" not in str(raised.value)


def test_a_replay_needs_no_variable() -> None:
    provider = LazyProvider(CONFIG, Settings({}))
    assert list(provider.normalize([], Window.of_day(FIRST))) == []
    assert provider.n_requests == 0
    provider.close()


def test_the_fingerprint_tells_apart_whom_is_asked_and_for_what_and_nothing_else() -> None:
    def fingerprint(config: ExportServiceConfig = CONFIG, **variables: str) -> str:
        with closing(LazyProvider(config, Settings({**VARIABLES, **variables}))) as provider:
            return provider.fingerprint

    def of(**changes: Any) -> str:  # noqa: ANN401 - any field of the account
        return fingerprint(replace(CONFIG, account=replace(CONFIG.account, **changes)))

    others = [
        fingerprint(HUB_URL="http://127.0.0.1:2"),
        of(organization="other"),
        of(space=None),
        of(products=("a",), fields={}, identity={}),
        of(products=None),
        of(time_field="time"),
    ]
    assert len({fingerprint(), *others}) == 1 + len(others)
    assert fingerprint() == of(fields={}, site="", products=("b", "a")) == fingerprint(HUB_CLIENT_SECRET="rotated")
