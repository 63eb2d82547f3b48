"""The manifests of `deploy/kubernetes` are valid and narrow; what is held against docker-compose.yml is beside this."""

import copy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from tests.fakes.kustomize import Manifest, build, containers, pod_spec
from tests.fakes.pod_security import breaches

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = {name: build(FOLDER / name) for name in ("small", "large")}
RELEASES: Final = ("1.31", "1.37")
"""The oldest and the newest release of Kubernetes whose schemas they are held against."""

WORKLOADS: Final = [
    pytest.param(manifest, id=f"{name}-{manifest['metadata']['name']}")
    for name, manifests in OVERLAYS.items()
    for manifest in manifests
    if pod_spec(manifest)
]
overlays = pytest.mark.parametrize("overlay", OVERLAYS)
workloads = pytest.mark.parametrize("manifest", WORKLOADS)


def find(overlay: str, kind: str, name: str) -> Manifest:
    (one,) = [one for one in OVERLAYS[overlay] if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return one


def spec_of(manifest: Manifest) -> dict[str, Any]:
    spec = pod_spec(manifest)
    assert spec is not None
    return spec


@pytest.mark.parametrize("release", RELEASES)
@overlays
def test_every_manifest_is_what_the_api_takes(overlay: str, release: str) -> None:
    for manifest in OVERLAYS[overlay]:
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_word_that_the_api_does_not_know_is_found() -> None:
    manifest = copy.deepcopy(find("large", "Deployment", "code"))
    spec_of(manifest)["containers"][0]["readOnlyRootFilesystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, RELEASES[-1], strict=True)


@overlays
def test_kustomize_itself_makes_the_same_of_an_overlay(overlay: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here: the overlays are read by tests/fakes/kustomize.py alone")
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / overlay)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    def sorted_by_name(manifests: list[Manifest]) -> list[Manifest]:
        return sorted(manifests, key=lambda one: (one["kind"], one["metadata"]["name"]))

    assert sorted_by_name(list(yaml.safe_load_all(done.stdout))) == sorted_by_name(OVERLAYS[overlay])


def test_a_word_of_kustomize_that_is_not_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("commonLabels: {a: b}\n")
    with pytest.raises(ValueError, match="commonLabels"):
        build(tmp_path)


@overlays
def test_the_namespace_enforces_restricted_pods(overlay: str) -> None:
    assert find(overlay, "Namespace", "joulehouse")["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
    }


@workloads
def test_every_pod_is_let_into_a_restricted_namespace(manifest: Manifest) -> None:
    assert list(breaches(spec_of(manifest))) == []


@pytest.mark.parametrize(
    ("path", "value", "breach"),
    [
        (("hostNetwork",), True, "hostNetwork"),
        (("hostPID",), True, "hostPID"),
        (("volumes", 0), {"name": "home", "hostPath": {"path": "/"}}, "volume home"),
        (("securityContext", "runAsUser"), 0, "pod runs as root"),
        (("securityContext", "runAsNonRoot"), False, "code: may run as root"),
        (("securityContext", "seccompProfile", "type"), "Unconfined", "code: seccompProfile"),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "code: capabilities"),
        (("containers", 0, "securityContext", "capabilities", "add"), ["SYS_ADMIN"], "code: capabilities"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), None, "code: allowPrivilegeEscalation"),
        (("containers", 0, "securityContext", "privileged"), True, "code: privileged"),
        (("containers", 0, "securityContext", "procMount"), "Unmasked", "code: procMount"),
        (("containers", 0, "ports", 0, "hostPort"), 4000, "code: hostPort"),
        (("containers", 0, "securityContext", "runAsUser"), 0, "code: may run as root"),
        (("securityContext", "sysctls"), [{"name": "kernel.shm_rmid_forced", "value": "1"}], "sysctls"),
    ],
)
def test_every_way_out_of_restricted_is_seen(path: tuple[str | int, ...], value: object, breach: str) -> None:
    spec = copy.deepcopy(spec_of(find("large", "Deployment", "code")))
    node: Any = spec
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert breach in list(breaches(spec))


@workloads
def test_nothing_writes_but_where_a_bounded_volume_is(manifest: Manifest) -> None:
    spec = spec_of(manifest)
    for container in containers(manifest):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108 — of the container
    assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume)


@workloads
def test_what_is_laid_aside_has_a_disk_wherever_it_is_told_to_lie_there(manifest: Manifest) -> None:
    for container in containers(manifest):
        settings = {one["configMapRef"]["name"] for one in container.get("envFrom", ()) if "configMapRef" in one}
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert ("warehouse-settings" in settings) is ("/var/lib/joulehouse/spool" in mounts)


@workloads
def test_every_container_asks_for_what_it_needs_and_has_a_limit(manifest: Manifest) -> None:
    for container in containers(manifest):
        for side in ("requests", "limits"):
            assert set(container["resources"][side]) == {"cpu", "memory", "ephemeral-storage"}


@workloads
def test_a_pod_has_a_token_only_if_a_role_is_bound_to_its_account(manifest: Manifest) -> None:
    spec = spec_of(manifest)
    has_role = spec["serviceAccountName"] in {"daemon", "webserver"}
    assert spec["automountServiceAccountToken"] is has_role
    assert spec["enableServiceLinks"] is False, "a Service's variables would be read as ours"


@pytest.mark.parametrize("name", ["code", "daemon", "webserver", "viewers"])
def test_what_serves_others_is_probed(name: str) -> None:
    (container,) = spec_of(find("large", "Deployment", name))["containers"]
    wanted = {"startupProbe", "livenessProbe"} | ({"readinessProbe"} if "ports" in container else set())
    assert wanted <= set(container)


def test_the_ui_for_viewers_is_read_only() -> None:
    assert "--read-only" in spec_of(find("large", "Deployment", "viewers"))["containers"][0]["command"]


@overlays
def test_nothing_starts_dagsters_webserver_without_the_guard(overlay: str) -> None:
    commands = [str(one.get("command")) for manifest in OVERLAYS[overlay] for one in containers(manifest)]
    assert not [command for command in commands if "dagster-webserver" in command]


@overlays
def test_there_is_one_daemon_and_never_two(overlay: str) -> None:
    daemon = find(overlay, "Deployment", "daemon")["spec"]
    assert (daemon["replicas"], daemon["strategy"]) == (1, {"type": "Recreate"})


def test_a_budget_of_disruption_stops_no_drain() -> None:
    budgets = [one for one in OVERLAYS["large"] if one["kind"] == "PodDisruptionBudget"]
    assert [one["metadata"]["name"] for one in budgets] == ["webserver"]
    replicas = find("large", "Deployment", "webserver")["spec"]["replicas"]
    assert replicas > budgets[0]["spec"]["maxUnavailable"] >= 1


@overlays
def test_the_image_is_written_once_and_runs_take_it_too(overlay: str) -> None:
    images = {one["image"] for manifest in OVERLAYS[overlay] for one in containers(manifest)}
    (container,) = spec_of(find(overlay, "Deployment", "code"))["containers"]
    assert {one["value"] for one in container["env"] if one["name"] == "DAGSTER_CURRENT_IMAGE"} == images
    assert len(images) == 1


def test_the_landing_zone_of_small_is_a_volume_on_whose_node_everything_is_that_reads_it() -> None:
    assert find("small", "PersistentVolumeClaim", "landing")
    for kind, name in (("Job", "migrate"), ("Deployment", "code"), ("Deployment", "watch")):
        manifest = find("small", kind, name)
        assert manifest["spec"]["template"]["metadata"]["labels"]["joulehouse/landing"] == "volume"
        assert reads_landing(spec_of(manifest))
    assert find("small", "ConfigMap", "warehouse-settings")["data"]["LANDING_URL"] == (
        "file:///var/lib/joulehouse/landing"
    )


def reads_landing(spec: dict[str, Any]) -> bool:
    """Whether the pod has the volume, at its place, and goes where it is."""
    (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    mounts = {one["mountPath"]: one["name"] for one in spec["containers"][0]["volumeMounts"]}
    claims = {one["name"]: one["persistentVolumeClaim"] for one in spec["volumes"] if "persistentVolumeClaim" in one}
    return (
        claims.get(mounts.get("/var/lib/joulehouse/landing", "")) == {"claimName": "landing"}
        and term["labelSelector"]["matchLabels"] == {"joulehouse/landing": "volume"}
        and term["topologyKey"] == "kubernetes.io/hostname"
    )


def test_the_landing_zone_of_large_is_an_object_store_and_no_volume() -> None:
    assert find("large", "ConfigMap", "warehouse-settings")["data"]["LANDING_URL"].startswith("s3://")
    assert not [one for one in OVERLAYS["large"] if one["kind"] == "PersistentVolumeClaim"]
    assert "persistentVolumeClaim" not in str(OVERLAYS["large"])


def policies_between(source: str | None, target: str | None, port: int) -> Iterator[tuple[str, bool]]:
    """Each side of a connection by its policies: `out` of a component of ours, `in` to one; None is somebody else."""
    policies = [one["spec"] for one in OVERLAYS["large"] if one["kind"] == "NetworkPolicy"]
    for side, pod, other, rules in (("egress", source, target, "to"), ("ingress", target, source, "from")):
        if pod is None:
            continue
        allowed = [
            rule
            for policy in policies
            if selects(policy["podSelector"], pod)
            for rule in policy.get(side, ())
            if port in {one["port"] for one in rule["ports"]}
            and (rules not in rule or any(admits(peer, other) for peer in rule[rules]))
        ]
        yield side, bool(allowed)


def selects(selector: dict[str, Any], component: str) -> bool:
    wanted = selector.get("matchLabels", {}).get("app.kubernetes.io/component", component)
    listed = [set(one["values"]) for one in selector.get("matchExpressions", ())]
    return bool(wanted == component and all(component in one for one in listed))


def admits(peer: dict[str, Any], other: str | None) -> bool:
    if "podSelector" in peer:
        return other is not None and selects(peer["podSelector"], other)
    return other is None


@pytest.mark.parametrize(
    ("source", "target", "port", "may"),
    [
        ("daemon", "code", 4000, True),
        ("webserver", "code", 4000, True),
        ("viewers", "code", 4000, True),
        ("run_worker", "code", 4000, False),
        ("watch", "code", 4000, False),
        (None, "code", 4000, False),
        ("run_worker", "webserver", 3000, False),
        ("code", "run_worker", 4000, False),
        *(
            (component, None, 5432, True)
            for component in ("migrate", "code", "daemon", "webserver", "viewers", "watch")
        ),
        ("run_worker", None, 5432, True),
        ("run_worker", None, 443, True),
        ("run_worker", None, 80, False),
        ("watch", None, 587, True),
        ("daemon", None, 443, True),  # the cluster's API
        ("daemon", None, 6443, True),
        ("viewers", None, 443, False),
        ("migrate", None, 443, True),  # the landing zone
        ("run_worker", None, 6443, False),
        (None, "webserver", 3000, True),
        (None, "viewers", 3000, True),
        (None, "daemon", 3000, False),
    ],
)
def test_nobody_speaks_to_anybody_but_for_what_is_needed(
    source: str | None, target: str | None, port: int, *, may: bool
) -> None:
    assert all(allowed for _, allowed in policies_between(source, target, port)) is may


@pytest.mark.parametrize("component", ["daemon", "watch", "migrate", "run_worker"])
def test_nobody_is_let_in_but_by_the_code_server_and_the_ui(component: str) -> None:
    policies = [one["spec"] for one in OVERLAYS["large"] if one["kind"] == "NetworkPolicy"]
    assert not [one for one in policies if selects(one["podSelector"], component) and one.get("ingress")]


def test_the_policies_are_those_of_pods_that_there_are() -> None:
    components = {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for one in OVERLAYS["large"]
        if pod_spec(one)
    }
    named = {
        label
        for one in OVERLAYS["large"]
        if one["kind"] == "NetworkPolicy"
        for expression in one["spec"]["podSelector"].get("matchExpressions", ())
        for label in expression["values"]
    }
    assert named - components == {"run_worker"}, "which is what Dagster's launcher calls its pods"


def test_the_metadata_service_of_a_node_is_no_provider() -> None:
    (rule,) = find("large", "NetworkPolicy", "reaches-outside")["spec"]["egress"]
    assert "169.254.0.0/16" in rule["to"][0]["ipBlock"]["except"]


def test_whoever_opens_the_ui_comes_from_a_namespace_that_was_labelled_so() -> None:
    (rule,) = find("large", "NetworkPolicy", "ui")["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"joulehouse/reaches-ui": "true"}}}]


@overlays
def test_no_secret_is_in_a_manifest(overlay: str) -> None:
    assert not [one for one in OVERLAYS[overlay] if one["kind"] == "Secret"]
    for container in (one for manifest in OVERLAYS[overlay] for one in containers(manifest)):
        for variable in container.get("env", ()):
            if variable["name"].endswith(("PASSWORD", "SECRET", "KEY", "TOKEN")):
                assert set(variable) == {"name", "valueFrom"}
    for one in OVERLAYS[overlay]:
        if one["kind"] == "ConfigMap":
            assert not [name for name in one["data"] if "PASSWORD" in name]
            assert "PASSWORD" not in one["data"].get("WAREHOUSE_URL", "")
            assert ":" not in one["data"].get("WAREHOUSE_URL", "x://y@").split("://")[1].split("@")[0]
