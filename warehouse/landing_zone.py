"""Whether the landing zone is the one that the warehouse knows, and whether it has what is indexed.

A zone holds an id in a small object, and the warehouse holds the same id in a row. The row is the truth: a process
whose zone has another id, or none, is refused before a provider is asked, for what it kept would be missing elsewhere.
The first pull makes both, under a lock: the object before the row, so that whoever sees the row may expect the object.
"""

from collections.abc import Iterator
from threading import Lock
from typing import Final
from uuid import uuid4

import psycopg

from domain.errors import ConfigurationError
from domain.window import Window
from warehouse.connections import Connections
from warehouse.landing import LANDING_URL, BodyState, Landing
from warehouse.landing_index import IndexedBody, concurrently, indexed, newest
from warehouse.statements import statement

_PLACE: Final = "table landing_zone"
_FIX: Final = (
    "let LANDING_URL name the zone of the other processes, or mount its volume here; if that one is lost,"
    " `joulehouse landing adopt` takes this one (docs/operate/landing.md)"
)
_FIX_OF_ARGUMENT: Final = "write it as LANDING_URL has it where the answers are; nothing was moved"


class LandingZone:
    """The landing zone of a warehouse.

    Args:
        connections: To the warehouse.
        landing: Where the bodies are.
    """

    def __init__(self, connections: Connections, landing: Landing) -> None:
        self._connections: Final = connections
        self._landing: Final = landing
        self._zone_id: str | None = None
        self._lock: Final = Lock()

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._landing.place

    def require(self) -> str:
        """The id of the zone, once it is known to be the warehouse's; one read of each, and none from then on.

        A warehouse that knows none yet takes this zone, if that has the newest indexed body or nothing is indexed.

        Raises:
            ConfigurationError: The warehouse knows another zone.
            WarehouseUnavailableError: The warehouse or the zone cannot be read, or the id cannot be written.
        """
        with self._lock:
            if self._zone_id is None:
                known = self.known_id() or self._taken()
                self._refuse_other(known, self._landing.zone_id())
                self._zone_id = known
            return self._zone_id

    def look(self) -> str:
        """A sentence that says that it is the warehouse's, or will be; changes nothing.

        Raises:
            ConfigurationError: The warehouse knows another zone.
            WarehouseUnavailableError: The warehouse or the zone cannot be read.
        """
        known, shown = self.known_id(), self._landing.zone_id()
        if known is None:
            return f"The next pull makes the landing zone at {self.place} the warehouse's."
        self._refuse_other(known, shown)
        return f"The landing zone at {self.place} is the warehouse's."

    def adopt(self) -> None:
        """Make this zone the warehouse's, whatever it lacks; the former is refused from now on, by pulls too."""
        self._zone_id = self._made_current()

    def verify(
        self, source: str | None = None, window: Window | None = None
    ) -> Iterator[tuple[IndexedBody, BodyState]]:
        """Read every indexed body and compare its hash, in the order in which they were indexed.

        Args:
            source: Only this source's.
            window: Only those of windows that touch this one.

        Raises:
            ConfigurationError: The warehouse knows another zone.
            WarehouseUnavailableError: The warehouse or the landing zone cannot be read.
        """
        self.require()
        return concurrently(self._with_state, indexed(self._connections, source, window))

    def newest(self) -> IndexedBody | None:
        """The body that was indexed last."""
        return next(iter(newest(self._connections)), None)

    def state(self, body: IndexedBody) -> BodyState:
        """How an indexed body is, read as a whole."""
        return self._landing.state(body.path, body.n_bytes, body.sha256)

    def _with_state(self, body: IndexedBody) -> tuple[IndexedBody, BodyState]:
        state = self.state(body)
        if state is BodyState.MISSING:
            self._landing.require_shown()
        return body, state

    def known_id(self) -> str | None:
        """The id that the warehouse knows; None if it knows no zone yet."""
        with self._connections.borrow(_PLACE) as connection:
            return _current(connection)

    def _taken(self) -> str:
        few = sorted(newest(self._connections), key=lambda body: body.n_bytes)
        if few and not any(self.state(body) is BodyState.WHOLE for body in few):
            raise self._other(f"the landing zone holds none of the newest indexed answers, such as {few[0]}")
        return self._made_current(unless_known=True)

    def _made_current(self, *, unless_known: bool = False) -> str:
        with self._connections.borrow(_PLACE) as connection, connection.transaction():
            connection.execute(statement("landing/lock"))
            if unless_known and (known := _current(connection)):
                return known  # another process was first
            shown = self._landing.zone_id()
            zone_id = shown or uuid4().hex
            if not shown:
                self._landing.write_zone_id(zone_id)
            connection.execute(statement("landing/leave"))
            connection.execute(statement("landing/make_current"), {"zone_id": zone_id})
        return zone_id

    def _refuse_other(self, known: str, shown: str | None) -> None:
        if known != shown:
            raise self.not_the_known_one(known, shown)

    def not_the_known_one(self, known: str, shown: str | None) -> ConfigurationError:
        """What to say where the zone shows another id than the one that the warehouse knows, or none."""
        one = f"has the id {shown[:8]}" if shown else "shows no id" if shown is None else "has a damaged id"
        return self._other(
            f"the landing zone is not the one that the warehouse knows: it {one}, and the warehouse's is {known[:8]}"
        )

    def _other(self, culprit: str) -> ConfigurationError:
        fix = _FIX if self._landing.setting == LANDING_URL else _FIX_OF_ARGUMENT
        if self._landing.refusal:
            refusal = self._landing.refusal
            fix = f"the store says {refusal!r}: look whether its key is valid and may read there; if so, {fix}"
        return ConfigurationError(culprit, place=f"{self._landing.setting}, {self.place}", fix=fix)


def _current(connection: psycopg.Connection) -> str | None:
    row = connection.execute(statement("landing/current")).fetchone()
    return str(row[0]) if row else None
