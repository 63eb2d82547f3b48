"""The true points of the sandbox's twins against the points in the warehouse: row for row, both ways.

A twin derives its true points by its own code, and knows nothing of a provider's `normalize`: a mistake there would
otherwise agree with itself. Series are found by their labels alone.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import compress
from operator import not_
from typing import Any, Final

import orjson
import pandas as pd
from pandas.api.types import is_numeric_dtype

from domain.quantities import QUANTITIES, Conversion, Kind, conversion
from domain.window import Window
from pipelines.local.sandbox_process import SandboxBinding, SandboxProcess
from warehouse.reading import Reading

POINT: Final = ["series", "measured_at"]
_INSTANT: Final = "datetime64[us, UTC]"
_ROUNDING: Final = 1e-12
_AT: Final = b'},"at":'


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two sets of points compare.

    Attributes:
        n_served: Distinct points of the one set.
        n_loaded: Points of the other.
        n_equal: Points in both, with the same value.
        difference: The first point that is not in both, in words; empty if there is none.
    """

    n_served: int = 0
    n_loaded: int = 0
    n_equal: int = 0
    difference: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether every point is in both, with the same value."""
        return self.n_served == self.n_loaded == self.n_equal

    def __add__(self, other: "Comparison") -> "Comparison":
        """Both together; the first difference is the left one's."""
        return Comparison(
            self.n_served + other.n_served,
            self.n_loaded + other.n_loaded,
            self.n_equal + other.n_equal,
            self.difference or other.difference,
        )


@dataclass(slots=True)
class TruePoints:
    """The points of a truth, in the catalogue's series and units.

    Attributes:
        numbers: Points of numbers: `series`, `measured_at`, `value`.
        texts: Points of texts, the same columns.
        unmapped: Labels in words → values for which the catalogue has no series.
    """

    numbers: pd.DataFrame
    texts: pd.DataFrame
    unmapped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome for a whole source: its numbers, its texts, and what neither side takes for a point."""

    numbers: Comparison
    texts: Comparison
    unmapped: Mapping[str, int]

    @property
    def total(self) -> Comparison:
        """Numbers and texts together."""
        return self.numbers + self.texts


def compare(served: pd.DataFrame, loaded: pd.DataFrame) -> Comparison:
    """Compare two frames of `series`, `measured_at`, `value`. A point served twice with one value is one point.

    Two numbers are the same if they differ by no more than two ways of converting a unit may round: a part in 10^12.
    """
    distinct = served.drop_duplicates()
    both = distinct.merge(loaded, on=POINT, how="outer", suffixes=("_served", "_loaded"), indicator="where")
    is_equal = (both["where"] == "both") & _equal_values(both["value_served"], both["value_loaded"])
    unequal = both.loc[~is_equal].sort_values(["measured_at", "series"])
    return Comparison(
        n_served=len(distinct),
        n_loaded=len(loaded),
        n_equal=int(is_equal.sum()),
        difference=_difference(unequal.iloc[0]) if len(unequal) else "",
    )


@dataclass(frozen=True, slots=True)
class CatalogueSeries:
    """What the comparison needs to know of a series of the catalogue."""

    key: str
    conversion: Conversion | None  # None: a text


Labels = frozenset[tuple[str, str]]
"""The labels of a series, unique within its source."""


def series_by_labels(catalogue: pd.DataFrame) -> dict[Labels, CatalogueSeries]:
    """The catalogue (`Reading.series`) by labels."""
    return {frozenset(row["labels"].items()): _series_of(row) for row in catalogue.to_dict("records")}


def _series_of(row: Mapping[Any, Any]) -> CatalogueSeries:
    is_text = QUANTITIES[row["quantity"]].kind is Kind.STATE
    unit_conversion = None if is_text else conversion(row["quantity"], row["provider_unit"], place=row["key"])
    return CatalogueSeries(row["key"], unit_conversion)


def true_points(lines: Iterable[bytes], series: Mapping[Labels, CatalogueSeries]) -> TruePoints:
    """The points that the warehouse should hold by a truth.

    Args:
        lines: One point each, as JSON of `labels`, `at` in epoch milliseconds and `value` in the provider's unit.
        series: Every series of the source.
    """
    numbers, texts = _Points(), _Points()
    unmapped: Counter[str] = Counter()
    for labels, instants, values in _by_labels(lines):
        its_series = series.get(frozenset(labels.items()))
        if its_series is None:
            unmapped[labels.get("field") or " ".join(labels.values())] += len(values)
        elif its_series.conversion is None:
            texts.add(
                its_series.key, instants, [value if isinstance(value, str) else json.dumps(value) for value in values]
            )
        else:
            are_texts = [isinstance(value, str) for value in values]
            texts.add(its_series.key, list(compress(instants, are_texts)), list(compress(values, are_texts)))
            are_numbers = list(map(not_, are_texts))
            factor, offset = its_series.conversion.factor, its_series.conversion.offset
            converted = [value * factor + offset for value in compress(values, are_numbers)]
            numbers.add(its_series.key, list(compress(instants, are_numbers)), converted)
    return TruePoints(numbers.frame(), texts.frame(), unmapped)


def _by_labels(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, str], list[int], list[Any]]]:
    """Labels, and the instants and values of all points that have them: parsed together, which takes half the time."""
    points_by_prefix: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for line in lines:
        # Before its `at` a line is the same for every point of a series; a quote inside of a text is written as \".
        prefix, marker, rest = (line if _AT in line else orjson.dumps(orjson.loads(line))).partition(_AT)
        points_by_prefix[prefix].append(marker[2:] + rest)
    for prefix, points in points_by_prefix.items():
        parsed = orjson.loads(b"[{" + b",{".join(points) + b"]")
        yield orjson.loads(prefix + b"}}")["labels"], [one["at"] for one in parsed], [one["value"] for one in parsed]


class _Points:
    """Collects the points of many series for a frame."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._counts: list[int] = []
        self._instants: list[int] = []
        self._values: list[Any] = []

    def add(self, key: str, instants: list[int], values: list[Any]) -> None:
        self._keys.append(key)
        self._counts.append(len(values))
        self._instants += instants
        self._values += values

    def frame(self) -> pd.DataFrame:
        keys = pd.Series(self._keys, dtype="str").repeat(self._counts).reset_index(drop=True)
        instants = pd.to_datetime(pd.Series(self._instants, dtype="int64"), unit="ms", utc=True).astype(_INSTANT)
        return pd.DataFrame({"series": keys, "measured_at": instants, "value": self._values})


def verify(sandbox: SandboxProcess, reading: Reading, binding: SandboxBinding, days: Iterable[date]) -> Verified:
    """Compare every true point of the source's twin for `days` with the warehouse, and the other way round."""
    catalogue = series_by_labels(reading.series(binding.source))
    numbers = texts = Comparison()
    unmapped: Counter[str] = Counter()
    for day in days:
        served = true_points(sandbox.truth(binding.provider, day), catalogue)
        loaded = reading.measurements(binding.source, Window.of_day(day))
        numbers += compare(served.numbers, loaded.assign(series=loaded["series"].astype("str")))
        texts += compare(served.texts, reading.states(binding.source, Window.of_day(day)))
        unmapped.update(served.unmapped)
    return Verified(numbers, texts, dict(unmapped))


def _equal_values(served: "pd.Series[Any]", loaded: "pd.Series[Any]") -> "pd.Series[bool]":
    if not (is_numeric_dtype(served) and is_numeric_dtype(loaded)):
        return served == loaded
    return (served - loaded).abs() <= _ROUNDING * loaded.abs()


def _difference(row: "pd.Series[Any]") -> str:
    point = f"{row['series']} at {row['measured_at'].isoformat()}"
    match row["where"]:
        case "left_only":
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has nothing"
        case "right_only":
            return f"{point}: the warehouse has {row['value_loaded']}, the sandbox serves nothing"
        case _:
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has {row['value_loaded']}"
