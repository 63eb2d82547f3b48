"""The landing zone moved to another place, body by body, while pulls go on; then the warehouse knows the new zone.

The new zone has an id of its own from the beginning, which the warehouse's row does not yet call current: so it is
refused until it has everything, and the former one from that moment on. No pull begins in the former zone once the row
has changed, since each looks at the row under its own lock; one that began before is waited for. Nothing is deleted.
"""

import time
from collections.abc import Generator, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import uuid4

from psycopg.rows import scalar_row

from domain.errors import ConfigurationError, PayloadMissingError, WarehouseUnavailableError
from warehouse.connections import Connections
from warehouse.landing import BodyState, Landing
from warehouse.landing_index import IndexedBody, concurrently, indexed
from warehouse.landing_zone import LandingZone
from warehouse.statements import statement

_PLACE: Final = "table landing_zone"
_POLL_SECONDS: Final = 0.5
_MOST_PASSES: Final = 5  # each takes what came during the one before


class Outcome(StrEnum):
    """What became of a body."""

    MOVED = "moved"
    THERE = "there already"
    DAMAGED = "damaged"
    MISSING = "missing"


class LandingMove:
    """One zone moved to another place. Interrupted, it is begun again, and finds what is there already.

    Args:
        connections: To the warehouse.
        origin: The zone that the warehouse knows.
        target: Where it is to be.
        patience_seconds: How long pulls that are under way are waited for.

    Attributes:
        origin: Where it is, for messages.
        target: Where it is to be, for messages.
    """

    def __init__(
        self, connections: Connections, origin: Landing, target: Landing, *, patience_seconds: float = 60.0
    ) -> None:
        self.origin: Final = origin.place
        self.target: Final = target.place
        self._connections: Final = connections
        self._origin: Final = origin
        self._target: Final = target
        self._patience_seconds: Final = patience_seconds

    def run(self) -> Generator[tuple[IndexedBody, Outcome]]:
        """Move everything, then let the warehouse know the new zone. Each body once, unless it changes meanwhile.

        Raises:
            ConfigurationError: The origin is not the warehouse's zone, or the target is another warehouse's.
            WarehouseUnavailableError: One of the two cannot be read or written, or pulls are under way all the time.
        """
        new_id, since = self._begin(), None
        if new_id is None:
            yield from self._all_moved(since)
            return
        for _ in range(_MOST_PASSES):
            began, n_moved = self._instant(), 0
            for body, outcome in self._all_moved(since):
                n_moved += outcome is Outcome.MOVED
                yield body, outcome
            since = began
            if not n_moved:
                break
        self._wait_for_pulls()
        self._switch(new_id)
        self._wait_for_pulls()  # those that had looked at the row before it was changed
        yield from self._all_moved(since)

    def _begin(self) -> str | None:
        """The id of the target; None where the warehouse knows it already, and was interrupted behind that."""
        zone = LandingZone(self._connections, self._origin)
        target_id, origin_id = self._target.zone_id(), self._origin.zone_id()
        known = self._connections.rows(_PLACE, "landing/known", {}, scalar_row)
        if target_id is not None and target_id == zone.known_id() != origin_id:
            if origin_id not in known:
                raise zone.not_the_known_one(target_id, origin_id)
            return None
        current = zone.require()
        if target_id and target_id not in known:
            raise ConfigurationError(
                "the landing zone to move to is another warehouse's",
                place=self._target.place,
                fix="move to a folder or a prefix of its own",
            )
        if target_id and target_id != current:
            return target_id
        # It has none, or was copied by hand together with the origin's.
        new_id = uuid4().hex
        self._connections.rows(_PLACE, "landing/note", {"zone_id": new_id}, scalar_row)
        self._target.write_zone_id(new_id)
        if self._origin.zone_id() == new_id:
            self._origin.write_zone_id(current)
            raise ConfigurationError(
                "the landing zone is to be moved to where it is",
                place=self._target.place,
                fix="name another folder or prefix",
            )
        return new_id

    def _all_moved(self, since: datetime | None) -> Iterator[tuple[IndexedBody, Outcome]]:
        """What became of every body; of those since an instant, only of those that were not there already."""
        for body, outcome in concurrently(self._moved, indexed(self._connections, since=since)):
            if since is None or outcome is Outcome.MOVED:
                yield body, outcome

    def _moved(self, body: IndexedBody) -> tuple[IndexedBody, Outcome]:
        where = body.path, body.n_bytes, body.sha256
        if self._target.state(*where) is BodyState.WHOLE:
            return body, Outcome.THERE
        try:
            if Landing.is_file(body.path):
                with self._origin.as_file(*where) as file:
                    self._target.keep_file(body.source, file, is_known=False)
            else:
                self._target.keep(body.source, self._origin.read(*where), body.sha256, is_known=False)
        except (PayloadMissingError, WarehouseUnavailableError):
            if (state := self._origin.state(*where)) is BodyState.WHOLE:
                raise
            if state is BodyState.MISSING:
                self._origin.require_shown()
            return body, Outcome(state.value)
        return body, Outcome.MOVED

    def _wait_for_pulls(self) -> None:
        """Wait until nobody is at work on a pull.

        Raises:
            WarehouseUnavailableError: Somebody is, for as long as is waited.
        """
        end = time.monotonic() + self._patience_seconds
        while n_pulls := self._connections.rows(_PLACE, "landing/under_way", {}, scalar_row)[0]:
            if time.monotonic() >= end:
                raise WarehouseUnavailableError(
                    f"pulls are under way ({n_pulls}), which keep their answers in the former landing zone",
                    place=self._origin.place,
                    fix="stop the loads or wait until they end, then run it again: it goes on where it is",
                )
            time.sleep(_POLL_SECONDS)

    def _switch(self, new_id: str) -> None:
        if self._target.zone_id() != new_id:
            raise ConfigurationError(
                "the new landing zone does not give back the id that was written",
                place=self._target.place,
                fix="give its key the right to get objects, and let nobody else write there",
            )
        with self._connections.borrow(_PLACE) as connection, connection.transaction():
            connection.execute(statement("landing/lock"))
            connection.execute(statement("landing/leave"))
            connection.execute(statement("landing/make_current"), {"zone_id": new_id})

    def _instant(self) -> datetime:
        now: datetime = self._connections.rows(_PLACE, "landing/now", {}, scalar_row)[0]
        return now
