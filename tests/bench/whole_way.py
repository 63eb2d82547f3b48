"""The whole way, HTTP page to commit: ours beside dlt's REST source, on the same sandbox and server, in one run."""

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.history import note
from tests.bench.loader import encoded, load, raw_copy
from tests.bench.rooms import DAY, Points, database, say, seconds_of, server, truncate
from warehouse.store import open_warehouse

ROOT: Final = Path(__file__).resolve().parents[2]
PEER: Final = ROOT / ".venv-bench" / "bin" / "python"
PRODUCT: Final = "sandbox_volume_analysis_load"
ORGANIZATION: Final = "audicharginghub"
DOCUMENTS: Final = 1_000_000
ROUNDS: Final = 5
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
    process = subprocess.Popen(
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


def ours(twin: Twin, url: str, folder: Path, *, checkout: Path = ROOT) -> dict[str, Any]:
    """One day of the volume product through the house, or through that of another checkout."""
    landing = folder / f"landing-{checkout.name}"
    shutil.rmtree(landing / "bench", ignore_errors=True)  # what is kept there would not be kept again
    order = {
        "url": twin.url,
        "client_id": twin.client_id,
        "client_secret": twin.client_secret,
        "organization": ORGANIZATION,
        "product": PRODUCT,
        "day": DAY.isoformat(),
        "database": url,
        "landing": str(landing),
    }
    answer: dict[str, Any] = json.loads(_run([sys.executable, "-m", "tests.bench.worker"], checkout, json.dumps(order)))
    return answer


def _run(command: list[str], checkout: Path, text: str = "") -> str:
    done = subprocess.run(
        command,
        input=text,
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def theirs(twin: Twin, url: str, setting: str) -> dict[str, Any]:
    """The same documents through dlt."""
    done = subprocess.run(
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


@dataclass(frozen=True, slots=True)
class Before:
    """An earlier build in a worktree of its own, which is benched by its own worker."""

    checkout: Path
    url: str

    @classmethod
    def at(cls, checkout: Path, address: str) -> "Before":
        """The build, with a database of its schema on the same server."""
        made = "from tests.bench.rooms import database; import sys; print(database(sys.argv[1], 'before'))"
        done = _run([sys.executable, "-c", made, address], checkout)
        return cls(checkout, done.splitlines()[-1])

    def truncate(self) -> None:
        """Empty its tables."""
        emptied = "from tests.bench.rooms import truncate; import sys; truncate(sys.argv[1])"
        _run([sys.executable, "-c", emptied, self.url], self.checkout)


def speed(folder: Path, url: str, before: Before | None = None) -> bool:
    """A million documents of two values: ours, the build before, and the peer, turn by turn."""
    settings = SETTINGS if PEER.exists() else ()
    points = Points(2 * DOCUMENTS, 2)
    body = encoded(points)
    rounds: list[dict[str, float]] = []
    with sandbox(DOCUMENTS, folder) as twin, open_warehouse(url, folder / f"landing-{ROOT.name}") as warehouse:
        load(warehouse, points)  # the catalogue and the file caches
        for _ in range(ROUNDS):
            truncate(url)
            found = {"raw": seconds_of(lambda: raw_copy(url, body))}
            truncate(url)
            found["first"] = seconds_of(lambda: load(warehouse, points))
            truncate(url)
            run = ours(twin, url, folder)
            if run["points"] != 2 * DOCUMENTS:
                say(f"  ours loaded {run['points']:,} points of {2 * DOCUMENTS:,}")
                return False
            found["ours"] = run["seconds"]
            if before:
                before.truncate()
                found["before"] = ours(twin, before.url, folder, checkout=before.checkout)["seconds"]
            for setting in settings:
                peer = theirs(twin, url, setting)
                found[f"dlt, {setting}"] = peer["seconds"]
                if peer["rows"] != DOCUMENTS:
                    say(f"  dlt loaded {peer['rows']:,} rows of {DOCUMENTS:,}")
            rounds.append(found)
    say(f"whole way: {DOCUMENTS:,} documents of two values, HTTP page to commit, medians of {ROUNDS} rounds")
    for name in rounds[0]:
        median = statistics.median(one[name] for one in rounds)
        say(f"  {name:<14} {median:7.2f} s")
        note(f"whole way: {name}, seconds", median, "s")

    def ratio(name: str) -> float:
        return statistics.median(one[name] / one["ours"] for one in rounds)

    kept = [_said("whole way: first load / page to commit", ratio("first"), 0.8)]
    if settings:
        fastest = min((f"dlt, {setting}" for setting in settings), key=ratio)
        kept.append(_said(f"whole way: {fastest} / page to commit", ratio(fastest), 4.0))
    else:
        say("  without the peer, whose environment `make bench` makes")
    if before:
        kept.append(_said("whole way: build before / page to commit", ratio("before"), 1.5))
    say(f"  raw COPY / ours: {ratio('raw'):.2f}")
    note("whole way: raw COPY / page to commit", ratio("raw"))
    return all(kept)


def _said(line: str, figure: float, least: float) -> bool:
    say(f"  {line}: {figure:.2f} (promised: {least:.2f} or more)")
    note(line, figure, "", f"{least:.2f} or more", holds=figure >= least)
    return figure >= least


def memory(folder: Path, url: str) -> bool:
    """Days of ten and of forty million points."""
    rises = []
    for n_documents in LARGE_DAYS:
        truncate(url)
        with sandbox(n_documents, folder) as twin:
            run = ours(twin, url, folder)
        rises.append(run["peak_mib"] - run["idle_mib"] if run["points"] == 2 * n_documents else float("inf"))
        say(f"memory: one day of {run['points']:,} points, HTTP page to commit, in {run['seconds']:.0f} s")
        note(
            f"memory: {run['points']:,} points, above idle",
            rises[-1],
            "MiB",
            f"{MOST_RISE_MIB} or less",
            holds=rises[-1] <= MOST_RISE_MIB,
        )
        say(f"  idle {run['idle_mib']:.0f} MiB, peak {rises[-1]:.0f} MiB above it (promised: {MOST_RISE_MIB} at most)")
    say(f"  forty million take {rises[1] / rises[0]:.2f} of what ten take (promised: 1.30 or less)")
    return max(rises) <= MOST_RISE_MIB and rises[1] <= 1.3 * rises[0]


def main() -> bool:
    """Measure, say the ratios, and whether they hold; `BEFORE` names the worktree of an earlier build."""
    with server() as address, TemporaryDirectory() as folder:
        earlier = os.environ.get("BEFORE")
        before = Before.at(Path(earlier).resolve(), address) if earlier else None
        return speed(Path(folder), database(address, "whole_way"), before)


def main_memory() -> bool:
    """The same for memory."""
    with server() as address, TemporaryDirectory() as folder:
        return memory(Path(folder), database(address, "memory"))


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
