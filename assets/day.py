"""The two steps that every day goes through, whoever asks for it: the assets, the command line, a test.

`land` asks the provider and keeps its answers unread; `load` says what the kept answers mean. They meet only in what is
at rest in the landing zone, so that a changed normalizer is replayed without one request. No other module repeats this.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from assets.ledger import RecordingWarehouse
from assets.verdicts import PATIENCE, Verdict, verdict
from domain.contract import LandedPull, LoadReport, Payload, Provider, Pull, PullReport
from domain.errors import AccountingError, IngestError, ProviderError, StaleLoadError
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized

_RACES: Final = 20  # times that a load which lost against a newer pull reads that one instead; then it is a fault


def land(provider: Provider, warehouse: RecordingWarehouse, source: str, window: Window) -> PullReport:
    """Ask `provider` for `window` and keep every answer as received; continues an interrupted pull of the same window.

    A pull that failed in a way that waiting does not help against is abandoned, so that the next one begins fresh: what
    it had come to may be the reason.

    Raises:
        ProviderError: The provider's side; what was landed so far is kept, and does not count as complete.
        WarehouseError: The landing zone's side.
        ConfigurationError: The provider cannot be asked, because a setting is missing.

    Whatever is raised is in the ledger, too.
    """
    try:
        return _land(provider, warehouse, source, window)
    except IngestError as error:
        warehouse.record_failure(source, window, error)
        raise


def _land(provider: Provider, warehouse: RecordingWarehouse, source: str, window: Window) -> PullReport:
    n_requests = provider.n_requests
    pull = warehouse.begin_pull(source, window, fingerprint=provider.fingerprint)
    try:
        _keep_all(provider.fetch(window, pull.progress), pull)
        return pull.finish(n_requests=provider.n_requests - n_requests)
    except BaseException as error:
        let_go = pull.abandon if _is_hopeless(error) else pull.pause
        try:
            let_go(n_requests=provider.n_requests - n_requests)
        except IngestError as second:
            # The first error is the one to act on. The pull is continued, then, by the next run.
            error.add_note(f"The pull could not be told: {second}")
        raise


def _keep_all(answers: Iterator[Payload], pull: Pull) -> None:
    try:
        for payload in answers:
            pull.keep(payload)
    finally:
        # A generator left in the middle holds its connection until it is collected; an iterator may have nothing.
        if isinstance(answers, Generator):
            answers.close()


def _is_hopeless(error: BaseException) -> bool:
    """Whether continuing the pull would most likely end in the same error, where a fresh one may not."""
    return isinstance(error, ProviderError | AccountingError) and not error.retryable


def load(
    provider: Provider,
    warehouse: RecordingWarehouse,
    source: str,
    window: Window,
    *,
    is_correction: bool = False,
    witness: "Callable[[Normalized], None] | None" = None,
) -> LoadReport:
    """Make the measurements of `source` inside `window` equal to what its newest complete pull says. Sends no request.

    Args:
        provider: Whose vocabulary the answers are in; only its `normalize` is used.
        warehouse: Where the answers are, and where the measurements go.
        source: Whose measurements.
        window: The partition.
        is_correction: Allow any of the held points to vanish.
        witness: Sees each batch on its way, for a plot; must not change it.

    Raises:
        PayloadMissingError: Nothing complete has been landed for this window.
        ProviderError: The answers do not fit the provider's vocabulary.
        StaleLoadError: Somebody loaded a newer pull, and none that is newer covers this window; or newer ones came in
            faster than they could be loaded.
        WarehouseError: The load was refused or rolled back; the partition is what it was before.
    """

    def newest() -> LandedPull:
        try:
            return warehouse.payloads(source, window)
        except IngestError as error:
            warehouse.record_failure(source, window, error)  # a load that fails later writes that down itself
            raise

    def attempt() -> LoadReport:
        batches = _normalized(provider, landed, window, witness)
        return warehouse.load(source, window, landed, batches, is_correction=is_correction)

    landed = newest()
    for _ in range(_RACES):
        try:
            return attempt()
        except StaleLoadError:
            lost, landed = landed, newest()
            if landed.pull_id == lost.pull_id:
                raise
    return attempt()


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """How one day went. Without an error, everything that was asked for was done.

    Attributes:
        day: The UTC day.
        pull: What landing it cost; None if it was not asked for or failed.
        load: What loading it did; None if it was not asked for or failed.
        error: Why it failed.
        was_tried: False where an earlier day's error made it pointless to try.
    """

    day: date
    pull: PullReport | None = None
    load: LoadReport | None = None
    error: IngestError | None = None
    was_tried: bool = True


def go_through(
    days: Iterable[date],
    provider: Provider,
    warehouse: RecordingWarehouse,
    source: str,
    *,
    lands: bool = True,
    loads: bool = True,
    is_correction: bool = False,
    witness_of: "Callable[[date], Callable[[Normalized], None] | None] | None" = None,
) -> Iterator[DayOutcome]:
    """Land and load day by day, each day committed before the next begins; a bad day fails alone and by name.

    Args:
        days: UTC days, in the order in which to go.
        provider: Whom to ask.
        warehouse: Where to keep and load.
        source: Whose days.
        lands: Whether to ask the provider; without it the landing zone is replayed.
        loads: Whether to load what has been landed.
        is_correction: Allow any of a partition's held points to vanish.
        witness_of: The witness of a day's batches, if it has one.

    Yields:
        One outcome for every day, in order. After an error which awaits every day, the rest is not tried.
    """
    stopped_by: IngestError | None = None
    n_in_a_row = 0
    for day in days:
        if stopped_by is not None:
            yield DayOutcome(day, error=stopped_by, was_tried=False)
            continue
        pull = done = error = None
        try:
            if lands:
                pull = land(provider, warehouse, source, Window.of_day(day))
            if loads:
                witness = witness_of(day) if witness_of else None
                done = load(
                    provider, warehouse, source, Window.of_day(day), is_correction=is_correction, witness=witness
                )
        except IngestError as caught:
            error = caught
            said = verdict(caught)
            n_in_a_row = n_in_a_row + 1 if said is Verdict.NEXT_DAY_FOR_NOW else 0
            if said is Verdict.STOP or n_in_a_row == PATIENCE:
                stopped_by = caught
        else:
            n_in_a_row = 0
        yield DayOutcome(day, pull, done, error)


def _normalized(
    provider: Provider, landed: LandedPull, window: Window, witness: "Callable[[Normalized], None] | None"
) -> "Iterator[Normalized]":
    # `normalize` is called when the load asks for the first batch: what goes wrong in it is written down by the load.
    for batch in provider.normalize(landed, window):
        if witness is not None:
            witness(batch)
        yield batch
