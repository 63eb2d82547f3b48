"""What the sandbox serves against what the warehouse holds: row for row, both ways.

The expected rows are made from the served documents by a plain walk over them, not by the provider's `normalize`: a
mistake there would otherwise agree with itself.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import orjson
import pandas as pd

from domain.quantities import QUANTITIES, Conversion, Kind, conversion
from domain.window import Window
from pipelines.command_line.twin import Twin
from warehouse.reading import Reading

POINT: Final = ["series", "measured_at"]
_INSTANT: Final = "datetime64[us, UTC]"
_TIME_FIELD: Final = "timestamp"


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
    """What documents say, in the catalogue's terms.

    Attributes:
        numbers: Points of numbers: `series`, `measured_at`, `value`.
        texts: Points of texts, the same columns.
        unmapped: Field → values for which the catalogue has no series.
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
    """Compare two frames of `series`, `measured_at`, `value`. A point served twice with one value is one point."""
    distinct = served.drop_duplicates()
    both = distinct.merge(loaded, on=POINT, how="outer", suffixes=("_served", "_loaded"), indicator="where")
    is_equal = (both["where"] == "both") & (both["value_served"] == both["value_loaded"])
    unequal = both.loc[~is_equal].sort_values(["measured_at", "series"])
    return Comparison(
        n_served=len(distinct),
        n_loaded=len(loaded),
        n_equal=int(is_equal.sum()),
        difference=_in_words(unequal.iloc[0]) if len(unequal) else "",
    )


@dataclass(frozen=True, slots=True)
class Described:
    """A series of the catalogue, as far as a document can be held against it."""

    key: str
    product: str
    field: str
    device: Mapping[str, str]
    conversion: Conversion | None  # None: a text


def described(catalogue: pd.DataFrame) -> list[Described]:
    """The catalogue (`Reading.series`) in these terms."""
    return [_described(row) for row in catalogue.to_dict("records")]


def _described(row: Mapping[Any, Any]) -> Described:
    labels = row["labels"]
    is_text = QUANTITIES[row["quantity"]].kind is Kind.STATE
    return Described(
        key=row["key"],
        product=labels["product"],
        field=labels["field"],
        device={name: value for name, value in labels.items() if name not in ("product", "field")},
        conversion=None if is_text else conversion(row["quantity"], row["provider_unit"], place=row["key"]),
    )


def expected(documents: Iterable[bytes], series: Iterable[Described]) -> Served:
    """The points that `documents` of one product come to, by the catalogue of that product alone.

    Args:
        documents: One JSON text each.
        series: Every series of the product.
    """
    known = {(one.field, *sorted(one.device.items())): one for one in series}
    identity = sorted({name for one in known.values() for name in one.device})
    numbers: list[tuple[str, int, float]] = []
    texts: list[tuple[str, int, str]] = []
    unmapped: Counter[str] = Counter()
    for text in documents:
        document = orjson.loads(text)
        device = [(name, _text(document[name])) for name in identity if document.get(name) is not None]
        for name, value in _flat(document):
            if value is None or name == _TIME_FIELD or name in identity:
                continue
            one = known.get((name, *device))
            if one is None:
                unmapped[name] += 1
            elif one.conversion is None:
                texts.append((one.key, document[_TIME_FIELD], _text(value)))
            else:
                canonical = value * one.conversion.factor + one.conversion.offset
                numbers.append((one.key, document[_TIME_FIELD], canonical))
    return Served(_frame(numbers), _frame(texts), unmapped)


def verify(twin: Twin, reading: Reading, source: str, days: Iterable[date]) -> Verified:
    """Hold every row that the sandbox serves for `days` against the warehouse, and the other way round."""
    catalogue = described(reading.series(source))
    numbers = texts = Comparison()
    unmapped: Counter[str] = Counter()
    for day in days:
        products = {one.product for one in catalogue} | set(twin.products(day))
        served = [
            expected(twin.served(product, day), [one for one in catalogue if one.product == product])
            for product in sorted(products)
        ]
        loaded = reading.measurements(source, Window.of_day(day))
        numbers += compare(
            pd.concat([part.numbers for part in served]), loaded.assign(series=loaded["series"].astype("str"))
        )
        texts += compare(pd.concat([part.texts for part in served]), reading.states(source, Window.of_day(day)))
        unmapped.update(Counter(name for part in served for name in part.unmapped.elements()))
    return Verified(numbers, texts, dict(unmapped))


def _frame(points: list[tuple[str, int, Any]]) -> pd.DataFrame:
    columns = list(zip(*points, strict=True)) or [(), (), ()]
    instants = pd.to_datetime(pd.Series(columns[1], dtype="int64"), unit="ms", utc=True).astype(_INSTANT)
    return pd.DataFrame({"series": pd.Series(columns[0], dtype="str"), "measured_at": instants, "value": columns[2]})


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _in_words(row: "pd.Series[Any]") -> str:
    point = f"{row['series']} at {row['measured_at'].isoformat()}"
    match row["where"]:
        case "left_only":
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has nothing"
        case "right_only":
            return f"{point}: the warehouse has {row['value_loaded']}, the sandbox serves nothing"
        case _:
            return f"{point}: the sandbox serves {row['value_served']}, the warehouse has {row['value_loaded']}"
