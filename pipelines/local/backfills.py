"""A backfill of one source in Dagster: launched, looked at, and believed when all of it has ended well."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NoReturn, Self

from pipelines.console import counted, fail
from pipelines.local.dagster_graphql import Orchestra, has_ended


@dataclass(frozen=True, slots=True)
class Glance:
    """How a backfill stands.

    Attributes:
        n_done: Days that are committed.
        words: Its runs, for a person.
        is_over: Whether every run has ended well, and every day is committed.
    """

    n_done: int
    words: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill that was launched.

    Attributes:
        orchestra: Dagster.
        source: Whose days.
        days: Which ones.
        id: Its id.
        n_committed: How many of the days the ledger has committed since it was launched.
    """

    orchestra: Orchestra
    source: str
    days: Sequence[date]
    id: str
    n_committed: Callable[[], int]

    @classmethod
    def launched(cls, orchestra: Orchestra, source: str, days: Sequence[date], n_committed: Callable[[], int]) -> Self:
        """Launch it: everything is asked for, and everything is loaded.

        Raises:
            ConfigurationError: Dagster refuses.
        """
        assets = [f"{source}/payloads", f"{source}/measurements"]
        return cls(orchestra, source, days, orchestra.launch_backfill(assets, days), n_committed)

    def glance(self) -> Glance:
        """How it stands; ends the command where it will never end well."""
        runs = Counter(self.orchestra.runs_of(self.id).values())
        # Before the ledger is asked: what has ended by now has committed all that it ever will.
        is_quiet = not runs or all(map(has_ended, runs))
        is_given_up = is_quiet and self.orchestra.backfill(self.id).has_ended
        n_done = min(self.n_committed(), len(self.days))
        is_whole = n_done == len(self.days)
        if is_given_up and not is_whole:
            self._refuse()
        words = ", ".join(f"{counted(n, 'run')} {status.lower()}" for status, n in sorted(runs.items()))
        is_over = is_given_up or (set(runs) == {"SUCCESS"} and is_whole)
        return Glance(n_done, words or "waiting for the daemon", is_over)

    def is_green(self) -> bool:
        """Whether Dagster itself calls it a success; ends the command if it never will."""
        state = self.orchestra.backfill(self.id)
        if state.has_ended and not state.is_green:
            self._refuse()
        return state.is_green

    def _refuse(self) -> NoReturn:
        state = self.orchestra.backfill(self.id)
        fail(f"the backfill {self.id} of {self.source} ended as {state.status}: {self._why() or state.error}")

    def _why(self) -> str:
        for run, status in self.orchestra.runs_of(self.id).items():
            if has_ended(status) and status != "SUCCESS":
                return "; ".join(self.orchestra.failures_of(run)[:1])
        return ""
