"""The landing zone as the warehouse's index knows it: what is indexed, and whether it is there.

Nothing is listed: the rows of `payload` say what there is.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from psycopg.rows import class_row

from domain.window import Window
from warehouse.connections import Connections
from warehouse.landing import BodyState, Landing

_AT_ONCE: Final = 8  # a store answers one request in 20 ms and more; each body is in memory as a whole

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class IndexedBody:
    """A body that the index says was kept.

    Attributes:
        payload_id: The first payload that it is the body of.
        source: Whose answer it is.
        path: Where it is below the landing zone.
        sha256: Of the body.
        n_bytes: How long the body is.
        window_start: What was asked for begins here, UTC.
        window_end: And ends before.
    """

    payload_id: int
    source: str
    path: str
    sha256: str
    n_bytes: int
    window_start: datetime
    window_end: datetime


class LandingZone:
    """The landing zone of a warehouse.

    Args:
        connections: To the warehouse.
        landing: Where the bodies are.
    """

    def __init__(self, connections: Connections, landing: Landing) -> None:
        self._connections: Final = connections
        self._landing: Final = landing

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._landing.place

    def verify(
        self, source: str | None = None, window: Window | None = None
    ) -> Iterator[tuple[IndexedBody, BodyState]]:
        """Read every indexed body and compare its hash, in the order in which they were indexed.

        Args:
            source: Only this source's.
            window: Only those of windows that touch this one.

        Raises:
            WarehouseUnavailableError: The warehouse or the landing zone cannot be read.
        """
        return concurrently(
            lambda body: (body, self._landing.state(body.path, body.n_bytes, body.sha256)),
            self.indexed(source, window),
        )

    def indexed(self, source: str | None = None, window: Window | None = None) -> Iterator[IndexedBody]:
        """Every indexed body once, read from the warehouse by the thousand: no transaction stays open."""
        span = (window.start, window.end) if window else ("-infinity", "infinity")
        values = {"source": source, "start": span[0], "end": span[1], "after": 0}
        while True:
            found = self._connections.rows("table payload", "landing/indexed", values, class_row(IndexedBody))
            yield from found
            if not found:
                return
            values["after"] = found[-1].payload_id


def concurrently(do: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """What `do` returns for each item, in their order, some items at once; who stops early waits for those alone."""
    under_way: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for item in items:
                under_way.append(pool.submit(do, item))
                if len(under_way) == _AT_ONCE:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
