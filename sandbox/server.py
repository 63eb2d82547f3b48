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

from sandbox.answers import Request
from sandbox.twin import Socket, Twin
from sandbox.wire import deliver

_MAX_LOGGED: Final = 200_000
_MAX_BODY: Final = 2**20


class RequestLog:
    """The newest 200,000 requests to the twins, without headers and bodies, so without credentials."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_LOGGED)
        self._lock = Lock()

    def note(self, entry: dict[str, Any]) -> None:
        """Add a request; how long it took and how much was sent may be filled in later."""
        with self._lock:
            self._entries.append(entry)

    def entries(self, path: str | None = None) -> list[dict[str, Any]]:
        """All entries, oldest first; only those whose path ends with `path`, if there is one."""
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
        entry = _entry(self._twin, scope)
        request = await _request(scope, receive)
        response = self._twin.answer(request)
        entry |= {
            "query": dict(request.query),
            "status": response.status,
            "n_documents": response.n_documents,
            "n_bytes": 0,
        }
        # Noted before a byte leaves: a client that has read the response finds its request in the log.
        self._log.note(entry)
        try:
            entry["n_bytes"] = await deliver(response, request, scope, receive, send)
        finally:
            _note_seconds(entry)


class _TwinSocket:
    """One websocket path of one twin: a connection is noted when it has ended."""

    def __init__(self, twin: Twin[Any], socket: Socket, log: RequestLog) -> None:
        self._twin = twin
        self._socket = socket
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = _entry(self._twin, scope)
        connection = WebSocket(scope, receive, send)
        try:
            await self._socket(connection)
        finally:
            is_open = connection.application_state is not WebSocketState.CONNECTING
            entry |= {"query": dict(connection.query_params), "status": 101 if is_open else 403}
            _note_seconds(entry)
            self._log.note(entry)


def _entry(twin: Twin[Any], scope: Scope) -> dict[str, Any]:
    """A new entry for the log, with the beginning of the request or connection."""
    return {
        "wall": datetime.now(UTC).isoformat(),
        "monotonic": time.monotonic(),
        "seconds": 0.0,
        "twin": twin.slug,
        "method": scope.get("method", "WEBSOCKET"),
        "path": scope["path"],
    }


def _note_seconds(entry: dict[str, Any]) -> None:
    entry["seconds"] = round(time.monotonic() - entry["monotonic"], 6)


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
        twins: The twins that answer.
        log: Where their requests are noted.
        control: The routes of the control API.
    """
    routes: list[BaseRoute] = []
    for twin in twins:
        routes += [Route(path, _TwinEndpoint(twin, log)) for path in twin.paths]
        routes += [WebSocketRoute(path, _TwinSocket(twin, socket, log)) for path, socket in twin.sockets.items()]
    return _LoopbackHostOnly(Starlette(routes=[*routes, *control]))


async def _request(scope: Scope, receive: Receive) -> Request:
    body = b""
    while len(body) <= _MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query: dict[str, str] = {}
    for name, value in pairs:
        query.setdefault(name, value)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], query, headers, body, pairs)
