"""Columns of cells as points: numbers in canonical units, texts as states, and why a cell is neither.

How a provider writes a number or a time is its own; what becomes of it is here.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.errors import OutsideWindowError
from domain.instants import EPOCH, MICROSECOND, microseconds
from domain.quantities import Conversion
from domain.records import Reason
from domain.texts import is_infinite, is_nan, text_reason
from domain.window import Window

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No telemetry is older; an epoch in the wrong unit lies in 1970."""

CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""How far a device's clock may be ahead of ours when the answer arrived."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Points:
    """The points of one column, and the cells that are none; cells that say nothing are in neither.

    Attributes:
        number_rows: Rows with a number, by index.
        numbers: Their values, in the canonical unit.
        text_rows: Rows with a text, by index.
        texts: Their values.
        invalid: Row → why its cell is no point.
        n_unmapped: Numbers for which no quantity is known.
        n_absent: Words in a number's place that say that there is none.
    """

    number_rows: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    text_rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    invalid: dict[int, Reason] = field(default_factory=dict)
    n_unmapped: int = 0
    n_absent: int = 0

    def measure(self, sent: Floats, rows: Integers, meaning: Conversion) -> None:
        """Take the numbers of the column: converted, and those that are impossible as invalid."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = sent * meaning.factor + meaning.offset if (meaning.factor, meaning.offset) != (1, 0) else sent
        good = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
        for position in np.flatnonzero(~good).tolist():
            is_finite = bool(np.isfinite(sent[position]))
            self.invalid[int(rows[position])] = Reason.OUT_OF_LIMITS if is_finite else Reason.NOT_FINITE
        self.number_rows, self.numbers = rows[good], values[good]

    def state(self, row: int, text: str) -> None:
        """Take a text of the column."""
        reason = text_reason(text)
        if reason is None:
            self.text_rows.append(row)
            self.texts.append(text)
        else:
            self.invalid[row] = reason


def earliest_of(first_day: date) -> datetime:
    """The earliest instant that a row of a provider can mean; `first_day` is the first that it can have data for.

    What is older has a lost clock: 1970, 1980 or 2000 are where clocks begin again, and they go on from there. A day is
    left for what is sent along from before the first window.
    """
    return datetime.combine(first_day, time(), tzinfo=UTC) - timedelta(days=1)


def judge_times(micros: Integers, invalid: dict[int, Reason], received_at: datetime, first_day: date) -> None:
    """Put the rows whose time no device can have meant among the invalid ones.

    Args:
        micros: Of each row, in microseconds since the epoch.
        invalid: Row → why it has no usable time, as far as that is known.
        received_at: When the answer arrived.
        first_day: The first day that the provider can have data for.
    """
    low, high = microseconds(earliest_of(first_day)), microseconds(received_at + CLOCK_TOLERANCE)
    for index in np.flatnonzero((micros < low) | (micros > high)).tolist():
        invalid.setdefault(index, Reason.IMPLAUSIBLE_TIME)


def inside(times: Integers, invalid: Collection[int], asked: Window, window: Window, *, place: str) -> Flags:
    """Which rows belong to `window` and to what was asked for.

    Args:
        times: Of each row, in microseconds since the epoch.
        invalid: Rows without a usable time, and those just outside (`providers._outside.near_outside`).
        asked: What was asked for; its end is taken for included, and is left to the next one.
        window: What the answer is read for.
        place: Which answer this is, for messages.

    Raises:
        OutsideWindowError: A row lies neither in what was asked for nor at its very end.
    """
    is_usable = np.ones(len(times), dtype=np.bool_)
    is_usable[list(invalid)] = False
    start, end = microseconds(asked.start), microseconds(asked.end)
    is_stray = is_usable & ((times < start) | (times > end))
    if is_stray.any():
        stray = EPOCH + int(times[is_stray][0]) * MICROSECOND
        raise OutsideWindowError(
            f"{int(is_stray.sum()):,} of {len(times):,} rows lie outside of what was asked for, the first at "
            f"{stray:%FT%TZ}",
            place=place,
            fix="ask the provider why; nothing of this answer is loaded",
        )
    low, high = max(start, microseconds(window.start)), min(end, microseconds(window.end))
    belongs: Flags = is_usable & (times >= low) & (times < high)
    return belongs


def no_number(text: str) -> Reason:
    """Why a text that is no number is none."""
    return Reason.NOT_FINITE if is_nan(text) or is_infinite(text) else Reason.WRONG_TYPE


def to_float(value: float) -> float:
    """A number of JSON as a double: an integer that is too large for any is infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")
