"""A source's way through the demo: its days by a backfill, and then the same again, which has to write nothing."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from rich.progress import Progress

from domain.window import Window
from pipelines.console import counted, fail, say
from pipelines.local.backfills import Backfill
from pipelines.local.dagster_graphql import Orchestra

if TYPE_CHECKING:
    from warehouse.ledger import Ledger, Totals


class Course:
    """One source on its way. Each waits for nobody: its second backfill is launched when its first one is done.

    Args:
        orchestra: Dagster.
        ledger: What was committed.
        bars: Where a person sees it.
        source: The source.
        days: Its days.
        when_loaded: Called when the first backfill is done and the second one is launched.

    Attributes:
        source: The source.
        backfills: What was launched so far.
        loaded: What the ledger says of the first backfill; None until it is done.
    """

    def __init__(
        self,
        orchestra: Orchestra,
        ledger: "Ledger",
        bars: Progress,
        source: str,
        days: Sequence[date],
        *,
        when_loaded: Callable[[], None],
    ) -> None:
        """Launch the first backfill."""
        self.source = source
        self.backfills: list[Backfill] = []
        self.loaded: Totals | None = None
        self._orchestra = orchestra
        self._ledger = ledger
        self._bars = bars
        self._days = days
        self._when_loaded = when_loaded
        self._launch("Backfill")

    def has_come_to_its_end(self) -> bool:
        """Look once; whether both backfills are done."""
        glance = self.backfills[-1].glance()
        self._bars.update(self._bar, completed=glance.n_done, runs=glance.words)
        if not glance.is_over:
            return False
        self._bars.stop_task(self._bar)
        if self.loaded is None:
            self.loaded = self._totals(self._newest)
            self._launch("The same again")
            self._when_loaded()
            return False
        self._refuse_writing()
        return True

    def _launch(self, title: str) -> None:
        newest = self._newest = self._ledger.newest_id()

        def n_committed() -> int:
            totals = self._totals(newest)
            return totals.n_windows if totals else 0

        self.backfills.append(Backfill.launched(self._orchestra, self.source, self._days, n_committed))
        self._bar = self._bars.add_task(f"{title}: {self.source}", total=len(self._days), runs="")

    def _totals(self, newest: int) -> "Totals | None":
        """What was committed for these days since the ledger's entry `newest`; loads of other days are not."""
        window = Window.of_days(self._days[0], self._days[-1])
        return next(iter(self._ledger.totals(self.source, window, after_load_id=newest)), None)

    def _refuse_writing(self) -> None:
        totals = self._totals(self._newest)
        # A day that a schedule has loaded meanwhile is one day all the same.
        n_days, n_written = (totals.n_windows, totals.n_written) if totals else (0, 0)
        say(f"The same backfill again: {self.source}, {counted(n_days, 'day')} loaded, {n_written:,} rows written.")
        if n_written or n_days != len(self._days):
            days = counted(len(self._days), "day")
            fail(f"the second backfill was to load {days} of {self.source} and to write nothing.")
