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
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from typing import Final

import numpy as np

from domain.errors import OutsideWindowError
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Conversion, Kinds
from domain.records import Payload, Reason, Series
from domain.texts import MAX_TEXT, is_storable
from domain.window import Window
from providers._numbers import looks_like_number
from providers._points import Integers
from providers.smart_house import naming
from providers.smart_house.account import AccountConfig
from providers.smart_house.archive import read_uploads
from providers.smart_house.attendance import Attendance, uploads_of
from providers.smart_house.batches import Batches, shown
from providers.smart_house.bounds import too_large
from providers.smart_house.columns import Columns, Group, Rejected, numbers_of
from providers.smart_house.homes import Homes
from providers.smart_house.kept_rows import KeptRows
from providers.smart_house.kinds import EntityKinds, is_absent, is_missing
from providers.smart_house.meanings import Attributes, attributes_of, meaning_of
from providers.smart_house.spec import BATCH_POINTS, MAX_NAME
from providers.smart_house.times import DAY_US, instants_of, midnight_of
from providers.smart_house.wire import Changes, InvalidRow, Upload, changes_of, unreadable

NOTHING_LEFT: Final = "no body"
"""The proof of an answer by which the provider says that nothing is left (204)."""

MAX_UNDATED: Final = 2**20
"""Characters of an undated day: some thousands of uploads of one entity."""

MAX_HELD: Final = 48 * 2**20
"""Bytes, about, of all that is undated in one answer: it is held until the answer's end."""

_TEXT: Final = 64  # bytes of a text beside its characters
_LONGEST_KEPT: Final = 1_000  # characters of attributes that are worth remembering

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
        self._undecided: list[tuple[Group, int, str]] = []
        self._absent: list[int] = []
        self._unmapped: list[tuple[str, int]] = []
        self.place = f"{payload.part} {payload.window}, page {payload.page}"
        self.homes: Homes | None = None
        self._days = uploads_of(payload.window)
        self._n_undated = 0
        self._batches = batches
        self.undated: dict[tuple[str, str, str, date], dict[int, list[str]]] = defaultdict(dict)
        self._n_cells = 0
        self._columns = Columns()
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
        # Its end says who the homes are, and an answer is held against its checksum before any of it counts.
        kept = KeptRows()
        self.homes = Homes(self.account, self._read(kept), place=self.place, is_part=self._is_part)
        for row in self._rows(kept, self.homes):
            for _ in self._gather(row, self.homes):
                if self._columns.is_full:
                    yield from self._flush()
        yield from self._flush()
        for _ in chain(self._decide(), self._keep_undated()):
            yield from self._batches.full()
        yield from self._batches.remaining()

    @property
    def _is_part(self) -> bool:
        """Whether the request was for fewer types than the account asks for: the answer lacks others of its homes."""
        types = self.payload.params.get("types", "")
        return bool(types) and set(types.split(",")) != set(self.account.types)

    def _uploads(self) -> Iterator[Upload | InvalidRow]:
        return read_uploads(self.payload.body, self.payload.endpoint, place=self.place)

    def _read(self, kept: KeptRows) -> Iterator[Upload | InvalidRow]:
        """The rows, while they are kept as they were understood."""
        for row in self._uploads():
            understood = row if isinstance(row, InvalidRow) else self._understood(row)
            kept.keep(understood)
            yield understood

    def _understood(self, upload: Upload) -> Upload:
        """A row with `Changes` in the place of each cell that holds some."""
        if upload.day not in self._days:
            raise OutsideWindowError(
                f"a row was uploaded on {upload.day}, and {self._days[0]} to {self._days[-1]} were asked for",
                place=self.place,
                fix="ask the provider why; nothing of this answer is loaded",
            )
        cells = {}
        for entity, cell in upload.cells.items():
            changes = changes_of(cell) if self._is_name(entity) else None
            self._entities.note(upload.home, entity, cell, changes)
            cells[entity] = cell if changes is None else changes
        return replace(upload, cells=cells)

    def _rows(self, kept: KeptRows, homes: Homes) -> Iterator[Upload | InvalidRow]:
        """All rows; those of homes that cannot be told apart as they were sent, for they are rejected."""
        yield from (row for row in kept.taken() if not homes.is_nobody(row))
        if not homes.are_clear:
            yield from (row for row in self._uploads() if homes.is_nobody(row))

    def _gather(self, row: Upload | InvalidRow, homes: Homes) -> Iterator[None]:
        """Put a row behind the others; after each cell whoever goes on may take them."""
        if isinstance(row, InvalidRow):
            # Its cells cannot be told apart: it counts once, on the day that it says, or else the first asked for.
            day = row.day if row.day in self._days else self._days[0]
            self._gather_odd(
                Rejected(midnight_of(day or self._days[0]), f"a row of {day}", row.text, Reason.MALFORMED_ROW)
            )
            yield
            return
        home = homes.name_of(row)
        for entity, cell in row.cells.items():
            if home is not None and isinstance(cell, Changes):
                self._gather_changes(home, row, entity, cell)
            else:
                reason = Reason.AMBIGUOUS_IDENTITY if home is None else Reason.MALFORMED_ROW
                where = f"{home or f'home {row.home} of the file'}/{entity} of {row.day}"
                key = naming.of_entity(home, entity) if home else ""
                self._gather_odd(Rejected(midnight_of(row.day), where, cell, reason, key))
            yield

    def _gather_odd(self, rejected: Rejected) -> None:
        if self._batches.hold(rejected.at):
            self._columns.add_odd(rejected._replace(value=shown(rejected.value)))

    def _gather_changes(self, home: str, upload: Upload, entity: str, changes: Changes) -> None:
        """Put the changes of a cell behind the others."""
        columns, n_before, n_groups = self._columns, len(self._columns.states), len(self._columns.groups)
        codes: dict[Attributes, int] = {}

        of_each = [codes.setdefault(self._attributes_of(value), n_groups + len(codes)) for value in changes.attributes]
        found = [of_each[code] for code in changes.codes]
        self._n_cells += 1
        columns.groups += [self._group(home, upload, entity, one) for one in codes]
        columns.add(changes, found)
        for row in changes.odd:
            group = columns.groups[found[row]]
            columns.odd[n_before + row] = group.undated(None, Reason.MALFORMED_ROW)

    def _group(self, home: str, upload: Upload, entity: str, attributes: Attributes) -> Group:
        is_wanted = not self.account.units or attributes.unit in self.account.units
        is_number = self._entities.is_number(home, upload.home, entity, attributes)
        is_comma_used = self._entities.writes_commas(upload.home, entity)
        meaning = self._meaning(entity, attributes) if is_number else None
        return Group(
            self._n_cells,
            home,
            upload.home,
            entity,
            upload.day,
            attributes,
            is_wanted,
            is_number,
            is_comma_used,
            meaning,
        )

    def _flush(self) -> Iterator[tuple[int, Normalized]]:
        """Take what has been gathered."""
        columns, self._columns, start = self._columns, Columns(), 0
        while start < len(columns.states):
            stop = start + self._batches.room
            self._take(columns.part(start, stop))
            yield from self._batches.full()
            start = stop

    def _take(self, columns: Columns) -> None:
        """Take changes: numbers all at once, and of the others one after the other."""
        groups, codes = columns.groups, np.array(columns.codes, dtype=np.int64)
        of_group = [(group.is_wanted, group.is_number is True, midnight_of(group.day) + DAY_US) for group in groups]
        is_wanted, is_number, ends = np.array([*of_group, (True, False, 0)], dtype=np.int64)[codes].T
        times, unusable = instants_of(columns.updated, ends, self.payload.received_at)
        is_plain = (is_wanted & is_number).astype(np.bool_)
        is_plain[list(unusable)] = False
        if not set(map(type, columns.states)) <= {str}:
            for row in [row for row, state in enumerate(columns.states) if not isinstance(state, str)]:
                if columns.states[row] is None and is_plain[row]:
                    columns.states[row] = ""
                else:
                    is_plain[row] = False
        rejected = dict(columns.odd)
        for row in np.flatnonzero((is_wanted == 1) & ~is_plain).tolist():
            if row in rejected:
                continue
            at = None if row in unusable else int(times[row])
            if (odd := self._take_one(columns, row, at, unusable.get(row))) is not None:
                rejected[row] = odd
        rows = np.flatnonzero(is_plain & self._batches.holds(times))
        self._take_numbers(columns, rows, times[rows], codes[rows], rejected)
        self._leave()
        for row in sorted(rejected):
            self._batches.reject(*rejected[row])

    def _take_one(self, columns: Columns, row: int, at: int | None, reason: Reason | None) -> Rejected | None:
        """Take a change that is no number with an instant; what is rejected of it.

        Args:
            columns: What it is one of.
            row: Its index.
            at: When it was; None if nobody knows.
            reason: Why nobody does; None if the collector took the time out.
        """
        group, sent = columns.groups[columns.codes[row]], columns.states[row]
        state = "" if sent is None and group.is_number else sent
        if reason is None and not isinstance(state, str):
            reason = Reason.WRONG_TYPE
        if reason is not None:
            return group.undated({"last_updated": columns.updated[row], "state": sent}, reason)
        if at is not None:
            return self._keep_state(group, at, state)
        if self._batches.hold(midnight_of(group.day)):
            key = (group.home, group.entity, group.attributes.unit, group.day)
            self.undated[key].setdefault(group.cell, []).append(state)
            self._n_undated += len(state) + _TEXT
            if self._n_undated > MAX_HELD:
                raise too_large("has too many states whose times were taken out", self.place)
        return None

    def _take_numbers(
        self, columns: Columns, rows: Integers, times: Integers, codes: Integers, rejected: dict[int, Rejected]
    ) -> None:
        """Take changes of entities that say numbers: measured, absent, unmapped, or rejected; never a state."""
        groups, states = columns.groups, [columns.states[row] for row in rows.tolist()]
        values, none = numbers_of(states, groups, codes)
        factor, offset, low, high = np.array([group.scale for group in groups]).reshape(-1, 4)[codes].T
        with np.errstate(over="ignore", invalid="ignore"):
            values = values * factor + offset
        is_known, is_number = ~np.isnan(factor), np.ones(len(states), dtype=np.bool_)
        for row, reason in none.items():
            is_number[row] = reason is Reason.AMBIGUOUS_DECIMAL and not is_known[row]
            if reason is not None and not is_number[row]:
                group = groups[codes[row]]
                rejected[int(rows[row])] = Rejected(int(times[row]), group.where, states[row], reason, group.key)
        is_good = is_number & (values >= low) & (values <= high)
        for row in np.flatnonzero(is_number & is_known & ~is_good).tolist():
            group = groups[codes[row]]
            reason = Reason.OUT_OF_LIMITS if np.isfinite(values[row]) else Reason.NOT_FINITE
            text = f"{states[row]} {group.series.provider_unit if group.series else ''}"
            rejected[int(rows[row])] = Rejected(int(times[row]), group.where, text, reason, group.key)
        self._batches.measure([group.series for group in groups], codes[is_good], times[is_good], values[is_good])
        is_unmapped = is_number & ~is_known
        self._batches.leave_unmapped([group.field for group in groups], codes[is_unmapped], times[is_unmapped])
        self._absent += times[[row for row, reason in none.items() if reason is None]].tolist()

    def _keep_state(self, group: Group, at: int, state: str) -> Rejected | None:
        """A change of an entity that says texts, as far as is known: a word for no number waits for the others."""
        is_sure = group.is_number is False
        is_number = not self._entities.is_declared_text(group.entity) and looks_like_number(state.strip())
        is_odd = not is_sure and is_absent(state)
        if not (is_odd or is_number or is_sure):
            self._entities.note_text(group.number, group.entity)
        if not self._batches.hold(at):
            return None
        if is_missing(state):
            self._absent.append(at)
        elif not is_odd and not is_number:
            return self._keep_text(group.where, naming.stated(group.home, group.entity), at, state, MAX_TEXT)
        elif not is_number and len(self._undecided) < _MAX_UNDECIDED:
            self._undecided.append((group, at, state))
        else:
            self._unmapped.append((group.where, at))
        return None

    def _decide(self) -> Iterator[None]:
        """Keep what only the end of the answer could tell: all texts of every entity have been seen."""
        for group, at, state in self._undecided:
            if not self._entities.says_text(group.number, group.entity):
                self._absent.append(at)
                continue
            series = naming.stated(group.home, group.entity)
            if (odd := self._keep_text(group.where, series, at, state, MAX_TEXT)) is not None:
                self._batches.reject(*odd)
            yield
        self._leave()

    def _leave(self) -> None:
        """Count what says nothing, and what nobody knows the meaning of."""
        absent, unmapped, self._absent, self._unmapped = self._absent, self._unmapped, [], []
        self._batches.leave_absent(np.array(absent, dtype=np.int64))
        times = np.array([at for _, at in unmapped], dtype=np.int64)
        self._batches.leave_unmapped([name for name, _ in unmapped], np.arange(len(unmapped)), times)

    def _keep_text(self, where: str, series: Series, at: int, text: str, longest: int) -> Rejected | None:
        if len(text) <= longest and is_storable(text):
            self._batches.state(series, at, text)
            return None
        reason = Reason.MALFORMED_ROW if len(text) > longest else Reason.NOT_STORABLE_TEXT
        return Rejected(at, where, text, reason, series.key)

    def _keep_undated(self) -> Iterator[None]:
        for (home, entity, unit, day), lists in sorted(self.undated.items()):
            # The order within an upload is known, the order of uploads is not: so they are sorted, and nothing is said.
            text = json.dumps(sorted(lists.values()), ensure_ascii=False, separators=(",", ":"))
            series = naming.undated(home, entity, unit)
            odd = self._keep_text(f"{home}/{entity} of {day}", series, midnight_of(day), text, MAX_UNDATED)
            if odd is not None:
                self._batches.reject(*odd)
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
