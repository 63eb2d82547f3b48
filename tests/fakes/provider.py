"""A provider in memory: what it offers, and how it fails, is said in the constructor."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from domain.contract import Provider
from domain.errors import IngestError, PayloadUnreadableError
from domain.measurement import Normalized, no_rejected
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload, Progress, ProviderSpec, Series
from domain.window import Window

FAKE_SPEC = ProviderSpec(
    slug="fake",
    title="the fake provider",
    docs_url="https://example.org/fake",
    first_day=date(2024, 1, 1),
    finalization_lag=timedelta(hours=3),
    refetch_days=3,
    max_window=timedelta(days=1),
    requests_per_second=None,
    max_days_per_run=30,
)

Points = Mapping[str, Mapping[datetime, float]]


def hourly(day: date, *, series: str = "roof/P", low: float = 100.0) -> dict[str, dict[datetime, float]]:
    """One series with a value at every full hour of `day`."""
    start = Window.of_day(day).start
    return {series: {start + timedelta(hours=hour): low + hour for hour in range(24)}}


@dataclass
class FakeProvider(Provider):
    """Serves `points` (day → series → instant → value), one page a series.

    Attributes:
        points: What it knows; a test may change it between pulls.
        failures: Day → the error that `fetch` of a window with that day raises, after `n_good_pages` pages.
        n_good_pages: Pages handed out before a failure.
        discovery_failure: The error that `discover` raises.
        rejected: Day → rows that `normalize` rejects, with their reason.
        unmapped: Field names that `normalize` reports with every page.
        fingerprint: Whom it asks and for what.
        asked: Every window that `fetch` was asked for.
    """

    points: dict[date, dict[str, dict[datetime, float]]] = field(default_factory=dict)
    failures: dict[date, Exception] = field(default_factory=dict)
    n_good_pages: int = 0
    discovery_failure: IngestError | None = None
    rejected: dict[date, dict[str, str]] = field(default_factory=dict)
    unmapped: dict[str, int] = field(default_factory=dict)
    asked: list[Window] = field(default_factory=list)
    fingerprint: str = "fake"
    n_requests: int = 0

    def discover(self) -> Iterable[Series]:
        self.n_requests += 1
        if self.discovery_failure is not None:
            raise self.discovery_failure
        return [_series(key) for key in sorted({key for day in self.points.values() for key in day})]

    def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
        self.asked.append(window)
        days = list(window.days())
        known: dict[str, dict[datetime, float]] = {}
        for key, values in [series for day in days for series in self.points.get(day, {}).items()]:
            known[key] = known.get(key, {}) | values
        error = next((self.failures[day] for day in days if day in self.failures), None)
        for n_pages, (key, values) in enumerate(sorted(known.items())):
            if error is not None and n_pages >= self.n_good_pages:
                break
            if key in progress and progress[key].cursor is None:
                continue
            self.n_requests += 1
            rows = [[key, instant.isoformat(), value] for instant, value in sorted(values.items())]
            document = {"rows": rows, "rejected": self.rejected.get(days[0], {}), "unmapped": self.unmapped}
            yield Payload(
                endpoint="/points",
                params={"series": key},
                window=window,
                part=key,
                page=1,
                received_at=datetime.now(UTC),
                media_type="application/json",
                body=json.dumps(document).encode(),
                proof="content-length",
            )
        if error is not None:
            self.n_requests += 1
            raise error

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # the contract's
    ) -> Iterator[Normalized]:
        for payload in payloads:
            try:
                document = json.loads(payload.body)
            except ValueError as error:
                raise PayloadUnreadableError("no JSON", place="fake", fix="look at it") from error
            rows = [row for row in document["rows"] if datetime.fromisoformat(row[1]) in window]
            rejected = no_rejected()
            if document["rejected"]:
                rejected = pd.DataFrame(
                    {
                        "raw": pd.Series(list(document["rejected"]), dtype="str"),
                        "reason": pd.Series(list(document["rejected"].values()), dtype="str"),
                        "payload": payload.sha256,
                    }
                )
            yield Normalized(
                series=tuple(_series(key) for key in sorted({row[0] for row in rows})),
                measurements=pd.DataFrame(
                    {
                        "series": pd.Categorical([row[0] for row in rows]),
                        "measured_at": pd.to_datetime([row[1] for row in rows], utc=True).as_unit("us"),
                        "value": pd.Series([row[2] for row in rows], dtype="float64"),
                    }
                ),
                rejected=rejected,
                unmapped=document["unmapped"],
            )

    def close(self) -> None:
        """It holds nothing open."""


def _series(key: str) -> Series:
    return Series(key=key, quantity="power", device=key.split("/", maxsplit=1)[0], provider_unit="W")
