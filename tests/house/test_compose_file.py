"""What can be read off docker-compose.yml; `tests/containers` runs it.

The containers' settings know every source that ships, and their sandbox lets every one of them in.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.execution import asset_backfill

from pipelines.local.dagster_processes import DagsterProcesses
from pipelines.local.project import Project
from pipelines.local.sandbox_process import SandboxBinding

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"warehouse"})


def test_dagsters_settings_come_from_the_checkout_with_every_up() -> None:
    assert "./pipelines/instance:/opt/joulehouse/pipelines/instance:ro" in SERVICES["migrate"]["volumes"]
    *_, line = SERVICES["migrate"]["command"]
    assert line.startswith('install -m 0644 pipelines/instance/dagster.yaml "$$DAGSTER_HOME" && ')
    for name in ("code", "webserver", "daemon"):
        assert "dagster:/var/lib/joulehouse/dagster" in SERVICES[name]["volumes"]
    assert "dagster.yaml" not in (ROOT / "Dockerfile").read_text()


def test_a_new_source_reaches_the_code_server_without_a_build() -> None:
    assert "./assets:/opt/joulehouse/assets:ro" in SERVICES["code"]["volumes"]


def test_a_code_server_that_begins_touches_no_run_and_gives_its_own_a_minute_to_end() -> None:
    command = SERVICES["code"]["command"]
    assert command[:3] == ["dagster", "api", "grpc"]
    assert set(command) >= {"--port=4000", "--module-name=pipelines.definitions", "--inject-env-vars-from-instance"}
    assert SERVICES["code"]["stop_grace_period"] == "60s"


def test_a_code_server_that_is_away_fails_no_backfill_for_good(tmp_path: Path) -> None:
    """By a variable that Dagster 1.13.27 has documented nowhere; tests/pipelines/test_lost_runs_proof.py kills one."""
    name = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
    assert name in inspect.getsource(asset_backfill)
    assert SERVICES["daemon"]["environment"][name] == "1"
    assert DagsterProcesses(tmp_path, {})._inherited[name] == "1"


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
    assert {environment[f"{name}_PASSWORD"] for name in ("POSTGRES", "DAGSTER_PG", "REDIS")} == {""}


def test_with_the_profile_workers_everybody_launches_for_workers_and_without_it_nobody_does() -> None:
    settings = SERVICES["worker-settings"]
    assert settings["profiles"] == ["workers"]
    assert settings["command"][-1] == 'install -m 0644 pipelines/instance/workers/dagster.yaml "$$DAGSTER_HOME"'
    assert settings["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    done = {"condition": "service_completed_successfully", "required": False}
    assert SERVICES["code"]["depends_on"]["worker-settings"] == done
    for name in ("webserver", "daemon"):  # and these after the code server
        assert SERVICES[name]["depends_on"]["code"] == {"condition": "service_healthy"}


def test_a_worker_has_a_spool_and_settings_of_its_own_and_the_landing_zone_of_all() -> None:
    worker, code = SERVICES["worker"], SERVICES["code"]
    assert worker["command"] == ["joulehouse", "worker", "--places", "${PLACES_PER_WORKER:-2}"]
    # Without a name: another one for each of `--scale worker=3`.
    assert {"/var/lib/joulehouse/spool", "/var/lib/joulehouse/dagster"} < set(worker["volumes"])
    assert worker["environment"]["TMPDIR"] == "/var/lib/joulehouse/spool"
    assert worker["environment"]["DAGSTER_HOME"] == ""
    assert "landing:/var/lib/joulehouse/landing" in worker["volumes"]
    assert "./assets:/opt/joulehouse/assets:ro" in worker["volumes"]
    assert worker["image"] == code["image"]
    assert "container_name" not in worker
    assert worker["environment"]["BROKER_URL"] == code["environment"]["BROKER_URL"]
    assert worker["environment"]["WAREHOUSE_URL"] == code["environment"]["WAREHOUSE_URL"]
    assert worker["network_mode"] == "${WORKER_NETWORK-service:code}"
    assert "os.kill(1, signal.SIGTERM)" in worker["healthcheck"]["test"][-1]


HANDED_ON = [name for name, value in SERVICES["code"]["environment"].items() if value is None]


@pytest.mark.parametrize("name", ["migrate", "code", "watch", "live", "worker"])
def test_whoever_keeps_or_reads_answers_is_told_where_and_with_which_key(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["LANDING_URL"] == "${LANDING_URL:-file:///var/lib/joulehouse/landing}"
    # Without a value: an empty variable would be a wrong region, or a wrong address, and one that is not there is none.
    assert {one for one, value in environment.items() if value is None} == set(HANDED_ON)
    assert {one.partition("_")[0] for one in HANDED_ON} == {"AWS", "AZURE", "GOOGLE", "JOULEHOUSE", "NO"}


def test_every_variable_that_compose_reads_has_its_line_in_the_example() -> None:
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8"))) | set(HANDED_ON)
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    named = {line.removeprefix("# ").partition("=")[0] for line in lines if "=" in line}
    assert {"POSTGRES_PASSWORD", "LANDING_URL", "IMAGE_EXTRAS", "AWS_ACCESS_KEY_ID"} < read
    assert read - named == set()


def test_the_page_of_the_landing_zone_names_every_variable_of_a_key() -> None:
    page = (ROOT / "docs" / "operate" / "landing.md").read_text("utf-8")
    assert [one for one in HANDED_ON if one.removeprefix("AZURE_STORAGE") not in page] == []


def test_the_policies_on_the_page_of_the_landing_zone_can_be_copied() -> None:
    page = (ROOT / "docs" / "operate" / "landing.md").read_text("utf-8")
    policy, role, rule = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert "s3:ListBucket" not in str(policy).split("'")
    assert len(role["DataActions"]) == 4
    assert "Expiration" not in str(rule)


def test_the_one_image_has_what_workers_need() -> None:
    assert SERVICES["migrate"]["build"]["args"]["EXTRAS"] == "${IMAGE_EXTRAS:-workers}"
    assert "requirements-$extra.lock" in (ROOT / "Dockerfile").read_text()


def test_the_broker_wants_a_password_that_nobody_sees_and_keeps_what_waits_in_it() -> None:
    redis = SERVICES["redis"]
    assert redis["profiles"] == ["workers"]
    assert "ports" not in redis
    assert ': "$${REDIS_PASSWORD:?' in redis["command"][-1]
    assert redis["command"][-1].endswith("exec redis-server /tmp/redis.conf --dir /data --appendonly yes")
    assert redis["volumes"] == ["broker:/data"]
    assert "\nREDIS_PASSWORD=\n" in (ROOT / ".env.example").read_text()


def test_the_watch_lives_without_the_daemon_and_gets_no_password_of_another_database() -> None:
    watch = SERVICES["watch"]
    assert watch["command"] == ["joulehouse", "watch"]
    assert "profiles" not in watch
    assert "network_mode" not in watch
    assert set(watch["depends_on"]) == {"migrate"}
    environment = watch["environment"]
    assert environment["WAREHOUSE_URL"] == SERVICES["code"]["environment"]["WAREHOUSE_URL"]
    assert {environment[f"{name}_PASSWORD"] for name in ("POSTGRES", "DAGSTER_PG", "REDIS")} == {""}
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
