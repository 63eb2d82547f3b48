"""Many days, one after the other: asked for in pulls as wide as the provider bears, loaded and committed day by day.

A bad day fails alone and by name, also where it was asked for together with others: a pull that fails is divided until
the day is found that it fails for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.failure_policy import PATIENCE, FailurePolicy, failure_policy
from assets.load_ahead import LoadAhead
from assets.spool import Spool, spooled
from assets.steps import land, load
from domain.contract import Provider, Warehouse
from domain.errors import IngestError
from domain.records import LoadReport, PullReport
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized

_DAY = timedelta(days=1)
_MINUTES_FROM = 120  # seconds: less is not rounded to minutes


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """How one day went. Without an error, everything that was asked for was done.

    Attributes:
        day: The UTC day.
        pull: What landing it cost; None if it was not asked for or failed. A pull of several days is the cost of the
            first of them, and the others came at no cost, as do all of a pull that was reused.
        load: What loading it did; None if it was not asked for or failed.
        error: Why it failed.
        was_tried: False where an earlier day's error made it pointless to try.
    """

    day: date
    pull: PullReport | None = None
    load: LoadReport | None = None
    error: IngestError | None = None
    was_tried: bool = True

    @property
    def remark(self) -> str:
        """What is worth saying of its pull, once for all of its days: that it was reused. Empty otherwise."""
        pull = self.pull
        if pull is None or pull.age_seconds is None or pull.window.day != self.day:
            return ""
        ago = f"{pull.age_seconds:.0f} s" if pull.age_seconds < _MINUTES_FROM else f"{pull.age_seconds / 60:.0f} min"
        return (
            f"{pull.window} was pulled {ago} ago by a run that has not loaded all of it: "
            f"pull {pull.pull_id} is loaded as it is, and nothing is asked for"
        )


def ingest_days(
    days: Iterable[date],
    provider: Provider,
    warehouse: Warehouse,
    source: str,
    *,
    pull_days: int = 1,
    lands: bool = True,
    loads: bool = True,
    is_correction: bool = False,
    on_batch_of: "Callable[[date], Callable[[Normalized], None] | None] | None" = None,
) -> Iterator[DayOutcome]:
    """Land and load `days`, each one committed before the next is loaded; a bad day fails alone and by name.

    Args:
        days: UTC days, in order.
        provider: What is asked.
        warehouse: Where to keep and load.
        source: Whose days.
        pull_days: How many days, one after the other, are asked for at once (`ProviderSpec.pull_days`).
        lands: Whether to ask the provider; without it the landing zone is replayed. Where the days are loaded as well,
            a pull that an earlier run finished and did not live to load is reused.
        loads: Whether to load what has been landed.
        is_correction: Allow any of a partition's stored points to vanish.
        on_batch_of: For a day, what sees each of its batches on the way; None for none.

    Yields:
        One outcome for every day, in order. After an error which awaits every day, the rest is not tried.
    """
    ingestion = _Ingestion(provider, warehouse, source, lands, loads, is_correction, on_batch_of)
    for piece in contiguous_ranges(days, pull_days):
        yield from ingestion.of(piece)


def all_failed(days: Sequence[date], error: IngestError) -> Iterator[DayOutcome]:
    """The outcomes of `days` where an error that awaits each of them came before the first."""
    return (DayOutcome(day, error=error, was_tried=day == days[0]) for day in days)


@dataclass(slots=True)
class _Ingestion:
    """How far an ingestion of days has come, and what ended it."""

    provider: Provider
    warehouse: Warehouse
    source: str
    lands: bool
    loads: bool
    is_correction: bool
    on_batch_of: "Callable[[date], Callable[[Normalized], None] | None] | None"
    stopped_by: IngestError | None = None
    n_in_a_row: int = 0

    def is_over(self) -> bool:
        """Whether an error awaits every day that is left."""
        return self.stopped_by is not None

    def of(self, days: Sequence[date], *, is_piece: bool = False) -> Iterator[DayOutcome]:
        """Land days that follow one another in one pull and load them; if that fails, piece by piece."""
        if self.is_over():
            yield from self._untried(days)
            return
        if self.lands and self.n_in_a_row and len(days) > 1:
            # The last day asked for could not be had: until one can, more than a day is not worth asking for.
            yield from self._by_pieces([days[:1], days[1:]])
            return
        with self._ahead(days) as ahead:
            yield from self._landed_and_loaded(days, ahead, is_piece=is_piece)

    def _landed_and_loaded(
        self, days: Sequence[date], ahead: LoadAhead | None, *, is_piece: bool
    ) -> Iterator[DayOutcome]:
        pull = None
        if self.lands:
            try:
                pull = self._land(days, ahead)
            except IngestError as error:
                if len(days) > 1 and failure_policy(error) is not FailurePolicy.STOP:
                    yield from self._by_pieces(_divided(days, failure_policy(error)))
                    return
                yield self._failed(days[0], None, error, is_piece=is_piece)
                yield from self._untried(days[1:])
                return
        with self._read_once(days) as spool:
            for day in days:
                if self.is_over():
                    yield from self._untried([day])
                    continue
                yield self._loaded(day, pull, spool, ahead)
                pull = pull and replace(pull, n_payloads=0, n_bytes=0, n_requests=0, seconds=0.0)

    def _by_pieces(self, pieces: Iterable[Sequence[date]]) -> Iterator[DayOutcome]:
        for piece in pieces:
            yield from self.of(piece, is_piece=True)

    @contextmanager
    def _ahead(self, days: Sequence[date]) -> Iterator[LoadAhead | None]:
        """What loads a day while it is asked for, where that can be."""
        if not (self.lands and self.loads and len(days) == 1 and self.provider.has_pages):
            yield None
            return
        (day,) = days
        ahead = LoadAhead(
            self.provider,
            self.warehouse,
            self.source,
            Window.of_day(day),
            is_correction=self.is_correction,
            on_batch=self._on_batch(day),
        )
        with ahead:
            yield ahead

    def _on_batch(self, day: date) -> "Callable[[Normalized], None] | None":
        return self.on_batch_of(day) if self.on_batch_of else None

    def _land(self, days: Sequence[date], ahead: LoadAhead | None) -> PullReport:
        window = Window.of_days(days[0], days[-1])
        try:
            return land(
                self.provider,
                self.warehouse,
                self.source,
                window,
                is_final=len(days) == 1,
                reuse_finished=self.loads,
                ahead=ahead,
            )
        except IngestError as error:
            if len(days) > 1 and failure_policy(error) is FailurePolicy.STOP:
                self.warehouse.record_failure(self.source, Window.of_day(days[0]), error)
            raise

    @contextmanager
    def _read_once(self, days: Sequence[date]) -> Iterator[Spool | None]:
        """What the answers say of `days`, read once for all of them, where there is something to be won by it."""
        spool = None
        if self.loads and len(days) > 1:
            spool = spooled(self.provider, self.warehouse, self.source, [Window.of_day(day) for day in days])
        with spool or nullcontext():
            yield spool

    def _loaded(self, day: date, pull: PullReport | None, spool: Spool | None, ahead: LoadAhead | None) -> DayOutcome:
        if not self.loads:
            self.n_in_a_row = 0
            return DayOutcome(day, pull)
        try:
            done = (ahead and ahead.report()) or load(
                self.provider,
                self.warehouse,
                self.source,
                Window.of_day(day),
                is_correction=self.is_correction,
                on_batch=self._on_batch(day),
                spool=spool,
            )
        except IngestError as error:
            return self._failed(day, pull, error)
        self.n_in_a_row = 0
        return DayOutcome(day, pull, done)

    def _failed(self, day: date, pull: PullReport | None, error: IngestError, *, is_piece: bool = False) -> DayOutcome:
        policy = failure_policy(error)
        # What all of a pull's days fail for does not lie in a day, whatever the policy of the error is.
        self.n_in_a_row = self.n_in_a_row + 1 if is_piece or policy is FailurePolicy.NEXT_DAY_FOR_NOW else 0
        if policy is FailurePolicy.STOP or self.n_in_a_row == PATIENCE:
            self.stopped_by = error
        return DayOutcome(day, pull, error=error)

    def _untried(self, days: Iterable[date]) -> Iterator[DayOutcome]:
        return (DayOutcome(day, error=self.stopped_by, was_tried=False) for day in days)


def _divided(days: Sequence[date], policy: FailurePolicy) -> list[Sequence[date]]:
    """Its halves; before them the first day alone, where it is to tell whether the provider is there at all."""
    n_alone = 1 if policy is FailurePolicy.NEXT_DAY_FOR_NOW else 0
    middle = n_alone + (len(days) - n_alone) // 2
    return [piece for piece in (days[:n_alone], days[n_alone:middle], days[middle:]) if piece]


def contiguous_ranges(days: Iterable[date], most: int) -> Iterator[list[date]]:
    """Days that follow one another, in pieces of `most` at most."""
    found: list[date] = []
    for day in days:
        if found and (len(found) == most or day != found[-1] + _DAY):
            yield found
            found = []
        found.append(day)
    if found:
        yield found
