"""Answers put into an object store side by side, and indexed one after the other, in the order in which they came.

A store takes tens of milliseconds for a put, whatever its size. Nothing is indexed before it is kept, nor before what
came before it: the index never has a hole, whenever a process dies.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from domain.records import Payload

_AT_ONCE: Final = 8
_MOST_BYTES: Final = 64 * 2**20


class OrderedKeeps:
    """The keeps of one pull. `keep` is for one thread.

    Args:
        put: Keeps a payload's body; its path. Called by several threads at once.
        index: Indexes a payload that was kept at a path. Called by one thread, in order.
    """

    def __init__(self, put: Callable[[Payload], str], index: Callable[[Payload, str], None]) -> None:
        self._put: Final = put
        self._index: Final = index
        self._puts: Final = ThreadPoolExecutor(_AT_ONCE, "puts")
        self._indexing: Final = ThreadPoolExecutor(1, "indexing")
        self._under_way: Final[deque[tuple[int, Future[None]]]] = deque()
        self._failure: BaseException | None = None

    def keep(self, payload: Payload) -> None:
        """Begin to keep a payload; wait where too much is under way, and for a body that lies in a file.

        Raises:
            WarehouseUnavailableError: This payload, or one before it, cannot be kept; none behind it is indexed.
        """
        while self._is_full(payload.n_bytes):
            self._under_way.popleft()[1].result()
        if self._failure is not None:
            raise self._failure
        put = self._puts.submit(self._put, payload)
        kept = self._indexing.submit(self._index_next, payload, put)
        self._under_way.append((payload.n_bytes, kept))
        if payload.file is not None:  # whoever sent it takes it away when this returns
            kept.result()

    def end(self) -> BaseException | None:
        """Wait until everything is kept; why something is not. It may be told by `keep` already."""
        wait([one for _, one in self._under_way])
        self._puts.shutdown()
        self._indexing.shutdown()
        return self._failure

    def _is_full(self, n_bytes: int) -> bool:
        n_under_way = sum(n for n, one in self._under_way if not one.done())
        return bool(self._under_way) and (len(self._under_way) >= _AT_ONCE or n_under_way + n_bytes > _MOST_BYTES)

    def _index_next(self, payload: Payload, put: "Future[str]") -> None:
        if self._failure is not None:
            return
        try:
            self._index(payload, put.result())
        except BaseException as error:
            self._failure = error
            raise
