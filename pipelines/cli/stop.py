"""`joulehouse stop`: whatever of this checkout runs is ended; its data stays."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from pipelines.console import say
from pipelines.local.dagster_processes import Stack, holder
from pipelines.local.loopback import looks
from pipelines.local.project import House

_CLOSING_SECONDS: Final = 120.0
"""A demo or a UI that is asked to end waits for its runs, its webserver, its daemon and the warehouse."""


def stop() -> None:
    """End whatever of this checkout runs: a demo or a UI, Dagster with its runs, the sandbox and the warehouse."""
    house = House()
    ended = {
        "The demo or the UI": _end_holder(house.home),
        "Dagster": Stack(house.home, house.root, {}).stop(),
        "The sandbox": house.twin.stop(),
        "The embedded warehouse": house.embedded.stop(),
    }
    for what, was_running in ended.items():
        if was_running:
            say(f"{what} is stopped.")
    if not any(ended.values()):
        say("Nothing was running.")


def _end_holder(home: Path) -> bool:
    """Ask the command line that holds the home's Dagster to end, and wait until it has; whether there was one.

    Raises:
        ConfigurationError: It does not end.
    """
    pid = holder(home)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    for _ in looks(_CLOSING_SECONDS):
        if holder(home) is None:
            return True
    raise ConfigurationError(
        f"the demo or the UI (process {pid}) does not end",
        place=str(home),
        fix="end it with Ctrl-C, then run joulehouse stop again",
    )
