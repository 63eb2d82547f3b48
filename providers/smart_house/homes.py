"""Who a home is: the one that the account tells apart, or else a fingerprint of what it measures.

The provider has no stable name for a home (ADR 0013). Within one file its `id` is one; beyond, only what the home says
about itself is left: its entities. Two homes that cannot be told apart are never taken for one.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Final

from providers.smart_house.account import Account, column
from providers.smart_house.wire import Upload

_MEASURING: Final = "sensor_"
_DIGITS: Final = 12


class Homes:
    """The homes of one file.

    Args:
        account: Who tells homes apart.
        uploads: All rows of the file.
    """

    def __init__(self, account: Account, uploads: Iterable[Upload]) -> None:
        entities: dict[tuple[str, date], set[str]] = defaultdict(set)
        for upload in uploads:
            entities[upload.home, upload.day] |= upload.cells.keys()
        self._names: dict[tuple[str, date], str | None] = {}
        self._name_fingerprints(entities)
        self._name_known(account, entities)

    @property
    def seen(self) -> Iterable[tuple[date, str | None]]:
        """Each home on each day of its uploads: the day, and its name as `name_of` has it."""
        return {(day, name) for (_, day), name in self._names.items()}

    def name_of(self, upload: Upload) -> str | None:
        """The name of the home that sent `upload`; None if another one could be meant as well."""
        return self._names[upload.home, upload.day]

    def _name_known(self, account: Account, entities: dict[tuple[str, date], set[str]]) -> None:
        marks = {name: {column(entity) for entity in said} for name, said in account.homes.items()}
        of_home: dict[str, set[str]] = defaultdict(set)
        for (home, _), said in entities.items():
            of_home[home] |= said
        known = {home: [name for name in marks if marks[name] & said] for home, said in of_home.items()}
        claims = [name for names in known.values() for name in names]
        for home, day in entities:
            names = known[home]
            if names:
                is_clear = len(names) == 1 and claims.count(names[0]) == 1
                self._names[home, day] = names[0] if is_clear else None

    def _name_fingerprints(self, entities: dict[tuple[str, date], set[str]]) -> None:
        # By day, not by file: so a day has the same homes, whichever days it was asked for with.
        alike: dict[tuple[str, date], list[tuple[str, date]]] = defaultdict(list)
        for (home, day), said in entities.items():
            alike[_fingerprint(said), day].append((home, day))
        for (name, _), places in alike.items():
            for place in places:
                self._names[place] = name if len(places) == 1 else None


def _fingerprint(entities: set[str]) -> str:
    measuring = {entity for entity in entities if entity.startswith(_MEASURING)} or entities
    digest = hashlib.sha256("\n".join(sorted(measuring)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"home-{digest[:_DIGITS]}"
