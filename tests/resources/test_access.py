"""What all providers' resources share: they are values, they close what they opened, and count all they sent."""

import pickle
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from domain.errors import AddressRefusedError, ConfigurationError
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from pipelines.components.source import SourceComponent
from pipelines.sources import read_sources
from providers._oauth2 import ClientCredentials
from resources.access import Access
from resources.endpoint import Endpoint
from resources.line import Line
from resources.on_demand import Service
from resources.settings import Settings
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
    access = source.access()
    assert pickle.loads(pickle.dumps(access)) == access  # noqa: S301  # our own
    assert source.access() == access


def test_what_dagster_shows_of_a_resource_names_variables_and_no_value(
    source: SourceComponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = source.access()
    for name in access.variables:
        monkeypatch.setenv(name, "canary")
    resource = access.resource()
    assert access.endpoint.base_url_env in access.variables
    assert all(name in str(resource.description) for name in access.variables)
    assert "canary" not in f"{resource.description} {access!r}"


def test_a_step_that_only_replays_gets_its_provider_without_any_variable(
    source: SourceComponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in source.access().variables:
        monkeypatch.delenv(name, raising=False)
    with dg.build_resources({"it": source.access().resource()}) as given:
        assert list(given.it.normalize([], Window.of_day(FIRST))) == []
        with pytest.raises(ConfigurationError, match=source.access().variables[0]):
            next(given.it.fetch(Window.of_day(FIRST), {}))


@dataclass(frozen=True, slots=True)
class DoorAccess(Access):
    """A provider that keeps a door open while it is connected."""

    spec = FAKE_SPEC

    events: list[str]
    secret_env: str | None = None

    def service(self, line: Line) -> Service:
        line.kept(self._door())
        if self.secret_env:
            line.secret(self.secret_env)
        return FakeProvider()

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # noqa: ARG002  # the contract's
    ) -> Iterator[Normalized]:
        return FakeProvider().normalize(payloads, window)

    @contextmanager
    def _door(self) -> Iterator[None]:
        self.events.append("opened")
        yield
        self.events.append("closed")


AT_HOME = Endpoint("door", "assets/door/defs.yaml", base_url="https://api.example")


def test_what_a_client_was_given_is_closed_with_it_and_not_before() -> None:
    access = DoorAccess(AT_HOME, [])
    with closing(access.open(Settings({}))) as provider:
        assert access.events == []
        provider.discover()
        assert access.events == ["opened"]
    assert access.events == ["opened", "closed"]


def test_what_was_opened_is_closed_when_something_after_it_is_missing() -> None:
    access = DoorAccess(AT_HOME, [], secret_env="DOOR_SECRET")
    with closing(access.open(Settings({}))) as provider, pytest.raises(ConfigurationError, match="DOOR_SECRET"):
        provider.discover()
    assert access.events == ["opened", "closed"]


def line_to(server: RawServer, *, scheme: str = "http", path: str = "", ca_file: Path | None = None) -> Line:
    endpoint = Endpoint("acme", "here", base_url=f"{scheme}://127.0.0.1:{server.port}/", ca_file=ca_file)
    return Line(endpoint, Settings({"ACME_SECRET": "x"}), provider="acme", path=path)


def test_logins_are_counted_with_all_else_and_stand_where_they_are_said_to() -> None:
    with RawServer([TOKEN, answer()]) as server, line_to(server, path="/api/v1") as line:
        login = ClientCredentials(
            line.client(None, address=line.address), "token", client_id="me", client_secret=line.secret("ACME_SECRET")
        )
        line.client(None, login).get("x")
        assert line.n_requests == 2
    assert [seen.target for seen in server.seen] == ["/token", "/api/v1/x"]


def test_without_a_known_limit_no_warehouse_is_needed() -> None:
    with RawServer([]) as server, line_to(server) as line:
        assert line.budget("me", None) is None


def test_a_trials_pace_stands_for_the_sources_own(database: str) -> None:
    settings = Settings({"WAREHOUSE_URL": database, "JOULEHOUSE_REQUESTS_PER_MINUTE": "acme=6000"})
    with Line(Endpoint("acme", "here", base_url="http://127.0.0.1"), settings, provider="acme", path="") as line:
        budget = line.budget("me", 0.001)
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
    with line_to(server, scheme="https", ca_file=authority.file) as line:
        assert line.client(None).get("x").body == b"[1]"
        assert line.ca_file == authority.file


def test_without_its_file_a_private_authority_is_not_believed(server: RawServer) -> None:
    with line_to(server, scheme="https") as line, pytest.raises(AddressRefusedError, match="name its file as ca_file"):
        line.client(None).get("x")


def test_a_file_of_authorities_that_is_not_there_is_named(server: RawServer, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.pem"
    with (
        line_to(server, scheme="https", ca_file=missing) as line,
        pytest.raises(ConfigurationError, match=r"nothing\.pem"),
    ):
        line.client(None)
