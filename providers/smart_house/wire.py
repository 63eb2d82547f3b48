"""What the Smart House says: a home's upload as a row, a change of state, and errors for what is neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from domain.errors import PayloadUnreadableError
from domain.texts import clipped
from providers.smart_house.literal import LiteralError, parse_literal

KEYS: Final = ("id", "year", "month", "day")
"""The columns that are no entities."""

REDACTED: Final = "{{REDACTED}}"
"""What stands where the collector took something out."""

FIX: Final = "compare the landed answer with providers/smart_house/wire.py"

_LONGEST_ID: Final = 64
_NOTHING: Final = (None, "", "nan", "NaN")  # in the place of a cell; the last two are pandas' words

_POSITIONS: Final = ("entity_id", "last_changed", "last_updated", "state", "attributes")
_COLUMNS: Final = _POSITIONS[2:]


@dataclass(frozen=True, slots=True)
class Upload:
    """One row: what one home sent at once.

    Attributes:
        home: Its number within this file, and nowhere else.
        day: The UTC day of the upload.
        cells: Entity → what its cell holds, as the format holds it; entities without a word are left out.
    """

    home: str
    day: date
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row with more or fewer cells than there are columns: which cell is whose, nobody can say.

    Attributes:
        text: The beginning of the row.
        day: The UTC day of the upload, where the row says one.
    """

    text: str
    day: date | None


class Changes(NamedTuple):
    """The changes of state of a cell, by columns; what each says may be anything.

    Attributes:
        updated: When each was.
        states: What the entity said.
        attributes: What they say of the entity; texts once each.
        codes: Of each change, the index of its attributes.
        odd: Those that are no change, by index: nothing is in their columns.
    """

    updated: list[Any]
    states: list[Any]
    attributes: list[Any]
    codes: Sequence[int]
    odd: frozenset[int]


def upload_of(row: Mapping[str, Any], *, place: str) -> Upload:
    """A row of a file, whatever its format.

    Raises:
        PayloadUnreadableError: It does not say whose it is, or of which day.
    """
    home = row.get(KEYS[0])
    if home is None or home == "" or isinstance(home, list | dict):
        raise unreadable("a row has no id", place)
    if len(str(home)) > _LONGEST_ID:
        raise unreadable(f"a row has the id {clipped(home)}, which is no number", place)
    day = day_of(row, place=place)
    cells = {name: cell for name, cell in row.items() if name not in KEYS and cell not in _NOTHING}
    return Upload(str(home), day, cells)


def day_of(row: Mapping[str, Any], *, place: str) -> date:
    """The UTC day of a row's upload.

    Raises:
        PayloadUnreadableError: It does not say one.
    """
    numbers = [row.get(key) for key in KEYS[1:]]
    try:
        return date(*(_number(part) for part in numbers))
    except (TypeError, ValueError, OverflowError):
        raise unreadable(f"a row is of the day {clipped(numbers)}, which is none", place) from None


def changes_of(cell: object) -> Changes | None:
    """The changes of a cell; None if it is no list."""
    if isinstance(cell, str):
        try:
            cell = parse_literal(cell)
        except LiteralError:
            return None
    if not isinstance(cell, list):
        return None
    odd: frozenset[int] = frozenset()
    try:
        updated, states, attributes = ([one[name] for one in cell] for name in _COLUMNS)
    except (KeyError, TypeError):  # some lack one, are lists, or are none
        named = [_named(one) for one in cell]
        odd = frozenset(row for row, one in enumerate(named) if one is _NO_CHANGE)
        updated, states, attributes = ([one.get(name) for one in named] for name in _COLUMNS)
    return Changes(updated, states, *_once_each(attributes), odd)


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """The error for an answer outside the vocabulary."""
    return PayloadUnreadableError(culprit, place=place, fix=FIX)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if not (number := float(value)).is_integer():  # pandas writes 2025.0 in a column in which a row has none
        raise ValueError
    return int(number)


def _once_each(values: list[Any]) -> tuple[list[Any], Sequence[int]]:
    """The values, texts once each; and of each its index among them."""
    if set(map(type, values)) != {str}:
        return values, range(len(values))
    index = {text: code for code, text in enumerate(dict.fromkeys(values))}
    return list(index), list(map(index.__getitem__, values))


_NO_CHANGE: Final[Mapping[str, Any]] = {"state": None}


def _named(fields: object) -> Mapping[str, Any]:
    """The columns of a change; nothing in them if it is none."""
    if isinstance(fields, list):
        # A row of the early server: no names, but the last place is the map, and the state is before it.
        is_one = len(fields) == len(_POSITIONS) and isinstance(fields[4], str) and fields[4].startswith("{")
        return dict(zip(_POSITIONS, fields, strict=True)) if is_one else _NO_CHANGE
    return fields if isinstance(fields, dict) and "state" in fields else _NO_CHANGE
