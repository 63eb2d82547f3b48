"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import numpy as np

from domain.quantities import Conversion, Kind
from domain.records import Reason
from domain.texts import is_nan
from providers._numbers import is_absent, looks_like_number, read_numbers, value_of
from providers._points import Integers, Points, judge_times
from providers._times import read_column
from providers.voltstorage.spec import SPEC

# Whole columns at once, where nothing is unusual; the rest is read by `providers._numbers`.
_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}\n)*")


def read_times(times: Sequence[Any], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    A time has an offset (`providers._times`): one without is no instant, and is not guessed to be UTC.
    """
    micros, invalid = read_column(times)
    judge_times(micros, invalid, received_at, SPEC.first_day)
    return micros, invalid


def read_cells(
    cells: Sequence[Any],
    meaning: Conversion | None,
    *,
    are_texts: bool,
    unit: str = "",
    is_comma_used: bool = False,
    text_of: Callable[[Any], str] = json.dumps,
) -> Points:
    """The points of one column.

    Args:
        cells: One for each row; None or an empty text where nothing was said.
        meaning: What its numbers are; None if nobody knows.
        are_texts: Whether numbers come as texts.
        unit: The one that a text may end with.
        is_comma_used: Whether some cell of the export has a decimal comma: `1.234` could be a thousand then.
        text_of: How a cell that is no text was written.
    """
    if meaning is None or meaning.quantity.kind is Kind.STATE:
        return _states(cells, text_of, is_state=meaning is not None, are_texts=are_texts)
    present = [index for index, cell in enumerate(cells) if cell is not None and cell != ""]
    points = Points()
    sent = [cells[index] for index in present]
    if are_texts and not is_comma_used and _NUMBERS.fullmatch("".join(f"{cell}\n" for cell in sent)):
        points.measure(np.array(list(map(float, sent)), dtype=np.float64), np.array(present, dtype=np.int64), meaning)
        return points
    if not are_texts and set(map(type, sent)) <= {int, float}:
        with suppress(OverflowError):  # an integer beyond every double is looked at alone
            points.measure(np.array(sent, dtype=np.float64), np.array(present, dtype=np.int64), meaning)
            return points
    values: list[float] = []
    rows: list[int] = []
    for row, cell in zip(present, sent, strict=True):
        if are_texts and is_absent(cell):
            points.n_absent += not cell.isspace()
            continue
        if not is_present(cell):
            continue
        number = _of_text(cell, unit, is_comma_used=is_comma_used) if are_texts else one_number(cell)
        if isinstance(number, Reason):
            points.invalid[row] = number
        else:
            values.append(number)
            rows.append(row)
    points.measure(np.array(values, dtype=np.float64), np.array(rows, dtype=np.int64), meaning)
    return points


def one_number(value: object) -> float | Reason:
    """A JSON number as a double, or why it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Reason.WRONG_TYPE
    try:
        number = float(value)
    except OverflowError:
        return Reason.NOT_FINITE
    return number if np.isfinite(number) else Reason.NOT_FINITE


def is_present(cell: object) -> bool:
    """Whether a cell says anything."""
    if isinstance(cell, str):
        return cell != "" and not cell.isspace() and not is_nan(cell.strip())
    return cell is not None


def _of_text(cell: str, unit: str, *, is_comma_used: bool) -> float | Reason:
    if not is_comma_used:
        return value_of(cell, unit)
    found = read_numbers([cell], decimal=None, unit=unit)
    return found.invalid[0] if found.invalid else float(found.values[0])


def _states(cells: Sequence[Any], text_of: Callable[[Any], str], *, is_state: bool, are_texts: bool) -> Points:
    """Texts as states; the numbers of a column that nobody knows are unmapped."""
    points = Points()
    for index, cell in enumerate(cells):
        if not is_present(cell):
            continue
        text = cell.strip() if are_texts else cell
        if not is_state and _is_number(text):
            points.n_unmapped += 1
        elif isinstance(text, int):  # and true and false: there is one way to write them, and no need to look it up
            points.state(index, json.dumps(text))
        else:
            points.state(index, text if isinstance(text, str) else text_of(text))
    return points


def _is_number(value: object) -> bool:
    return looks_like_number(value.strip()) if isinstance(value, str) else not isinstance(value, bool)
