"""The columns of one answer as points: numbers in canonical units, texts as states, and what is neither."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from domain.quantities import Conversion, Kind
from domain.records import Reason
from domain.texts import MAX_TEXT, is_storable
from providers._as_sent import AsSent
from providers._batch import Batch
from providers._numbers import looks_like_number
from providers._points import Floats, Integers, to_float
from providers.export_service.wire import Row


class Quarantine:
    """The rejected values of one answer. One entry is one value, or one document that holds none.

    Args:
        batch: Takes them.
        as_sent: Knows how the answer was written.
        key_of: Knows the series of a document's field (of all its fields: of an empty name).
    """

    def __init__(self, batch: Batch, as_sent: AsSent, key_of: Callable[[object, str], str]) -> None:
        self._batch = batch
        self._as_sent = as_sent
        self._key_of = key_of

    def add_cell(self, name: str, row: dict[str, Any], reason: Reason) -> None:
        """Reject the value of field `name` in `row`."""
        self._batch.reject(f"{self.text_of(name)} of {self.text_of(row)}", reason, self._key_of(row, name))

    def add_row(self, row: object, names: Iterable[str], reason: Reason) -> None:
        """Reject the values of the fields `names` in `row`; the row itself, once, if there are none."""
        text = self.text_of(row)
        raws = [(f"{self.text_of(name)} of {text}", name) for name in names] or [(text, "")]
        for raw, name in raws:
            self._batch.reject(raw, reason, self._key_of(row, name))

    def text_of(self, value: object) -> str:
        """JSON text of `value` that any database can hold: NUL and lone surrogates stay escaped."""
        text = self._as_sent.text(value, ensure_ascii=False, sort_keys=True)
        try:
            text.encode()
        except UnicodeEncodeError:
            return self._as_sent.text(value, sort_keys=True)
        return text


_EXACT: Final = 2**53
"""From here on a double does not hold every integer."""

_NUMBERS: Final = frozenset({int, float})
_ABSENT: Final = type(None)


@dataclass(slots=True)
class Points:
    """The points of one field.

    Attributes:
        number_rows: Rows with a number, by index; None: every row.
        numbers: Their values, in the canonical unit.
        text_rows: Rows with a text, by index.
        texts: Their values.
        n_unmapped: Values for which no quantity is known.
    """

    number_rows: Integers | None = None
    numbers: Floats = field(default_factory=lambda: np.empty(0))
    text_rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    n_unmapped: int = 0


def is_point(value: object, meaning: Conversion | None) -> bool:
    """Whether `value` of a field with `meaning` counts as a point, good or rejected; the others are unmapped.

    Of a field that nobody has explained, a number is none, and neither is one that is written as a text.
    """
    if meaning is not None or type(value) is bool:
        return True
    return isinstance(value, str) and not looks_like_number(value.strip())


def read_field(
    name: str, column: list[Any], meaning: Conversion | None, rows: Sequence[Row], quarantine: Quarantine
) -> Points:
    """The points of field `name`.

    Args:
        name: The field.
        column: Its values, None where absent.
        meaning: What its numbers are; None if nobody knows.
        rows: The documents, for the text of what is rejected.
        quarantine: Takes what is rejected.
    """
    if meaning is None or meaning.quantity.kind is Kind.STATE:
        return _read_states(name, column, meaning, rows, quarantine)
    return _read_numbers(name, column, meaning, rows, quarantine)


def _read_numbers(
    name: str, column: list[Any], meaning: Conversion, rows: Sequence[Row], quarantine: Quarantine
) -> Points:
    types = set(map(type, column))
    chosen: Integers | None = None
    present = column
    if not types <= _NUMBERS:
        for index, value in enumerate(column) if not types <= {*_NUMBERS, _ABSENT} else ():
            if value is not None and type(value) not in _NUMBERS:
                quarantine.add_cell(name, rows[index], Reason.WRONG_TYPE)
        chosen = np.array([i for i, value in enumerate(column) if type(value) in _NUMBERS], dtype=np.int64)
        present = [value for value in column if type(value) in _NUMBERS]
    try:
        sent = np.array(present, dtype=np.float64)
    except OverflowError:  # an integer beyond every double
        sent = np.array([to_float(value) for value in present], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        values = sent if (meaning.factor, meaning.offset) == (1, 0) else sent * meaning.factor + meaning.offset
    good = (values >= meaning.quantity.low) & (values <= meaning.quantity.high)
    if int in types and len(sent) and not np.abs(sent).max() < _EXACT:
        good &= np.array([_is_exact(value) for value in present])
    if good.all():
        return Points(number_rows=chosen, numbers=values)
    where = np.arange(len(column)) if chosen is None else chosen
    for position in np.flatnonzero(~good).tolist():
        # What is within the limits and was not good is an integer that no double holds.
        is_within = meaning.quantity.low <= values[position] <= meaning.quantity.high
        reason = Reason.OUT_OF_LIMITS if np.isfinite(sent[position]) and not is_within else Reason.NOT_FINITE
        quarantine.add_cell(name, rows[int(where[position])], reason)
    return Points(number_rows=where[good], numbers=values[good])


def _read_states(
    name: str, column: list[Any], meaning: Conversion | None, rows: Sequence[Row], quarantine: Quarantine
) -> Points:
    types = set(map(type, column))
    if meaning is None and types <= {*_NUMBERS, list, _ABSENT}:
        return Points(n_unmapped=sum(value is not None for value in column))
    points = Points()
    is_plain = types == {str} and _are_storable(column)
    if is_plain and (meaning is not None or all(is_point(text, None) for text in column)):
        points.text_rows, points.texts = list(range(len(column))), column
        return points
    for index, value in enumerate(column):
        if value is None:
            continue
        if not is_point(value, meaning):
            points.n_unmapped += 1
            continue
        text = _state_text(value, quarantine)
        if isinstance(text, Reason):
            quarantine.add_cell(name, rows[index], text)
        else:
            points.text_rows.append(index)
            points.texts.append(text)
    return points


def _state_text(value: object, quarantine: Quarantine) -> str | Reason:
    """The text of a state, or why it has none."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return quarantine.text_of(value) if np.isfinite(value) else Reason.NOT_FINITE  # 1.10 is no 1.1 of a version
    if type(value) is not str:
        return Reason.WRONG_TYPE
    if len(value) > MAX_TEXT:
        return Reason.MALFORMED_ROW
    return value if is_storable(value) else Reason.NOT_STORABLE_TEXT


def _are_storable(texts: list[str]) -> bool:
    return is_storable("".join(texts)) and max(map(len, texts), default=0) <= MAX_TEXT


def _is_exact(value: float) -> bool:
    """Whether a double holds `value` as it was sent; floats were doubles before we saw them."""
    if type(value) is not int or abs(value) <= _EXACT:
        return True
    try:
        return int(float(value)) == value
    except OverflowError:
        return False
