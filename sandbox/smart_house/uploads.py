"""The uploads of each home: the rows of the data lake, with edits and deletions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE, day_number, now_ms
from sandbox.measured import FIRST_DAY
from sandbox.smart_house.home import HOMES, LODGERS, ROOF, Home, StateChange, changes_of
from sandbox.smart_house.settings import Settings

_HOUR: Final = 3_600_000
_EARLY_MINUTES: Final = 420  # the daily collector sends between 00:00 and 06:59
_LATER: Final = 30 * MS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class Row:
    """One upload.

    Attributes:
        home: The sender.
        era: What its collector does to times.
        number: The UTC day of the upload, since 1970-01-01.
        cells: Column of an entity → its changes, in order.
    """

    home: str
    era: str
    number: int
    cells: Mapping[str, tuple[StateChange, ...]]


class Lake:
    """All uploads. The caller holds the twin's lock."""

    def __init__(self) -> None:
        self._deleted: set[str] = set()
        self._added: list[Row] = []

    def rows(self, first: int, last: int, settings: Settings) -> list[Row]:
        """The uploads of the days `first` to `last`, both included, as far as they are over; by day, then by home."""
        found: list[Row] = []
        for number in range(max(first, FIRST_DAY), min(last, newest_day(settings)) + 1):
            found += self._of_day(number, settings)
        return found

    def delete(self, home: str) -> None:
        """Forget all uploads of a home, later ones too."""
        self._deleted.add(home)

    def add(self, row: Row) -> None:
        """Add an upload."""
        self._added.append(row)

    def reset(self) -> None:
        """Nothing deleted, nothing added."""
        self._deleted.clear()
        self._added.clear()

    def _of_day(self, number: int, settings: Settings) -> Iterator[Row]:
        for home, era in homes(settings):
            if home.name not in self._deleted:
                kilo_from = None if settings.kilowatts_from is None else day_number(settings.kilowatts_from)
                for cells in _uploads(home, era, number, kilo_from, settings.resends_every):
                    yield Row(home.name, era, number, cells)
        yield from (row for row in self._added if row.number == number and row.home not in self._deleted)


def homes(settings: Settings) -> Iterable[tuple[Home, str]]:
    """The homes there are, each with its era."""
    eras = settings.eras
    yield from ((home, eras[at % len(eras)]) for at, home in enumerate(HOMES))
    yield from ((home, "proper") for home in LODGERS[: settings.n_lodgers])


def newest_day(settings: Settings) -> int:
    """The last day whose uploads are served: yesterday at most."""
    yesterday = now_ms() // MS_PER_DAY - 1
    return yesterday if settings.last_day is None else min(yesterday, day_number(settings.last_day))


@lru_cache(maxsize=512)
def _uploads(
    home: Home, era: str, number: int, kilo_from: int | None, resends_every: int
) -> tuple[Mapping[str, tuple[StateChange, ...]], ...]:
    """The uploads of one home on one day; those without a change are left out."""
    if era == "redacted":
        # Collectors of that time sent every few seconds; here it is every hour.
        ends = [number * MS_PER_DAY + hour * _HOUR for hour in range(24)]
        spans = [(end - _HOUR, end) for end in ends]
    else:
        end = _sent_at(home, number)
        spans = [(_sent_at(home, number - 1), end)]
        if resends_every and (number + home.shift_days) % resends_every == 0:
            # It was restarted, has forgotten when it sent last, and sends 24 hours.
            spans.append((end + _LATER - MS_PER_DAY, end + _LATER))
    found = [_cells(home, start, end, kilo_from) for start, end in spans]
    return tuple(cells for cells in found if cells)


def _sent_at(home: Home, number: int) -> int:
    return number * MS_PER_DAY + (number * 7919 + home.shift_days * 31) % _EARLY_MINUTES * MS_PER_MINUTE


def _cells(home: Home, start: int, end: int, kilo_from: int | None) -> Mapping[str, tuple[StateChange, ...]]:
    days = range(start // MS_PER_DAY, end // MS_PER_DAY + 1)
    cells: dict[str, tuple[StateChange, ...]] = {}
    for entity in home.entities:
        changes = [
            one
            for number in days
            for one in changes_of(
                home, entity, number, is_kilo=entity is ROOF and kilo_from is not None and number >= kilo_from
            )
            if start < one.at <= end
        ]
        if changes:
            cells[entity.column] = tuple(changes)
    return cells
