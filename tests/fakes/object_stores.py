"""The object stores on loopback: moto's server for S3, Azurite for Azure, gcp-storage-emulator for Google's.

Each is a process of its own, which ends with whoever started it. What is asked of them goes through a `CountingRelay`.
"""

import fcntl
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final, Literal

from tests.fakes.counting_relay import CountingRelay
from warehouse.embedded.host import free_port

Kind = Literal["s3", "azure", "gcs"]
KINDS: Final[tuple[Kind, ...]] = ("s3", "azure", "gcs")

_ROOT: Final = Path(__file__).resolve().parents[2]
_AZURITE: Final = Path(".venv") / "azurite"
_PATIENCE_SECONDS: Final = 60
# The account and its key that Azurite documents for everybody.
_AZURE_ACCOUNT: Final = "devstoreaccount1"
_AZURE_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# Whatever ends the test run, the server's standard input ends with it.
_UNTIL_WE_END: Final = '"$@" & server=$!; cat >/dev/null; kill -9 "$server"'


@dataclass(frozen=True)
class Emulator:
    """A store on loopback.

    Attributes:
        kind: Whose.
        port: Where it listens.
    """

    kind: Kind
    port: int

    def new_bucket(self) -> str:
        """The URL of a prefix in a bucket (a container) that is made for whoever asks."""
        name = f"bucket-{token_hex(6)}"
        if self.kind == "s3":
            self._ask("PUT", f"/{name}")
            return f"s3://{name}/landing/zone"
        if self.kind == "gcs":
            self._ask("POST", "/storage/v1/b?project=p", json.dumps({"name": name}).encode())
            return f"gs://{name}/landing/zone"
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 — a second, for whom it concerns

        with BlobServiceClient.from_connection_string(_connection_string(self.port)) as client:
            client.create_container(name).close()
        return f"az://{name}/landing/zone"

    def _ask(self, method: str, path: str, body: bytes = b"") -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()


@dataclass(frozen=True)
class Store:
    """A prefix in a bucket of its own, behind a relay.

    Attributes:
        kind: Whose.
        url: What `LANDING_URL` would be.
        relay: What every request goes through.
    """

    kind: Kind
    url: str
    relay: CountingRelay


def settings(kind: Kind, port: int) -> Mapping[str, str]:
    """The environment with which a driver finds a store at `port` of loopback, and nothing else."""
    return {
        "s3": {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        "azure": {"AZURE_STORAGE_CONNECTION_STRING": _connection_string(port)},
        "gcs": {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "NO_GCE_CHECK": "true"},
    }[kind]


@contextmanager
def emulator(kind: Kind, folder: Path) -> Iterator[Emulator]:
    """A store, until the block is left. `folder` is for what it writes.

    Raises:
        RuntimeError: It does not start; a test fails then, since one that is skipped proves nothing.
    """
    port = free_port()
    command = ["sh", "-c", _UNTIL_WE_END, "sh", *_command(kind, port)]
    log = folder / f"{kind}.log"
    with (
        log.open("wb") as into,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=into, stderr=into) as process,
    ):
        assert process.stdin is not None
        try:
            _wait(port, process, log)
            yield Emulator(kind, port)
        finally:
            process.stdin.close()
            process.wait(10)


def _command(kind: Kind, port: int) -> list[str]:
    if kind == "s3":
        return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    if kind == "gcs":
        at = ["--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "gcp_storage_emulator", "start", *at, "--in-memory", "--quiet"]
    with (_ROOT / f"{_AZURITE}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = _AZURITE / ".ready"
        if not (_ROOT / ready).exists():  # `make test` makes it before any test
            make = ["make", "--no-print-directory", "--old-file=.venv/.ready", str(ready)]
            subprocess.run(make, cwd=_ROOT, env=os.environ | {"MAKEFLAGS": ""}, check=True, timeout=170)
    main = _ROOT / _AZURITE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    quiet = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    return ["node", str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), *quiet]


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            connection.getresponse()
            connection.close()
            return
        time.sleep(0.05)
    msg = f"a store on loopback does not start: {log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(msg)


def _connection_string(port: int) -> str:
    at = f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={_AZURE_ACCOUNT};AccountKey={_AZURE_KEY};BlobEndpoint={at};"
