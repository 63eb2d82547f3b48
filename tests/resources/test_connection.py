"""What all providers' resources share: they are values, they close what they opened, and count all they sent."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import signature
from io import BytesIO
from pathlib import Path

import dagster as dg
import pytest

from domain.errors import AddressRefusedError, ConfigurationError, ProxyRefusedError, RateLimitedError
from domain.window import Window
from pipelines.components.source import SourceComponent
from pipelines.sources import read_sources
from providers._login import ClientCredentials
from resources.connection import ConnectionConfig
from resources.endpoint import Endpoint
from resources.provider import LazyProvider
from resources.session import ProviderSession
from resources.settings import Settings
from resources.step_resources import provider_resource
from tests.fakes.authority import Authority, private_authority
from tests.fakes.days import FIRST
from tests.fakes.provider import FAKE_SPEC, FakeProvider
from tests.fakes.raw_server import RawServer, answer

SOURCES = {source.facts.slug: source for source in read_sources()}
TOKEN = answer(b'{"access_token": "abc", "expires_in": 60}')


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> SourceComponent:
    return SOURCES[request.param]


def test_what_reaches_an_account_is_a_value_that_survives_a_pickle(source: SourceComponent) -> None:
    config = source.connection()
    assert pickle.loads(pickle.dumps(config)) == config
    assert source.connection() == config


def test_what_dagster_shows_of_a_resource_names_variables_and_no_value(
    source: SourceComponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = source.connection()
    for name in config.variables:
        monkeypatch.setenv(name, "canary")
    resource = provider_resource(config)
    assert config.endpoint.base_url_env in config.variables
    assert all(name in str(resource.description) for name in config.variables)
    assert "canary" not in f"{resource.description} {config!r}"


def test_a_step_that_only_replays_gets_its_provider_without_any_variable(
    source: SourceComponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in source.connection().variables:
        monkeypatch.delenv(name, raising=False)
    with dg.build_resources({"it": provider_resource(source.connection())}) as given:
        assert list(given.it.normalize([], Window.of_day(FIRST))) == []
        with pytest.raises(ConfigurationError, match=source.connection().variables[0]):
            next(given.it.fetch(Window.of_day(FIRST), {}))


@dataclass(frozen=True, slots=True)
class DoorConfig(ConnectionConfig):
    """A provider that keeps a door open while it is connected."""

    spec = FAKE_SPEC
    package = "providers.export_service"

    account: FakeProvider
    events: list[str]
    secret_env: str | None = None

    def client(self, session: ProviderSession) -> FakeProvider:
        session.kept(self._door())
        if self.secret_env:
            session.secret(self.secret_env)
        return self.account

    @contextmanager
    def _door(self) -> Iterator[None]:
        self.events.append("opened")
        yield
        self.events.append("closed")


AT_HOME = Endpoint("door", "assets/door/defs.yaml", base_url="https://api.example")


def test_what_a_client_was_given_is_closed_with_it_and_not_before() -> None:
    config = DoorConfig(AT_HOME, FakeProvider(), [])
    with closing(LazyProvider(config, Settings({}))) as provider:
        assert config.events == []
        provider.discover()
        assert config.events == ["opened"]
    assert config.events == ["opened", "closed"]


def test_a_provider_connects_once_and_closes_nothing_that_it_did_not_open() -> None:
    config = DoorConfig(AT_HOME, FakeProvider(), [])
    with closing(LazyProvider(config, Settings({}))) as provider:
        assert provider.n_requests == 0
        list(provider.fetch(Window.of_day(FIRST), {}))
        list(provider.discover())
        assert (provider.fingerprint, provider.plan([Window.of_day(FIRST)])) == ("fake", None)
        assert config.account.n_requests == 1
        assert config.events == ["opened"]
    LazyProvider(config, Settings({})).close()
    assert config.events == ["opened", "closed"]


def test_every_package_of_a_provider_is_asked_in_the_same_way_what_answers_mean(source: SourceComponent) -> None:
    module = import_module(f"{source.connection().package}.normalize")
    assert parameters(module.normalize) == ["payloads", "window", "account", "kinds"]
    if source.facts.spec.pull_days > 1:
        assert parameters(module.normalize_each) == ["payloads", "windows", "account", "kinds"]


def parameters(function: Callable[..., object]) -> list[str]:
    """Their names; what a provider has no use for begins with an underscore."""
    return [name.removeprefix("_") for name in signature(function).parameters]


def test_what_was_opened_is_closed_when_something_after_it_is_missing() -> None:
    config = DoorConfig(AT_HOME, FakeProvider(), [], secret_env="DOOR_SECRET")
    with (
        closing(LazyProvider(config, Settings({}))) as provider,
        pytest.raises(ConfigurationError, match="DOOR_SECRET"),
    ):
        provider.discover()
    assert config.events == ["opened", "closed"]


def session_to(
    server: RawServer, *, scheme: str = "http", path: str = "", ca_file: Path | None = None, home: Path | None = None
) -> ProviderSession:
    endpoint = Endpoint("acme", "here", base_url=f"{scheme}://127.0.0.1:{server.port}/", ca_file=ca_file)
    settings = Settings({"ACME_SECRET": "x"} | ({"JOULEHOUSE_HOME": str(home)} if home else {}))
    return ProviderSession(endpoint, settings, provider="acme", path=path)


def test_logins_are_counted_with_all_else_and_stand_where_they_are_said_to() -> None:
    with RawServer([TOKEN, answer()]) as server, session_to(server, path="/api/v1") as session:
        login = ClientCredentials(
            session.client(None, address=session.address),
            "token",
            client_id="me",
            client_secret=session.secret("ACME_SECRET"),
        )
        session.client(None, login).get("x")
        assert session.n_requests == 2
    assert [seen.target for seen in server.seen] == ["/token", "/api/v1/x"]


def test_without_a_known_limit_no_warehouse_is_needed(tmp_path: Path) -> None:
    with RawServer([]) as server, session_to(server, home=tmp_path) as session:
        assert session.budget("me", None) is None


@pytest.mark.parametrize("per_second", [None, 1000.0])
def test_an_hour_that_a_provider_asks_for_is_heeded_by_every_source_of_the_login(
    database: str, per_second: float | None
) -> None:
    busy = answer(b"", status=429, headers={"Retry-After": "PT1H"})
    with RawServer([busy]) as server:
        for source in ("here", "there"):
            endpoint = Endpoint("acme", source, base_url=f"http://127.0.0.1:{server.port}/")
            with ProviderSession(endpoint, Settings({"WAREHOUSE_URL": database}), provider="acme", path="") as session:
                client = session.client(session.budget("me", per_second))
                with pytest.raises(RateLimitedError) as caught:
                    client.get("x")
                assert caught.value.retry_after_seconds == pytest.approx(3600, abs=30)
        assert len(server.seen) == 1


def test_a_trials_pace_stands_for_the_sources_own(database: str) -> None:
    settings = Settings({"WAREHOUSE_URL": database, "JOULEHOUSE_REQUESTS_PER_MINUTE": "acme=6000"})
    with ProviderSession(
        Endpoint("acme", "here", base_url="http://127.0.0.1"), settings, provider="acme", path=""
    ) as session:
        budget = session.budget("me", 0.001)
        assert budget is not None
        assert [budget.take(), budget.take()] == [1, 2]


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with private_authority(tmp_path) as made:
        yield made


@pytest.fixture
def server(authority: Authority) -> Iterator[RawServer]:
    with RawServer([answer(b"[1]")], tls=authority.trust) as made:
        yield made


def test_a_private_authority_proves_the_address_of_every_client(server: RawServer, authority: Authority) -> None:
    with session_to(server, scheme="https", ca_file=authority.file) as session:
        assert session.client(None).get("x").body == b"[1]"
        assert session.ca_file == authority.file


def test_without_its_file_a_private_authority_is_not_believed(server: RawServer) -> None:
    with (
        session_to(server, scheme="https") as session,
        pytest.raises(AddressRefusedError, match="name its file as ca_file"),
    ):
        session.client(None).get("x")


def test_a_file_of_authorities_that_is_not_there_is_named(server: RawServer, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.pem"
    with (
        session_to(server, scheme="https", ca_file=missing) as session,
        pytest.raises(ConfigurationError, match=r"nothing\.pem"),
    ):
        session.client(None)


@pytest.mark.parametrize(
    ("proxy", "proxy_env", "found"),
    [
        (None, None, "house.example:1"),
        ("http://own.example:2", None, "own.example:2"),
        (None, "ACME_PROXY", "acme.example:3"),
        ("direct", None, "None"),
    ],
)
def test_the_proxy_of_a_source_stands_for_that_of_the_environment(
    proxy: str | None, proxy_env: str | None, found: str
) -> None:
    settings = Settings(
        {
            "JOULEHOUSE_PROXY": "http://me:pass@house.example:1",
            "ACME_PROXY": "http://me:pass@acme.example:3",
            "HTTPS_PROXY": "http://ignored.example:9",
        }
    )
    endpoint = Endpoint("acme", "here", base_url="https://api.example", proxy=proxy, proxy_env=proxy_env)
    with ProviderSession(endpoint, settings, provider="acme", path="") as session:
        assert str(session.proxy) == found
        assert settings.other_proxies == ["HTTPS_PROXY"]


def test_every_client_of_a_session_goes_through_its_proxy() -> None:
    endpoint = Endpoint("acme", "here", base_url="https://api.example")
    with RawServer([answer(status=403)]) as proxy:
        settings = Settings({"JOULEHOUSE_PROXY": proxy.url})
        with ProviderSession(endpoint, settings, provider="acme", path="") as session:
            for ask in (
                lambda: session.client(None).get("x"),
                lambda: session.client(None, address="https://login.example").get("x"),
                lambda: session.files(frozenset({"files.example"})).download("https://files.example/x", BytesIO()),
            ):
                with pytest.raises(ProxyRefusedError):
                    ask()
    assert [seen.target for seen in proxy.seen] == ["api.example:443", "login.example:443", "files.example:443"]


def test_a_variable_that_holds_the_proxy_is_one_that_the_source_needs() -> None:
    config = DoorConfig(replace(AT_HOME, proxy_env="DOOR_PROXY"), FakeProvider(), [])
    assert "DOOR_PROXY" in config.variables
