"""The promises that the packages make to each other: what a provider does, and what a warehouse does.

A provider has three verbs that never meet. `discover` and `fetch` talk and understand nothing; `normalize` understands
and talks to nobody. Answers are kept before they are interpreted, so a mistake of ours never costs a second request.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from domain.errors import IngestError, WarehouseUnavailableError
from domain.quantities import NO_KINDS, Kinds
from domain.records import LoadReport, Payload, Progress, PullReport, Series
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized


class ProviderClient(Protocol):
    """The two verbs that talk; its classes inherit what has a default here."""

    @property
    def fingerprint(self) -> str:
        """Whom it asks and for what, as a digest: answers to two fingerprints never make up one pull.

        Raises:
            ConfigurationError: It cannot be told, because a setting is missing.
        """

    def discover(self) -> Iterable[Series]:
        """The series this account offers now.

        Raises:
            ProviderError: and nothing else.
        """

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """Ask for everything that touches `window`, and hand back the answers unread.

        Args:
            window: What to ask for.
            progress: Part → how far an earlier, interrupted pull of the same window had come. Finished parts are not
                asked for again; where a cursor has died, the part restarts at page 1.

        Raises:
            ProviderError: and nothing else.
        """

    def plan(self, windows: Sequence[Window]) -> int | None:  # noqa: ARG002  # for classes below
        """How many requests fetching each of `windows` sends when nothing fails, without logins.

        None, unless a provider says otherwise: only asking can tell. Who can say it may ask for lists first.

        Raises:
            ProviderError: What is needed to know it cannot be had.
        """
        return None


class Provider(ProviderClient, Protocol):
    """A source of measurements. Three verbs, and they never meet; its classes inherit what has a default here.

    Attributes:
        has_pages: See `ProviderSpec.has_pages`.
    """

    has_pages: bool = False

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far, retries and logins included."""

    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """Say what the answers mean inside `window`. Pure: same payloads and kinds, same batches; no clock, no network.

        Rows that belong to the window that was asked for but not to `window` are left out; rows that belong to neither
        are an error.

        What `kinds`, from the catalogue, says of a series holds whatever an answer's values look like.

        Raises:
            PayloadUnreadableError: An answer does not fit the provider's vocabulary.
            OutsideWindowError: An answer holds rows that nobody asked for.
        """

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """Say what the answers of a wide pull mean inside each of `windows`: batches, each with its window's index.

        The batches of one index, all together, say what `normalize` says of the answers that touch its window. Here the
        answers are gone through once for every window; a provider of wide pulls (`ProviderSpec.pull_days`) reads each
        answer once, and then `normalize` is this with one window.

        Args:
            payloads: The answers; they can be gone through more than once.
            windows: In order, and without an instant in common.
            kinds: See `normalize`.

        Raises:
            PayloadUnreadableError, OutsideWindowError: What `normalize` raises for any of the windows.
            AnswerTooLargeError: There is too much in memory for all of them at once; one by one it may be little.
        """
        return window_by_window(self.normalize, payloads, windows, kinds)

    def close(self) -> None:
        """Let go of connections."""


def window_by_window(
    normalize: "Callable[[Iterable[Payload], Window, Kinds], Iterator[Normalized]]",
    payloads: Iterable[Payload],
    windows: Sequence[Window],
    kinds: Kinds = NO_KINDS,
) -> "Iterator[tuple[int, Normalized]]":
    """`Provider.normalize_each` for who can only normalize one window."""
    for index, window in enumerate(windows):
        touching = (payload for payload in payloads if payload.window.touches(window))
        for batch in normalize(touching, window, kinds):
            yield index, batch


class Warehouse(Protocol):
    """Where payloads are kept and measurements are loaded. Every method is one or more whole transactions."""

    def catalogue(self, source: str, series: Iterable[Series]) -> int:
        """Make the catalogue know `series` of `source`; the number that were new or had changed. Safe to race."""

    def known_kinds(self, source: str) -> Kinds:
        """What the series of `source` are; a register counts from its first reading on, not from its description."""

    def begin_pull(self, source: str, window: Window, *, fingerprint: str = "") -> "Pull":
        """Open a pull of `window`: the newest interrupted one, continued, or else a fresh one.

        Args:
            source: Whose answers.
            window: What is asked for.
            fingerprint: See `Provider.fingerprint`: a pull that was begun under another one is not continued.
        """

    def reuse_finished(self, source: str, window: Window, *, fingerprint: str) -> PullReport | None:
        """The finished pull of exactly `window` that a run left a moment ago without loading all of it, if any."""

    def payloads(self, source: str, window: Window) -> "LandedPull":
        """The newest complete pull of `source` that covers `window`; of its answers, those that touch it.

        Raises:
            PayloadMissingError: There is none.
        """

    def load(
        self,
        source: str,
        window: Window,
        landed: "LandedPull",
        batches: "Iterable[Normalized]",
        *,
        is_correction: bool = False,
        is_attempt: bool = False,
    ) -> LoadReport:
        """Make the measurements of `source` inside `window` equal to what `batches` say, in one transaction.

        Args:
            source: Whose measurements.
            window: The partition. Nothing is written outside of it.
            landed: The pull that the batches were read from: it fences out pulls that were finished earlier, and its
                hashes go to the ledger. It is complete once the last batch has come.
            batches: What the payloads mean.
            is_correction: Allow the partition to lose any amount.
            is_attempt: If it fails, the ledger is not told: the caller does it again.

        Raises:
            WarehouseError: and nothing else of its own; the partition is then what it was before. Where the session
                was lost nobody knows that, and the same load again makes it known; the ledger has no row of it.
        """

    def wait_until_available(self, error: WarehouseUnavailableError) -> None:
        """Wait until a session can be had again, after `error` has lost one (`session_lost`).

        Raises:
            WarehouseUnavailableError: It cannot, for as long as is waited.
        """

    def record_failure(self, source: str, window: Window, error: IngestError) -> None:
        """A `failed` row in the ledger for a window that did not come as far as a load; never fails itself."""


class Pull(Protocol):
    """An open pull of one window: answers are kept one by one, and none counts until the pull is finished."""

    pull_id: int
    progress: Mapping[str, Progress]

    def keep(self, payload: Payload) -> None:
        """Put the answer into the landing zone, index it, and move the checkpoint behind it: whole or not at all."""

    def finish(self, *, n_requests: int) -> PullReport:
        """Declare the pull complete; from now on it is what `payloads` returns for its window.

        Args:
            n_requests: Requests that this attempt sent; the report has the sum over all attempts.
        """

    def pause(self, *, n_requests: int) -> None:
        """Let go of the pull as it stands: waiting may help, and the next pull of its window continues it."""

    def abandon(self, *, n_requests: int) -> None:
        """Give the pull up, since continuing it would only fail again: the next pull of its window is fresh."""


class LandedPull(Protocol):
    """A complete pull, read back from the landing zone."""

    pull_id: int
    proof: str
    sha256s: tuple[str, ...]

    def __iter__(self) -> Iterator[Payload]:
        """Its payloads, in the order of parts and pages, one in memory at a time."""


class Budget(Protocol):
    """The right to send a request: one bucket per credential, shared by every process."""

    def take(self) -> int:
        """Wait until one more request is allowed, and take that slot; its number.

        Raises:
            RateLimitedError: The provider wants no request for longer than a step waits.
        """

    def renewed(self, slot: int) -> int:
        """The slot with which a request may leave at this moment: `slot`, or another where that one has become stale.

        Raises:
            RateLimitedError: As `take`.
        """

    def postpone(self, seconds: float) -> None:
        """Note that the provider wants no request for so long."""

    def sent(self, slot: int) -> None:
        """Note that the request of `slot` has left by now."""

    def answered(self, slot: int) -> None:
        """Note that the request of `slot` is answered or has failed: until now it may have been on its way."""


class Closeable(ABC):
    """Gives a class with `close` its `with`: itself, closed at the block's end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is open."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of what is open."""
        self.close()
