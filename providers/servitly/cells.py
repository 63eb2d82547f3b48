"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.measurement import Reason
from domain.quantities import Conversion, Kind
from providers.servitly.wire import NO_DATA

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE: Final = timedelta(minutes=15)
_MAX_TEXT: Final = 65_536

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_MILLIS: Final = re.compile(r"(?:[0-9]{13}\n)*")
_ONE_MILLIS: Final = re.compile(r"[0-9]{1,30}")
_ONE_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_IN_UTC: Final = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z\n)*")
# Plain digits, one point or one comma, an exponent: no thousands, no underscores, no digits of other scripts.
_NUMBER: Final = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}\n)*")
_ONE_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NOT_A_NUMBER: Final = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


@dataclass(slots=True)
class Points:
    """The points of one column, and the cells that are none; cells that say nothing are in neither.

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


def read_times(times: Sequence[str], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    Epoch milliseconds, or ISO 8601 with an offset: one without is no instant, and is not guessed to be UTC.
    """
    odd: dict[int, Reason] = {}
    joined = "".join(f"{time}\n" for time in times)
    if _MILLIS.fullmatch(joined):
        micros: Integers = np.array(joined.split(), dtype=np.int64) * 1000 if times else np.empty(0, dtype=np.int64)
    elif _IN_UTC.fullmatch(joined):
        try:
            micros = np.array([time[:-1] for time in times], dtype="datetime64[us]").astype(np.int64)
        except ValueError:  # a thirteenth month
            micros = _one_by_one(times, odd)
    else:
        micros = _one_by_one(times, odd)
    low, high = (_EARLIEST - EPOCH) // MICROSECOND, (received_at + _CLOCK_TOLERANCE - EPOCH) // MICROSECOND
    for index in np.flatnonzero((micros < low) | (micros > high)).tolist():
        odd.setdefault(index, Reason.IMPLAUSIBLE_TIME)
    return micros, odd


def read_cells(cells: Sequence[str], meaning: Conversion | None) -> Points:
    """The points of one column.

    Args:
        cells: One for each row.
        meaning: What its numbers are; None if nobody knows.
    """
    if meaning is None or meaning.quantity.kind is Kind.STATE:
        return _states(cells, is_state=meaning is not None)
    points = Points()
    present = [index for index, cell in enumerate(cells) if cell not in NO_DATA]
    sent, where = _floats([cells[index] for index in present], present, points.odd)
    with np.errstate(over="ignore", invalid="ignore"):
        values = sent * meaning.factor + meaning.offset if (meaning.factor, meaning.offset) != (1, 0) else sent
    good = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
    for position in np.flatnonzero(~good).tolist():
        is_finite = bool(np.isfinite(sent[position]))
        points.odd[int(where[position])] = Reason.OUT_OF_LIMITS if is_finite else Reason.NOT_FINITE
    points.number_rows, points.numbers = where[good], values[good]
    return points


def text_reason(text: str) -> Reason | None:
    """Why `text` can be no state or name; None if it can."""
    if len(text) > _MAX_TEXT:
        return Reason.MALFORMED_ROW
    return Reason.NOT_STORABLE_TEXT if "\0" in text else None  # what was decoded from UTF-8 has no lone surrogate


def storable(text: str) -> str:
    """`text` as any database can hold it."""
    return json.dumps(text) if "\0" in text else text


def _floats(said: list[str], rows: list[int], odd: dict[int, Reason]) -> tuple[Floats, Integers]:
    if _NUMBERS.fullmatch("".join(f"{cell}\n" for cell in said)):
        return np.array(list(map(float, said)), dtype=np.float64), np.array(rows, dtype=np.int64)
    values: list[float] = []
    kept: list[int] = []
    for row, cell in zip(rows, said, strict=True):
        plain = cell.strip()
        if _ONE_NUMBER.fullmatch(plain):
            values.append(float(plain.replace(",", ".")))
            kept.append(row)
        elif plain not in NO_DATA:
            odd[row] = Reason.NOT_FINITE if _NOT_A_NUMBER.fullmatch(plain) else Reason.WRONG_TYPE
    return np.array(values, dtype=np.float64), np.array(kept, dtype=np.int64)


def _states(cells: Sequence[str], *, is_state: bool) -> Points:
    """Texts as states; the numbers of a column that nobody knows are unmapped."""
    points = Points()
    for index, cell in enumerate(cells):
        plain = cell.strip()
        if plain in NO_DATA:
            continue
        if not is_state and _ONE_NUMBER.fullmatch(plain):
            points.n_unmapped += 1
            continue
        reason = text_reason(cell)
        if reason is None:
            points.text_rows.append(index)
            points.texts.append(cell)
        else:
            points.odd[index] = reason
    return points


def _one_by_one(times: Sequence[str], odd: dict[int, Reason]) -> Integers:
    return np.array([_micros(time.strip(), index, odd) for index, time in enumerate(times)], dtype=np.int64)


def _micros(time: str, index: int, odd: dict[int, Reason]) -> int:
    if time in NO_DATA:
        odd[index] = Reason.NO_TIME
    elif _ONE_MILLIS.fullmatch(time):
        return min(int(time), 10**15) * 1000  # a larger one is as implausible, and fits
    elif not _ONE_INSTANT.fullmatch(time):
        odd[index] = Reason.WRONG_TYPE
    else:
        try:
            return (datetime.fromisoformat(time) - EPOCH) // MICROSECOND
        except (ValueError, OverflowError):
            odd[index] = Reason.IMPLAUSIBLE_TIME
    return 0
