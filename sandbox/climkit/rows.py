"""Validated data by quarter, hour, day, month and year, after the operator's rules, and as the provider writes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from sandbox.climkit.house import (
    CONSUMERS,
    GRID,
    METERS,
    PRODUCER,
    QUARTER_MS,
    ZONE,
    quarter_of,
    split,
    surplus,
    totals,
)
from sandbox.faults import Fired
from sandbox.instants import MS_PER_DAY
from sandbox.measured import MISSING, Counts

FREQUENCIES: Final = ("15T", "H", "D", "M", "Y")
_ZONE: Final = ZoneInfo(ZONE)

Rows = Iterator[tuple[int, dict[str, int]]]
"""Epoch milliseconds of an interval's start, and field → thousandths."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the operator: from one instant to another, the counts of a meter are scaled to a percentage."""

    meter: str
    start: int
    end: int
    percent: int


@dataclass(frozen=True, slots=True)
class Book:
    """The present quarters of the house, and the rules for them.

    Attributes:
        n_known: Quarters since the first day that are present.
        rules: The operator's.
    """

    n_known: int
    rules: Sequence[Rule] = ()


def meter_rows(meter: str, frequency: str, start: int, end: int, book: Book) -> Rows:
    """The intervals of `meter` that begin at `start <= time < end`.

    Args:
        meter: Its id.
        frequency: The sampling frequency.
        start: In epoch milliseconds.
        end: The same.
        book: The quarters and rules.
    """
    edges = _edges(frequency, start, end)
    low, high = _span(edges, book.n_known)
    return _summed(_meter_fields(meter, low, high, book.rules), edges, low, high)


def site_rows(kind: str, frequency: str, start: int, end: int, book: Book) -> Rows:
    """The intervals of the whole house for one type of meter, with the counts of each meter."""
    edges = _edges(frequency, start, end)
    rules = book.rules
    low, high = _span(edges, book.n_known)
    if kind == "electricity":
        total = {meter: _total(meter, low, high, rules) for meter in CONSUMERS}
        sun = _total(PRODUCER, low, high, rules)
        _, consumed, used = split(total, sun)
        fields = {
            "conso_total": consumed,
            "prod_total": sun,
            "from_ext": consumed - used,
            "self": used,
            "to_ext": surplus(sun, used),
        }
    else:
        known = [_total(meter.id, low, high, rules) for meter in METERS.values() if meter.type == kind]
        fields = {"conso_total": known[0]} if known else {}
    for meter in METERS.values():
        if meter.type == kind:
            own = _meter_fields(meter.id, low, high, rules)
            fields |= {f"{name}_{meter.id}": counts for name, counts in own.items()}
    return _summed(fields, edges, low, high)


def _meter_fields(meter: str, low: int, high: int, rules: Sequence[Rule]) -> dict[str, Counts]:
    counted = _total(meter, low, high, rules)
    if meter == GRID:
        return {"total": counted, "self": np.where(counted == MISSING, MISSING, 0), "ext": counted}
    if meter not in CONSUMERS:
        return {"total": counted}
    total = {one: _total(one, low, high, rules) for one in CONSUMERS}
    parts, _, _ = split(total, _total(PRODUCER, low, high, rules))
    own = np.where(counted == MISSING, MISSING, parts[meter])
    return {"total": counted, "self": own, "ext": np.where(counted == MISSING, MISSING, counted - own)}


def _total(meter: str, low: int, high: int, rules: Sequence[Rule]) -> Counts:
    counts: Counts = totals(meter)[low:high].copy()
    for rule in rules:
        if rule.meter == meter:
            first, last = (min(max(quarter_of(bound) - low, 0), len(counts)) for bound in (rule.start, rule.end))
            part = counts[first:last]
            counts[first:last] = np.where(part == MISSING, MISSING, part * rule.percent // 100)
    return counts


def _span(edges: Sequence[int], n_known: int) -> tuple[int, int]:
    """The present quarters between the outermost edges."""
    if not edges:
        return 0, 0
    bounds = (quarter_of(edges[0]), quarter_of(edges[-1]))
    low, high = (min(max(bound, 0), n_known) for bound in bounds)
    return low, max(low, high)


def _summed(fields: dict[str, Counts], edges: Sequence[int], low: int, high: int) -> Rows:
    """Each interval's sum of the present quarters; a field without any is left out."""
    at = np.array([min(max(quarter_of(edge), low), high) - low for edge in edges], dtype=np.int64)
    columns = []
    for name, counts in fields.items():
        is_known = counts != MISSING
        summed, known = (np.concatenate(([0], np.cumsum(part))) for part in (np.where(is_known, counts, 0), is_known))
        columns.append((name, np.diff(summed[at]).tolist(), np.diff(known[at]).tolist()))
    for number, start in enumerate(edges[:-1]):
        row = {name: values[number] for name, values, n_known in columns if n_known[number]}
        if row:
            yield start, row


def _edges(frequency: str, start: int, end: int) -> list[int]:
    """Where the intervals that begin at `start <= time < end` begin, and where the last of them ends."""
    if frequency in ("15T", "H"):
        step = QUARTER_MS if frequency == "15T" else 4 * QUARTER_MS
        edges = list(range(-(-start // step) * step, end, step))
        return [*edges, edges[-1] + step] if edges else []
    local = datetime.fromtimestamp(start / 1000, UTC).astimezone(_ZONE).replace(tzinfo=None)
    begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if frequency != "D":
        begin = begin.replace(day=1, month=begin.month if frequency == "M" else 1)
    edges = []
    while not edges or edges[-1] < end:
        at = _in_ms(begin)
        if at >= start:
            edges.append(at)
        begin = _following(begin, frequency)
    return edges if len(edges) > 1 else []


def _following(begin: datetime, frequency: str) -> datetime:
    if frequency == "D":
        return begin + timedelta(days=1)
    if frequency == "M":
        return (begin + timedelta(days=31)).replace(day=1)
    return begin.replace(year=begin.year + 1)


def _in_ms(local: datetime) -> int:
    return int(local.replace(tzinfo=_ZONE).timestamp() * 1000)


def local_text(at: int) -> str:
    """An instant as the provider writes it: with a blank, and the site's own offset."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(_ZONE).isoformat(sep=" ", timespec="seconds")


def rendered(rows: list[tuple[int | str, Mapping[str, float]]], end: int, fired: Fired, *, has_dust: bool) -> bytes:
    """The body of a response, with every fault of its rows that happens.

    Args:
        rows: Label and values of each row.
        end: The end of the request, in epoch milliseconds.
        fired: The faults that happen.
        has_dust: Whether values carry float dust.
    """
    documents: list[dict[str, Any]] = []
    for number, (at, row) in enumerate(rows):
        is_dusty = has_dust and isinstance(at, str)
        cells = {name: _dusty(value, number) if is_dusty else value for name, value in row.items()}
        documents.append({**cells, "timestamp": at})
    if "naive_times" in fired:
        documents = [{**row, "timestamp": str(row["timestamp"])[:19]} for row in documents]
    if "extra_field" in fired:
        documents = [
            {**row, fired.option("extra_field", "name"): fired.option("extra_field", "value")} for row in documents
        ]
    if "cell" in fired:
        count, raw = fired.options("cell", "rows", "raw")
        documents[:count] = [{**row, next(iter(row)): json.loads(raw)} for row in documents[:count]]
    if "no_time" in fired and documents:
        del documents[0]["timestamp"]
    if "duplicates" in fired:
        documents[:0] = documents[: fired.option("duplicates", "rows")]
    if "contradiction" in fired and documents:
        documents.append({name: value if name == "timestamp" else value + 1 for name, value in documents[0].items()})
    if "outside_rows" in fired and documents:
        later = local_text(end + int(fired.option("outside_rows", "days")) * MS_PER_DAY)
        documents.append({**documents[-1], "timestamp": later})
    if "unordered" in fired:
        documents.reverse()
    return orjson.dumps(documents)


def _dusty(value: float, number: int) -> float:
    """A value as the difference of two counters; whole numbers stay whole now and then, as they do there."""
    if value == int(value) and number % 2:
        return int(value)
    base = 1000 + number % 97 + 0.3
    return (base + value) - base
