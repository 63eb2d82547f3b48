"""Exports: rows as CSV or JSON, with the document's parameters and every fault of the format."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from functools import lru_cache
from typing import Final

from sandbox.edits import Row
from sandbox.faults import Fired
from sandbox.instants import iso_text
from sandbox.voltstorage.settings import Settings

_BREAK: Final = "\r\n"
_ENDS: Final = 2  # of a line


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """The form of an export.

    Attributes:
        fields: Its columns.
        tz_minutes: UTC offset of its times; None for UTC, written `Z`.
        precision: Significant digits.
        tolerance: Relative error that is simplified away.
        separator: Between cells.
    """

    fields: Sequence[str]
    tz_minutes: int | None
    precision: int
    tolerance: float
    separator: str

    def time(self, at: int) -> str:
        """Epoch milliseconds as text."""
        return _time(at, self.tz_minutes)


def as_csv(rows: Sequence[Row], form: ExportFormat, settings: Settings, fired: Fired) -> bytes:
    """The rows as a CSV, with the faults that happen."""
    separator = form.separator
    names = [*form.fields, *([fired.option("extra_column", "name")] if "extra_column" in fired else [])]
    if "twin_column" in fired:
        names.append(names[0])
    extra = [fired.option("extra_column", "value")] if "extra_column" in fired else []
    extra += [""] if "twin_column" in fired else []
    between = fired.option("mixed_separators", "separator") if "mixed_separators" in fired else separator
    lines = [
        between.join([form.time(at), *(_number(cells.get(name, ""), form) for name in form.fields), *extra])
        for at, cells in rows
    ]
    if "cell" in fired and lines:
        count = fired.option("cell", "rows")
        lines[:count] = [_with_cell(line, between, fired.option("cell", "raw")) for line in lines[:count]]
    if "short_row" in fired and lines:
        lines[0] = lines[0].rsplit(between, 2)[0]
    head = [separator.join(["Time", *names])]
    if settings.is_hint_sent:
        head.insert(0, f"sep={fired.option('wrong_hint', 'hint') if 'wrong_hint' in fired else separator}")
    text = _BREAK.join([*head, *lines]) + (_BREAK if settings.is_line_ended else "")
    if "cut_last_line" in fired:
        text = text.removesuffix(_BREAK)[: -int(fired.option("cut_last_line", "characters"))]
    if "unix_lines" in fired:
        text = text.replace(_BREAK, "\n")
    return text.encode()


def as_json(rows: Sequence[Row], form: ExportFormat, shape: str) -> bytes:
    """The rows as JSON, in one of two shapes; no document describes it."""
    values = [[form.time(at), *(_value(cells.get(name), form) for name in form.fields)] for at, cells in rows]
    names = ["Time", *form.fields]
    if shape == "columns":
        return json.dumps({"fields": names, "data": values}).encode()
    return json.dumps([dict(zip(names, row, strict=True)) for row in values]).encode()


def simplified(rows: Sequence[Row], fields: Iterable[str], tolerance: float) -> list[Row]:
    """The rows without the cells that lie on the line between their neighbours, field by field (Ramer-Douglas-Peucker).

    Args:
        rows: By time.
        fields: Which columns.
        tolerance: The distance from the line, as a fraction of the column's largest value; 0 leaves every cell.
    """
    if not tolerance:
        return list(rows)
    remaining: dict[int, dict[str, float | str]] = {at: {} for at, _ in rows}
    for name in fields:
        points = [(at, value) for at, cells in rows if (value := cells.get(name)) is not None]
        numbers = [(at, float(value)) for at, value in points if not isinstance(value, str)]
        chosen = set(_peucker(numbers, tolerance * max((abs(value) for _, value in numbers), default=0.0)))
        for at, value in points:
            if isinstance(value, str) or at in chosen:
                remaining[at][name] = value
    return [(at, cells) for at, cells in remaining.items() if cells]


def _peucker(points: list[tuple[int, float]], most: float) -> list[int]:
    if len(points) <= _ENDS:
        return [at for at, _ in points]
    chosen, spans = {0, len(points) - 1}, [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        (begin, low), (end, high) = points[first], points[last]
        offs = [
            abs(value - low - (high - low) * (at - begin) / (end - begin)) for at, value in points[first + 1 : last]
        ]
        if offs and max(offs) > most:
            middle = first + 1 + offs.index(max(offs))
            chosen.add(middle)
            spans += [(first, middle), (middle, last)]
    return [points[index][0] for index in sorted(chosen)]


@lru_cache(16_384)
def _time(at: int, minutes: int | None) -> str:
    """An instant as text; cached because all products have the same instants."""
    return iso_text(at, None if minutes is None else timezone(timedelta(minutes=minutes)))


def _number(value: float | str, form: ExportFormat) -> str:
    return value if isinstance(value, str) else f"{value:.{form.precision}g}"


def _value(value: float | str | None, form: ExportFormat) -> float | str | None:
    return value if value is None or isinstance(value, str) else float(_number(value, form))


def _with_cell(line: str, separator: str, raw: str) -> str:
    cells = line.split(separator)
    cells[1] = raw
    return separator.join(cells)
