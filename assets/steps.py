"""The two steps that every day goes through, for the assets, the command line and tests alike.

`land` asks the provider and keeps its answers unread; `load` says what the kept answers mean. They meet only in what
lies in the landing zone, so that a changed normalizer is replayed without one request. No other module repeats this;
`assets.ingest` does it for many days.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from assets.spool import Spool
from domain.contract import LandedPull, Provider, Pull, Warehouse
from domain.errors import AccountingError, IngestError, ProviderError, StaleLoadError, UnforeseenError
from domain.quantities import Kinds
from domain.records import LoadReport, Payload, PullReport
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized

_MOST_QUOTED: Final = 200  # characters of a foreign error's text in a sentence of ours
_RACES: Final = 20  # times that a load which lost against a newer pull reads that one instead; then it is a fault


def land(
    provider: Provider,
    warehouse: Warehouse,
    source: str,
    window: Window,
    *,
    is_final: bool = True,
    reuse_finished: bool = False,
) -> PullReport:
    """Ask `provider` for `window` and keep every answer as received; continues an interrupted pull of the same window.

    A pull that failed in a way that waiting does not help against is abandoned, so that the next one begins fresh: what
    it had come to may be the reason.

    Args:
        provider: What is asked.
        warehouse: Where to keep.
        source: Whose answers.
        window: What to ask for.
        is_final: Whether a failure is the last word on the window, and therefore in the ledger.
        reuse_finished: Whether a pull that a run finished a moment ago, and did not live to load, will do: nothing is
            asked for then. Only where the caller loads it next.

    Raises:
        ProviderError: The provider's side; what was landed so far is kept, and does not count as complete.
        WarehouseError: The landing zone's side.
        ConfigurationError: The provider cannot be asked, because a setting is missing.
        UnforeseenError: Something else was raised: a bug of ours.
    """
    try:
        with _foreseen(f"{source}, {window}"):
            if reuse_finished and (left := warehouse.reuse_finished(source, window, fingerprint=provider.fingerprint)):
                return left
            return _land(provider, warehouse, source, window)
    except IngestError as error:
        if is_final:
            warehouse.record_failure(source, window, error)
        raise


def _land(provider: Provider, warehouse: Warehouse, source: str, window: Window) -> PullReport:
    n_requests = provider.n_requests
    pull = warehouse.begin_pull(source, window, fingerprint=provider.fingerprint)
    try:
        _keep_all(provider.fetch(window, pull.progress), pull)
        return pull.finish(n_requests=provider.n_requests - n_requests)
    except BaseException as error:
        end = pull.abandon if _is_hopeless(error) else pull.pause
        try:
            end(n_requests=provider.n_requests - n_requests)
        except IngestError as second:
            # The first error is the one to act on. The pull is continued, then, by the next run.
            error.add_note(f"How the pull ended could not be recorded: {second}")
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


@contextmanager
def _foreseen(place: str) -> Iterator[None]:
    """Turn what is no error of `domain.errors` into one: our bug on one day must not end the range it is part of."""
    try:
        yield
    except (IngestError, MemoryError):
        raise  # Out of memory is the machine's state and says nothing about this day.
    except Exception as error:
        reason = " ".join(str(error).split())[:_MOST_QUOTED]
        raise UnforeseenError(
            f"{type(error).__name__} while the provider was asked: {reason}",
            place=place,
            fix="open an issue with the traceback in the run's log; this is a bug of ours",
        ) from error


def load(
    provider: Provider,
    warehouse: Warehouse,
    source: str,
    window: Window,
    *,
    is_correction: bool = False,
    on_batch: "Callable[[Normalized], None] | None" = None,
    spool: Spool | None = None,
) -> LoadReport:
    """Make the measurements of `source` inside `window` equal to what its newest complete pull says. Sends no request.

    Args:
        provider: Whose vocabulary the answers are in; only its `normalize` is used, and not where `spool` has it.
        warehouse: Where the answers are, and where the measurements go.
        source: Whose measurements.
        window: The partition.
        is_correction: Allow any of the stored points to vanish.
        on_batch: Sees each batch on its way, for a plot; must not change it.
        spool: What pulls of several days say, read already.

    Raises:
        PayloadMissingError: Nothing complete has been landed for this window.
        ProviderError: The answers do not fit the provider's vocabulary.
        StaleLoadError: Somebody loaded a newer pull, and none that is newer covers this window; or newer ones came in
            faster than they could be loaded.
        WarehouseError: The load was refused or rolled back; the partition is what it was before.
    """

    def newest() -> tuple[LandedPull, Kinds]:
        try:
            return warehouse.payloads(source, window), warehouse.known_kinds(source)
        except IngestError as error:
            warehouse.record_failure(source, window, error)  # a load that fails later writes that down itself
            raise

    def attempt() -> LoadReport:
        batches = spool.batches(landed.pull_id, window, kinds) if spool else None
        if batches is None:
            # Called when the load asks for the first batch: what goes wrong in it is written down by the load.
            batches = _called(lambda: provider.normalize(landed, window, kinds))
        if on_batch is not None:
            batches = _observed(batches, on_batch)
        return warehouse.load(source, window, landed, batches, is_correction=is_correction)

    landed, kinds = newest()
    for _ in range(_RACES):
        try:
            return attempt()
        except StaleLoadError:
            lost = landed
            landed, kinds = newest()
            if landed.pull_id == lost.pull_id:
                raise
    return attempt()


def _called(normalize: "Callable[[], Iterator[Normalized]]") -> "Iterator[Normalized]":
    yield from normalize()


def _observed(batches: "Iterator[Normalized]", on_batch: "Callable[[Normalized], None]") -> "Iterator[Normalized]":
    for batch in batches:
        on_batch(batch)
        yield batch
