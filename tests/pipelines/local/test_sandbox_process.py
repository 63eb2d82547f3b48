"""Which sources the sandbox stands in for, and what they are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from resources.settings import Settings

HUB = SandboxBinding(
    "hub", "export_service", ("HUB_URL",), {"client_id": "HUB_CLIENT_ID", "client_secret": "HUB_SECRET"}
)
SAME = SandboxBinding(
    "again", "export_service", ("AGAIN_URL",), {"client_id": "AGAIN_ID", "client_secret": "AGAIN_SECRET"}
)
NOBODYS = SandboxBinding("boiler", "boilers", ("BOILER_URL",), {"password": "BOILER_PASSWORD"})
FIXED = SandboxBinding("fixed", "export_service", (), {"client_id": "FIXED_ID"})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    sandbox = SandboxProcess(tmp_path_factory.mktemp("home"))
    sandbox.start(dict(Settings().environment), [HUB, SAME, NOBODYS, FIXED])
    yield sandbox
    sandbox.stop()


def test_every_source_whose_provider_has_a_twin_is_pointed_at_it(sandbox: SandboxProcess) -> None:
    assert [sandbox.serves(binding) for binding in (HUB, SAME, NOBODYS, FIXED)] == [True, True, False, False]
    variables = sandbox.variables([HUB, SAME, NOBODYS, FIXED])
    assert sorted(variables) == sorted([*HUB.variables, *SAME.variables])
    assert variables["HUB_URL"] == variables["AGAIN_URL"] == sandbox.server.url


def test_two_sources_of_one_provider_share_what_its_twin_lets_in(sandbox: SandboxProcess) -> None:
    variables = sandbox.variables([HUB, SAME])
    assert variables["HUB_SECRET"] == variables["AGAIN_SECRET"]
    assert len(variables["HUB_SECRET"]) > 32
    assert variables["HUB_CLIENT_ID"].startswith("demo-")


def test_a_source_means_the_sandbox_if_its_variables_say_nothing_else(sandbox: SandboxProcess) -> None:
    variables = sandbox.variables([HUB])
    assert sandbox.is_selected_by({}, HUB)
    assert sandbox.is_selected_by(variables, HUB)
    assert sandbox.is_selected_by({"HUB_URL": " "}, HUB)
    assert not sandbox.is_selected_by(variables | {"HUB_URL": "https://example.org"}, HUB)
    assert not sandbox.is_selected_by({"HUB_SECRET": "mine"}, HUB)
    assert not sandbox.is_selected_by({"BOILER_URL": sandbox.server.url}, NOBODYS)


def test_a_source_that_came_later_gets_credentials_and_the_others_keep_theirs(tmp_path: Path) -> None:
    sandbox, environment = SandboxProcess(tmp_path), dict(Settings().environment)
    try:
        sandbox.start(environment, [NOBODYS])
        first = sandbox.process.pid
        assert sandbox.variables([HUB]) == {}, "nobody has drawn its credentials yet"
        sandbox.start(environment, [NOBODYS, HUB])
        drawn = sandbox.variables([HUB])
        assert drawn["HUB_SECRET"]
        assert sandbox.process.pid != first, "whoever is let in now was not before"
        again = sandbox.process.pid
        sandbox.start(environment, [HUB])
        assert (sandbox.process.pid, sandbox.variables([HUB])) == (again, drawn)
    finally:
        sandbox.stop()


def test_the_shipped_sources_can_all_be_pointed_at_the_sandbox() -> None:
    bindings = {source.slug: source.sandbox_binding for source in Project().sources()}
    assert bindings["charging_hub"] == SandboxBinding(
        "charging_hub",
        "export_service",
        ("CHARGING_HUB_URL",),
        {"client_id": "CHARGING_HUB_CLIENT_ID", "client_secret": "CHARGING_HUB_CLIENT_SECRET"},
    )
    assert all(binding.addresses for binding in bindings.values())
