"""What stands in for Kustomize and for a cluster is right itself."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cluster_api import Cluster, Permission, cluster_api, permissions
from tests.fakes.kustomize import build

BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec:
  replicas: 1
  template:
    spec:
      containers:
        - {name: app, image: "app:1", args: [a, b], env: [{name: A, value: "1"}, {name: B, value: "2"}]}
        - {name: other, image: "other:1"}
"""


def overlay(folder: Path, words: str, **files: str) -> list[dict[str, Any]]:
    (folder / "base.yaml").write_text(BASE)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "kustomization.yaml").write_text(f"resources: [base.yaml]\n{words}")
    return build(folder)


def test_a_patch_merges_named_things_by_name_and_replaces_other_lists(tmp_path: Path) -> None:
    patch = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec:
  replicas: null
  template: {spec: {containers: [{name: app, args: [c], env: [{name: B, value: "3"}, {name: C, value: "4"}]}]}}
"""
    (manifest,) = overlay(tmp_path, "patches: [{path: patch.yaml}]\n", patch=patch)
    assert "replicas" not in manifest["spec"]
    app, other = manifest["spec"]["template"]["spec"]["containers"]
    assert (app["image"], app["args"], other["name"]) == ("app:1", ["c"], "other")
    assert {one["name"]: one["value"] for one in app["env"]} == {"A": "1", "B": "3", "C": "4"}


def test_a_patch_of_nothing_is_refused(tmp_path: Path) -> None:
    patch = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: two}}"
    with pytest.raises(ValueError, match="two"):
        overlay(tmp_path, "patches: [{path: patch.yaml}]\n", patch=patch)


def test_an_image_is_renamed_where_its_name_is_the_whole_name(tmp_path: Path) -> None:
    (manifest,) = overlay(tmp_path, "images: [{name: app, newName: there/app, newTag: '2'}]\n")
    assert [one["image"] for one in manifest["spec"]["template"]["spec"]["containers"]] == ["there/app:2", "other:1"]


def test_everything_is_put_into_the_namespace_which_is_called_so_itself(tmp_path: Path) -> None:
    base = "{apiVersion: v1, kind: Namespace, metadata: {name: old}}"
    binding = "{apiVersion: v1, kind: RoleBinding, metadata: {name: one}, subjects: [{name: one}]}"
    (tmp_path / "more.yaml").write_text(f"{base}\n---\n{binding}\n")
    (tmp_path / "kustomization.yaml").write_text("namespace: new\nresources: [more.yaml]\n")
    namespace, bound = build(tmp_path)
    assert namespace["metadata"] == {"name": "new"}
    assert bound["metadata"]["namespace"] == bound["subjects"][0]["namespace"] == "new"


@pytest.mark.parametrize("words", ["patches: [{patch: 'a: b'}]", "images: [{name: app, digest: 'x'}]", "labels: []"])
def test_what_is_not_read_is_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(ValueError, match="not read by"):
        overlay(tmp_path, words)


def ask(cluster: Cluster, method: str, path: str, document: object = None) -> int:
    """The status that one request is answered with."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{cluster.port}{path}", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_cluster_refuses_what_a_role_does_not_allow_and_keeps_what_was_asked() -> None:
    job = {"metadata": {"name": "j"}, "spec": {"template": {"metadata": {"labels": {}}, "spec": {}}}}
    jobs = "/apis/batch/v1/namespaces/there/jobs"
    with cluster_api() as cluster:
        cluster.allowed = permissions([{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "list"]}])
        assert ask(cluster, "POST", jobs, job) == 201
        assert ask(cluster, "POST", jobs, job) == 409
        assert ask(cluster, "GET", f"{jobs}?fieldSelector=metadata.name%3Dj") == 200
        assert ask(cluster, "GET", f"{jobs}/j/status") == 403
        assert ask(cluster, "DELETE", f"{jobs}/j") == 403
        assert ask(cluster, "GET", "/api/v1/namespaces/there/pods?labelSelector=job-name%3Dj") == 403
        assert list(cluster.jobs) == ["j"]
        assert cluster.namespaces == {"there"}
        assert cluster.asked == {
            Permission("batch", "jobs", "create"),
            Permission("batch", "jobs", "list"),
            Permission("batch", "jobs/status", "get"),
            Permission("batch", "jobs", "delete"),
            Permission("", "pods", "list"),
        }


def test_a_job_has_a_pod_until_it_is_deleted() -> None:
    job = {"metadata": {"name": "j"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}}
    with cluster_api() as cluster:
        ask(cluster, "POST", "/apis/batch/v1/namespaces/there/jobs", job)
        ((name, pod),) = cluster.pods.items()
        assert pod["metadata"]["labels"] == {"a": "b", "job-name": "j"}
        assert ask(cluster, "DELETE", f"/api/v1/namespaces/there/pods/{name}") == 200
        assert ask(cluster, "DELETE", f"/api/v1/namespaces/there/pods/{name}") == 404


def test_a_rule_with_a_star_is_refused() -> None:
    with pytest.raises(ValueError, match="star"):
        permissions([{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}])
