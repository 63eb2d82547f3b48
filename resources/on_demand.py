"""Opened when it is first needed, by whoever needs it: so a replay asks for no credential, and a failure has a name.

A step that only replays must run without the provider's variables, and an error while opening must reach the asset as
one of ours: what Dagster raises from a resource has lost its class and its sentence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from domain.contract import LandedPull, Pull
from domain.errors import IngestError
from domain.quantities import NO_KINDS, Kinds
from domain.records import LoadReport, Payload, Progress, PullReport, Series
from domain.window import Window

if TYPE_CHECKING:
    from domain.measurement import Normalized
    from warehouse.ledger import DayStatus, Entry, RejectedSeries
    from warehouse.store import TimescaleWarehouse

Normalize = Callable[[Iterable[Payload], Window, Kinds], "Iterator[Normalized]"]
NormalizeEach = Callable[[Iterable[Payload], Sequence[Window], Kinds], "Iterator[tuple[int, Normalized]]"]


class Service(Protocol):
    """A provider's client: the two verbs that talk."""

    @property
    def fingerprint(self) -> str:
        """See `Provider.fingerprint`."""

    def discover(self) -> Iterable[Series]:
        """See `Provider.discover`."""

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """See `Provider.fetch`."""

    def plan(self, windows: Sequence[Window]) -> int | None:
        """See `Provider.plan`."""


class Connection(Service, Protocol):
    """A client with everything it was given."""

    @property
    def n_requests(self) -> int:
        """See `Provider.n_requests`."""

    def close(self) -> None:
        """See `Provider.close`."""


class OnDemandProvider:
    """A provider whose connection is opened by its first request.

    Args:
        opened: Opens it, or says why not.
        normalize: Its third verb, which needs no connection.
        normalize_each: The same for many windows.
    """

    def __init__(self, opened: Callable[[], Connection], normalize: Normalize, normalize_each: NormalizeEach) -> None:
        self._open = opened
        self._normalize = normalize
        self._normalize_each = normalize_each
        self._connection: Connection | None = None

    @property
    def n_requests(self) -> int:
        """HTTP requests sent so far, retries and logins included."""
        return self._connection.n_requests if self._connection else 0

    @property
    def fingerprint(self) -> str:
        """See `Provider.fingerprint`; also raises what opening raises."""
        return self._opened().fingerprint

    def discover(self) -> Iterable[Series]:
        """See `Provider.discover`; also raises what opening raises."""
        return self._opened().discover()

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        """See `Provider.fetch`; also raises what opening raises."""
        return self._opened().fetch(window, progress)

    def plan(self, windows: Sequence[Window]) -> int | None:
        """See `Provider.plan`; also raises what opening raises."""
        return self._opened().plan(windows)

    def normalize(self, payloads: Iterable[Payload], window: Window, kinds: Kinds = NO_KINDS) -> "Iterator[Normalized]":
        """See `Provider.normalize`; opens nothing."""
        return self._normalize(payloads, window, kinds)

    def normalize_each(
        self, payloads: Iterable[Payload], windows: Sequence[Window], kinds: Kinds = NO_KINDS
    ) -> "Iterator[tuple[int, Normalized]]":
        """See `Provider.normalize_each`; opens nothing."""
        return self._normalize_each(payloads, windows, kinds)

    def close(self) -> None:
        """Let go of what was opened, if anything was."""
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection


class OnDemandWarehouse:
    """A warehouse that is started, checked and opened by its first question.

    Args:
        opened: Opens it for as long as this object is used, or says why not.
    """

    def __init__(self, opened: "Callable[[], AbstractContextManager[TimescaleWarehouse]]") -> None:
        self._open = opened
        self._exit = ExitStack()
        self._warehouse: TimescaleWarehouse | None = None

    def catalogue(self, source: str, series: Iterable[Series]) -> int:
        """See `Warehouse.catalogue`."""
        return self._opened().catalogue(source, series)

    def known_kinds(self, source: str) -> Kinds:
        """See `Warehouse.known_kinds`."""
        return self._opened().known_kinds(source)

    def begin_pull(self, source: str, window: Window, *, fingerprint: str = "") -> Pull:
        """See `Warehouse.begin_pull`."""
        return self._opened().begin_pull(source, window, fingerprint=fingerprint)

    def unloaded_pull(self, source: str, window: Window, *, fingerprint: str) -> PullReport | None:
        """See `TimescaleWarehouse.unloaded_pull`."""
        return self._opened().unloaded_pull(source, window, fingerprint=fingerprint)

    def payloads(self, source: str, window: Window) -> LandedPull:
        """See `Warehouse.payloads`."""
        return self._opened().payloads(source, window)

    def load(
        self,
        source: str,
        window: Window,
        landed: LandedPull,
        batches: "Iterable[Normalized]",
        *,
        is_correction: bool = False,
    ) -> LoadReport:
        """See `Warehouse.load`."""
        return self._opened().load(source, window, landed, batches, is_correction=is_correction)

    def loads(self, source: str, first: date, last: date) -> Sequence[LoadReport]:
        """The newest committed load of every day of `source` from `first` to `last`, by day."""
        committed = [
            entry
            for entry in self._opened().ledger.entries(source, Window.of_days(first, last))
            if entry.status == "committed" and entry.window == Window.of_day(entry.window.day)
        ]
        newest = {entry.window.day: entry for entry in committed}
        return [_report(newest[day]) for day in sorted(newest)]

    def days(self, source: str) -> "Sequence[DayStatus]":
        """See `Ledger.days`."""
        return self._opened().ledger.days(source)

    def rejected_series(self, source: str, load_ids: Sequence[int]) -> "Sequence[RejectedSeries]":
        """See `Ledger.rejected_series`."""
        return self._opened().ledger.rejected_series(source, load_ids)

    def wrong_summaries(self, source: str, window: Window) -> Sequence[str]:
        """See `Reading.wrong_summaries`."""
        return self._opened().reading.wrong_summaries(source, window)

    def owed(
        self,
        source: str,
        window: Window,
        *,
        settles_after: timedelta,
        as_of: datetime,
        untried_since: datetime,
        n_newest: int,
        n_others: int,
        again: Mapping[date, datetime] | None = None,
    ) -> Sequence[date]:
        """See `Ledger.owed`."""
        return self._opened().ledger.owed(
            source,
            window,
            settles_after=settles_after,
            as_of=as_of,
            untried_since=untried_since,
            n_newest=n_newest,
            n_others=n_others,
            again=again,
        )

    def record_failure(self, source: str, window: Window, error: IngestError) -> None:
        """A `failed` row in the ledger for a window that did not come as far as a load; never fails itself."""
        try:
            self._opened().record_failure(source, window, error)
        except IngestError as second:
            error.add_note(f"The ledger could not be told: {second}")

    def close(self) -> None:
        """Let go of what was opened, if anything was."""
        self._exit.close()
        self._warehouse = None

    def _opened(self) -> "TimescaleWarehouse":
        if self._warehouse is None:
            self._warehouse = self._exit.enter_context(self._open())
        return self._warehouse


def _report(entry: "Entry") -> LoadReport:
    """A row of the ledger as the load had reported it."""
    return LoadReport(
        load_id=entry.load_id,
        pull_id=entry.pull_id or 0,
        source=entry.source,
        window=entry.window,
        n_series=entry.n_series,
        n_received=entry.n_received,
        n_inserted=entry.n_inserted,
        n_changed=entry.n_changed,
        n_unchanged=entry.n_unchanged,
        n_rejected=entry.n_rejected,
        n_duplicate=entry.n_duplicate,
        n_removed=entry.n_removed,
        n_points=entry.n_points,
        seconds=entry.seconds,
        unmapped=entry.unmapped,
        rejected_by_reason=entry.rejected_by_reason,
    )
