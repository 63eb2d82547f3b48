"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from domain.quantities import Conversion, Kind
from domain.records import Reason
from domain.texts import DecimalSign, is_nan
from providers._numbers import is_absent, looks_like_number, read_numbers
from providers._points import Integers, Points, judge_times
from providers._times import instant_of, read_column
from providers.servitly.spec import SPEC
from providers.servitly.wire import NO_DATA

_MILLIS: Final = re.compile(r"(?:[0-9]{13}\n)*")
_ONE_MILLIS: Final = re.compile(r"[0-9]{1,30}")


def read_times(times: Sequence[str], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    Epoch milliseconds, or ISO 8601 with an offset (`providers._times`): one without is no instant, and is not guessed
    to be UTC.
    """
    joined = "".join(f"{time}\n" for time in times)
    invalid: dict[int, Reason] = {}
    if _MILLIS.fullmatch(joined):
        micros: Integers = np.array(joined.split(), dtype=np.int64) * 1000 if times else np.empty(0, dtype=np.int64)
    else:
        micros, invalid = read_column(times, _micros)
    judge_times(micros, invalid, received_at, SPEC.first_day)
    return micros, invalid


def read_cells(
    cells: Sequence[str],
    meaning: Conversion | None,
    *,
    unit: str = "",
    decimal: DecimalSign | list[DecimalSign | None] | None = None,
    is_other_read: bool = True,
) -> Points:
    """The points of one column.

    Args:
        cells: One for each row.
        meaning: What its numbers are; None if nobody knows.
        unit: The one that a cell may end with.
        decimal: The decimal sign of all rows or of each, as far as it is known.
        is_other_read: Whether what can only have the other one is read, too.
    """
    if meaning is None or meaning.quantity.kind is Kind.STATE:
        return _states(cells, unit, is_state=meaning is not None)
    points = Points()
    present, texts, signs = list(range(len(cells))), cells, decimal
    if not NO_DATA.isdisjoint(plain := list(map(str.strip, cells))):
        present = [index for index, text in enumerate(plain) if text not in NO_DATA]
        texts = [cells[index] for index in present]
        signs = [decimal[index] for index in present] if isinstance(decimal, list) else decimal
    found = read_numbers(texts, decimal=signs, unit=unit, is_other_read=is_other_read)
    points.invalid |= {present[row]: why for row, why in found.invalid.items() if not is_absent(texts[row])}
    if n_without := len(cells) - len(found.values) - len(points.invalid):
        points.n_absent = n_without - sum(not cell.strip() for cell in cells)
    points.measure(found.values, np.array(present, dtype=np.int64)[found.rows], meaning)
    return points


def _states(cells: Sequence[str], unit: str, *, is_state: bool) -> Points:
    """Texts as states; the numbers of a column that nobody knows are unmapped."""
    points = Points()
    for index, cell in enumerate(cells):
        plain = cell.strip()
        if not is_state and unit and is_absent(plain):
            points.n_absent += bool(plain)
            continue
        if plain in NO_DATA or is_nan(plain):
            continue
        if not is_state and looks_like_number(plain, unit):
            points.n_unmapped += 1
            continue
        points.state(index, cell)
    return points


def _micros(text: str) -> int | Reason:
    time = text.strip()
    if time in NO_DATA:
        return Reason.NO_TIME
    if _ONE_MILLIS.fullmatch(time):
        return min(int(time), 10**15) * 1000  # a larger one is as implausible, and fits
    return instant_of(time)
