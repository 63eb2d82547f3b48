"""What the answers of the Smart House mean: changes of state become points of series. Pure: no clock, no network.

A change counts for the day in which it was updated, whichever upload brought it; what has no instant of its own (times
taken out, cells that are no lists, homes that cannot be told apart) counts for the day of its upload. Changes are dealt
with in this order, each counted once:

    left out      the account asks for other units, or the change belongs to another day
    rejected      no usable time, a state that is no text, a number that is impossible; a row with cells too few or many
    absent        `unavailable`, `unknown` and nothing, of every entity; other words for none in a number's place
    unmapped      a number for which neither its unit nor the account names a quantity, also of an entity of texts
    measurements  numbers, in canonical units
    states        texts; and one text for each day and entity of all that is undated

What is said twice is left to the loader, within an answer and across them.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

import numpy as np

from domain.errors import OutsideWindowError
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Conversion, Kinds
from domain.records import Payload, Reason, Series
from domain.texts import MAX_TEXT, is_storable, text_reason
from domain.window import Window
from providers._numbers import looks_like_number, read_numbers, value_of
from providers.smart_house import naming
from providers.smart_house.account import AccountConfig
from providers.smart_house.archive import read_uploads
from providers.smart_house.attendance import Attendance, uploads_of
from providers.smart_house.batches import Batches
from providers.smart_house.bounds import too_large
from providers.smart_house.homes import Homes
from providers.smart_house.kinds import EntityKinds, is_absent, is_missing
from providers.smart_house.meanings import Attributes, attributes_of, meaning_of
from providers.smart_house.spec import BATCH_POINTS
from providers.smart_house.times import instant_of, midnight_of
from providers.smart_house.wire import Change, InvalidRow, Upload, changes_of, unreadable

NOTHING_LEFT: Final = "no body"
"""The proof of an answer by which the provider says that nothing is left (204)."""

MAX_NAME: Final = 256

MAX_UNDATED: Final = 2**20
"""Characters of an undated day: some thousands of uploads of one entity."""

MAX_HELD: Final = 48 * 2**20
"""Bytes, about, of all that is undated in one answer: it is held until the answer's end."""

_TEXT: Final = 64  # bytes of a text beside its characters
_LONGEST_KEPT: Final = 1_000  # characters of attributes that are worth remembering

# Plain digits, a point, an exponent; other numbers are read by `providers._numbers`.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST_NUMBER: Final = 400  # characters
_MAX_UNDECIDED: Final = 100_000  # states of one answer that wait for its end


def normalize(
    payloads: Iterable[Payload], window: Window, account: AccountConfig, kinds: Kinds = NO_KINDS
) -> Iterator[Normalized]:
    """Say what `payloads` mean inside `window`: see `normalize_each`."""
    return (batch for _, batch in normalize_each(payloads, (window,), account, kinds))


def normalize_each(
    payloads: Iterable[Payload], windows: Sequence[Window], account: AccountConfig, kinds: Kinds = NO_KINDS
) -> Iterator[tuple[int, Normalized]]:
    """Say what `payloads` mean inside each of `windows`: a batch for some thousands of points.

    Raises:
        PayloadUnreadableError: An answer does not fit `wire`.
        AnswerTooLargeError: An answer would unpack to too much.
        OutsideWindowError: An answer holds uploads of days that nobody asked for.
    """
    attendances = [Attendance(account, window) for window in windows]
    for payload in payloads:
        touched = {index: window for index, window in enumerate(windows) if payload.window.touches(window)}
        archive = _Archive(payload, Batches(payload.sha256, touched), account, kinds)
        yield from archive.batches()
        for index in touched:
            attendances[index].note(payload, archive.homes)
    for index, attendance in enumerate(attendances):
        if absent := attendance.absent():
            yield index, Normalized(absent_sites=absent)


class _Archive:
    """One answer on its way to batches."""

    def __init__(self, payload: Payload, batches: Batches, account: AccountConfig, kinds: Kinds) -> None:
        self.payload = payload
        self.account = account
        self._entities = EntityKinds(account, kinds)
        self._undecided: list[tuple[str, str, str, int, str]] = []
        self.place = f"{payload.part} {payload.window}, page {payload.page}"
        self.homes: Homes | None = None
        self._days = uploads_of(payload.window)
        self._n_undated = 0
        self._batches = batches
        self.undated: dict[tuple[str, str, str, date], list[list[str]]] = defaultdict(list)
        self._meanings: dict[tuple[str, Attributes], tuple[str, Conversion] | None] = {}
        self._attributes: dict[str, Attributes] = {}

    def batches(self) -> Iterator[tuple[int, Normalized]]:
        """The answer's batches, each with the index of its window.

        Raises:
            PayloadUnreadableError, AnswerTooLargeError, OutsideWindowError: See `normalize`.
        """
        if not self.payload.body:
            if not self.payload.proof.startswith(NOTHING_LEFT):
                raise unreadable("the answer is empty", self.place)
            return
        # Twice: the first time says who the homes are. An answer is held against its checksum before any of it counts.
        rows = (
            row if isinstance(row, InvalidRow) else self._entities.note(row)
            for row in map(self._asked_for, self._uploads())
        )
        self.homes = Homes(self.account, rows, place=self.place, is_part=self._is_part)
        for row in self._uploads():
            if isinstance(row, InvalidRow):
                self._reject(row)
                continue
            for _ in self._read(row, self.homes.name_of(row)):
                yield from self._batches.full()
        for _ in self._decide():
            yield from self._batches.full()
        for _ in self._keep_undated():
            yield from self._batches.full()
        yield from self._batches.remaining()

    @property
    def _is_part(self) -> bool:
        """Whether the request was for fewer types than the account asks for: the answer lacks others of its homes."""
        types = self.payload.params.get("types", "")
        return bool(types) and set(types.split(",")) != set(self.account.types)

    def _uploads(self) -> Iterator[Upload | InvalidRow]:
        return read_uploads(self.payload.body, self.payload.endpoint, place=self.place)

    def _reject(self, row: InvalidRow) -> None:
        """A row whose cells cannot be told apart counts once: on the day that it says, or else the first asked for."""
        day = row.day if row.day in self._days else self._days[0]
        at = midnight_of(day or self._days[0])
        self._batches.reject(at, f"a row of {day}", row.text, Reason.MALFORMED_ROW)

    def _asked_for(self, upload: Upload | InvalidRow) -> Upload | InvalidRow:
        if isinstance(upload, Upload) and upload.day not in self._days:
            raise OutsideWindowError(
                f"a row was uploaded on {upload.day}, and {self._days[0]} to {self._days[-1]} were asked for",
                place=self.place,
                fix="ask the provider why; nothing of this answer is loaded",
            )
        return upload

    def _read(self, upload: Upload, home: str | None) -> Iterator[None]:
        """Take a row; after each change whoever goes on may take batches."""
        midnight = midnight_of(upload.day)
        for entity, cell in upload.cells.items():
            where = f"{home or f'home {upload.home} of the file'}/{entity} of {upload.day}"
            changes = changes_of(cell) if home is not None and self._is_name(entity) else None
            if changes is None:
                reason = Reason.AMBIGUOUS_IDENTITY if home is None else Reason.MALFORMED_ROW
                self._batches.reject(midnight, where, cell, reason, naming.of_entity(home, entity) if home else "")
                yield
                continue
            undated: dict[str, list[str]] = defaultdict(list)
            for change in changes:
                invalid = self._take(home or "", entity, upload, change, undated)
                if invalid is not None:
                    self._batches.reject(
                        midnight, where, _raw_of(change), invalid, naming.of_entity(home or "", entity)
                    )
                yield
            if self._batches.hold(midnight):
                for unit, states in undated.items():
                    self.undated[home or "", entity, unit, upload.day].append(states)
                    self._hold(states)

    def _hold(self, states: list[str]) -> None:
        self._n_undated += sum(map(len, states)) + _TEXT * len(states)
        if self._n_undated > MAX_HELD:
            raise too_large("has too many states whose times were taken out", self.place)

    def _take(
        self, home: str, entity: str, upload: Upload, change: Change | None, undated: dict[str, list[str]]
    ) -> Reason | None:
        """Take one change; why it has no place in time or is none, if so."""
        if change is None:
            return Reason.MALFORMED_ROW
        attributes = self._attributes_of(change.attributes)
        if self.account.units and attributes.unit not in self.account.units:
            return None
        at = instant_of(change.updated, upload.day, self.payload.received_at)
        if isinstance(at, Reason):
            return at
        is_number = self._entities.is_number(home, upload.home, entity, attributes)
        state = "" if change.state is None and is_number else change.state
        if not isinstance(state, str):
            return Reason.WRONG_TYPE
        if at is None:
            undated[attributes.unit].append(state)
        elif is_number:
            if self._batches.hold(at):
                is_comma_used = self._entities.writes_commas(upload.home, entity)
                self._keep_number(home, entity, at, state, attributes, is_comma_used=is_comma_used)
        else:
            self._keep_state(home, upload.home, entity, at, state, is_sure=is_number is False)
        return None

    def _keep_state(self, home: str, number: str, entity: str, at: int, state: str, *, is_sure: bool) -> None:
        """A change of an entity that says texts, as far as is known: a word for no number waits for the others."""
        is_number = not self._entities.is_declared_text(entity) and looks_like_number(state.strip())
        is_odd = not is_sure and is_absent(state)
        if not (is_odd or is_number or is_sure):
            self._entities.note_text(number, entity)
        if not self._batches.hold(at):
            return
        if is_missing(state):
            self._batches.leave_absent(at)
        elif is_number:
            self._batches.leave_unmapped(at, f"{home}/{entity}")
        elif not is_odd:
            self._keep_text(f"{home}/{entity}", naming.stated(home, entity), at, state, MAX_TEXT)
        elif len(self._undecided) < _MAX_UNDECIDED:
            self._undecided.append((home, number, entity, at, state))
        else:
            self._batches.leave_unmapped(at, f"{home}/{entity}")

    def _decide(self) -> Iterator[None]:
        """Keep what only the end of the answer could tell: all texts of every entity have been seen."""
        for home, number, entity, at, state in self._undecided:
            where = f"{home}/{entity}"
            if self._entities.says_text(number, entity):
                self._keep_text(where, naming.stated(home, entity), at, state, MAX_TEXT)
            else:
                self._batches.leave_absent(at)
            yield

    def _keep_number(
        self, home: str, entity: str, at: int, state: str, attributes: Attributes, *, is_comma_used: bool
    ) -> None:
        """A change of an entity that says numbers: a measurement, absent, unmapped, or rejected; never a state."""
        where, meaning = f"{home}/{entity}", self._meaning(entity, attributes)
        if is_absent(state):
            self._batches.leave_absent(at)
            return
        key = naming.of_entity(home, entity)
        if meaning is not None:
            key = naming.measured(home, entity, meaning[1].quantity.name, meaning[0]).key
        number = _number_of(state, attributes.unit, is_comma_used=is_comma_used)
        if isinstance(number, Reason) and (meaning is not None or number is not Reason.AMBIGUOUS_DECIMAL):
            self._batches.reject(at, where, state, number, key)
        elif meaning is None:
            self._batches.leave_unmapped(at, f"{where} [{attributes.unit[:MAX_NAME]}]" if attributes.unit else where)
        elif not isinstance(number, Reason):
            unit, how = meaning
            value = number * how.factor + how.offset
            if how.quantity.low <= value <= how.quantity.high:
                self._batches.measure(naming.measured(home, entity, how.quantity.name, unit), at, value)
            else:
                reason = Reason.OUT_OF_LIMITS if np.isfinite(value) else Reason.NOT_FINITE
                self._batches.reject(at, where, f"{state} {unit}", reason, key)

    def _keep_text(self, where: str, series: Series, at: int, text: str, longest: int) -> None:
        if len(text) > longest:
            self._batches.reject(at, where, text, Reason.MALFORMED_ROW, series.key)
        elif not is_storable(text):
            self._batches.reject(at, where, text, Reason.NOT_STORABLE_TEXT, series.key)
        else:
            self._batches.state(series, at, text)

    def _keep_undated(self) -> Iterator[None]:
        for (home, entity, unit, day), lists in sorted(self.undated.items()):
            # The order within an upload is known, the order of uploads is not: so they are sorted, and nothing is said.
            text = json.dumps(sorted(lists), ensure_ascii=False, separators=(",", ":"))
            series = naming.undated(home, entity, unit)
            self._keep_text(f"{home}/{entity} of {day}", series, midnight_of(day), text, MAX_UNDATED)
            yield

    def _attributes_of(self, value: object) -> Attributes:
        if not isinstance(value, str):
            return attributes_of(value) or Attributes()
        known = self._attributes.get(value)
        if known is None:
            known = attributes_of(value) or Attributes()
            if not is_storable(known.unit) or len(known.unit) > MAX_NAME:
                known = Attributes()
            if len(self._attributes) < BATCH_POINTS and len(value) <= _LONGEST_KEPT:
                self._attributes[value] = known
        return known

    def _meaning(self, entity: str, attributes: Attributes) -> tuple[str, Conversion] | None:
        key = (entity, attributes)
        if key not in self._meanings:
            if len(self._meanings) >= BATCH_POINTS:
                self._meanings.clear()
            self._meanings[key] = meaning_of(self.account, entity, attributes)
        return self._meanings[key]

    @staticmethod
    def _is_name(entity: str) -> bool:
        return len(entity) <= MAX_NAME and is_storable(entity)


def _number_of(state: str, unit: str, *, is_comma_used: bool) -> float | Reason:
    if not is_comma_used and _NUMBER.fullmatch(state):
        return float(state)
    if (reason := text_reason(state)) is not None:
        return reason
    if len(state) > _LONGEST_NUMBER:
        return Reason.WRONG_TYPE
    if not is_comma_used:
        return value_of(state, unit)
    # Whoever has written a decimal comma may mean a thousand by `1.234`.
    found = read_numbers([state], decimal=None, unit=unit)
    return found.invalid[0] if found.invalid else float(found.values[0])


def _raw_of(change: Change | None) -> object:
    return None if change is None else {"last_updated": change.updated, "state": change.state}
