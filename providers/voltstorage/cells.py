"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from domain.measurement import Reason
from domain.quantities import Conversion, Kind
from providers._points import Floats, Integers, Points, is_nan, judge_times, no_number
from providers._times import read_column
from providers.voltstorage.spec import SPEC

# Plain digits, a point, an exponent: no underscores, no decimal comma, no digits of other scripts, no NaN.
_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}\n)*")
_ONE_NUMBER: Final = re.compile(_NUMBER)


def read_times(times: Sequence[Any], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    A time has an offset (`providers._times`): one without is no instant, and is not guessed to be UTC.
    """
    micros, odd = read_column(times)
    judge_times(micros, odd, received_at, SPEC.first_day)
    return micros, odd


def read_cells(cells: Sequence[Any], meaning: Conversion | None, *, are_texts: bool) -> Points:
    """The points of one column.

    Args:
        cells: One for each row; None or an empty text where nothing was said.
        meaning: What its numbers are; None if nobody knows.
        are_texts: Whether numbers come as texts.
    """
    if meaning is None or meaning.quantity.kind is Kind.STATE:
        return _states(cells, is_state=meaning is not None, are_texts=are_texts)
    present = [index for index, cell in enumerate(cells) if cell is not None and cell != ""]
    points = Points()
    sent, where = _floats([cells[index] for index in present], present, points.odd, are_texts=are_texts)
    points.measure(sent, where, meaning)
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


def is_said(cell: object) -> bool:
    """Whether a cell says anything."""
    return cell is not None and cell != "" and not (isinstance(cell, str) and is_nan(cell))


def _floats(said: list[Any], rows: list[int], odd: dict[int, Reason], *, are_texts: bool) -> tuple[Floats, Integers]:
    """Numbers and their rows; what is no number goes to `odd`."""
    if are_texts and _NUMBERS.fullmatch("".join(f"{cell}\n" for cell in said)):
        return np.array(list(map(float, said)), dtype=np.float64), np.array(rows, dtype=np.int64)
    values: list[float] = []
    kept: list[int] = []
    for row, cell in zip(rows, said, strict=True):
        if not is_said(cell):
            continue
        number = _of_text(cell) if are_texts else one_number(cell)
        if isinstance(number, Reason):
            odd[row] = number
        else:
            values.append(number)
            kept.append(row)
    return np.array(values, dtype=np.float64), np.array(kept, dtype=np.int64)


def _of_text(cell: str) -> float | Reason:
    if _ONE_NUMBER.fullmatch(cell):
        return float(cell)
    return no_number(cell)


def _states(cells: Sequence[Any], *, is_state: bool, are_texts: bool) -> Points:
    """Texts as states; the numbers of a column that nobody knows are unmapped."""
    points = Points()
    for index, cell in enumerate(cells):
        if not is_said(cell):
            continue
        is_number = bool(_ONE_NUMBER.fullmatch(cell)) if are_texts else not isinstance(cell, str | bool)
        if is_number and not is_state:
            points.n_unmapped += 1
            continue
        points.state(index, cell if isinstance(cell, str) else json.dumps(cell))
    return points
