"""How a response travels: compressed or not, at once or in drips, whole or cut.

A server library guards the framing of what it sends, so a cut body is written to the connection itself.
"""

import asyncio
import contextlib
import socket
import struct
import zlib
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.answers import Cut, Request, Response

_TRANSPORT: Final = "sandbox.transport"
_MIB: Final = 2**20
_MAX_ENDLESS: Final = 2**36
_WORTH_COMPRESSING: Final = 512
_BODILESS: Final = (204, 304)


class OpenProtocol(H11Protocol):
    """HTTP/1.1 whose requests know their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the parent does
        """Put the connection into the scope of every request that comes over it."""
        super().connection_made(transport)
        inner = cast("ASGIApp", self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = cast("Any", app)


async def deliver(response: Response, request: Request, scope: Scope, receive: Receive, send: Send) -> int:
    """Send a response the way its delivery says; how many bytes of encoded body the connection was given."""
    delivery = response.delivery
    if delivery.wait_seconds and await _is_gone(receive, delivery.wait_seconds):
        return 0
    headers = {"content-type": response.media_type, **response.headers}
    is_gzip = _is_gzip(response, request)
    if is_gzip:
        headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    pieces = (
        await asyncio.to_thread(_compressed, response)
        if is_gzip and delivery.padding_mib
        else _pieces(response, is_gzip=is_gzip)
    )
    if delivery.cut is not None:
        return await _deliver_cut(
            response.status, b"".join(pieces), delivery.cut, headers=headers, scope=scope, receive=receive
        )
    is_bodiless = request.method == "HEAD" or response.status in _BODILESS
    if not delivery.is_endless and response.status not in _BODILESS:
        headers["content-length"] = str(sum(map(len, pieces)))
    await send({"type": "http.response.start", "status": response.status, "headers": _raw(headers)})
    sent = 0
    if not is_bodiless:
        async with contextlib.aclosing(_paced(pieces, response, receive)) as paced:
            async for piece in paced:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                sent += len(piece)
    await send({"type": "http.response.body", "body": b""})
    return sent


def _is_gzip(response: Response, request: Request) -> bool:
    if response.delivery.is_gzip_forced or (response.delivery.cut and response.delivery.cut.framing == "gzip"):
        return True
    offered = [part.split(";") for part in request.headers.get("accept-encoding", "").lower().split(",")]
    accepts = any(name.strip() == "gzip" and "q=0" not in map(str.strip, parameters) for name, *parameters in offered)
    return response.delivery.is_gzip_allowed and accepts and len(response.body) >= _WORTH_COMPRESSING


def _pieces(response: Response, *, is_gzip: bool) -> list[bytes]:
    if is_gzip:
        return _compressed(response)
    return [response.body, *[b" " * _MIB] * response.delivery.padding_mib]


def _compressed(response: Response) -> list[bytes]:
    packer = zlib.compressobj(level=1, wbits=31)
    pieces = [packer.compress(response.body)]
    pieces += [packer.compress(b" " * _MIB) for _ in range(response.delivery.padding_mib)]
    return [piece for piece in [*pieces, packer.flush()] if piece]


async def _paced(pieces: list[bytes], response: Response, receive: Receive) -> AsyncGenerator[bytes]:
    """The pieces with the pauses of the delivery, until the client goes away."""
    delivery = response.delivery
    if not delivery.drip_bytes and not delivery.is_endless:
        for piece in pieces:
            yield piece
        return
    step = delivery.drip_bytes or 65536
    whole = b"".join(pieces)
    for at in range(0, len(whole), step):
        yield whole[at : at + step]
        if await _is_gone(receive, delivery.drip_seconds):
            return
    for _ in range(_MAX_ENDLESS // 65536 if delivery.is_endless else 0):
        yield b" " * 65536
        if await _is_gone(receive, 0):
            return


async def _deliver_cut(
    status: int, body: bytes, cut: Cut, *, headers: dict[str, str], scope: Scope, receive: Receive
) -> int:
    """Write a head that promises more than the body that follows, and end the connection."""
    part = body[: int(len(body) * cut.fraction)]
    transport: asyncio.Transport = scope[_TRANSPORT]
    if cut.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
        sent = b"%x\r\n%s\r\n" % (len(part), part) if part else b""
    else:
        if cut.framing != "close":
            headers["content-length"] = str(len(part) if cut.framing == "gzip" else len(body))
        sent = part
    if cut.framing in ("close", "gzip"):
        headers["connection"] = "close"
    head = b"".join(b"%s: %s\r\n" % pair for pair in _raw(headers))
    transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, _phrase(status), head, sent))
    if cut.is_reset:
        while transport.get_write_buffer_size():  # noqa: ASYNC110 - a transport has a size, not an event
            await asyncio.sleep(0.001)
        linger_off = struct.pack("ii", 1, 0)  # closing sends RST at once
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_off)
        transport.abort()
    else:
        transport.close()
    await _is_gone(receive, 5)
    return len(part)


async def _is_gone(receive: Receive, seconds: float) -> bool:
    """Wait so long, or until the client has gone away; whether it has."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds or 0.0001)
    except TimeoutError:
        return False
    return True


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Unknown"


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
