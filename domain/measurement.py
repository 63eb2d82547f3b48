"""What `normalize` hands on: points with a meaning, and every row that has none, with the reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from domain.errors import NormalizationError
from domain.records import Series

MEASUREMENT_COLUMNS: Final = ("series", "measured_at", "value")
REJECTED_COLUMNS: Final = ("raw", "reason", "payload", "series")


def no_measurements() -> pd.DataFrame:
    """An empty frame of measurements, with the right types."""
    return pd.DataFrame(
        {
            "series": pd.Categorical([], categories=pd.Index([], dtype="str")),
            "measured_at": pd.Series([], dtype="datetime64[us, UTC]"),
            "value": pd.Series([], dtype="float64"),
        }
    )


def no_states() -> pd.DataFrame:
    """An empty frame of states, with the right types."""
    return no_measurements().astype({"value": "str"})


def no_rejected() -> pd.DataFrame:
    """An empty frame of rejected rows, with the right types."""
    return pd.DataFrame({name: pd.Series([], dtype="str") for name in REJECTED_COLUMNS})


@dataclass(frozen=True, slots=True)
class Normalized:
    """What one batch of payloads says. A normalizer yields many of these, so that no partition must fit in memory.

    Attributes:
        series: A description of every series key that occurs in the two frames.
        measurements: Columns `series` (category of series keys), `measured_at` (datetime64[us, UTC]: an instant, or
            the start of an interval), `value` (float64, finite, in the quantity's canonical unit).
        states: The same columns, `value` being text.
        rejected: Columns `raw` (the text of the row or cell), `reason` (a `Reason`), `payload` (SHA-256, hexadecimal),
            and `series` (the key of the series whose value it would have been; empty where nobody can tell). Without
            the last column nobody can tell of any row. A key needs no description: the series may have no point at all.
            A row that belongs to all series of a device says what their keys begin with, up to and with a slash.
        n_duplicates: Points left out because the same row had been seen in this batch.
        unmapped: Field name → count of values for which no quantity is known; nothing of them is in the frames.
        n_absent: Words in a number's place that say that there is none (`unavailable`, null as a text).
        absent_sites: Sites of which the payloads prove, all of them together, that the provider holds nothing for the
            window. What is stored of them is removed, and no loss that the shrink guard looks at. Not being mentioned
            is no proof: most providers can give none.
    """

    series: tuple[Series, ...] = ()
    measurements: pd.DataFrame = field(default_factory=no_measurements)
    states: pd.DataFrame = field(default_factory=no_states)
    rejected: pd.DataFrame = field(default_factory=no_rejected)
    n_duplicates: int = 0
    unmapped: Mapping[str, int] = field(default_factory=dict)
    n_absent: int = 0
    absent_sites: frozenset[str] = frozenset()

    @property
    def n_received(self) -> int:
        """Points this batch accounts for: measured, stated, rejected or duplicate."""
        return len(self.measurements) + len(self.states) + len(self.rejected) + self.n_duplicates

    def check(self, *, place: str) -> None:
        """Refuse a batch that breaks the schema.

        Raises:
            NormalizationError: A column is missing or has the wrong type, a series has no description, or the site
                without a name is said to be absent.
        """
        if "" in self.absent_sites:
            raise _bug("a site without a name is said to be absent", place)
        described = {series.key for series in self.series}
        for name, frame in (("measurements", self.measurements), ("states", self.states)):
            if tuple(frame.columns) != MEASUREMENT_COLUMNS:
                raise _bug(f"{name} have the columns {list(frame.columns)}", place)
            if not isinstance(frame["series"].dtype, pd.CategoricalDtype):
                raise _bug(f"the series of {name} are {frame['series'].dtype}, not a category", place)
            if str(frame["measured_at"].dtype) != "datetime64[us, UTC]":
                raise _bug(f"measured_at of {name} is {frame['measured_at'].dtype}", place)
            unknown = set(frame["series"].cat.categories) - described
            if unknown:
                raise _bug(f"no description of the series {', '.join(sorted(unknown)[:3])}", place)
        if tuple(self.rejected.columns) not in (REJECTED_COLUMNS, REJECTED_COLUMNS[:-1]):
            raise _bug(f"rejected rows have the columns {list(self.rejected.columns)}", place)
        if self.measurements["value"].dtype != "float64":
            raise _bug(f"values are {self.measurements['value'].dtype}", place)


def concat(batches: Iterable[Normalized]) -> Normalized:
    """All batches as one: for tests, plots and small windows, never for a load."""
    parts = list(batches)
    unmapped: dict[str, int] = {}
    for part in parts:
        for name, count in part.unmapped.items():
            unmapped[name] = unmapped.get(name, 0) + count

    def joined(frames: list[pd.DataFrame], empty: pd.DataFrame) -> pd.DataFrame:
        rows = [frame for frame in frames if len(frame)]
        if not rows:
            return empty
        whole = pd.concat([frame.assign(series=frame["series"].astype("str")) for frame in rows], ignore_index=True)
        return whole.assign(series=whole["series"].astype("category"))

    rejected = [with_series(part.rejected) for part in parts if len(part.rejected)]
    return Normalized(
        series=tuple({series.key: series for part in parts for series in part.series}.values()),
        measurements=joined([part.measurements for part in parts], no_measurements()),
        states=joined([part.states for part in parts], no_states()),
        rejected=pd.concat(rejected, ignore_index=True) if rejected else no_rejected(),
        n_duplicates=sum(part.n_duplicates for part in parts),
        unmapped=unmapped,
        n_absent=sum(part.n_absent for part in parts),
        absent_sites=frozenset().union(*(part.absent_sites for part in parts)),
    )


def with_series(rejected: pd.DataFrame) -> pd.DataFrame:
    """Rejected rows with all of `REJECTED_COLUMNS`: where the column is missing, no row belongs to a series."""
    return rejected if "series" in rejected else rejected.assign(series=pd.Series("", rejected.index, dtype="str"))


def _bug(culprit: str, place: str) -> NormalizationError:
    return NormalizationError(culprit, place=place, fix="correct the provider's normalize; this is a bug of ours")
