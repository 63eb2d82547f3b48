"""What an installation takes that has nothing to do: `joulehouse ui` with everything beside it, as a share of one core.

The webserver without a page, the daemon with its schedules and sensors, the code server and the database's server, of
the sources that ship. `IDLE_MINUTES` (10) is how long it is looked at.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from pipelines.local.environment import lock_holder
from tests.bench.history import note
from tests.bench.installation import load_of_machine, processor_seconds
from tests.bench.rooms import say
from tests.fakes.open_ui import open_ui
from warehouse.embedded import EmbeddedWarehouse

SETTLED_SECONDS: Final = 90.0
"""After which what is done once is done: each sensor has been asked, and has said what it begins with."""

SECONDS: Final = 60 * float(os.environ.get("IDLE_MINUTES", "10"))
PROMISED: Final = 2.0


def main() -> bool:
    """Measure, say the share, and whether it is what was promised."""
    with TemporaryDirectory(prefix="joulehouse-bench-") as folder:
        home = Path(folder)
        try:
            with open_ui(home, ""):
                time.sleep(SETTLED_SECONDS)
                began, before = time.monotonic(), spent(home)
                time.sleep(SECONDS)
                seconds, after = time.monotonic() - began, spent(home)
        finally:
            EmbeddedWarehouse(home).remove()
    shares = {name: 100 * (after[name] - before.get(name, 0.0)) / seconds for name in after}
    total = sum(shares.values())
    say(f"an idle installation over {seconds / 60:.0f} minutes: {total:.2f} % of a processor, {load_of_machine()}")
    say(
        f"  (promised: less than {PROMISED:.0f} %) "
        + ", ".join(f"{name} {share:.2f} %" for name, share in shares.items())
    )
    note("idle: share of a processor", total, "%", f"less than {PROMISED:.0f}", holds=total < PROMISED)
    for name, share in shares.items():
        note(f"idle: {name}", share, "%")
    return total < PROMISED


def spent(home: Path) -> dict[str, float]:
    """Processor seconds so far, of each part with all that it has started."""
    ui, server = lock_holder(home), EmbeddedWarehouse(home).status().pid
    assert ui is not None
    assert server is not None
    parts = {"the database's server": psutil.Process(server)}
    for child in psutil.Process(ui).children():
        line = " ".join(child.cmdline())
        names = ("webserver", "code-server", "daemon")
        parts[next((name for name in names if name in line), "others")] = child
    found = {name: processor_seconds([process, *process.children(recursive=True)]) for name, process in parts.items()}
    return {**found, "joulehouse ui": processor_seconds([psutil.Process(ui)])}


if __name__ == "__main__":
    raise SystemExit(not main())
