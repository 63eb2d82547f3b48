"""The catalogue: which number a series has, and what is known about it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

from domain import zones
from domain.errors import NormalizationError, RowsRefusedError
from domain.quantities import QUANTITIES, Kind, Kinds
from domain.records import Series
from domain.window import Window
from domain.zones import is_zone
from warehouse import registers, summaries
from warehouse.connections import Connections
from warehouse.statements import statement

_AT_ONCE: Final = 5_000  # series in one statement
_REMEASURED_FIX: Final = (
    "give it another key; if the quantity was wrong before, materialize the catalogue, once its points are gone"
)


class Catalogue:
    """The series of every source. Numbers that were once read are remembered: they never change."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._ids: dict[tuple[str, str], tuple[int, str]] = {}
        self._met: set[int] = set()  # registers that the database has been seen to hold readings of

    def describe(self, source: str, series: Iterable[Series]) -> int:
        """Make the catalogue say what `series` say; the number of rows added or rewritten. Safe to race.

        Raises:
            RowsRefusedError: A series that has points measures another quantity now, or in another unit: its points
                would change their meaning in silence. Nothing is rewritten, then.
        """
        ordered = _ordered(series)
        place = f"catalogue of {source}"
        n_changed = 0
        with self._connections.borrow(place) as connection, connection.transaction():
            # Before anything is compared: what another description commits must not come in between.
            connection.execute(statement("catalogue/lock_describing"), {"source": source})
            for start in range(0, len(ordered), _AT_ONCE):
                columns = _columns(source, ordered[start : start + _AT_ONCE])
                _refuse_remeasured(connection, columns, place)
                rescaled = [one for (one,) in connection.execute(statement("register/rescaled"), columns)]
                if rescaled:
                    # As a load does it, in this order: what is written of them waits for us, or has been committed.
                    connection.execute(statement("catalogue/lock"), columns)
                rezoned = _rezoned(connection, columns)
                n_changed += connection.execute(statement("catalogue/describe"), columns).rowcount
                if rescaled:
                    for window in registers.spans(connection, rescaled):
                        registers.rewrite(connection, source, rescaled, window, place=place)
                for series_id, window in rezoned.items():
                    summaries.rewrite(connection, summaries.zones(connection, [series_id]), window)
                    for span in registers.spans(connection, [series_id]):
                        registers.rewrite(connection, source, [series_id], span, place=place, is_rezoned=True)
        for one in ordered:
            self._ids.pop((source, one.key), None)
        return n_changed

    def kinds(self, source: str) -> Kinds:
        """Key → what the series is; a register counts from its first committed reading on."""
        with self._connections.borrow(f"catalogue of {source}") as connection:
            rows = connection.execute(statement("catalogue/kinds"), {"source": source}).fetchall()
            unread = [series_id for series_id, _, kind in rows if kind == Kind.REGISTER and series_id not in self._met]
            if unread:
                found = connection.execute(statement("catalogue/with_readings"), {"series_ids": unread})
                self._met.update(series_id for (series_id,) in found)
        return {key: Kind(kind) for series_id, key, kind in rows if kind != Kind.REGISTER or series_id in self._met}

    def numbers(self, source: str, series: Sequence[Series], *, place: str) -> Mapping[str, int]:
        """The number of each of `series`, in transactions of their own; unknown ones are added.

        Raises:
            RowsRefusedError: One measures another quantity than the catalogue says: its unit would change in silence.
        """
        missing = [one for one in series if (source, one.key) not in self._ids]
        for start in range(0, len(missing), _AT_ONCE):
            self._learn(source, missing[start : start + _AT_ONCE], place)
        for one in series:
            known = self._ids[source, one.key][1]
            if known != one.quantity:
                self._ids.pop((source, one.key))
                raise RowsRefusedError(
                    f"the series {one.key!r} is {known} in the catalogue and {one.quantity} in the payloads",
                    place=place,
                    fix=_REMEASURED_FIX,
                )
        return {one.key: self._ids[source, one.key][0] for one in series}

    def _learn(self, source: str, series: Sequence[Series], place: str) -> None:
        with self._connections.borrow(place) as connection:
            unknown = self._read(connection, source, series)
            if unknown:
                connection.execute(statement("catalogue/add"), _columns(source, _ordered(unknown)))
                self._read(connection, source, unknown)

    def _read(self, connection: psycopg.Connection, source: str, series: Sequence[Series]) -> list[Series]:
        """Remember what the catalogue knows of `series`; the rest is returned."""
        keys = [one.key for one in series]
        rows = connection.execute(statement("catalogue/known"), {"source": source, "keys": keys})
        for key, series_id, quantity in rows:
            self._ids[source, key] = (series_id, quantity)
        return [one for one in series if (source, one.key) not in self._ids]


def _refuse_remeasured(connection: psycopg.Connection, columns: dict[str, object], place: str) -> None:
    if not connection.execute(statement("catalogue/remeasured"), columns).fetchall():
        return
    # Only now, because it waits for every load of the source that is under way: the points they write count, too.
    connection.execute(statement("catalogue/lock"), columns)
    for key, had, has, has_points in connection.execute(statement("catalogue/remeasured"), columns):
        if has_points:
            raise RowsRefusedError(
                f"the series {key!r} has points that are {had}, and is described as {has}",
                place=place,
                fix=_REMEASURED_FIX,
            )


def _rezoned(connection: psycopg.Connection, columns: dict[str, object]) -> dict[int, Window]:
    """Series with points that get another zone, and the days of their points: their local days are other ones then."""
    if not connection.execute(statement("catalogue/rezoned"), columns).fetchall():
        return {}
    # As a load does it, in this order: what is written of them waits for us, or has been committed.
    connection.execute(statement("catalogue/lock"), columns)
    rows = connection.execute(statement("catalogue/rezoned"), columns).fetchall()
    return {
        int(series_id): Window.of_days(first.astimezone(UTC).date(), last.astimezone(UTC).date())
        for series_id, first, last in rows
        if first is not None
    }


def _ordered(series: Iterable[Series]) -> list[Series]:
    """One description per key, the last one said, sorted by key."""
    return [one for _, one in sorted({one.key: one for one in series}.items())]


def _columns(source: str, series: Sequence[Series]) -> dict[str, object]:
    for one in series:
        if one.quantity not in QUANTITIES:
            raise NormalizationError(
                f"the quantity {one.quantity!r} is unknown",
                place=f"series {one.key!r} of {source}",
                fix=f"use one of {', '.join(sorted(QUANTITIES))}, or add it to domain/quantities.py",
            )
        if not is_zone(one.time_zone):
            raise NormalizationError(
                zones.refusal(one.time_zone),
                place=f"series {one.key!r} of {source}",
                fix="describe the series with a name of domain/zones.py, or with UTC and the label refused_zone",
            )
    quantities = [QUANTITIES[one.quantity] for one in series]
    return {
        "source": source,
        "key": [one.key for one in series],
        "quantity": [one.quantity for one in series],
        "unit": [quantity.unit for quantity in quantities],
        "kind": [quantity.kind.value for quantity in quantities],
        "device": [one.device for one in series],
        "site": [one.site for one in series],
        "provider_unit": [one.provider_unit for one in series],
        "resolution": [one.resolution for one in series],
        "time_zone": [one.time_zone for one in series],
        "labels": [Jsonb(dict(one.labels)) for one in series],
    }
