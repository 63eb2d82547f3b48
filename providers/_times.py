"""One grammar of times for every provider: ISO 8601 with an offset, as Java, .NET, Go, PostgreSQL and pandas write it.

    2026-03-22T13:00:00+01:00           Python, most of all others
    2026-03-22T13:00:00.000+0100        Java's SimpleDateFormat and Jackson, strftime
    2026-03-22T13:00+01:00              Java at a whole minute
    2026-03-22T12:00:00.000000001Z      Java, Go: 0 to 9 digits, behind a point or a comma; beyond µs they are cut off
    2026-03-22 13:00:00+01              PostgreSQL: a blank for T, hours alone; `t` and `z` may be small
    2026-03-22 13:00:00.5 +0100         a blank in front of the offset, and blanks around the whole
    2026-03-22T13:00+01:00[CET]         Java's ZonedDateTime: the offset decides, what is in brackets is not looked at

`-00:00` is UTC. `24:00:00` is the next midnight, as ISO 8601 has it; a leap second (`:60`) is no instant of Unix time,
and is implausible like the 31st of February. No instant at all, and never guessed to be one: a text without an offset,
a date alone, week and ordinal dates, the basic format, years of more than four digits, digits of other scripts.

What is usual is done by whole columns: texts of one length and one shape at once.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from domain.instants import DAY_US, microseconds
from domain.records import Reason

Integers = npt.NDArray[np.int64]


# Minutes, and perhaps seconds, and perhaps a fraction of them.
_LOCAL: Final = r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
_OFFSET: Final = r"(?:[Zz]| ?([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?)"
_ZONES: Final = r"(?:\[[!-Z^-~]{1,64}\]){0,4}"
_INSTANT: Final = re.compile(rf"{_LOCAL}{_OFFSET}{_ZONES}")
_NO_OFFSET: Final = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_LOCAL}{_ZONES}")
_BLANKS: Final = " \t"
_DIGIT: Final = ord("0")
_N_DIGITS: Final = 10
_BEHIND_DAY: Final = 10  # where the T stands
_LATEST: Final = (23, 59, 59)
_LEAST_AT_ONCE: Final = 8  # fewer texts of a length are read sooner one by one
_POWERS: Final = np.array([100_000, 10_000, 1_000, 100, 10, 1], dtype=np.int64)


def instant_of(text: str) -> int | Reason:
    """Microseconds since the epoch, or why a text is no instant: `wrong_type`, or `implausible_time`."""
    found = _INSTANT.fullmatch(text.strip(_BLANKS))
    if found is None:
        return Reason.WRONG_TYPE
    day, minute, second, fraction, sign, *offset = found.groups()
    east = _east(sign, [int(part or 0) for part in offset])
    is_next_midnight = minute == "24:00" and not (second or "").strip("0") and not (fraction or "").strip("0")
    try:
        local = datetime.fromisoformat(f"{day}T{'00:00' if is_next_midnight else minute}:{second or '00'}+00:00")
    except ValueError:
        return Reason.IMPLAUSIBLE_TIME
    if east is None:
        return Reason.IMPLAUSIBLE_TIME
    micros = int(f"{fraction:0<6}"[:6]) if fraction else 0
    return microseconds(local) + micros - east + (DAY_US if is_next_midnight else 0)


def lacks_offset(text: str) -> bool:
    """Whether a text is a date, or a date and a time, that does not say its offset from UTC."""
    return _NO_OFFSET.fullmatch(text.strip(_BLANKS)) is not None


def instant_of_value(value: object) -> int | Reason:
    """The same of anything that may stand where a time belongs; nothing at all is `no_time`."""
    if value is None or value == "":
        return Reason.NO_TIME
    return instant_of(value) if isinstance(value, str) else Reason.WRONG_TYPE


def read_column(
    column: Sequence[Any], one: Callable[[Any], int | Reason] = instant_of_value
) -> tuple[Integers, dict[int, Reason]]:
    """Microseconds since the epoch of each row, 0 where there is none; and why there is none, by index.

    Args:
        column: What each row says.
        one: Reads what is no text, or not of a usual shape.
    """
    micros: Integers = np.zeros(len(column), dtype=np.int64)
    invalid: dict[int, Reason] = {}
    texts = column if set(map(type, column)) <= {str} else [cell if type(cell) is str else "" for cell in column]
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        same = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
        are_read, found = _of_one_length(same, length)
        micros[rows[are_read]] = found
        for row in rows[~are_read].tolist():
            value = one(column[row])
            if isinstance(value, Reason):
                invalid[row] = value
            else:
                micros[row] = value
    return micros, invalid


def _of_one_length(texts: Sequence[str], length: int) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Which texts have the shape of the first one that is an instant, and theirs; none where that cannot be said."""
    none = np.zeros(len(texts), dtype=np.bool_), np.empty(0, dtype=np.int64)
    candidates = (texts[0], texts[len(texts) // 2], texts[-1]) if len(texts) >= _LEAST_AT_ONCE else ()
    shape = next((found for text in candidates if (found := _INSTANT.fullmatch(text))), None)
    if shape is None:
        return none
    pattern = np.frombuffer(shape[0].encode(), dtype=np.uint8)
    table = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8).reshape(len(texts), length)
    are_digits = (pattern >= _DIGIT) & (pattern < _DIGIT + _N_DIGITS)
    fits: npt.NDArray[np.bool_] = np.ones(len(texts), dtype=np.bool_)
    for position, character in enumerate(pattern.tolist()):
        column = table[:, position]
        fits &= (column - _DIGIT < _N_DIGITS) if are_digits[position] else (column == character)
    micros = _of_one_shape(table if fits.all() else table[fits], shape)
    return none if micros is None else (fits, micros)


def _of_one_shape(table: npt.NDArray[np.uint8], shape: re.Match[str]) -> Integers | None:
    """The instants of texts that have their digits where `shape` has them; None if one is of no calendar."""
    clock = table[:, : shape.end(2 if shape[3] is None else 3)].copy()
    clock[:, _BEHIND_DAY] = ord("T")
    try:
        micros: Integers = clock.view(f"S{clock.shape[1]}").ravel().astype("datetime64[us]").astype(np.int64)
    except ValueError:
        return None
    if shape[4] is not None:
        digits = table[:, shape.start(4) : min(shape.end(4), shape.start(4) + 6)] - _DIGIT
        micros += digits @ _POWERS[: digits.shape[1]]
    if shape[5] is not None:
        parts = [_two_digits(table, shape.start(group)) for group in (6, 7, 8) if shape[group] is not None]
        if any(int(part.max()) > most for part, most in zip(parts, _LATEST, strict=False)):
            return None
        east = sum(part * unit for part, unit in zip(parts, (3_600_000_000, 60_000_000, 1_000_000), strict=False))
        micros += east if shape[5] == "-" else -east
    return micros


def _two_digits(table: npt.NDArray[np.uint8], position: int) -> Integers:
    return (table[:, position] - _DIGIT).astype(np.int64) * 10 + (table[:, position + 1] - _DIGIT)


def _east(sign: str | None, parts: Sequence[int]) -> int | None:
    """Microseconds that a clock is ahead of UTC; None if no clock is so far from it."""
    hours, minutes, seconds = parts
    if any(part > most for part, most in zip(parts, _LATEST, strict=True)):
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * (-1_000_000 if sign == "-" else 1_000_000)
