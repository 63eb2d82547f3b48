"""Cells as points: times in microseconds, numbers in canonical units, texts as states, and why a cell is neither."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from domain.measurement import Reason
from domain.quantities import Conversion, Kind
from providers._points import Floats, Integers, Points, judge_times, no_number
from providers._times import instant_of, read_column
from providers.servitly.spec import SPEC
from providers.servitly.wire import NO_DATA

_MILLIS: Final = re.compile(r"(?:[0-9]{13}\n)*")
_ONE_MILLIS: Final = re.compile(r"[0-9]{1,30}")
# Plain digits, one point or one comma, an exponent: no thousands, no underscores, no digits of other scripts.
_NUMBER: Final = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = re.compile(rf"(?:{_NUMBER}\n)*")
_ONE_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+([.,])[0-9]+(?:[eE][+-]?[0-9]+)?")
_THOUSAND: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
# Thousands that are told apart by the first sign: never read, but they show what the other one is.
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}([.,])[0-9]{3}(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+|\1[0-9]{3})")


def read_times(times: Sequence[str], received_at: datetime) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, and the rows without a usable time, by index.

    Epoch milliseconds, or ISO 8601 with an offset (`providers._times`): one without is no instant, and is not guessed
    to be UTC.
    """
    joined = "".join(f"{time}\n" for time in times)
    odd: dict[int, Reason] = {}
    if _MILLIS.fullmatch(joined):
        micros: Integers = np.array(joined.split(), dtype=np.int64) * 1000 if times else np.empty(0, dtype=np.int64)
    else:
        micros, odd = read_column(times, _micros)
    judge_times(micros, odd, received_at, SPEC.first_day)
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
    points.measure(sent, where, meaning)
    return points


def _floats(said: list[str], rows: list[int], odd: dict[int, Reason]) -> tuple[Floats, Integers]:
    if _NUMBERS.fullmatch("".join(f"{cell}\n" for cell in said)):
        return np.array(list(map(float, said)), dtype=np.float64), np.array(rows, dtype=np.int64)
    values: list[float] = []
    kept: list[int] = []
    foreign = frozenset(_foreign_signs(said))
    for row, cell in zip(rows, said, strict=True):
        plain = cell.strip()
        if _ONE_NUMBER.fullmatch(plain) and foreign.isdisjoint(plain):
            values.append(float(plain.replace(",", ".")))
            kept.append(row)
        elif plain not in NO_DATA:
            odd[row] = no_number(plain)
    return np.array(values, dtype=np.float64), np.array(kept, dtype=np.int64)


def _foreign_signs(cells: Iterable[str]) -> str:
    """The signs out of `.` and `,` that are no decimal ones in a column, whose cells are then no numbers.

    A column where only one of them stands alone in numbers has that one. Where both do, most cells of which it is
    certain decide: `1.234` may be a thousand, `21.5` and `1,234.5` may not. Where nothing is certain, or as much for
    the one as for the other, no cell with either is a number.
    """
    alone: set[str] = set()
    certain: Counter[str] = Counter()
    for cell in cells:
        plain = cell.strip()
        if found := _DECIMAL.fullmatch(plain):
            alone.add(found[1])
            certain[found[1]] += not _THOUSAND.fullmatch(plain)
        elif found := _GROUPED.fullmatch(plain):
            certain["," if found[1] == "." else "."] += 1
    if not alone or len(alone | set(+certain)) == 1:
        return ""
    if certain["."] == certain[","]:
        return ".,"
    return "," if certain["."] > certain[","] else "."


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
        points.state(index, cell)
    return points


def _micros(said: str) -> int | Reason:
    time = said.strip()
    if time in NO_DATA:
        return Reason.NO_TIME
    if _ONE_MILLIS.fullmatch(time):
        return min(int(time), 10**15) * 1000  # a larger one is as implausible, and fits
    return instant_of(time)
