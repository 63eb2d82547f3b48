"""What the sandbox's twins mean against what the warehouse holds: row for row, both ways.

A twin says its truth as points, by a walk of its own over what it holds, and knows nothing of a provider's `normalize`:
a mistake there would otherwise agree with itself. Series are found by their labels alone.
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
from pipelines.local.sandbox_process import Account, Twin
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
class Served:
    """What a truth says, in the catalogue's terms.

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
    def both(self) -> Comparison:
        """Numbers and texts together."""
        return self.numbers + self.texts


def compare(served: pd.DataFrame, loaded: pd.DataFrame) -> Comparison:
    """Compare two frames of `series`, `measured_at`, `value`. A point served twice with one value is one point.

    Two numbers are the same if they differ by no more than two ways of converting a unit may round: a part in 10^12.
    """
    distinct = served.drop_duplicates()
    both = distinct.merge(loaded, on=POINT, how="outer", suffixes=("_served", "_loaded"), indicator="where")
    is_equal = (both["where"] == "both") & _same(both["value_served"], both["value_loaded"])
    unequal = both.loc[~is_equal].sort_values(["measured_at", "series"])
    return Comparison(
        n_served=len(distinct),
        n_loaded=len(loaded),
        n_equal=int(is_equal.sum()),
        difference=_in_words(unequal.iloc[0]) if len(unequal) else "",
    )


@dataclass(frozen=True, slots=True)
class Described:
    """A series of the catalogue, as far as a point can be held against it."""

    key: str
    conversion: Conversion | None  # None: a text


Labels = frozenset[tuple[str, str]]
"""What tells a series apart from every other of its source."""


def described(catalogue: pd.DataFrame) -> dict[Labels, Described]:
    """The catalogue (`Reading.series`) by labels."""
    return {frozenset(row["labels"].items()): _described(row) for row in catalogue.to_dict("records")}


def _described(row: Mapping[Any, Any]) -> Described:
    is_text = QUANTITIES[row["quantity"]].kind is Kind.STATE
    meaning = None if is_text else conversion(row["quantity"], row["provider_unit"], place=row["key"])
    return Described(row["key"], meaning)


def expected(lines: Iterable[bytes], series: Mapping[Labels, Described]) -> Served:
    """The points that a truth comes to by the catalogue.

    Args:
        lines: One point each, as JSON of `labels`, `at` in epoch milliseconds and `value` in the provider's unit.
        series: Every series of the source.
    """
    numbers, texts = _Points(), _Points()
    unmapped: Counter[str] = Counter()
    for labels, instants, values in _by_labels(lines):
        one = series.get(frozenset(labels.items()))
        if one is None:
            unmapped[labels.get("field") or " ".join(labels.values())] += len(values)
        elif one.conversion is None:
            texts.add(one.key, instants, [value if isinstance(value, str) else json.dumps(value) for value in values])
        else:
            are_texts = [isinstance(value, str) for value in values]
            texts.add(one.key, list(compress(instants, are_texts)), list(compress(values, are_texts)))
            are_numbers = list(map(not_, are_texts))
            factor, offset = one.conversion.factor, one.conversion.offset
            converted = [value * factor + offset for value in compress(values, are_numbers)]
            numbers.add(one.key, list(compress(instants, are_numbers)), converted)
    return Served(numbers.frame(), texts.frame(), unmapped)


def _by_labels(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, str], list[int], list[Any]]]:
    """Labels, and the instants and values of all points that have them: parsed together, which takes half the time."""
    rests: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for line in lines:
        # Before its `at` a line is the same for every point of a series; a quote inside of a text is written as \".
        said, marker, rest = (line if _AT in line else orjson.dumps(orjson.loads(line))).partition(_AT)
        rests[said].append(marker[2:] + rest)
    for said, points in rests.items():
        parsed = orjson.loads(b"[{" + b",{".join(points) + b"]")
        yield orjson.loads(said + b"}}")["labels"], [one["at"] for one in parsed], [one["value"] for one in parsed]


class _Points:
    """Points of many series on their way to a frame."""

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


def verify(twin: Twin, reading: Reading, source: Account, days: Iterable[date]) -> Verified:
    """Hold every point that the source's twin means for `days` against the warehouse, and the other way round."""
    catalogue = described(reading.series(source.source))
    numbers = texts = Comparison()
    unmapped: Counter[str] = Counter()
    for day in days:
        served = expected(twin.truth(source.provider, day), catalogue)
        loaded = reading.measurements(source.source, Window.of_day(day))
        numbers += compare(served.numbers, loaded.assign(series=loaded["series"].astype("str")))
        texts += compare(served.texts, reading.states(source.source, Window.of_day(day)))
        unmapped.update(served.unmapped)
    return Verified(numbers, texts, dict(unmapped))


def _same(served: "pd.Series[Any]", loaded: "pd.Series[Any]") -> "pd.Series[bool]":
    if not (is_numeric_dtype(served) and is_numeric_dtype(loaded)):
        return served == loaded
    return (served - loaded).abs() <= _ROUNDING * loaded.abs()


def _in_words(row: "pd.Series[Any]") -> str:
    point = f"{row['series']} at {row['measured_at'].isoformat()}"
    match row["where"]:
        case "left_only":
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has nothing"
        case "right_only":
            return f"{point}: the warehouse has {row['value_loaded']}, the sandbox serves nothing"
        case _:
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has {row['value_loaded']}"
