"""Each provider's account: a missing variable is named, a replay needs none, and what is in the warehouse is shared."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import ConfigurationError, CredentialsRejectedError, ProviderUnavailableError
from domain.records import Payload
from domain.window import Window
from pipelines.components import SmartHouseSource
from pipelines.sources import ASSETS, read_sources
from providers._login import AUTH_METHODS
from providers.climkit.account import AccountConfig as ClimkitAccount
from providers.export_service.account import AccountConfig as ExportServiceAccount
from providers.export_service.account import FieldMeaning as ExportServiceMeaning
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.servitly.account import FieldMeaning as ServitlyMeaning
from providers.servitly.account import Metric
from providers.servitly.polling_policy import PollingPolicy
from providers.smart_house.account import AccountConfig as SmartHouseAccount
from providers.smart_house.account import FieldMeaning as SmartHouseMeaning
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.account import FieldMeaning as VoltStorageMeaning
from providers.voltstorage.account import Paths, ProductFilter
from resources.climkit import ClimkitConfig
from resources.connection import ConnectionConfig
from resources.endpoint import Endpoint
from resources.export_service import ExportServiceConfig
from resources.provider import LazyProvider
from resources.settings import Settings
from resources.smart_house import LIMITS, SmartHouseConfig
from resources.voltstorage import VoltStorageConfig
from sandbox.climkit.house import SITE
from tests.fakes import order_workers
from tests.fakes.authority import private_authority
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.days import FIRST
from tests.fakes.harness import shared_sandbox
from tests.fakes.raw_server import RawServer, answer
from tests.providers.climkit.harness import DAY as CLIMKIT_DAY
from tests.providers.climkit.harness import FLAT, apartments
from tests.providers.servitly.harness import DAY as SERVITLY_DAY
from tests.providers.servitly.harness import boilers
from tests.providers.smart_house.harness import DAY as SMART_HOUSE_DAY
from tests.providers.smart_house.harness import HOMES, points_of, smart_homes

CLIMKIT = ClimkitConfig(
    Endpoint("house", "assets/house/defs.yaml", base_url_env="HOUSE_URL"),
    ClimkitAccount(
        sites=(SITE,),
        meters=(FLAT,),
        frequencies=("15T", "D"),
        has_site_totals=False,
        has_registers=False,
        has_sensors=False,
        sensors={"humidity": ("ratio", "%")},
    ),
    username_env="HOUSE_USERNAME",
    password_env="HOUSE_PASSWORD",
)
VOLTSTORAGE = VoltStorageConfig(
    Endpoint("home", "assets/home/defs.yaml", base_url_env="HOME_URL"),
    VoltStorageAccount(
        products=(77, 79),
        components=(501,),
        fields={"Power_New": VoltStorageMeaning("power", "kW")},
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
VOLTSTORAGE_VARIABLES = {
    "HOME_URL": "http://127.0.0.1:1",
    "HOME_USERNAME": "canary-user",
    "HOME_PASSWORD": "canary-password",
}
SMART_HOUSE = SmartHouseConfig(
    Endpoint("homes", "assets/homes/defs.yaml", base_url_env="HOMES_URL"),
    SmartHouseAccount(
        format="xml",
        types=("sensor",),
        units=("W",),
        homes={"a": ("sensor.x", "light.y")},
        fields={"sensor.gas": SmartHouseMeaning("volume_register", "m³")},
    ),
)
SERVITLY_ACCOUNT = ServitlyAccount(
    tenant="acme",
    metrics=(Metric("66a000000000000000000001"),),
    fields={"Water heater": ServitlyMeaning("energy", "Wh")},
    file_hosts=("files.example:8443",),
)
SERVITLY = replace(
    order_workers.CONFIG,
    account=SERVITLY_ACCOUNT,
    requests_per_minute=6000.0,
    polling_policy=PollingPolicy(first_poll=0.1),
)
EXPORT_SERVICE = ExportServiceConfig(
    Endpoint("hub", "assets/hub/defs.yaml", base_url_env="HUB_URL"),
    ExportServiceAccount(
        organization="audicharginghub",
        space="ladedaten",
        products=("a", "b"),
        fields={"energy_kWh": ExportServiceMeaning("energy", "kWh"), "a/x": ExportServiceMeaning("irradiance", "W/m²")},
        identity={"a": ("vehicleId", "plug"), "*": ()},
        site="Nürnberg",
    ),
    client_id_env="HUB_CLIENT_ID",
    client_secret_env="HUB_CLIENT_SECRET",
)
EXPORT_SERVICE_VARIABLES = {
    "HUB_URL": "http://127.0.0.1:1",
    "HUB_CLIENT_ID": "canary-id",
    "HUB_CLIENT_SECRET": "canary-secret",
}
CONFIGS = (CLIMKIT, VOLTSTORAGE, SMART_HOUSE, SERVITLY, EXPORT_SERVICE)


def first_answer(config: ConnectionConfig, variables: dict[str, str]) -> Payload:
    with closing(LazyProvider(config, Settings(variables))) as provider:
        return next(iter(provider.fetch(Window.of_day(FIRST), {})))


@pytest.mark.parametrize(
    ("config", "name"), [pytest.param(config, name, id=name) for config in CONFIGS for name in config.variables]
)
def test_a_missing_variable_fails_the_first_request_by_name(config: ConnectionConfig, name: str) -> None:
    others = {other: "http://127.0.0.1:1" for other in config.variables if other != name}
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        first_answer(config, others)
    if isinstance(config, VoltStorageConfig):
        with pytest.raises(ConfigurationError, match=name), config.feed(Settings(others)):
            pass


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.spec.slug)
def test_a_replay_needs_no_variable(config: ConnectionConfig) -> None:
    with closing(LazyProvider(config, Settings({}))) as provider:
        assert list(provider.normalize([], Window.of_day(FIRST))) == []
        assert provider.n_requests == 0


def test_sources_with_one_credential_share_one_bucket_which_does_not_say_whose_it_is(
    database: str, tmp_path: Path
) -> None:
    with apartments() as made:
        known = made.twin.settings
        variables = {"WAREHOUSE_URL": database, "LANDING_URL": str(tmp_path)}
        for prefix in ("HOUSE", "OTHER"):
            variables |= {
                f"{prefix}_URL": made.sandbox.url_of("climkit"),
                f"{prefix}_USERNAME": known.username,
                f"{prefix}_PASSWORD": known.password,
            }
        other = replace(CLIMKIT, endpoint=replace(CLIMKIT.endpoint, source="other", base_url_env="OTHER_URL"))
        other = replace(other, username_env="OTHER_USERNAME", password_env="OTHER_PASSWORD")
        for config in (CLIMKIT, other):
            with closing(LazyProvider(config, Settings(variables))) as provider:
                next(provider.fetch(CLIMKIT_DAY, {}))
                assert provider.n_requests == 2
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT credential, n_taken FROM budget").fetchall()
    assert [taken for _, taken in rows] == [4]
    assert known.username not in rows[0][0]


def test_the_streams_parts_are_the_products() -> None:
    with VOLTSTORAGE.feed(Settings(VOLTSTORAGE_VARIABLES)) as feed:
        assert list(feed.parts()) == ["77", "79"]


def test_the_stream_too_believes_the_authority_of_the_account_and_goes_through_its_proxy(tmp_path: Path) -> None:
    script = [answer(b'{"token": "abc"}'), answer(status=503), answer(status=503)]
    with (
        private_authority(tmp_path) as authority,
        RawServer(script, tls=authority.trust) as server,
        ConnectProxy({"api.example": server.port}) as proxy,
    ):
        settings = Settings({**VOLTSTORAGE_VARIABLES, "HOME_URL": "https://api.example", "JOULEHOUSE_PROXY": proxy.url})
        believing = replace(VOLTSTORAGE, endpoint=replace(VOLTSTORAGE.endpoint, ca_file=authority.file))
        with (
            believing.feed(settings) as feed,
            pytest.raises(ProviderUnavailableError, match="503"),
            feed.listen("77"),
        ):
            pass
        assert [seen.target.partition("?")[0] for seen in server.seen] == ["/rest/login/password", "/rest/live"]
        assert proxy.asked == ["api.example:443", "api.example:443"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"products": ()}, {"products": (77, 77)}, {"components": (0,)}, {"export_format": "xml"}, {"precision": 0},
        {"tolerance": 2.0}, {"tz_minutes": 2000}, {"separator": "."}, {"separator": ""}, {"statistics": ("week",)},
        {"validity_seconds": 0}, {"validity_seconds": 31_622_401}, {"token_in": "cookie"},
        {"fields": {"x": VoltStorageMeaning("colour", "red")}},
    ],
)  # fmt: skip
def test_an_account_that_could_not_work_is_refused_before_any_request(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        VoltStorageAccount(**wrong)


def test_the_provider_waits_for_a_result_that_is_built_before_its_first_byte() -> None:
    assert LIMITS.read_seconds >= 120
    assert LIMITS.total_seconds > LIMITS.read_seconds * LIMITS.max_tries


def test_the_shipped_source_tells_the_homes_of_the_twin_apart() -> None:
    (source,) = [one for one in read_sources(ASSETS) if isinstance(one, SmartHouseSource)]
    assert source.connection().account.homes == HOMES
    with smart_homes() as made:
        variables = {"SMART_HOMES_URL": f"{made.sandbox.url}/smart_house"}
        with closing(source.open(Settings(variables))) as provider:
            points = [
                points_of(batch)
                for batch in provider.normalize(list(provider.fetch(SMART_HOUSE_DAY, {})), SMART_HOUSE_DAY)
            ]
    assert {key.split("/")[0] for one in points for key, _ in one} == set(HOMES)


def test_it_fetches_with_its_ledger_and_its_budget_in_the_warehouse(database: str, tmp_path: Path) -> None:
    with boilers() as made:
        environment = {
            "FLEET_URL": f"{made.sandbox.url}/servitly",
            "FLEET_USERNAME": made.twin.settings.username,
            "FLEET_PASSWORD": made.twin.settings.password,
            "FLEET_API_KEY": made.twin.settings.api_key,
            "WAREHOUSE_URL": database,
            "JOULEHOUSE_HOME": str(tmp_path),
        }
        with closing(LazyProvider(SERVITLY, Settings(environment))) as provider:
            (payload,) = provider.fetch(SERVITLY_DAY, {})
            assert payload.params["startTimestamp"] == str(int(SERVITLY_DAY.start.timestamp() * 1000))
            assert provider.n_requests >= 4
        assert list((tmp_path / "spool").iterdir()) == []
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT source, state FROM export_job").fetchall() == [("fleet", "landed")]
        (bucket, n_taken) = connection.execute("SELECT credential, n_taken FROM budget").fetchone() or ("", 0)
        assert bucket.startswith("servitly-")
        assert n_taken >= 4


@pytest.mark.parametrize(
    "url", ["http://example.org", "https://user:word@example.org", "https://example.org/?a=b", "x"]
)
def test_an_absurd_address_in_a_variable_is_refused_by_the_variables_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HUB_URL") as raised:
        first_answer(EXPORT_SERVICE, {**EXPORT_SERVICE_VARIABLES, "HUB_URL": url})
    assert "word" not in str(raised.value)


def test_the_fingerprint_tells_apart_whom_is_asked_and_for_what_and_nothing_else() -> None:
    def fingerprint(config: ExportServiceConfig = EXPORT_SERVICE, **variables: str) -> str:
        with closing(LazyProvider(config, Settings({**EXPORT_SERVICE_VARIABLES, **variables}))) as provider:
            return provider.fingerprint

    def of(**changes: Any) -> str:
        return fingerprint(replace(EXPORT_SERVICE, account=replace(EXPORT_SERVICE.account, **changes)))

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


@pytest.mark.parametrize("method", AUTH_METHODS)
def test_a_client_proves_itself_as_its_source_says_and_a_server_that_takes_another_proof_is_no_riddle(
    method: str, database: str
) -> None:
    sandbox = shared_sandbox()
    sandbox.control.reset()
    account = replace(EXPORT_SERVICE, account=replace(EXPORT_SERVICE.account, products=None))
    variables = {
        "HUB_URL": sandbox.url,
        "HUB_CLIENT_ID": sandbox.client_id,
        "HUB_CLIENT_SECRET": sandbox.client_secret,
        "WAREHOUSE_URL": database,
    }
    sandbox.control.export_service.configure(token_endpoint_auth_method=method)
    (other,) = set(AUTH_METHODS) - {method}
    with closing(LazyProvider(replace(account, token_endpoint_auth_method=method), Settings(variables))) as hub:
        assert list(hub.discover())
    with (
        closing(LazyProvider(replace(account, token_endpoint_auth_method=other), Settings(variables))) as hub,
        pytest.raises(
            CredentialsRejectedError, match=f"token_endpoint_auth_method is {other}, and may have to be {method}"
        ) as caught,
    ):
        hub.discover()
    assert sandbox.client_secret not in str(caught.value)
    sandbox.control.reset()
