"""What passes between the packages, as values: facts of a provider, a series, an answer, what was done with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from domain.window import Window

Json: TypeAlias = Any
"""What a JSON document holds: an object, a list, a text, a number, a boolean or nothing. Who reads it narrows it."""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """What is true of a provider, for every account. Schedules, pools, partitions, checks and the plan derive from it.

    Attributes:
        slug: The provider's name everywhere: folder, component, documentation.
        title: The provider's name as a person says it.
        docs_url: Where its own documentation is.
        first_day: The first day it can possibly have data for; a source may start later.
        finalization_lag: How long after a day's end its values still move.
        refetch_days: Trailing days that each scheduled run asks for again.
        deep_refetch_days: Days that are asked for again once a month, because it restates what is old; 0 for none.
        max_window: The widest span one request may ask for.
        requests_per_second: Its published limit per credential; None if it has none.
        max_days_per_run: How many daily partitions one Dagster run takes at most.
        pull_days: How many UTC days, one after the other, one pull asks for at most; they are loaded one by one.
        has_pages: Its answers come page by page, and each can be read as it comes: a load begins with the first.
        is_retired: It has gone for good: schedules skip it, what is loaded stays, replay works.
        longest_silence: How long its open live stream says nothing at most, by its cadence; None if it has no stream,
            or one that speaks of changes alone.
    """

    slug: str
    title: str
    docs_url: str
    first_day: date
    finalization_lag: timedelta
    refetch_days: int
    max_window: timedelta
    requests_per_second: float | None
    max_days_per_run: int
    pull_days: int = 1
    deep_refetch_days: int = 0
    has_pages: bool = False
    is_retired: bool = False
    longest_silence: timedelta | None = None


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
        time_zone: IANA name of the site's zone (`domain.zones`); `UTC` if unknown, or if the provider's word is none:
            the label `refused_zone` holds that then.
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
        path: Where it is on this machine. Its maker removes it.
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


class Reason(StrEnum):
    """Why a row was quarantined: a closed list, which checks and the runbook use."""

    WRONG_TYPE = "wrong_type"  # a text where a number belongs, or the other way round
    AMBIGUOUS_DECIMAL = "ambiguous_decimal"  # a decimal sign or one between thousands: nothing says
    NOT_FINITE = "not_finite"  # NaN, infinite, or a number too large to hold
    OUT_OF_LIMITS = "out_of_limits"  # physically impossible for its quantity
    NO_TIME = "no_time"  # the row has no timestamp
    IMPLAUSIBLE_TIME = "implausible_time"  # 1970, 2000, 9999, the future: an epoch in the wrong unit, a lost clock
    AMBIGUOUS_IDENTITY = "ambiguous_identity"  # different rows of one device at one instant
    CONFLICTING_VALUES = "conflicting_values"  # two values for one series at one instant, found while loading
    NOT_STORABLE_TEXT = "not_storable_text"  # NUL or a lone surrogate
    MALFORMED_ROW = "malformed_row"  # not an object, too short, too long, too deep
    OUTSIDE = "outside"  # of another window, by an hour at most: the last value before it, sent along


EXEMPT: Final = frozenset({Reason.OUTSIDE.value})
"""Reasons that say nothing against a row: they are counted, and neither refuse a load nor warn of it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """One row of the ledger: what a committed load did, or why a failed one did not. Its fields are the columns.

    Counts are points: one value of one series at one instant. Of a committed load,
    `n_received == n_inserted + n_changed + n_unchanged + n_rejected + n_duplicate`, always; of a failed one they are
    0, or what it had come to.

    Attributes:
        reason: The error's code, if it failed, and `sentence` the error in words.
        window_start: Where the partition begins, and `window_end` where it ends.
        pull_id: What was loaded; None where it failed before anything was landed.
        n_removed: Points that the warehouse had and the payloads no longer say.
        n_points: Points that the partition holds now.
        unmapped: Field → values without a quantity.
        withdrawn: The sites that lost all of their points because the provider was proven to hold nothing of them any
            more (`Normalized.absent_sites`).
        loaded_at: When it was written; the server says it.
    """

    load_id: int
    status: Literal["committed", "failed"] = "committed"
    reason: str | None = None
    sentence: str | None = None
    source: str
    window_start: datetime
    window_end: datetime
    pull_id: int | None
    payload_sha256s: list[str] = field(default_factory=list)
    n_series: int = 0
    n_received: int = 0
    n_inserted: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_rejected: int = 0
    n_duplicate: int = 0
    n_removed: int = 0
    n_points: int = 0
    proof: str = ""
    code_version: str = ""
    seconds: float = 0.0
    is_correction: bool = False
    unmapped: dict[str, int] = field(default_factory=dict)
    rejected_by_reason: dict[str, int] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)
    loaded_at: datetime | None = None

    @property
    def window(self) -> Window:
        """The partition."""
        return Window(self.window_start, self.window_end)

    @property
    def n_written(self) -> int:
        """Points inserted, changed or removed: 0 when the warehouse already said the same."""
        return self.n_inserted + self.n_changed + self.n_removed
