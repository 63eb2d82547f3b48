"""The promises the rooms make to each other: what a provider does, what a warehouse does, and what passes between.

A provider has three verbs that never meet. `discover` and `fetch` talk and understand nothing; `normalize` understands
and talks to nobody. What the provider said is kept before it is interpreted, so a mistake of ours never costs a second
request.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from domain.quantities import NO_KINDS, Kinds
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """What is true of a provider, whoever asks. Schedules, pools, partitions, checks and the plan derive from it.

    Attributes:
        slug: The provider's name everywhere: folder, component, documentation.
        title: The provider's name as a person says it.
        docs_url: Where its own documentation is.
        first_day: The first day it can possibly have data for; a source may start later.
        cadence: The usual distance between two points of a series.
        settles_after: How long after a day's end its values still move.
        refetch_days: Trailing days that each scheduled run asks for again.
        deep_refetch_days: Days that are asked for again once a month, because it restates what is old; 0 for none.
        page_rows: Rows it returns at most in one answer.
        max_window: The widest span one request may ask for.
        requests_per_second: Its published limit per credential; None if it has none.
        max_days_per_run: How many daily partitions one Dagster run takes at most.
        pull_days: How many UTC days, one after the other, one pull asks for at most; they are loaded one by one.
        is_retired: It has gone for good: schedules skip it, what is loaded stays, replay works.
    """

    slug: str
    title: str
    docs_url: str
    first_day: date
    cadence: timedelta
    settles_after: timedelta
    refetch_days: int
    page_rows: int
    max_window: timedelta
    requests_per_second: float | None
    max_days_per_run: int
    pull_days: int = 1
    deep_refetch_days: int = 0
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity of one device of one source: the catalogue row that a measurement points to.

    Attributes:
        key: What names it within its source, stable across pulls (`<product>/<device>/<field>`).
        quantity: A name in `domain.quantities.QUANTITIES`.
        device: The device, or the data product that stands for it.
        site: Where the device stands; empty if the provider does not say.
        provider_unit: The unit the provider sends, before conversion.
        resolution: Distance between points, or length of an interval; whole days are those of `time_zone`. None if
            irregular or unknown, or a month or a year: the label `span` says `month` or `year` then.
        time_zone: IANA name of the site's zone (`domain.zones`); `UTC` if unknown, or if what was said is none: the
            label `refused_zone` holds that then.
        labels: Anything else worth keeping, as text.
    """

    key: str
    quantity: str
    device: str
    site: str = ""
    provider_unit: str = ""
    resolution: timedelta | None = None
    time_zone: str = "UTC"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BodyFile:
    """A body that is too large for memory: a file, which is there until the next payload is asked for.

    Attributes:
        path: Where it is on this machine. Whoever made it removes it.
        n_bytes: Its size.
        sha256: Its hash, hexadecimal.
    """

    path: Path
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Payload:
    """One answer, as received.

    Attributes:
        endpoint: The path that was asked, without host or query.
        params: What was asked for. Never a credential.
        window: The window that was asked for.
        part: Which of the provider's separate listings this belongs to (a product, a meter, a job).
        page: 1, 2, 3 … within the part. Page 1 voids every earlier page of the same part: the listing began anew.
        received_at: When the last byte arrived.
        media_type: As the provider named it, without parameters.
        body: The bytes after transport decoding, before any interpretation; empty where they lie in `file`.
        proof: Why the body is believed to be whole, in a few words (`content-length`, `chunked`, `gzip crc` …).
        cursor: Opaque state from which the same part can be continued; None when this was its last page.
        file: The body, where it is too large for memory.
    """

    endpoint: str
    params: Mapping[str, str]
    window: Window
    part: str
    page: int
    received_at: datetime
    media_type: str
    body: bytes
    proof: str
    cursor: str | None = None
    file: BodyFile | None = None

    @property
    def sha256(self) -> str:
        """The address of the body in the landing zone."""
        return self.file.sha256 if self.file else hashlib.sha256(self.body).hexdigest()

    @property
    def n_bytes(self) -> int:
        """The size of the body."""
        return self.file.n_bytes if self.file else len(self.body)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a part of an unfinished pull had come: the page landed last, and the cursor it left (None: finished)."""

    page: int
    cursor: str | None


class Provider(Protocol):
    """A source of measurements. Three verbs, and they never meet; its classes inherit what has a default here."""

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far, retries and logins included."""

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
            AnswerTooLargeError: There is too much to be held for all of them at once; one by one it may be little.
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
    """`Provider.normalize_each` by whoever only knows how to normalize one window."""
    for index, window in enumerate(windows):
        touching = (payload for payload in payloads if payload.window.touches(window))
        for batch in normalize(touching, window, kinds):
            yield index, batch


@dataclass(frozen=True, slots=True)
class PullReport:
    """What landing one window cost.

    Attributes:
        pull_id: The pull. Of two pulls the one that was finished later is newer, whichever began first.
        window: What was asked for.
        n_payloads: Answers that make up the complete pull.
        n_bytes: Their size as received.
        n_requests: HTTP requests sent, retries and logins included, by every attempt that was continued here; an
            attempt that was killed could not say how many it had sent. 0 for a replay, and for an adopted pull.
        seconds: From the first request of the last attempt to the last byte kept.
        is_resumed: Whether an earlier, interrupted pull was continued.
        age_seconds: How long ago it had been finished, where it was adopted: loaded as another run had left it, and
            nothing asked for. None where the provider was asked.
    """

    pull_id: int
    window: Window
    n_payloads: int
    n_bytes: int
    n_requests: int
    seconds: float
    is_resumed: bool = False
    age_seconds: float | None = None

    @property
    def was_adopted(self) -> bool:
        """Whether it was there already, finished and not loaded, so that nothing was asked for."""
        return self.age_seconds is not None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one committed load did. Counts are points: one value of one series at one instant.

    `n_received == n_inserted + n_changed + n_unchanged + n_rejected + n_duplicate`, always; `n_removed` are points the
    warehouse had and the payloads no longer say. `withdrawn` names the sites that lost all of theirs because the
    provider was proven to hold nothing of them any more (`Normalized.absent_sites`).
    """

    load_id: int
    pull_id: int
    source: str
    window: Window
    n_series: int
    n_received: int
    n_inserted: int
    n_changed: int
    n_unchanged: int
    n_rejected: int
    n_duplicate: int
    n_removed: int
    n_points: int
    seconds: float
    unmapped: Mapping[str, int] = field(default_factory=dict)
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()

    @property
    def n_written(self) -> int:
        """Points inserted, changed or removed: 0 when the warehouse already said the same."""
        return self.n_inserted + self.n_changed + self.n_removed


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
    ) -> LoadReport:
        """Make the measurements of `source` inside `window` equal to what `batches` say, in one transaction.

        Args:
            source: Whose measurements.
            window: The partition. Nothing is written outside of it.
            landed: The pull that the batches were read from: it fences out pulls that were finished earlier, and its
                hashes go to the ledger.
            batches: What the payloads mean.
            is_correction: Allow the partition to shrink by any amount.

        Raises:
            WarehouseError: and nothing else of its own; the partition is then what it was before.
        """


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
        """Let go of the pull as it stands: waiting may help, and whoever asks for its window next continues it."""

    def abandon(self, *, n_requests: int) -> None:
        """Give the pull up: continuing it would only fail again. Nobody does; the next pull of its window is fresh."""


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
        """Wait until one more request is allowed, and take that place; its number."""

    def answered(self, place: int) -> None:
        """Note that the request of `place` is answered or has failed: until now it may have been on its way."""
