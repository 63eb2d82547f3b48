"""Which sources the sandbox stands in for, and what they are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.local.project import House
from pipelines.local.sandbox_process import Account, Twin
from resources.settings import PROJECT, Settings

HUB = Account("hub", "export_service", ("HUB_URL",), {"client_id": "HUB_CLIENT_ID", "client_secret": "HUB_SECRET"})
SAME = Account("again", "export_service", ("AGAIN_URL",), {"client_id": "AGAIN_ID", "client_secret": "AGAIN_SECRET"})
NOBODYS = Account("boiler", "boilers", ("BOILER_URL",), {"password": "BOILER_PASSWORD"})
FIXED = Account("fixed", "export_service", (), {"client_id": "FIXED_ID"})


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    twin = Twin(tmp_path_factory.mktemp("home"), PROJECT)
    twin.start(dict(Settings().environment), [HUB, SAME, NOBODYS, FIXED])
    yield twin
    twin.stop()


def test_every_source_whose_provider_has_a_twin_is_pointed_at_it(twin: Twin) -> None:
    assert [twin.serves(account) for account in (HUB, SAME, NOBODYS, FIXED)] == [True, True, False, False]
    variables = twin.variables([HUB, SAME, NOBODYS, FIXED])
    assert sorted(variables) == sorted([*HUB.variables, *SAME.variables])
    assert variables["HUB_URL"] == variables["AGAIN_URL"] == twin.server.url


def test_two_sources_of_one_provider_share_what_its_twin_lets_in(twin: Twin) -> None:
    variables = twin.variables([HUB, SAME])
    assert variables["HUB_SECRET"] == variables["AGAIN_SECRET"]
    assert len(variables["HUB_SECRET"]) > 32
    assert variables["HUB_CLIENT_ID"].startswith("demo-")


def test_a_source_means_the_sandbox_if_its_variables_say_nothing_else(twin: Twin) -> None:
    variables = twin.variables([HUB])
    assert twin.is_meant_by({}, HUB)
    assert twin.is_meant_by(variables, HUB)
    assert twin.is_meant_by({"HUB_URL": " "}, HUB)
    assert not twin.is_meant_by(variables | {"HUB_URL": "https://example.org"}, HUB)
    assert not twin.is_meant_by({"HUB_SECRET": "mine"}, HUB)
    assert not twin.is_meant_by({"BOILER_URL": twin.server.url}, NOBODYS)


def test_a_source_that_came_later_gets_credentials_and_the_others_keep_theirs(tmp_path: Path) -> None:
    twin, environment = Twin(tmp_path, PROJECT), dict(Settings().environment)
    try:
        twin.start(environment, [NOBODYS])
        first = twin.process.pid
        assert twin.variables([HUB]) == {}, "nobody has drawn its credentials yet"
        twin.start(environment, [NOBODYS, HUB])
        drawn = twin.variables([HUB])
        assert drawn["HUB_SECRET"]
        assert twin.process.pid != first, "whoever is let in now was not before"
        again = twin.process.pid
        twin.start(environment, [HUB])
        assert (twin.process.pid, twin.variables([HUB])) == (again, drawn)
    finally:
        twin.stop()


def test_the_shipped_sources_can_all_be_pointed_at_the_sandbox() -> None:
    accounts = {source.slug: source.account for source in House().sources()}
    assert accounts["charging_hub"] == Account(
        "charging_hub",
        "export_service",
        ("CHARGING_HUB_URL",),
        {"client_id": "CHARGING_HUB_CLIENT_ID", "client_secret": "CHARGING_HUB_CLIENT_SECRET"},
    )
    assert all(account.addresses for account in accounts.values())
