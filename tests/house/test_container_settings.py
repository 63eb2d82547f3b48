"""The containers' settings know every source that ships, and their sandbox lets every one of them in."""

from pathlib import Path

import pytest
import yaml

from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = [source.sandbox_binding for source in Project().sources()]


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.source)
def test_every_variable_of_a_source_has_its_line_in_the_example(account: SandboxBinding) -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    path = "" if account.provider == "export_service" else f"/{account.provider}"
    for variable in account.addresses:
        assert f"{variable}=http://127.0.0.1:8099{path}" in lines
    for variable in account.credentials.values():
        assert f"{variable}=" in lines, "make .env draws what the example leaves empty"


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.source)
def test_the_sandbox_of_the_containers_is_given_what_the_source_logs_in_with(account: SandboxBinding) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    given = compose["services"]["sandbox"]["environment"]
    for credential, variable in account.credentials.items():
        assert given[f"SANDBOX_{account.provider}_{credential}".upper()] == f"${{{variable}:-}}"
