"""What the index says was kept, body by body, and work on many of them at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from psycopg.rows import class_row

from domain.window import Window
from warehouse.connections import Connections

PLACE: Final = "table payload"

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

    def __str__(self) -> str:
        """Which answer it is, and where it should be."""
        window = Window(self.window_start, self.window_end)
        return f"payload {self.sha256[:12]} of {self.source}, {window}, at {self.path}"


def indexed(
    connections: Connections, source: str | None = None, window: Window | None = None, *, since: datetime | None = None
) -> Iterator[IndexedBody]:
    """Every indexed body once, read by the thousand: no transaction stays open.

    Args:
        connections: To the warehouse.
        source: Only this source's.
        window: Only those of windows that touch this one.
        since: Only those of pulls that were under way at this instant or later.
    """
    span = (window.start, window.end) if window else ("-infinity", "infinity")
    values = {"source": source, "start": span[0], "end": span[1], "after": 0, "since": since}
    while found := connections.rows(PLACE, "landing/indexed", values, class_row(IndexedBody)):
        yield from found
        values["after"] = found[-1].payload_id


def newest(connections: Connections) -> list[IndexedBody]:
    """The bodies that were indexed last, a few, the newest first."""
    return connections.rows(PLACE, "landing/newest", {}, class_row(IndexedBody))


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
