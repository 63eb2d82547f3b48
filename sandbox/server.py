"""One ASGI application for every twin, under the providers' real paths, with a log of all requests."""

import ipaddress
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from sandbox.answers import Asked
from sandbox.twin import Socket, Twin
from sandbox.wire import deliver

_MAX_LOGGED: Final = 200_000
_MAX_BODY: Final = 2**20


class RequestLog:
    """The newest 200,000 requests that twins were asked. Holds no header and no body, so no credential."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_LOGGED)
        self._lock = Lock()

    def note(self, entry: dict[str, Any]) -> None:
        """Add a request that is being answered; how long it took and how much was sent is filled in by its end."""
        with self._lock:
            self._entries.append(entry)

    def entries(self, path: str | None = None) -> list[dict[str, Any]]:
        """All entries, oldest first; only those whose path ends with `path`, if it is given."""
        with self._lock:
            return [entry for entry in self._entries if path is None or entry["path"].endswith(path)]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()


class _TwinEndpoint:
    """One path of one twin."""

    def __init__(self, twin: Twin[Any], log: RequestLog) -> None:
        self._twin = twin
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wall, began = datetime.now(UTC), time.monotonic()
        asked = await _asked(scope, receive)
        answer = self._twin.answer(asked)
        entry: dict[str, Any] = {
            "wall": wall.isoformat(),
            "monotonic": began,
            "seconds": 0.0,
            "twin": self._twin.slug,
            "method": asked.method,
            "path": asked.path,
            "query": dict(asked.query),
            "status": answer.status,
            "n_documents": answer.n_documents,
            "n_bytes": 0,
        }
        # Noted before a byte leaves: whoever has read the answer finds its request in the log.
        self._log.note(entry)
        try:
            entry["n_bytes"] = await deliver(answer, asked, scope, receive, send)
        finally:
            entry["seconds"] = round(time.monotonic() - began, 6)


class _Logged:
    """One websocket path of one twin: who connects is noted when the connection has ended."""

    def __init__(self, twin: Twin[Any], socket: Socket, log: RequestLog) -> None:
        self._twin = twin
        self._socket = socket
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wall, began = datetime.now(UTC), time.monotonic()
        connection = WebSocket(scope, receive, send)
        try:
            await self._socket(connection)
        finally:
            is_open = connection.application_state is not WebSocketState.CONNECTING
            self._log.note(
                {
                    "wall": wall.isoformat(),
                    "monotonic": began,
                    "seconds": round(time.monotonic() - began, 6),
                    "twin": self._twin.slug,
                    "method": "WEBSOCKET",
                    "path": scope["path"],
                    "query": dict(connection.query_params),
                    "status": 101 if is_open else 403,
                }
            )


class _LoopbackHostOnly:
    """Refuse requests whose Host is not a loopback name: a page in a browser cannot rebind its way in."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not is_loopback(host.rsplit(":", 1)[0] if not host.endswith("]") else host):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close"})
                    return
                refusal = PlainTextResponse("The sandbox answers on loopback names only.\n", status_code=421)
                await refusal(scope, receive, send)
                return
        await self._inner(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost` or an address of the loopback range."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return bare == "localhost" or ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def application(twins: Iterable[Twin[Any]], log: RequestLog, control: Sequence[BaseRoute]) -> ASGIApp:
    """The whole sandbox.

    Args:
        twins: Who answers.
        log: Where their requests are noted.
        control: The routes by which a person steers them.
    """
    routes: list[BaseRoute] = []
    for twin in twins:
        routes += [Route(path, _TwinEndpoint(twin, log)) for path in twin.paths]
        routes += [WebSocketRoute(path, _Logged(twin, socket, log)) for path, socket in twin.sockets.items()]
    return _LoopbackHostOnly(Starlette(routes=[*routes, *control]))


async def _asked(scope: Scope, receive: Receive) -> Asked:
    body = b""
    while len(body) <= _MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    query: dict[str, str] = {}
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, value in pairs:
        query.setdefault(name, value)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Asked(scope["method"], scope["path"], query, headers, body, pairs)
