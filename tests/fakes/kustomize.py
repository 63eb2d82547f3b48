"""What `kubectl apply -k` would apply, for as much of Kustomize as `deploy/kubernetes` uses; any other word is refused.

Kustomize is a program of its own, which neither PyPI nor npm has, and Debian in no usable version. Where kubectl is
installed, `tests/deploy/test_manifests.py` holds what is read here against what it reads.
"""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import yaml

Manifest = dict[str, Any]

_KNOWN: Final = {
    *("apiVersion", "kind", "namespace", "resources", "patches", "configMapGenerator", "images", "replacements"),
}
_MERGE_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}


def build(folder: Path) -> list[Manifest]:
    """Every manifest of the overlay in `folder`.

    Raises:
        ValueError: Its `kustomization.yaml` uses a word that is not read here, or a patch without a target.
    """
    overlay: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    if unknown := set(overlay) - _KNOWN:
        raise ValueError(f"{folder.name}/kustomization.yaml: {sorted(unknown)} is not read by tests/fakes/kustomize.py")
    manifests = [one for name in overlay.get("resources", ()) for one in _resources(folder / name)]
    manifests += [_config_map(folder, one) for one in overlay.get("configMapGenerator", ())]
    for patch in overlay.get("patches", ()):
        _require({"path"}, patch)
        for change in _documents(folder / patch["path"]):
            target = _found(manifests, change)
            merged = _merged(target, change)
            target.clear()
            target.update(merged)
    if "namespace" in overlay:
        for manifest in manifests:
            _put_into(overlay["namespace"], manifest)
    for image in overlay.get("images", ()):
        _require({"name", "newName", "newTag"}, image)
        for container in (one for manifest in manifests for one in containers(manifest)):
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    for replacement in overlay.get("replacements", ()):
        _replace(manifests, replacement)
    return manifests


def pod_spec(manifest: Manifest) -> Manifest | None:
    """What its pods are; None for what has none."""
    spec = manifest.get("spec", {})
    return cast("Manifest", spec["template"]["spec"]) if manifest["kind"] in {"Deployment", "Job"} else None


def containers(manifest: Manifest) -> Iterator[Manifest]:
    """Every container of its pods, the initial ones first."""
    spec = pod_spec(manifest) or {}
    yield from spec.get("initContainers", ())
    yield from spec.get("containers", ())


def _put_into(namespace: str, manifest: Manifest) -> None:
    manifest["metadata"]["name" if manifest["kind"] == "Namespace" else "namespace"] = namespace
    for subject in manifest.get("subjects", ()):
        subject["namespace"] = namespace


def _require(words: set[str], node: Manifest) -> None:
    if set(node) != words:
        raise ValueError(f"{node} is not read by tests/fakes/kustomize.py")


def _resources(path: Path) -> Iterable[Manifest]:
    return build(path) if path.is_dir() else _documents(path)


def _documents(path: Path) -> list[Manifest]:
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def _config_map(folder: Path, one: Manifest) -> Manifest:
    _require({"name", "files", "options"}, one)
    if one["options"] != {"disableNameSuffixHash": True}:
        raise ValueError(f"{one['options']} is not read by tests/fakes/kustomize.py")
    data = {name: (folder / name).read_text("utf-8") for name in one["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": one["name"]}, "data": data}


def _found(manifests: list[Manifest], wanted: Manifest) -> Manifest:
    identity = (wanted["apiVersion"], wanted["kind"], wanted["metadata"]["name"])
    for one in manifests:
        if (one["apiVersion"], one["kind"], one["metadata"]["name"]) == identity:
            return one
    raise ValueError(f"there is no {identity} to patch")


def _merged(base: Any, change: Any, place: str = "") -> Any:
    """A strategic merge: null deletes, lists of named things are merged by name, other lists are replaced."""
    if isinstance(base, dict) and isinstance(change, dict):
        result = copy.deepcopy(base)
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = _merged(base.get(key), value, key)
        return result
    if isinstance(base, list) and place in _MERGE_KEYS:
        key = _MERGE_KEYS[place]
        changes = {one[key]: one for one in change}
        kept = [_merged(one, changes.pop(one[key])) if one[key] in changes else one for one in base]
        return [*copy.deepcopy(list(changes.values())), *kept]
    return copy.deepcopy(change)


def _replace(manifests: list[Manifest], replacement: Manifest) -> None:
    _require({"source", "targets"}, replacement)
    source = replacement["source"]
    parent, last = _at(_named(manifests, source), source["fieldPath"])
    for target in replacement["targets"]:
        _require({"select", "fieldPaths"}, target)
        for path in target["fieldPaths"]:
            goal, key = _at(_named(manifests, target["select"]), path)
            goal[key] = parent[last]


def _named(manifests: list[Manifest], wanted: Manifest) -> Manifest:
    (one,) = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == (wanted["kind"], wanted["name"])]
    return one


def _at(manifest: Manifest, path: str) -> tuple[Manifest, str]:
    """The mapping that `path` (`a.b.[name=c].d`) leads into, and its last key."""
    *steps, last = path.split(".")
    node: Any = manifest
    for step in steps:
        if step.startswith("["):
            key, _, value = step.strip("[]").partition("=")
            (node,) = [one for one in node if one[key] == value]
        else:
            node = node[step]
    return node, last
