"""The code server of the webserver and the daemon: one for both, watched, and started again when it dies.

Without it each of them would have one of its own, and the daemon would replace it every minute or two. It is Dagster's
(`dagster code-server`): "Reload" in the UI puts a fresh process behind it, and runs at work stay with the old one. Its
socket is in a folder that only its owner can enter.
"""

import json
import os
import sysconfig
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import psutil

# What tells of a code server that is away, and the client that sees it, have no public names in 1.13.27.
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from domain.errors import ConfigurationError
from pipelines.console import complain
from pipelines.local.dagster_graphql import LOCATION
from pipelines.local.processes import Process, poll
from pipelines.local.state import make_private_folder

DAGSTER: Final = Path(sysconfig.get_path("scripts"))
"""The folder of Dagster's own programs."""

_LONGEST_SOCKET: Final = 107
"""The kernel's limit for a socket's path."""

_START_SECONDS: Final = 660.0
"""Started while Dagster's history is away, it waits for it, 10 minutes at most."""

_SILENT_SECONDS: Final = 10.0
"""It is started again when it has not answered for so long: its inner process is gone."""


@dataclass(frozen=True, slots=True)
class CodeServer:
    """One code server.

    Attributes:
        folder: Where its number, its log and its socket are.
        instance: DAGSTER_HOME, where its clients read of it.
    """

    folder: Path
    instance: Path

    @property
    def process(self) -> Process:
        """The server; its inner process and the runs are its children."""
        return Process("dagster-code-server", self.folder)

    @property
    def workspace(self) -> Path:
        """The file that tells Dagster's other processes where it is."""
        return self.instance / "workspace.yaml"

    def start(self, environment: Mapping[str, str], *, goes_on: bool = False) -> None:
        """Start it, and wait until it answers.

        Args:
            environment: What it inherits.
            goes_on: It has run before, and runs that it started may be at work: they stay.

        Raises:
            ConfigurationError: It does not come up.
        """
        make_private_folder(self._socket.parent)
        where = {"socket": str(self._socket), "location_name": LOCATION}
        self.workspace.write_text(json.dumps({"load_from": [{"grpc_server": where}]}), "utf-8")  # which YAML is, too
        command = [
            str(DAGSTER / "dagster"), "code-server", "start", "--socket", str(self._socket),
            "--module-name", "pipelines.definitions", "--location-name", LOCATION,
            "--use-python-environment-entry-point", "--inject-env-vars-from-instance",
            "--startup-timeout", f"{_START_SECONDS:.0f}",
        ]  # fmt: skip
        self.process.start(command, cwd=self.instance, environment=environment, goes_on=goes_on)
        for _ in poll(_START_SECONDS):
            if self.answers:
                return
            if self.process.pid is None:
                break
        last_line = (self.process.tail().splitlines() or ["it said nothing"])[-1]
        raise ConfigurationError(
            f"Dagster's code server did not come up: {last_line}", place=LOCATION, fix=f"read {self.process.log}"
        )

    @property
    def answers(self) -> bool:
        """Whether it does, and the inner process with it."""
        try:
            DagsterGrpcClient(socket=str(self._socket)).ping("")
        except DagsterUserCodeUnreachableError:
            return False
        return True

    def keep(self, environment: Mapping[str, str]) -> None:
        """Start it again if it has ended, or answers no more; runs at work go on.

        Raises:
            ConfigurationError: It does not come up again.
        """
        pid = self.process.pid
        if pid is not None and any(self.answers for _ in poll(_SILENT_SECONDS, every=1.0)):
            return
        complain(f"Dagster's code server has ended, and is started again: {self.process.log} may say why.")
        with suppress(psutil.NoSuchProcess):
            if pid is not None:
                psutil.Process(pid).kill()  # it alone: told to end, it would wait for its runs
        self.start(environment, goes_on=True)

    @property
    def _socket(self) -> Path:
        """Beside its log if the path is short enough for a socket, otherwise in a private folder of a short name."""
        socket = self.folder / "code.sock"
        if len(os.fsencode(socket)) <= _LONGEST_SOCKET:
            return socket
        return Path(tempfile.gettempdir()) / f"joulehouse-{os.getuid()}-{crc32(os.fsencode(socket)):x}" / "code.sock"
