"""The two steps that every day goes through, for the assets, the command line and tests alike.

`land` asks the provider and keeps its answers unread; `load` says what the kept answers mean. They meet only in what
lies in the landing zone, so that a changed normalizer is replayed without one request. No other module repeats this;
`assets.ingest` does it for many days.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from assets.load_ahead import LoadAhead
from assets.spool import Spool
from domain.contract import LandedPull, Provider, Pull, Warehouse
from domain.errors import (
    AccountingError,
    IngestError,
    ProviderError,
    StaleLoadError,
    UnforeseenError,
    WarehouseUnavailableError,
    is_session_lost,
)
from domain.quantities import Kinds
from domain.records import LoadReport, Payload, PullReport
from domain.window import Window
from warehouse.history_errors import history_was_lost

Result = TypeVar("Result")

_log: Final = logging.getLogger(__name__)

_MOST_REPEATS: Final = 5  # for it may be the step that ends the session


def on_living_sessions(warehouse: Warehouse, place: str, step: Callable[[], Result]) -> Result:
    """What `step` returns, which is done again where its session was lost.

    A step may be repeated whatever became of it: a pull goes on behind the last page kept, and a load whose commit went
    unanswered finds its points there, and writes none.

    Raises:
        WarehouseUnavailableError: No session is to be had for as long as is waited, or each one is lost.
    """
    for _ in range(_MOST_REPEATS):
        try:
            return step()
        except WarehouseUnavailableError as error:
            if not error.session_lost:
                raise
            _log.warning("%s: a session was lost, and this step is repeated: %s", place, error)
            warehouse.wait_until_available(error)
    return step()


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
    ahead: LoadAhead | None = None,
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
        ahead: Loads the answers while they come.

    Raises:
        ProviderError: The provider's side; what was landed so far is kept, and does not count as complete.
        WarehouseError: The landing zone's side.
        ConfigurationError: The provider cannot be asked, because a setting is missing.
        UnforeseenError: Something else was raised: a bug of ours.
    """
    asked = _Asked(provider)

    def attempt() -> PullReport:
        with _foreseen(f"{source}, {window}"):
            if reuse_finished and (left := warehouse.reuse_finished(source, window, fingerprint=provider.fingerprint)):
                return left
            return _land(warehouse, source, window, asked, ahead)

    try:
        return on_living_sessions(warehouse, f"{source}, {window}", attempt)
    except IngestError as error:
        if is_final:
            warehouse.record_failure(source, window, error)
        raise


@dataclass(slots=True)
class _Asked:
    """Counts the requests that no pull has been told of yet: those of a lost session go to the attempt after it."""

    provider: Provider
    n_recorded: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_recorded = self.provider.n_requests

    def tell(self, end: Callable[..., Result]) -> Result:
        n_now = self.provider.n_requests
        done = end(n_requests=n_now - self.n_recorded)
        self.n_recorded = n_now
        return done


def _land(warehouse: Warehouse, source: str, window: Window, asked: _Asked, ahead: LoadAhead | None) -> PullReport:
    provider = asked.provider
    pull = warehouse.begin_pull(source, window, fingerprint=provider.fingerprint)
    try:
        if ahead is not None:
            ahead.begin(pull)
        _keep_all(provider.fetch(window, pull.progress), pull, ahead)
        landed = asked.tell(pull.finish)
    except BaseException as error:
        end = pull.abandon if _is_hopeless(error) else pull.pause
        try:
            asked.tell(end)
        except IngestError as second:
            # The first error is the one to act on. The pull is continued, then, by the next run.
            error.add_note(f"How the pull ended could not be recorded: {second}")
        if ahead is not None:
            ahead.close()
        raise
    if ahead is not None:
        ahead.finish()
    return landed


def _keep_all(answers: Iterator[Payload], pull: Pull, ahead: LoadAhead | None) -> None:
    try:
        for payload in answers:
            pull.keep(payload)
            if ahead is not None:
                ahead.take(payload)
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
        if history_was_lost(error):
            raise  # What is logged meanwhile goes there: it says nothing about this day either.
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
    loading = _Loading(provider, warehouse, source, window, is_correction, on_batch, spool)
    landed, kinds = loading.newest()
    for _ in range(_RACES):
        try:
            return loading.load(landed, kinds)
        except StaleLoadError:
            lost = landed
            landed, kinds = loading.newest()
            if landed.pull_id == lost.pull_id:
                raise
    return loading.load(landed, kinds)


@dataclass(slots=True)
class _Loading:
    """One load, and what is the same in all its attempts."""

    provider: Provider
    warehouse: Warehouse
    source: str
    window: Window
    is_correction: bool
    on_batch: "Callable[[Normalized], None] | None"
    spool: Spool | None
    n_shown: int = 0

    def newest(self) -> tuple[LandedPull, Kinds]:
        """The newest pull, and what is known of its series."""
        self.n_shown = 0
        try:
            return self._repeated(
                lambda: (
                    self.warehouse.payloads(self.source, self.window),
                    self.warehouse.known_kinds(self.source),
                )
            )
        except IngestError as error:
            self._record(error)
            raise

    def load(self, landed: LandedPull, kinds: Kinds) -> LoadReport:
        """Load it."""

        def attempt() -> LoadReport:
            batches = self.spool.batches(landed.pull_id, self.window, kinds) if self.spool else None
            if batches is None:
                # Called when the load asks for the first batch: what goes wrong in it is written down by the load.
                batches = _called(lambda: self.provider.normalize(landed, self.window, kinds))
            return self.warehouse.load(
                self.source, self.window, landed, self._shown(batches), is_correction=self.is_correction
            )

        try:
            return self._repeated(attempt)
        except IngestError as error:
            if is_session_lost(error):  # any other failure the load has written down itself
                self._record(error)
            raise

    def _repeated(self, step: Callable[[], Result]) -> Result:
        return on_living_sessions(self.warehouse, f"{self.source}, {self.window}", step)

    def _record(self, error: IngestError) -> None:
        self.warehouse.record_failure(self.source, self.window, error)

    def _shown(self, batches: "Iterator[Normalized]") -> "Iterator[Normalized]":
        """Show each batch once, however often it is loaded: a repeated attempt has the same ones."""
        for number, batch in enumerate(batches, start=1):
            if self.on_batch is not None and number > self.n_shown:
                self.on_batch(batch)
                self.n_shown = number
            yield batch


def _called(normalize: "Callable[[], Iterator[Normalized]]") -> "Iterator[Normalized]":
    yield from normalize()
