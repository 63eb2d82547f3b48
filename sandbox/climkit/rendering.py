"""Rows as the provider writes them, and made wrong on purpose."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from sandbox.climkit.house import ZONE
from sandbox.faults import Fired
from sandbox.instants import MS_PER_DAY

_ZONE: Final = ZoneInfo(ZONE)


def local_text(at: int) -> str:
    """An instant as the provider writes it: with a blank, and the site's own offset."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(_ZONE).isoformat(sep=" ", timespec="seconds")


def rendered(rows: list[tuple[int | str, Mapping[str, float]]], end: int, fired: Fired, *, has_dust: bool) -> bytes:
    """An answer's body, with every fault of its rows that happens.

    Args:
        rows: Label and values of each row.
        end: Where the question ends, in epoch milliseconds.
        fired: The faults that happen.
        has_dust: Whether values carry float dust.
    """
    said: list[dict[str, Any]] = []
    for number, (at, row) in enumerate(rows):
        is_dusty = has_dust and isinstance(at, str)
        cells = {name: _dusty(value, number) if is_dusty else value for name, value in row.items()}
        said.append({**cells, "timestamp": at})
    if "naive_times" in fired:
        said = [{**row, "timestamp": str(row["timestamp"])[:19]} for row in said]
    if "extra_field" in fired:
        said = [{**row, fired.option("extra_field", "name"): fired.option("extra_field", "value")} for row in said]
    if "cell" in fired:
        count, raw = fired.option("cell", "rows"), json.loads(fired.option("cell", "raw"))
        said[:count] = [{**row, next(iter(row)): raw} for row in said[:count]]
    if "no_time" in fired and said:
        del said[0]["timestamp"]
    if "duplicates" in fired:
        said[:0] = said[: fired.option("duplicates", "rows")]
    if "contradiction" in fired and said:
        said.append({name: value if name == "timestamp" else value + 1 for name, value in said[0].items()})
    if "outside_rows" in fired and said:
        later = local_text(end + int(fired.option("outside_rows", "days")) * MS_PER_DAY)
        said.append({**said[-1], "timestamp": later})
    if "unordered" in fired:
        said.reverse()
    return orjson.dumps(said)


def _dusty(value: float, number: int) -> float:
    """A value as the difference of two counters; whole numbers stay whole now and then, as they do there."""
    if value == int(value) and number % 2:
        return int(value)
    base = 1000 + number % 97 + 0.3
    return (base + value) - base
