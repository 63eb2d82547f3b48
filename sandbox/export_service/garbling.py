"""Pages made wrong on purpose: rows, cells, envelope."""

import json
import random
from typing import Any, Final

import numpy as np
import orjson

from sandbox.export_service.days import ListedDay
from sandbox.export_service.paging import Listing
from sandbox.export_service.store import View
from sandbox.faults import Fired

ROW_FAULTS: Final = frozenset(
    {
        "unordered", "outside_rows", "duplicates", "cell", "missing_field", "extra_field", "duplicate_keys",
        "deep_nesting",
    }
)  # fmt: skip
"""The faults that need the page's rows one by one."""


def garbled_view(view: View, fired: Fired) -> View:
    """The window's rows with some not there yet, or with equal times."""
    if "late_documents" not in fired and "ties" not in fired:
        return view
    rows = view.documents(0, len(view))
    times = view.times(0, len(view)).copy()
    if "late_documents" in fired:
        every = int(fired.option("late_documents", "every"))
        kept = [at for at in range(len(rows)) if (at + 1) % every]
        rows, times = [rows[at] for at in kept], times[kept]
    if "ties" in fired:
        width = int(fired.option("ties", "width"))
        times = times[np.arange(len(times)) // width * width]
        rows = [_stamped(row, int(time)) for row, time in zip(rows, times, strict=True)]
    documents = tuple(rows)
    return View.of([(ListedDay(times, lambda: documents), 0, len(rows))])


def garbled_rows(rows: list[bytes], listing: Listing, fired: Fired) -> list[bytes]:
    """The rows of a page with every row and cell fault that happens."""
    garbled = list(rows)
    if "unordered" in fired:
        if fired.option("unordered", "order") == "reversed":
            garbled.reverse()
        else:
            random.Random(len(garbled)).shuffle(garbled)  # noqa: S311 - an order to repeat, not a secret
    if "duplicates" in fired:
        garbled[:0] = garbled[: fired.option("duplicates", "rows")]
    if "outside_rows" in fired:
        garbled.extend(_outside(garbled, listing, fired))
    for kind in ("cell", "missing_field", "extra_field", "duplicate_keys"):
        if kind in fired:
            count = min(fired.option(kind, "rows"), len(garbled))
            garbled[:count] = [_with_cell(row, kind, fired) for row in garbled[:count]]
    if "deep_nesting" in fired and garbled:
        depth = int(fired.option("deep_nesting", "depth"))
        garbled[0] = garbled[0][:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"
    return garbled


def said_count(count: int, fired: Fired) -> int | None:
    """What `numResults` says; None to leave it out."""
    if "num_results" not in fired:
        return count
    off = fired.option("num_results", "off")
    return None if off is None else count + int(off)


def _outside(rows: list[bytes], listing: Listing, fired: Fired) -> list[bytes]:
    away = int(float(fired.option("outside_rows", "seconds")) * 1000)
    is_before = fired.option("outside_rows", "where") == "before"
    first = listing.start - away if is_before else listing.end + away
    sample = rows[0] if rows else b'{"timestamp":0}'
    return [_stamped(sample, first + number) for number in range(fired.option("outside_rows", "rows"))]


def _stamped(row: bytes, time: int) -> bytes:
    return orjson.dumps({**orjson.loads(row), "timestamp": time})


def _with_cell(row: bytes, kind: str, fired: Fired) -> bytes:
    cells = [(name, json.dumps(value)) for name, value in json.loads(row).items()]
    field = fired.option(kind, "field") or _first_number(json.loads(row))
    if kind == "missing_field":
        cells = [cell for cell in cells if cell[0] != field]
    elif kind == "cell":
        raw = fired.option(kind, "raw")
        cells = [(name, raw if name == field else text) for name, text in cells]
    else:
        cells.append((field, fired.option(kind, "raw")))
    return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in cells) + "}").encode()


def _first_number(document: dict[str, Any]) -> str:
    numbers = (name for name, value in document.items() if isinstance(value, int | float) and name != "timestamp")
    return next(numbers, "timestamp")
