"""The lease that a run holds while it is at work: claimed by one process, and renewed by a thread of it.

It imports the schema's tools, which take half a second: whoever only lists definitions imports it not.
"""

import os
import secrets
import socket
import sys
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from domain.errors import IngestError
from resources.settings import Settings
from resources.warehouse import warehouse_address
from warehouse.connections import Address
from warehouse.run_leases import hold
from warehouse.sessions import RUNS_AT_WORK

_AGAIN_SECONDS: Final = 3.0


class RunLease:
    """One process's hold on a run. Whoever cannot ask the warehouse goes on, and asks again: its steps ask it as well.

    Args:
        settings: Where the warehouse is.
        run_id: Dagster's id of the run.
        every: How often it is renewed, in seconds.
        when_lost: What to do where another has the run now: the process ends, and commits nothing more.
    """

    def __init__(
        self,
        settings: Settings,
        run_id: str,
        *,
        every: float,
        when_lost: Callable[[str], None] | None = None,
    ) -> None:
        self.run_id: Final = run_id
        self.holder: Final = f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(4)})"
        self._settings = settings
        self._every = every
        self._when_lost = when_lost or _end_process
        self._pause = every
        self._address: Address | None = None
        self._has_ended = Event()
        self._thread = Thread(target=self._renew, name="run lease", daemon=True)

    def claim(self) -> bool:
        """Claim the run, and go on renewing the claim; False where another process has it, or it was given up."""
        is_held = self.is_held()
        if is_held:
            RUNS_AT_WORK.add(self.run_id)
            self._thread.start()
        return is_held

    def is_held(self) -> bool:
        """Renew it now; False where another process has the run. True, too, where nobody can be asked."""
        try:
            return self._hold()
        except IngestError:
            self._pause = min(self._every, _AGAIN_SECONDS)
            return True

    def let_go(self) -> None:
        """Renew it no more. Nobody else gets it: a run is begun once, and the next one has another id."""
        RUNS_AT_WORK.discard(self.run_id)
        self._has_ended.set()

    def _hold(self) -> bool:
        if self._address is None:
            self._address = Address.of(warehouse_address(self._settings))
        return hold(self._address, self.run_id, self.holder)

    def _renew(self) -> None:
        while not self._has_ended.wait(self._pause):
            try:
                is_held = self._hold()
            except Exception:  # noqa: BLE001  # a thread that ends would give up a run that is at work
                self._pause = min(self._every, _AGAIN_SECONDS)
                self._address = None  # it may be elsewhere by now
                continue
            self._pause = self._every
            if not is_held and not self._has_ended.is_set():
                self._when_lost(self.run_id)
                return


def _end_process(run_id: str) -> None:
    """End at once, as a power cut does: whatever is open is rolled back, and what is committed stays."""
    sys.stderr.write(f"The run {run_id} was given up while this process paused or was cut off, and ends here.\n")
    sys.stderr.flush()
    os._exit(1)
