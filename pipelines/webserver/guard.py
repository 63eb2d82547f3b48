"""The guard before Dagster's webserver, which itself launches runs for anybody who reaches it (ADR 0023).

It judges by method and headers and not by path, so that a route which a later Dagster brings is guarded, too.
"""

import json
import logging
from typing import Final

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from pipelines.webserver.origins import OwnOrigins
from pipelines.webserver.refusal import Refusal

_READING: Final = frozenset({"GET", "HEAD"})
_GRAPHQL: Final = "/graphql"
_MAX_BODY_BYTES: Final = 16 * 2**20
"""The longest query of the UI names every asset; this is a hundred thousand of them."""

_log = logging.getLogger(__name__)


class RequestGuard:
    """Middleware: turns away what does not come from a page of this UI, by a request that such a page sends.

    * Every request and every websocket: one `Host`, and it is ours, against a page whose own name leads here.
    * Every method but GET and HEAD, and every websocket: one `Origin`, and it is ours.
    * Every method but GET and HEAD: `application/json`, which no other page sends without being asked first.
    * No mutation in an address.
    * Read-only: no mutation, and no method but GET and HEAD elsewhere than at `/graphql`.

    Every answer says that it must not be shown inside of another page.

    Args:
        app: What is guarded.
        own: Our origins.
        is_read_only: Whether this UI is for viewers.
    """

    def __init__(self, app: ASGIApp, *, own: OwnOrigins, is_read_only: bool = False) -> None:
        self._app = app
        self._own = own
        self._is_read_only = is_read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer it with the sentence of its refusal."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._foreign_host(headers) or self._foreign_origin(headers)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        place = _noted(refusal, "websocket", scope)
        await WebSocket(scope, receive, send).send_denial_response(refusal.response(place, is_read_by_program=False))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        if refusal is None and self._is_read_only and scope["method"] not in _READING:
            body = await _read(receive)
            if body is None:
                refusal = Refusal.of_size(_MAX_BODY_BYTES)
            elif body_changes_something(body):
                refusal = Refusal.of_viewer()
            else:
                receive = _again(body, receive)
        send = _unframed(send)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        place = _noted(refusal, scope["method"], scope)
        response = refusal.response(place, is_read_by_program=scope["method"] not in _READING)
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        """What method, address and headers are refused for."""
        headers = Headers(scope=scope)
        if refusal := self._foreign_host(headers):
            return refusal
        # At every path, and whatever the method: the router takes more addresses for `/graphql` than that one.
        if any(changes_something(text) for text in QueryParams(scope["query_string"]).getlist("query")):
            return Refusal.of_mutation_in_address()
        if scope["method"] in _READING:
            return None
        if refusal := self._foreign_origin(headers):
            return refusal
        # Spelled as Dagster looks for it: another spelling would be JSON to us, and something else to it.
        if [one.partition(";")[0].strip() for one in headers.getlist("content-type")] != ["application/json"]:
            return Refusal.of_form()
        return Refusal.of_viewer() if self._is_read_only and scope["path"] != _GRAPHQL else None

    def _foreign_host(self, headers: Headers) -> Refusal | None:
        sent = headers.getlist("host")
        return None if len(sent) == 1 and self._own.has_host(sent[0]) else Refusal.of_host(sent, self._own)

    def _foreign_origin(self, headers: Headers) -> Refusal | None:
        sent = headers.getlist("origin")
        return None if len(sent) == 1 and self._own.has_origin(sent[0]) else Refusal.of_origin(sent, self._own)


def _noted(refusal: Refusal, method: str, scope: Scope) -> str:
    """The place of the refusal, which is logged: method and path, never the query."""
    place = f"{method} {ascii(scope['path'][:100])[1:-1]}"
    _log.warning("Refused: %s", refusal.sentence(place))
    return place


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when it is too long. A client that leaves has sent what it has sent."""
    parts: list[bytes] = []
    n_bytes = 0
    more = True
    while more:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        n_bytes += len(part)
        if n_bytes > _MAX_BODY_BYTES:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that begins with the whole body."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again


def _unframed(send: Send) -> Send:
    """A `send` whose answers are shown in no other page, and read by none as a script or an image."""

    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Frame-Options"] = "DENY"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        await send(message)

    return send_unframed


_KEYWORDS: Final = (OperationType.MUTATION.value, OperationType.SUBSCRIPTION.value)


def changes_something(text: str) -> bool:
    """Whether any operation of the document is not a query.

    So is one that has the word and cannot be read: how deep the parser follows a document depends on how much of the
    stack is left, and the webserver, which begins a thread for each, has more of it left than we.
    """
    if not any(keyword in text for keyword in _KEYWORDS):  # the language has no other way to write them
        return False
    try:
        definitions = parse(text, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return True
    operations = [node.operation for node in definitions if isinstance(node, OperationDefinitionNode)]
    return any(operation is not OperationType.QUERY for operation in operations)


def body_changes_something(body: bytes) -> bool:
    """The same of a JSON body with the document in `query`; so does a body that is anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return True
    text = document.get("query") if isinstance(document, dict) else None
    return not isinstance(text, str) or changes_something(text)
