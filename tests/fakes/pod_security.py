"""The pod security standard `restricted`, as a cluster's admission holds pods against it.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (1.37), but for what is of Windows alone.
"""

from collections.abc import Iterator
from typing import Any, Final

Spec = dict[str, Any]

_VOLUMES: Final = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}


def breaches(spec: Spec) -> Iterator[str]:
    """What keeps a pod of `spec` out of a namespace that enforces `restricted`."""
    for word in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(word):
            yield word
    for volume in spec.get("volumes", ()):
        if set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}"
    pod = spec.get("securityContext", {})
    if pod.get("sysctls"):
        yield "sysctls"
    if pod.get("runAsUser") == 0:
        yield "pod runs as root"
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        for breach in _of_container(container, pod):
            yield f"{container['name']}: {breach}"


def _of_container(container: Spec, pod: Spec) -> Iterator[str]:
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "hostPort"
    if context.get("procMount", "Default") != "Default":
        yield "procMount"
