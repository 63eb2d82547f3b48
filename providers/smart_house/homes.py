"""Who a home is: the one that the account tells apart, or else a fingerprint of what it measures.

The provider has no stable name for a home (ADR 0013). Within one file its `id` is one; beyond, only what the home says
about itself is left: its entities. Two homes that cannot be told apart are never taken for one.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Final

from providers.smart_house.account import AccountConfig, column
from providers.smart_house.bounds import too_large
from providers.smart_house.wire import InvalidRow, Upload

MAX_ENTITIES: Final = 200_000
"""Of all homes together, counted on each day of a file: some hundreds of homes with some hundreds of them."""

_MEASURING: Final = "sensor_"
_DIGITS: Final = 12
_LONG_NAME: Final = 100  # characters: a longer name counts as more than one


class Census:
    """Which entities each home of a file has on each day of its uploads.

    Args:
        place: Which answer this is, for messages.

    Attributes:
        entities: (number of the home in the file, day of the upload) → columns.
    """

    def __init__(self, place: str) -> None:
        self.entities: dict[tuple[str, date], set[str]] = defaultdict(set)
        self._names: dict[str, str] = {}
        self._place = place
        self._size = 0

    @property
    def columns(self) -> frozenset[str]:
        """All columns that hold something in any row."""
        return frozenset(self._names)

    def note(self, upload: Upload) -> None:
        """Take in a row.

        Raises:
            AnswerTooLargeError: There are too many homes, or entities, to be remembered.
        """
        known = self.entities[upload.home, upload.day]
        if not known:
            self._size += 1
        for name in upload.cells.keys() - known:
            known.add(self._names.setdefault(name, name))
            self._size += 1 + len(name) // _LONG_NAME
        if self._size > MAX_ENTITIES:
            raise too_large(f"has more than {MAX_ENTITIES:,} entities of homes on days", self._place)


class Homes:
    """The homes of one file.

    Args:
        account: Who tells homes apart.
        uploads: All rows of the file.
        place: Which answer this is, for messages.
        is_part: Whether the rows lack entities for which the account asks: a request was divided by types. A home that
            shows none of its own is then nobody, named or not; a fingerprint would be of a part of it.

    Raises:
        AnswerTooLargeError: There are too many homes, or entities, to be remembered.
    """

    def __init__(
        self, account: AccountConfig, uploads: Iterable[Upload | InvalidRow], *, place: str, is_part: bool = False
    ) -> None:
        census, self._has_odd_rows = Census(place), False
        for upload in uploads:
            if isinstance(upload, InvalidRow):
                self._has_odd_rows = True
            else:
                census.note(upload)
        self._names: dict[tuple[str, date], str | None] = dict.fromkeys(census.entities)
        if not is_part:
            self._name_fingerprints(census.entities)
        self._name_known(account, census.entities)

    @property
    def seen(self) -> Iterable[tuple[date, str | None]]:
        """Each home on each day of its uploads: the day, and its name as `name_of` has it."""
        return {(day, name) for (_, day), name in self._names.items()}

    @property
    def may_be_more(self) -> bool:
        """Whether there are rows of which nobody can say whose they are."""
        return self._has_odd_rows

    @property
    def are_clear(self) -> bool:
        """Whether all of them can be told apart."""
        return None not in self._names.values()

    def is_nobody(self, row: Upload | InvalidRow) -> bool:
        """Whether a row is of a home that cannot be told apart from another."""
        return isinstance(row, Upload) and self.name_of(row) is None

    def name_of(self, upload: Upload) -> str | None:
        """The name of the home that sent `upload`; None if another one could be meant as well."""
        return self._names[upload.home, upload.day]

    def _name_known(self, account: AccountConfig, entities: dict[tuple[str, date], set[str]]) -> None:
        marks = {name: {column(entity) for entity in columns} for name, columns in account.homes.items()}
        of_home: dict[str, set[str]] = defaultdict(set)
        for (home, _), columns in entities.items():
            of_home[home] |= columns
        known = {home: [name for name in marks if marks[name] & columns] for home, columns in of_home.items()}
        claims = [name for names in known.values() for name in names]
        for home, day in entities:
            names = known[home]
            if names:
                is_clear = len(names) == 1 and claims.count(names[0]) == 1
                self._names[home, day] = names[0] if is_clear else None

    def _name_fingerprints(self, entities: dict[tuple[str, date], set[str]]) -> None:
        # By day, not by file: so a day has the same homes, whichever days it was asked for with.
        alike: dict[tuple[str, date], list[tuple[str, date]]] = defaultdict(list)
        for (home, day), columns in entities.items():
            alike[_fingerprint(columns), day].append((home, day))
        for (name, _), places in alike.items():
            for place in places:
                self._names[place] = name if len(places) == 1 else None


def _fingerprint(entities: set[str]) -> str:
    measuring = {entity for entity in entities if entity.startswith(_MEASURING)} or entities
    digest = hashlib.sha256("\n".join(sorted(measuring)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"home-{digest[:_DIGITS]}"
