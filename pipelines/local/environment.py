"""Everything running at once: the warehouse, the sandbox where sources point at it, and Dagster's processes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.errors import ConfigurationError
from pipelines.console import fail, say
from pipelines.local.dagster_graphql import Orchestra
from pipelines.local.dagster_processes import Stack, alone
from pipelines.local.dagster_storage import dagster_storage
from pipelines.local.loopback import looks, require_free
from pipelines.local.processes import hear_signals, let_finish
from pipelines.local.project import House
from pipelines.local.sandbox_process import Account, Twin

_LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """What runs.

    Attributes:
        house: The checkout and its settings.
        twin: The sandbox; None when no source points at it.
        stack: Dagster's processes.
        orchestra: Dagster, to be asked.
        warehouse_url: Where measurements go.
    """

    house: House
    twin: Twin | None
    stack: Stack
    orchestra: Orchestra
    warehouse_url: str

    @property
    def graph_url(self) -> str:
        """The page of the asset graph, with every source."""
        return f"{self.orchestra.server.url}/asset-groups"

    def start_daemon(self) -> None:
        """Start the daemon: schedules, sensors, queue and backfills begin to move."""
        self.stack.start_daemon()

    def looks(self, seconds: float) -> Iterator[None]:
        """Again and again, while every process lives; ends the command when one does not, or when the time is over."""
        for _ in looks(seconds, every=_LOOK_SECONDS):
            if trouble := self.stack.trouble():
                fail(trouble)
            yield
        fail(f"it has not ended in {seconds:.0f} s: read {self.stack.daemon.log}.")

    def wait_for_the_end(self) -> None:
        """Wait until Ctrl-C.

        Raises:
            ConfigurationError: A process of the stack has ended by itself.
        """
        while not (trouble := self.stack.trouble()):
            time.sleep(1.0)
        raise ConfigurationError(trouble, place=str(self.house.home), fix="start joulehouse ui again")


@contextmanager
def opened(
    house: House, *, accounts: Sequence[Account], port: int | None, first_days: Mapping[str, date] | None = None
) -> Iterator[OpenHouse]:
    """Start everything but the daemon, and stop what was started, however the end comes.

    An embedded server and a sandbox that ran before are left running.

    Args:
        house: The checkout and its settings.
        accounts: The sources that are pointed at the sandbox; without any, none is started.
        port: Where the UI listens; any free port when None.
        first_days: With the sandbox, source → the first day that Dagster knows of; those of the last time when None.

    Raises:
        ConfigurationError: Something does not come up; its log is named.
    """
    require_free(port)
    hear_signals()
    twin = house.twin if accounts else None
    with alone(house.home):
        stack: Stack | None = None
        ran_before = house.embedded.status().is_running
        twin_ran_before = twin is not None and twin.is_running
        try:
            say(
                "Warehouse: the one that WAREHOUSE_URL names"
                if house.is_external
                else "Warehouse: starting (the first time, its packages are fetched)"
            )
            warehouse_url = house.warehouse_url()
            environment = house.inherited | {"JOULEHOUSE_HOME": str(house.home), "WAREHOUSE_URL": warehouse_url}
            environment |= dagster_storage(house)
            if twin is not None:
                say(f"Sandbox:   {twin.start(house.inherited, accounts)}")
                environment |= twin.variables(accounts) | {
                    "JOULEHOUSE_FIRST_DAY": twin.begin(first_days),
                    "JOULEHOUSE_REQUESTS_PER_MINUTE": twin.paces(accounts),
                }
            stack = Stack(house.home, house.root, environment)
            orchestra = stack.start_webserver(port=port)
            say(f"Dagster:   {orchestra.server.url}")
            yield OpenHouse(house, twin, stack, orchestra, warehouse_url)
        finally:
            let_finish()
            if stack is not None:
                stack.stop()
            if twin is not None and not twin_ran_before:
                twin.stop()
            if not ran_before:
                house.embedded.stop()
