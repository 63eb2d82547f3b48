"""What can be read off docker-compose.yml; `tests/containers` runs it.

The containers' settings know every source that ships, and their sandbox lets every one of them in.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"warehouse"})


@pytest.mark.parametrize("name", ["migrate", "code", "webserver", "daemon"])
def test_dagsters_settings_come_from_the_checkout_and_not_from_a_volume(name: str) -> None:
    volumes = SERVICES[name]["volumes"]
    settings = "./pipelines/instance/dagster.yaml:/var/lib/joulehouse/dagster/dagster.yaml:ro"
    assert volumes.index(settings) > volumes.index("dagster:/var/lib/joulehouse/dagster")
    assert "dagster.yaml" not in (ROOT / "Dockerfile").read_text()


def test_a_new_source_reaches_the_code_server_without_a_build() -> None:
    assert "./assets:/opt/joulehouse/assets:ro" in SERVICES["code"]["volumes"]


def test_a_code_server_that_begins_touches_no_run_and_gives_its_own_a_minute_to_end() -> None:
    command = SERVICES["code"]["command"]
    assert command[:3] == ["dagster", "api", "grpc"]
    assert set(command) >= {"--port=4000", "--module-name=pipelines.definitions", "--inject-env-vars-from-instance"}
    assert SERVICES["code"]["stop_grace_period"] == "60s"


def test_the_sandbox_follows_the_code_server_into_its_new_network() -> None:
    sandbox = SERVICES["sandbox"]
    assert sandbox["network_mode"] == "service:code"
    assert sandbox["depends_on"]["code"]["restart"] is True
    assert "os.kill(1, signal.SIGTERM)" in sandbox["healthcheck"]["test"][-1]


def test_a_live_stream_is_asked_for_by_its_profile_and_ends_with_the_network_it_is_in() -> None:
    live = SERVICES["live"]
    assert live["profiles"] == ["live"]
    assert live["command"] == ["joulehouse", "live", "${LIVE_SOURCE:-home_batteries}"]
    assert (ROOT / "assets" / "home_batteries" / "defs.yaml").exists()
    assert live["network_mode"] == "service:code"
    assert live["depends_on"]["code"]["restart"] is True
    assert "os.kill(1, signal.SIGTERM)" in live["healthcheck"]["test"][-1]


def test_a_live_stream_gets_the_warehouse_and_no_password_of_another_database() -> None:
    environment = SERVICES["live"]["environment"]
    assert environment["WAREHOUSE_URL"] == SERVICES["code"]["environment"]["WAREHOUSE_URL"]
    assert (environment["POSTGRES_PASSWORD"], environment["DAGSTER_PG_PASSWORD"]) == ("", "")


def test_the_watch_lives_without_the_daemon_and_gets_no_password_of_another_database() -> None:
    watch = SERVICES["watch"]
    assert watch["command"] == ["joulehouse", "watch"]
    assert "profiles" not in watch
    assert "network_mode" not in watch
    assert set(watch["depends_on"]) == {"migrate"}
    environment = watch["environment"]
    assert environment["WAREHOUSE_URL"] == SERVICES["code"]["environment"]["WAREHOUSE_URL"]
    assert (environment["POSTGRES_PASSWORD"], environment["DAGSTER_PG_PASSWORD"]) == ("", "")
    # `make .env` draws a password for whatever ends in an equals sign, and that is no address.
    named = [line for line in (ROOT / ".env.example").read_text().splitlines() if re.search("NOTIFY_|WATCH_", line)]
    assert len(named) >= 5
    assert all(line.startswith("#") for line in named)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_published_beyond_the_loopback_address(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_ui_is_behind_its_guard_which_knows_the_published_port() -> None:
    webserver = SERVICES["webserver"]
    assert webserver["command"][:3] == ["python", "-m", "pipelines.webserver"]
    published = webserver["ports"][0].removeprefix("127.0.0.1:").removesuffix(":3000")
    assert {f"--published-port={published}", "--port=3000"} < set(webserver["command"])
    assert webserver["environment"]["UI_ORIGINS"] == "${UI_ORIGINS:-}"
    # `make .env` draws a password for whatever ends in an equals sign.
    assert "\n# UI_ORIGINS=https://energy.example.org\n" in (ROOT / ".env.example").read_text()


def test_nothing_starts_dagsters_webserver_without_the_guard() -> None:
    started = [name for name, service in SERVICES.items() if "dagster-webserver" in str(service.get("command", ""))]
    assert started == []


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_may_do_nothing_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_password_stands_in_an_address() -> None:
    environment = SERVICES["code"]["environment"]
    assert environment["WAREHOUSE_URL"] == "postgresql://joulehouse@warehouse:5432/joulehouse"
    assert environment["WAREHOUSE_PASSWORD"].startswith("${WAREHOUSE_PASSWORD:?")


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
