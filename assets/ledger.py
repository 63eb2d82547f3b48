"""What the assets ask of a warehouse beyond its contract: the ledger, told and read back."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from domain.contract import Warehouse
from domain.errors import IngestError
from domain.records import LoadReport, PullReport
from domain.window import Window


class RecordingWarehouse(Warehouse, Protocol):
    """A warehouse whose ledger can be told of a day that failed before its load, and knows which pulls were loaded."""

    def unloaded_pull(self, source: str, window: Window, *, fingerprint: str) -> PullReport | None:
        """The finished pull of exactly `window` that a run left a moment ago without loading all of it, if any."""

    def record_failure(self, source: str, window: Window, error: IngestError) -> None:
        """Write down that `window` did not come as far as a load; never fails itself."""


class LedgerDay(Protocol):
    """What the ledger says of one UTC day; see `warehouse.ledger.DayStatus`."""

    @property
    def day(self) -> date:
        """Which."""

    @property
    def load_id(self) -> int | None:
        """The load that made it what it is; None if none was ever committed."""

    @property
    def reason(self) -> str | None:
        """The reason code of a failure since then; None if the last load went well."""

    @property
    def sentence(self) -> str | None:
        """That failure in words."""


class RejectedSeries(Protocol):
    """What some loads rejected of one series; see `warehouse.ledger.RejectedSeries`."""

    @property
    def series_key(self) -> str:
        """Which; empty for rows that belong to none."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def n_rows(self) -> int:
        """How many rows."""


class LedgeredWarehouse(RecordingWarehouse, Protocol):
    """A warehouse whose ledger can be read, too."""

    def loads(self, source: str, first: date, last: date) -> Sequence[LoadReport]:
        """The newest committed load of each day of `source` from `first` to `last` that has one, by day."""

    def days(self, source: str) -> Sequence[LedgerDay]:
        """Every UTC day of `source` that a load has touched or failed on, in order."""

    def rejected_series(self, source: str, load_ids: Sequence[int]) -> Sequence[RejectedSeries]:
        """Whose rows some loads of `source` rejected, worst first; rows that only lay outside are no news."""

    def wrong_summaries(self, source: str, window: Window) -> Sequence[str]:
        """Buckets of summaries inside `window` that are not what its points amount to, in words."""

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
        """Days inside `window` that were never committed, or last before they had settled, or before `again` says."""
