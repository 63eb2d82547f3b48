"""Asks for the next page while the caller still keeps the one before, and waits for nobody when the caller stops."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread
from typing import Final, Generic, Self, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

_GRACE_SECONDS: Final = 2.0
"""How long an answer that nobody will get is waited for: most are there by then, and leave no request behind."""


class Ahead(Generic[Asked, Answered]):
    """Sends requests one after the other: when the answer is wanted, or already now, in a thread. Use it in `with`.

    A request with all its tries may take minutes, and nothing can call it back. The thread is therefore a daemon:
    leaving waits for `_GRACE_SECONDS` at most, the end of the process not at all; what comes later is dropped.

    Args:
        ask: Answers a request.
        is_ahead: Whether a request is sent as soon as it is put.
    """

    def __init__(self, ask: Callable[[Asked], Answered], *, is_ahead: bool) -> None:
        """Ask for nothing yet."""
        self._ask = ask
        self._is_ahead = is_ahead
        self._last: Future[Answered] | None = None

    def put(self, request: Asked) -> Callable[[], Answered]:
        """Put a request; calling the result waits for the reply, or raises what went wrong."""
        if not self._is_ahead:
            return partial(self._ask, request)
        reply: Future[Answered] = Future()
        self._last = reply
        Thread(target=self._answer, args=(request, reply), name="export_service", daemon=True).start()
        return reply.result

    def __enter__(self) -> Self:
        """Nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait a moment for an answer that was asked for early."""
        if self._last is not None:
            wait([self._last], _GRACE_SECONDS)

    def _answer(self, request: Asked, reply: "Future[Answered]") -> None:
        try:
            answer = self._ask(request)
        except BaseException as error:  # noqa: BLE001 - raised where the answer is wanted
            reply.set_exception(error)
        else:
            reply.set_result(answer)
