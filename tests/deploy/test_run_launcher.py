"""Dagster's own launcher before a cluster on loopback: what it asks for, what it makes, what it believes."""

import ast
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError

from pipelines.lost_runs import start_patience
from tests.deploy.conftest import FOLDER, IMAGE, ROOT, Launching
from tests.deploy.test_manifests import RELEASES, find, reads_landing, spec_of
from tests.fakes.cluster_api import Permission, permissions
from tests.fakes.pod_security import breaches

STARTED: Final = dg.DagsterRunStatus.STARTED


def role(name: str) -> set[Permission]:
    return permissions(find("large", "Role", name)["rules"])


def test_a_run_is_launched_watched_and_terminated_with_the_daemons_role_and_all_of_it(launching: Launching) -> None:
    launching.cluster.allowed = role("daemon")
    run = launching.launch()
    launching.start(run)
    assert launching.monitor(run) is STARTED
    assert launching.instance.run_launcher.terminate(run.run_id)  # as a backfill that is cancelled does
    assert not launching.cluster.pods

    # One that does not end when it is told to: its log gets the cluster's word on it, with its pod and without.
    stubborn, alone = launching.launch(), launching.launch()
    launching.cluster.pods.pop(next(name for name in launching.cluster.pods if alone.run_id in name))
    for one, words in ((stubborn, "the last line that it printed"), (alone, "Job status")):
        launching.cancel(one, seconds_ago=3600)
        assert launching.monitor(one) is dg.DagsterRunStatus.CANCELED
        assert words in launching.messages(one)

    assert launching.cluster.asked == role("daemon"), "it asks for all that its Role allows, and for nothing else"
    assert launching.cluster.namespaces == {"joulehouse"}


def test_a_run_is_terminated_in_the_ui_with_the_webservers_role_and_all_of_it(launching: Launching) -> None:
    run = launching.launch()
    launching.cluster.asked.clear()  # that was the daemon
    launching.cluster.allowed = role("webserver")
    assert launching.instance.run_coordinator.cancel_run(run.run_id)
    assert not launching.cluster.jobs
    assert not launching.cluster.pods
    assert launching.cluster.asked == role("webserver"), "it asks for all that its Role allows, and for nothing else"


@pytest.mark.parametrize("release", RELEASES)
def test_the_job_of_a_run_is_what_the_api_takes(launching: Launching, release: str) -> None:
    job = launching.job(launching.launch())
    del job["status"]  # which the cluster has added
    kubernetes_validate.validate(job, release, strict=True)


def test_the_pod_of_a_run_is_let_into_a_restricted_namespace(launching: Launching) -> None:
    spec = launching.job(launching.launch())["spec"]["template"]["spec"]
    assert list(breaches(spec)) == []
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("joulehouse", False)
    assert spec["enableServiceLinks"] is False
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for side in ("requests", "limits"):
        assert set(container["resources"][side]) == {"cpu", "memory", "ephemeral-storage"}
    assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume)


def test_a_run_has_what_the_code_server_has(launching: Launching) -> None:
    (container,) = launching.job(launching.launch())["spec"]["template"]["spec"]["containers"]
    (code,) = spec_of(find(launching.overlay, "Deployment", "code"))["containers"]
    mounts = {one["mountPath"]: one.get("subPath") for one in container["volumeMounts"]}
    assert mounts == {one["mountPath"]: one.get("subPath") for one in code["volumeMounts"]}
    assert sorted(map(str, container["envFrom"])) == sorted(map(str, code["envFrom"]))
    secrets = {one["name"]: one["valueFrom"] for one in container["env"] if "valueFrom" in one}
    assert secrets == {one["name"]: one["valueFrom"] for one in code["env"] if "valueFrom" in one}


def test_a_run_is_executed_by_the_image_of_the_code_server_and_once(launching: Launching) -> None:
    run = launching.launch()
    job = launching.job(run)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert run.run_id in container["args"][3]
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_a_run_of_small_goes_where_the_landing_zone_is_and_one_of_large_anywhere(launching: Launching) -> None:
    template = launching.job(launching.launch())["spec"]["template"]
    if launching.overlay == "small":
        assert template["metadata"]["labels"]["joulehouse/landing"] == "volume"
        assert reads_landing(template["spec"])
    else:
        assert "affinity" not in template["spec"]


def test_a_run_is_found_by_its_id(launching: Launching) -> None:
    run = launching.launch()
    job = launching.job(run)
    assert job["metadata"]["labels"]["dagster/run-id"] == run.run_id
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["dagster/run-id"] == run.run_id
    assert labels["app.kubernetes.io/component"] == "run_worker", "which the network policies call it"


@pytest.mark.parametrize(
    "tag",
    [
        {"pod_spec_config": {"serviceAccountName": "daemon", "automountServiceAccountToken": True}},
        {"container_config": {"image": "their.example/own"}},
        {"container_config": {"env": [{"name": "LANDING_URL", "value": "s3://theirs"}]}},
        {"job_metadata": {"annotations": {"a": "b"}}},
    ],
    ids=lambda tag: next(iter(tag)),
)
def test_no_tag_of_a_run_changes_what_it_may_do(launching: Launching, tag: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="violated the allowed list"):
        launching.launch({"dagster-k8s/config": json.dumps(tag)})
    assert not launching.cluster.jobs


def test_a_run_lives_as_long_as_its_lease_says_whatever_the_cluster_says(launching: Launching) -> None:
    run = launching.launch()
    launching.start(run)
    launching.cluster.asked.clear()
    launching.cluster.failures = [403]
    assert launching.monitor(run) is STARTED
    launching.cluster.end(f"dagster-run-{run.run_id}", failed=1)
    assert launching.monitor(run) is STARTED
    assert launching.cluster.asked == set()


def test_a_launch_that_the_api_has_no_time_for_is_tried_again(
    launching: Launching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_k8s.client.time.sleep", lambda _seconds: None)
    launching.cluster.failures = [503, 503]
    run = launching.launch()
    assert launching.job(run)


def test_a_launch_whose_answer_is_lost_makes_one_job_and_fails_no_run(
    launching: Launching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_k8s.client.time.sleep", lambda _seconds: None)
    launching.cluster.n_unanswered = 1
    run = launching.launch()
    assert list(launching.cluster.jobs) == [f"dagster-run-{run.run_id}"]
    assert len(launching.cluster.pods) == 1


def test_a_launch_that_is_refused_fails(launching: Launching) -> None:
    launching.cluster.allowed = set()
    with pytest.raises(DagsterK8sUnrecoverableAPIError):
        launching.launch()


def test_a_process_without_a_token_opens_dagsters_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    settings = yaml.safe_load((FOLDER / "large" / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.run_will_resume("a run that was interrupted")
        assert start_patience(instance, timedelta(seconds=165)) == timedelta(minutes=10)
        with pytest.raises(Exception, match="POD_NAMESPACE"):
            _ = instance.run_launcher  # which is made where somebody launches, and nowhere else


def test_nothing_that_a_code_server_or_a_run_does_asks_for_the_launcher_itself() -> None:
    modules = [path for package in ("assets", "resources", "pipelines") for path in (ROOT / package).rglob("*.py")]
    asking = {
        path.relative_to(ROOT).as_posix()
        for path in modules
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "run_launcher"
    }
    assert asking <= {"pipelines/workers/app.py"}, "which is no code server"
