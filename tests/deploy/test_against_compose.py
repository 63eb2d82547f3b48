"""The manifests do what docker-compose.yml does: settings of Dagster, variables, commands."""

import re
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget

from tests.deploy.test_manifests import OVERLAYS, find, overlays, spec_of

ROOT: Final = Path(__file__).resolve().parents[2]
SERVICES: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
KINDS: Final = {
    "migrate": "Job",
    "code": "Deployment",
    "webserver": "Deployment",
    "daemon": "Deployment",
    "watch": "Deployment",
}
NOT_HERE: Final = {
    "warehouse": "the databases are somebody else's",
    "sandbox": "it is for trials on one machine",
    **dict.fromkeys(("redis", "worker", "worker-settings"), "runs are Jobs here, and need no broker"),
    "live": "streams run where compose runs (docs/operate/kubernetes.md)",
}
LEFT_OUT: Final = {
    "POSTGRES_PASSWORD": "the superuser's, of a server that is not here",
    "WAREHOUSE_PORT": "where compose publishes the warehouse",
    "UI_PORT": "where compose publishes the UI",
    **dict.fromkeys(
        ("BROKER_URL", "BROKER_PASSWORD", "REDIS_PASSWORD", "WORKER_PLACES", "PLACES_PER_WORKER", "WORKER_NETWORK"),
        "runs are Jobs here, and need no broker",
    ),
    **dict.fromkeys(("IMAGE_EXTRAS", "JOULEHOUSE_VERSION"), "the image is built and named elsewhere"),
    "LIVE_SOURCE": "streams run where compose runs",
}
BY_NAME: Final = {"DAGSTER_PG_PASSWORD": "dagster", "WAREHOUSE_PASSWORD": "warehouse"}
"""Variables that are a key of a Secret of their own."""


def variables(overlay: str, name: str) -> dict[str, str]:
    """The variables of what is called `name`; those of a Secret with `secret` for a value."""
    (container,) = spec_of(find(overlay, KINDS[name], name))["containers"]
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            found |= find(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container.get("env", ()):
        found[one["name"]] = one["value"] if "value" in one else next(iter(one["valueFrom"]))
    return found


def test_every_service_is_here_or_is_left_out_with_a_reason() -> None:
    assert set(SERVICES) == set(KINDS) | set(NOT_HERE)
    assert all(NOT_HERE.values())


@pytest.mark.parametrize("name", KINDS)
@overlays
def test_a_service_has_the_variables_that_it_has_in_compose(overlay: str, name: str) -> None:
    wanted = {variable for variable, value in SERVICES[name].get("environment", {}).items() if value not in ("", None)}
    here = variables(overlay, name)
    assert wanted - set(here) - set(LEFT_OUT) == set()
    for variable, secret in BY_NAME.items():
        assert (here.get(variable) == "secretKeyRef") is (variable in wanted), f"{variable} is of {secret}"


@pytest.mark.parametrize("name", KINDS)
@overlays
def test_a_fixed_value_is_the_one_of_compose(overlay: str, name: str) -> None:
    here = variables(overlay, name)
    elsewhere = {*LEFT_OUT, "DAGSTER_PG_HOST", "WAREHOUSE_URL", "LANDING_URL", *BY_NAME, "UI_ORIGINS"}
    for variable, value in SERVICES[name].get("environment", {}).items():
        if value not in ("", None) and variable not in elsewhere:
            assert here[variable] == value


@pytest.mark.parametrize("name", KINDS)
@overlays
def test_the_variables_of_env_are_where_compose_has_them(overlay: str, name: str) -> None:
    (container,) = spec_of(find(overlay, KINDS[name], name))["containers"]
    secrets = [one["secretRef"]["name"] for one in container.get("envFrom", ()) if "secretRef" in one]
    # What migrates looks at the landing zone, whose key may be among them.
    assert secrets == (["sources"] if "env_file" in SERVICES[name] or name == "migrate" else [])


def test_every_variable_of_the_example_is_a_setting_a_secret_or_left_out_with_a_reason() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", example, re.MULTILINE))
    here = {variable for overlay in OVERLAYS for name in KINDS for variable in variables(overlay, name)}
    rest = named - here - set(LEFT_OUT)
    # What remains is given whole, by the command that the page has: it leaves out what is named above.
    page = (ROOT / "docs" / "operate" / "kubernetes.md").read_text("utf-8")
    command = re.search(r"grep -vE '\^\(([A-Z_|]+)\)=' \.env ", page)
    assert command
    assert set(command[1].split("|")) == (set(LEFT_OUT) & named) | set(BY_NAME) | {"UI_ORIGINS", "LANDING_URL"}
    assert rest.isdisjoint(command[1].split("|"))
    assert {"CHARGING_HUB_URL", "NOTIFY_URLS", "WATCH_PING_URL"} <= rest


@pytest.mark.parametrize("name", ["code", "daemon", "watch"])
@overlays
def test_a_service_is_started_by_the_command_of_compose(overlay: str, name: str) -> None:
    (container,) = spec_of(find(overlay, KINDS[name], name))["containers"]
    assert container["command"] == SERVICES[name]["command"]


@overlays
def test_the_code_server_is_found_where_the_workspace_says(overlay: str) -> None:
    target = WorkspaceFileTarget([str(ROOT / "pipelines" / "instance" / "workspace.yaml")])
    (origin,) = cast("list[GrpcServerCodeLocationOrigin]", target.create_origins())
    (port,) = find(overlay, "Service", origin.host)["spec"]["ports"]
    assert origin.port == port["port"]


def settings(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def flat(node: object, place: str = "") -> dict[str, object]:
    """Every leaf of `node`, by its place."""
    if isinstance(node, dict):
        return {key: leaf for word, one in node.items() for key, leaf in flat(one, f"{place}.{word}").items()}
    return {place.removeprefix("."): node}


@pytest.mark.parametrize(
    ("overlay", "differs"),
    [
        ("small", set()),
        ("large", {"concurrency.runs.max_concurrent_runs", "concurrency.runs.tag_concurrency_limits"}),
    ],
)
def test_dagster_is_set_up_as_in_compose_but_for_what_is_named_here(overlay: str, differs: set[str]) -> None:
    stock = settings(ROOT / "pipelines" / "instance" / "dagster.yaml")
    here = settings(ROOT / "deploy" / "kubernetes" / overlay / "dagster.yaml")
    for added in ("run_launcher", "compute_logs"):
        here.pop(added)
        stock.pop(added, None)
    ours, theirs = flat(here), flat(stock)
    assert {place for place in {**ours, **theirs} if ours.get(place) != theirs.get(place)} == differs


def test_the_two_overlays_launch_alike_but_for_the_landing_zone() -> None:
    small, large = (
        settings(ROOT / "deploy" / "kubernetes" / overlay / "dagster.yaml")["run_launcher"] for overlay in OVERLAYS
    )
    ours = small["config"]
    ours["volumes"] = [one for one in ours["volumes"] if one["name"] != "landing"]
    ours["volume_mounts"] = [one for one in ours["volume_mounts"] if one["name"] != "landing"]
    del ours["run_k8s_config"]["pod_template_spec_metadata"]["labels"]
    del ours["run_k8s_config"]["pod_spec_config"]["affinity"]
    assert small == large


@pytest.mark.parametrize(("overlay", "column"), [("small", 1), ("large", 2)])
def test_the_sizes_on_the_page_are_those_of_the_manifests(overlay: str, column: int) -> None:
    page = (ROOT / "docs" / "operate" / "kubernetes.md").read_text("utf-8")
    rows = {cells[0]: cells for line in page.splitlines() if len(cells := line.strip("| ").split(" | ")) == 3}
    always = [(0, 0)]
    for manifest in OVERLAYS[overlay]:
        if manifest["kind"] == "Deployment":
            asked = spec_of(manifest)["containers"][0]["resources"]["requests"]
            always += [(int(asked["cpu"][:-1]), int(asked["memory"][:-2]))] * manifest["spec"]["replicas"]
    cpu, memory = (sum(one) for one in zip(*always, strict=True))
    assert rows["always there, requested"][column] == f"{cpu / 1000:.1f} CPU, {memory / 1024:.1f} GiB"
    here = settings(ROOT / "deploy" / "kubernetes" / overlay / "dagster.yaml")
    n_runs, asked = (
        here["concurrency"]["runs"]["max_concurrent_runs"],
        here["run_launcher"]["config"]["resources"]["requests"],
    )
    cpu, memory = n_runs * int(asked["cpu"][:-1]), n_runs * int(asked["memory"][:-2])
    assert rows["all runs at once, requested"][column] == f"{cpu / 1000:g} CPU, {memory / 1024:g} GiB"
    assert f"| `{overlay}` | {n_runs} runs at once" in page


@overlays
def test_runs_get_backfills_and_schedules_a_share(overlay: str) -> None:
    runs = settings(ROOT / "deploy" / "kubernetes" / overlay / "dagster.yaml")["concurrency"]["runs"]
    (limit,) = [one["limit"] for one in runs["tag_concurrency_limits"] if "value" not in one]
    assert limit < runs["max_concurrent_runs"]


@overlays
def test_only_dagster_starts_a_run_again(overlay: str) -> None:
    here = settings(ROOT / "deploy" / "kubernetes" / overlay / "dagster.yaml")
    assert here["run_launcher"]["config"]["run_k8s_config"]["job_spec_config"]["backoffLimit"] == 0
    assert here["run_retries"]["enabled"] is True
    assert here["run_monitoring"]["max_resume_run_attempts"] == 0
