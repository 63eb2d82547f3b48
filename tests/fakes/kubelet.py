"""What a node does with pods: each is a process here, with the words and variables of its container."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.cluster_api import Cluster


@dataclass
class Kubelet:
    """The processes of all pods.

    Attributes:
        folder: Where each pod's output goes.
        environment: What its Secrets and ConfigMaps hold, and where Dagster's instance is here.
        processes: By the pod's name.
    """

    folder: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def begin(self, pod: str, spec: dict[str, Any]) -> None:
        """Start the one container of a pod."""
        (container,) = spec["containers"]
        named = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        with (self.folder / f"{pod}.log").open("wb") as log:
            self.processes[pod] = subprocess.Popen(
                container["args"],
                env=named | dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, pod: str) -> None:
        """Tell a pod to end, as a deletion and a drain do."""
        self.processes[pod].send_signal(signal.SIGTERM)

    def of_run(self, run_id: str) -> str:
        """The pod of a run."""
        (pod,) = [name for name in self.processes if run_id in name]
        return pod


@contextmanager
def running_kubelet(cluster: Cluster, folder: Path, environment: Mapping[str, str]) -> Iterator[Kubelet]:
    """A node for every pod of `cluster` while the block lasts."""
    folder.mkdir()
    kubelet = Kubelet(folder, environment)
    cluster.begin, cluster.stop = kubelet.begin, kubelet.stop
    try:
        yield kubelet
    finally:
        for process in kubelet.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
