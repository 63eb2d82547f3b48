"""One round of the demo: a backfill of every source, launched at once and watched until each has ended well."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NoReturn

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipelines.command_line.loopback import looks
from pipelines.command_line.open_house import OpenHouse
from pipelines.command_line.orchestra import has_ended
from pipelines.command_line.speech import console, counted, fail

ROUND_SECONDS: Final = 900.0
"""Until a round counts as stuck. The daemon looks every 30 seconds; 60 days take less than two of its looks."""


@dataclass(frozen=True, slots=True)
class Round:
    """A backfill for each source.

    Attributes:
        running: Where.
        title: What the bars say.
        days: Source → the days that its backfill takes.
        backfills: Source → the id of its backfill.
        n_done: The days of a source that this round has committed so far.
    """

    running: OpenHouse
    title: str
    days: Mapping[str, Sequence[date]]
    backfills: Mapping[str, str]
    n_done: Callable[[str], int]

    def watch(self) -> None:
        """Wait until every run has ended well; the bars are what the ledger has committed."""
        bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("days"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[runs]}[/dim]"),
            console=console,
        )
        with bars:
            waiting = {
                slug: bars.add_task(f"{self.title}: {slug}", total=len(self.days[slug]), runs="")
                for slug in self.backfills
            }
            for _ in self._while_all_live():
                for slug, task in list(waiting.items()):
                    if self._look(slug, bars, task):
                        bars.stop_task(task)
                        del waiting[slug]
                if not waiting:
                    return

    def await_end(self) -> None:
        """Wait until Dagster itself calls every backfill a success."""
        waiting = dict(self.backfills)
        for _ in self._while_all_live():
            for slug, backfill in list(waiting.items()):
                state = self.running.orchestra.backfill(backfill)
                if state.is_green:
                    del waiting[slug]
                elif state.has_ended:
                    self._refuse_end(slug)
            if not waiting:
                return

    def _look(self, slug: str, bars: Progress, task: TaskID) -> bool:
        """Whether the source's days are all there; moves its bar, and ends the command where they never will be."""
        runs = Counter(self.running.orchestra.runs_of(self.backfills[slug]).values())
        has_ended = self.running.orchestra.backfill(self.backfills[slug]).has_ended
        n_days = len(self.days[slug])
        done = min(self.n_done(slug), n_days)
        words = ", ".join(f"{counted(n, 'run')} {status.lower()}" for status, n in sorted(runs.items()))
        bars.update(task, completed=done, runs=words or "waiting for the daemon")
        if runs and set(runs) == {"SUCCESS"} and done == n_days:
            return True
        if has_ended and done < n_days:
            self._refuse_end(slug)
        return has_ended

    def _while_all_live(self) -> Iterator[None]:
        """Again and again, while every process lives and the round may still end."""
        stack = self.running.stack
        for _ in looks(ROUND_SECONDS, every=1.0):
            if trouble := stack.trouble():
                fail(trouble)
            yield
        names = ", ".join(self.backfills.values())
        fail(f"of the backfills {names} one has not ended in {ROUND_SECONDS:.0f} s: read {stack.daemon.log}.")

    def _refuse_end(self, slug: str) -> NoReturn:
        state = self.running.orchestra.backfill(self.backfills[slug])
        fail(f"the backfill {self.backfills[slug]} of {slug} ended as {state.status}: {self._why(slug) or state.error}")

    def _why(self, slug: str) -> str:
        for run, status in self.running.orchestra.runs_of(self.backfills[slug]).items():
            if has_ended(status) and status != "SUCCESS":
                return "; ".join(self.running.orchestra.failures_of(run)[:1])
        return ""
