"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from domain.measurement import Reason
from domain.quantities import Conversion, Kind

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No telemetry is older; an epoch in the wrong unit lies in 1970."""

CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""How far a device's clock may be ahead of ours when the answer arrived."""

MAX_TEXT: Final = 65_536
"""Characters of a state; a longer one is a file, not a state."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Plain digits, a point, an exponent: no underscores, no decimal comma, no digits of other scripts, no NaN.
_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}\n)*")
_ONE_NUMBER: Final = re.compile(_NUMBER)
_INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_IN_UTC: Final = re.compile(rf"(?:{_INSTANT}(?:Z|\+00:00)\n)*")
_ONE_INSTANT: Final = re.compile(rf"{_INSTANT}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})")
_NOT_A_NUMBER: Final = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


@dataclass(slots=True)
class Points:
    """The points of one column, and the cells that are none; cells without a word are in neither.

    Attributes:
        number_rows: Rows with a number, by index.
        numbers: Their values, in the canonical unit.
        text_rows: Rows with a text, by index.
        texts: Their values.
        odd: Row → why its cell is no point.
        n_unmapped: Numbers for which no quantity is known.
    """

    number_rows: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    text_rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    odd: dict[int, Reason] = field(default_factory=dict)
    n_unmapped: int = 0


def read_times(times: Sequence[Any], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    A time has an offset: one without is no instant, and is not guessed to be UTC.
    """
    odd: dict[int, Reason] = {}
    if set(map(type, times)) <= {str} and _IN_UTC.fullmatch("".join(f"{time}\n" for time in times)):
        try:
            bare = [time.removesuffix("Z").removesuffix("+00:00") for time in times]
            micros: Integers = np.array(bare, dtype="datetime64[us]").astype(np.int64)
        except ValueError:  # a thirteenth month
            micros = _one_by_one(times, odd)
    else:
        micros = _one_by_one(times, odd)
    low, high = (EARLIEST - EPOCH) // MICROSECOND, (received_at + CLOCK_TOLERANCE - EPOCH) // MICROSECOND
    for index in np.flatnonzero((micros < low) | (micros > high)).tolist():
        odd.setdefault(index, Reason.IMPLAUSIBLE_TIME)
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
    with np.errstate(over="ignore", invalid="ignore"):
        values = sent * meaning.factor + meaning.offset if (meaning.factor, meaning.offset) != (1, 0) else sent
    good = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
    for position in np.flatnonzero(~good).tolist():
        is_finite = bool(np.isfinite(sent[position]))
        points.odd[int(where[position])] = Reason.OUT_OF_LIMITS if is_finite else Reason.NOT_FINITE
    points.number_rows, points.numbers = where[good], values[good]
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


def text_reason(text: str) -> Reason | None:
    """Why `text` can be no state or name; None if it can."""
    if len(text) > MAX_TEXT:
        return Reason.MALFORMED_ROW
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return Reason.NOT_STORABLE_TEXT
    return None


def is_said(cell: object) -> bool:
    """Whether a cell says anything."""
    return cell is not None and cell != ""


def storable(text: str) -> str:
    """`text` as any database can hold it."""
    return text if text_reason(text[:MAX_TEXT]) is None else json.dumps(text)


def _floats(said: list[Any], rows: list[int], odd: dict[int, Reason], *, are_texts: bool) -> tuple[Floats, Integers]:
    """Numbers and their rows; what is no number goes to `odd`."""
    if are_texts and _NUMBERS.fullmatch("".join(f"{cell}\n" for cell in said)):
        return np.array(list(map(float, said)), dtype=np.float64), np.array(rows, dtype=np.int64)
    values: list[float] = []
    kept: list[int] = []
    for row, cell in zip(rows, said, strict=True):
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
    return Reason.NOT_FINITE if _NOT_A_NUMBER.fullmatch(cell) else Reason.WRONG_TYPE


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
        text = cell if isinstance(cell, str) else json.dumps(cell)
        reason = text_reason(text)
        if reason is None:
            points.text_rows.append(index)
            points.texts.append(text)
        else:
            points.odd[index] = reason
    return points


def _one_by_one(times: Sequence[Any], odd: dict[int, Reason]) -> Integers:
    return np.array([_micros(time, index, odd) for index, time in enumerate(times)], dtype=np.int64)


def _micros(time: object, index: int, odd: dict[int, Reason]) -> int:
    if time is None or time == "":
        odd[index] = Reason.NO_TIME
    elif not isinstance(time, str) or not _ONE_INSTANT.fullmatch(time):
        odd[index] = Reason.WRONG_TYPE
    else:
        try:
            return (datetime.fromisoformat(time) - EPOCH) // MICROSECOND
        except (ValueError, OverflowError):
            odd[index] = Reason.IMPLAUSIBLE_TIME
    return 0
