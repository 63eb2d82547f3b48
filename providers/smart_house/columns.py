"""Changes of many cells as columns, and the numbers among them: what most changes say alike is looked at once.

What is odd is looked at one by one: a column in which a text is no plain number is read number by number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np

from domain.quantities import Conversion
from domain.records import Reason, Series
from domain.texts import text_reason
from providers._numbers import read_numbers, read_plain, value_of
from providers._points import Floats, Integers
from providers.smart_house import naming
from providers.smart_house.kinds import is_absent
from providers.smart_house.meanings import Attributes
from providers.smart_house.spec import MAX_NAME
from providers.smart_house.times import midnight_of
from providers.smart_house.wire import Changes

# What is looked at together, or more where one cell has more.
_CHANGES: Final = 5_000
_CHARACTERS: Final = 2**20

# Plain digits, a point, an exponent; other numbers are read by `providers._numbers`.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST_NUMBER: Final = 400  # characters


class Rejected(NamedTuple):
    """What has no meaning, as `Batches.reject` takes it."""

    at: int
    where: str
    value: object
    reason: Reason
    series: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What the changes of a cell that have the same attributes have in common.

    Attributes:
        cell: Its number, among all of the answer.
        home: The home's name.
        number: The home's number in the file.
        entity: Its column.
        day: Of the upload.
        attributes: What they say.
        is_wanted: Whether the account asks for their unit.
        is_number: Whether they say numbers; None if what else is said decides.
        is_comma_used: Whether the entity is known to write its decimals behind a comma.
        meaning: The unit and the conversion of their numbers, if anybody knows them.
    """

    cell: int
    home: str
    number: str
    entity: str
    day: date
    attributes: Attributes
    is_wanted: bool
    is_number: bool | None
    is_comma_used: bool
    meaning: tuple[str, Conversion] | None

    @property
    def where(self) -> str:
        """Whose they are, for messages."""
        return f"{self.home}/{self.entity}"

    @property
    def field(self) -> str:
        """What their numbers are called if nobody knows what they mean."""
        unit = self.attributes.unit if self.is_number else ""
        return f"{self.where} [{unit[:MAX_NAME]}]" if unit else self.where

    @property
    def series(self) -> Series | None:
        """The series of their numbers, if these have a meaning."""
        if self.meaning is None:
            return None
        return naming.measured(self.home, self.entity, self.meaning[1].quantity.name, self.meaning[0])

    @property
    def key(self) -> str:
        """The key of the series whose a number would be, or what those of the entity begin with."""
        series = self.series
        return series.key if series else naming.of_entity(self.home, self.entity)

    @property
    def scale(self) -> tuple[float, float, float, float]:
        """Factor and offset of their numbers, and the least and the greatest; none if nobody knows."""
        if self.meaning is None:
            return np.nan, np.nan, np.nan, np.nan
        how = self.meaning[1]
        return how.factor, how.offset, how.quantity.low, how.quantity.high

    def undated(self, value: object, reason: Reason) -> Rejected:
        """A change that has no instant of its own counts for the day of its upload."""
        key = naming.of_entity(self.home, self.entity)
        return Rejected(midnight_of(self.day), f"{self.where} of {self.day}", value, reason, key)


@dataclass(slots=True)
class Columns:
    """Changes, one after the other.

    Attributes:
        groups: What each code stands for.
        codes: Of each change, the code of its group.
        updated: When each was.
        states: What was said.
        odd: What is no change, by index.
        n_characters: Of all texts, about.
    """

    groups: list[Group] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    updated: list[Any] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)
    odd: dict[int, Rejected] = field(default_factory=dict)

    n_characters: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to look at them."""
        return len(self.states) >= _CHANGES or self.n_characters >= _CHARACTERS

    def add(self, changes: Changes, codes: Sequence[int]) -> None:
        """Take in changes, and the code of each one's group."""
        for column, more in ((self.updated, changes.updated), (self.states, changes.states)):
            kinds = set(map(type, more))
            texts = more if kinds == {str} else [text for text in more if text]
            self.n_characters += sum(map(len, texts)) if kinds <= {str, type(None)} else _CHARACTERS
            column.extend(more)
        self.codes += codes

    def add_odd(self, rejected: Rejected) -> None:
        """Take in something in the place of a change."""
        self.odd[len(self.states)] = rejected
        self.n_characters += len(str(rejected.value))
        self.codes.append(-1)
        self.updated.append("")
        self.states.append("")

    def part(self, start: int, stop: int) -> "Columns":
        """Some of the changes."""
        these = slice(start, stop)
        odd = {row - start: one for row, one in self.odd.items() if start <= row < stop}
        return replace(self, codes=self.codes[these], updated=self.updated[these], states=self.states[these], odd=odd)


def numbers_of(
    states: Sequence[str], groups: Sequence[Group], codes: Integers
) -> tuple[Floats, dict[int, Reason | None]]:
    """The number that each state is; of the others, by index, why it is none: None where it says that there is none.

    Args:
        states: As they were sent.
        groups: As in `Columns`.
        codes: As in `Columns`.
    """
    if max(map(len, states), default=0) <= _LONGEST_NUMBER and not any(
        groups[code].is_comma_used for code in np.unique(codes).tolist()
    ):
        found = read_plain(states)
        if found is not None:
            return found, {}
    values = np.zeros(len(states))
    none: dict[int, Reason | None] = {}
    for row, (state, code) in enumerate(zip(states, codes.tolist(), strict=True)):
        number = _number_of(state, groups[code])
        if isinstance(number, float):
            values[row] = number
        else:
            none[row] = number
    return values, none


def _number_of(state: str, group: Group) -> float | Reason | None:
    if not group.is_comma_used and _NUMBER.fullmatch(state):
        return float(state)
    if is_absent(state):
        return None
    if (reason := text_reason(state)) is not None:
        return reason
    if len(state) > _LONGEST_NUMBER:
        return Reason.WRONG_TYPE
    if not group.is_comma_used:
        return value_of(state, group.attributes.unit)
    # Whoever has written a decimal comma may mean a thousand by `1.234`.
    found = read_numbers([state], decimal=None, unit=group.attributes.unit)
    return found.invalid[0] if found.invalid else float(found.values[0])
