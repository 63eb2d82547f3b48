"""What a process has imported stays, and the garbage collector does not look through it again and again (ADR 0042)."""

import subprocess
import sys

import pytest

from resources.settings import PROJECT

LEAST = 100_000
"""Objects: what Dagster brings with it."""

_COUNTED = "import gc; before = gc.get_freeze_count(); {}; print(gc.get_freeze_count() - before, gc.isenabled())"


@pytest.mark.parametrize(
    "work",
    [
        "import pipelines.history",
        "import pipelines.definitions; pipelines.definitions.defs()",
        "from pipelines.cli.application import application; application(['backfill', '--help'], standalone_mode=False)",
    ],
)
def test_the_collector_goes_on_but_passes_over_what_a_process_of_dagster_or_a_command_has_imported(work: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _COUNTED.format(work)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    n_frozen, is_enabled = done.stdout.split()[-2:]
    assert int(n_frozen) > LEAST
    assert is_enabled == "True"
