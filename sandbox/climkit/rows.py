"""Validated data: what the house's quarters say by quarter, hour, day, month and year, after the operator's rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from sandbox.climkit.house import (
    CONSUMERS,
    GRID,
    METERS,
    PRODUCER,
    QUARTER_MS,
    ZONE,
    quarter_of,
    split,
    totals,
)
from sandbox.measured import MISSING, Counts

FREQUENCIES: Final = ("15T", "H", "D", "M", "Y")
_ZONE: Final = ZoneInfo(ZONE)

Rows = Iterator[tuple[int, dict[str, int]]]
"""Epoch milliseconds of an interval's start, and field → thousandths."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the operator: from one instant to another, what a meter has counted is taken for so many percent."""

    meter: str
    start: int
    end: int
    percent: int


@dataclass(frozen=True, slots=True)
class Book:
    """What of the house's quarters is there, and how it is read.

    Attributes:
        n_known: Quarters since the first day that are there.
        rules: The operator's.
    """

    n_known: int
    rules: Sequence[Rule] = ()


def meter_rows(meter: str, frequency: str, start: int, end: int, book: Book) -> Rows:
    """The intervals of `meter` that begin at `start <= time < end`.

    Args:
        meter: Which one.
        frequency: The sampling frequency.
        start: In epoch milliseconds.
        end: The same.
        book: What there is.
    """
    edges = _edges(frequency, start, end)
    rules = book.rules
    low, high = _span(edges, book.n_known)
    fields = _meter_fields(meter, low, high, rules)
    yield from _summed(fields, edges, low, high)


def site_rows(kind: str, frequency: str, start: int, end: int, book: Book) -> Rows:
    """The intervals of the whole house for one type of meter, with what each meter has counted."""
    edges = _edges(frequency, start, end)
    rules = book.rules
    low, high = _span(edges, book.n_known)
    fields: dict[str, Counts] = {}
    if kind == "electricity":
        total = {meter: _total(meter, low, high, rules) for meter in CONSUMERS}
        sun = _total(PRODUCER, low, high, rules)
        _, consumed, used = split(total, sun)
        given = np.clip(np.where(sun == MISSING, 0, sun) - used, 0, None)
        fields = {
            "conso_total": consumed,
            "prod_total": sun,
            "from_ext": consumed - used,
            "self": used,
            "to_ext": given,
        }
    else:
        known = [_total(meter.id, low, high, rules) for meter in METERS.values() if meter.type == kind]
        fields = {"conso_total": known[0]} if known else {}
    for meter in METERS.values():
        if meter.type == kind:
            own = _meter_fields(meter.id, low, high, rules)
            fields |= {f"{name}_{meter.id}": counts for name, counts in own.items()}
    yield from _summed(fields, edges, low, high)


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
    """The quarters between the outermost edges that are there."""
    if not edges:
        return 0, 0
    bounds = (quarter_of(edges[0]), quarter_of(edges[-1]))
    low, high = (min(max(bound, 0), n_known) for bound in bounds)
    return low, max(low, high)


def _summed(fields: dict[str, Counts], edges: Sequence[int], low: int, high: int) -> Rows:
    """Each interval's sum of the quarters that are there; a field without any is left out."""
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
    begun = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if frequency != "D":
        begun = begun.replace(day=1, month=begun.month if frequency == "M" else 1)
    edges = []
    while not edges or edges[-1] < end:
        at = _in_ms(begun)
        if at >= start:
            edges.append(at)
        begun = _following(begun, frequency)
    return edges if len(edges) > 1 else []


def _following(begun: datetime, frequency: str) -> datetime:
    if frequency == "D":
        return begun + timedelta(days=1)
    if frequency == "M":
        return (begun + timedelta(days=31)).replace(day=1)
    return begun.replace(year=begun.year + 1)


def _in_ms(local: datetime) -> int:
    return int(local.replace(tzinfo=_ZONE).timestamp() * 1000)
