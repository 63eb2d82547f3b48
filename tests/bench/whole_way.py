"""The whole way, HTTP page to commit: ours beside dlt's REST source, on the same sandbox and server, in one run."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.rooms import DAY, database, say, server, truncate

ROOT: Final = Path(__file__).resolve().parents[2]
PEER: Final = ROOT / ".venv-bench" / "bin" / "python"
PRODUCT: Final = "sandbox_volume_analysis_load"
ORGANIZATION: Final = "audicharginghub"
DOCUMENTS: Final = 1_000_000
LARGE_DAYS: Final = (5_000_000, 19_900_000)
"""Documents of two values; the provider's cap is at twenty million in one listing."""
MOST_RISE_MIB: Final = 128
SETTINGS: Final = ("default", "csv", "parquet")
"""dlt's ways into PostgreSQL: INSERT, COPY from CSV, and ADBC from Arrow."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A sandbox that runs as a process of its own."""

    url: str
    client_id: str
    client_secret: str


@contextmanager
def sandbox(n_documents: int, folder: Path) -> Iterator[Twin]:
    """The Export Service's twin with `n_documents` a day of the volume product.

    It answers uncompressed, to us as to the peer: on loopback its own gzip would be a fifth of what is measured.
    """
    port_file = folder / f"port-{n_documents}"
    client_id, client_secret = "bench", secrets.token_hex(16)
    process = subprocess.Popen(  # noqa: S603 — our own sandbox
        [sys.executable, "-m", "sandbox", "--host", "127.0.0.1", "--port", "0", "--port-file", str(port_file),
         "--set", f"export_service.volume_documents={n_documents}",
         "--set", "export_service.is_gzip=false"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "SANDBOX_EXPORT_SERVICE_CLIENT_ID": client_id,
            "SANDBOX_EXPORT_SERVICE_CLIENT_SECRET": client_secret,
        },
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Twin(f"http://127.0.0.1:{_read_port(process, port_file)}", client_id, client_secret)
    finally:
        process.terminate()
        process.wait(timeout=20)


def ours(twin: Twin, url: str, folder: Path) -> dict[str, Any]:
    """One day of the volume product through the house."""
    order = {
        "url": twin.url,
        "client_id": twin.client_id,
        "client_secret": twin.client_secret,
        "organization": ORGANIZATION,
        "product": PRODUCT,
        "day": DAY.isoformat(),
        "database": url,
        "landing": str(folder / secrets.token_hex(4)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.worker"], input=json.dumps(order), cwd=ROOT, capture_output=True,
        text=True, check=True, timeout=900,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def theirs(twin: Twin, url: str, setting: str) -> dict[str, Any]:
    """The same documents through dlt."""
    done = subprocess.run(  # noqa: S603 — the peer
        [
            str(PEER), str(Path(__file__).with_name("dlt_peer.py")), "--url", twin.url, "--product", PRODUCT,
            "--start", f"{DAY}T00:00:00", "--end", f"{DAY}T23:59:59.999", "--organization", ORGANIZATION,
            "--client-id", twin.client_id, "--client-secret", twin.client_secret, "--database", url,
            "--setting", setting,
        ],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def speed(folder: Path, url: str) -> bool:
    """A million documents of two values, ours and theirs."""
    with sandbox(DOCUMENTS, folder) as twin:
        ours(twin, url, folder)  # the catalogue and the file caches
        runs = []
        for _ in range(3):
            truncate(url)
            runs.append(ours(twin, url, folder))
        peers = {setting: theirs(twin, url, setting) for setting in SETTINGS}
    best = sorted(runs, key=lambda run: run["seconds"])[1]
    fastest = min(peers, key=lambda setting: peers[setting]["seconds"])
    ratio = peers[fastest]["seconds"] / best["seconds"]
    say(f"whole way: {DOCUMENTS:,} documents of two values, HTTP page to commit")
    say(f"  ours, median of 3      {best['seconds']:7.2f} s  (all landed after {best['landing_seconds']:.2f} s)")
    for setting, run in peers.items():
        say(f"  dlt 1.31, {setting:<12} {run['seconds']:7.2f} s")
        if run["rows"] != DOCUMENTS:
            say(f"  dlt loaded {run['rows']:,} rows of {DOCUMENTS:,}")
    say(f"  dlt's fastest ({fastest}) / ours: {ratio:.1f} (promised: 4.0 or more)")
    return ratio >= 4 and all(run["points"] == 2 * DOCUMENTS for run in runs)


def memory(folder: Path, url: str) -> bool:
    """Days of ten and of forty million points."""
    rises = []
    for n_documents in LARGE_DAYS:
        truncate(url)
        with sandbox(n_documents, folder) as twin:
            run = ours(twin, url, folder)
        rises.append(run["peak_mib"] - run["idle_mib"] if run["points"] == 2 * n_documents else float("inf"))
        say(f"memory: one day of {run['points']:,} points, HTTP page to commit, in {run['seconds']:.0f} s")
        say(f"  idle {run['idle_mib']:.0f} MiB, peak {rises[-1]:.0f} MiB above it (promised: {MOST_RISE_MIB} at most)")
    say(f"  forty million take {rises[1] / rises[0]:.2f} of what ten take (promised: 1.30 or less)")
    return max(rises) <= MOST_RISE_MIB and rises[1] <= 1.3 * rises[0]


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    return _measured(speed)


def main_memory() -> bool:
    """The same for memory."""
    return _measured(memory)


def _measured(measure: Callable[[Path, str], bool]) -> bool:
    with server() as address, TemporaryDirectory() as folder:
        return measure(Path(folder), database(address, "whole_way"))


def _read_port(process: "subprocess.Popen[bytes]", port_file: Path) -> int:
    for _ in range(200):
        if port_file.exists() and (text := port_file.read_text().strip()):
            return int(text)
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError("the sandbox did not start")


if __name__ == "__main__":
    raise SystemExit(not main())
