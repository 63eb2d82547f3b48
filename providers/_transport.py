"""Requests over httpx: sends one, hears the head of its response, writes its body, or says why there is none.

A body is counted as it arrives, inflated within bounds, and believed only with a proof that it is whole.
It follows no redirect, keeps no cookie, reads no environment variable, and lets no URL, header or foreign exception
text into a message or a log.
"""

import contextlib
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import httpcore
import httpx

from domain.contract import Budget
from domain.errors import AnswerTooLargeError, IncompleteAnswerError, IngestError, PayloadUnreadableError
from providers._addresses import Address, Resolver, is_loopback
from providers._http_errors import FOREIGN, WITH_BODY, WITHOUT_BODY, Failure, failure_of_exception
from providers._http_types import UNPROVEN, Head, Limits, Request
from providers._proxy import Proxy
from providers._quotes import LONGEST_QUOTED_BYTES
from providers._socket import Deadline, GuardedBackend, Permit, tls

_QUOTE_SECONDS: Final = 2.0  # to read what a refusal says; longer than that, nobody needs to know

_PIECE_BYTES: Final = 256 * 1024  # what one step of inflation may put into memory
# Telemetry packs 5 to 30 times, a night of zeros more than 200 times: the ratio alone proves no bomb, only together
# with a size.
_RATIO: Final = 200
_RATIO_FROM_BYTES: Final = 256 * 2**20
_GZIP: Final = frozenset({"gzip", "x-gzip"})

_LEAVES: Final = "http11.send_request_headers.started"  # the connection stands; nothing of the request has been written
_HAS_LEFT: Final = frozenset(
    f"http11.send_request_{what}" for what in ("body.complete", "body.failed", "headers.failed")
)

# Both libraries write URLs with their queries at INFO and DEBUG, and queries carry signatures.
_LOGGERS: Final = (
    "httpx",
    *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks")),
)
for _name in _LOGGERS:
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addFilter(lambda record: record.levelno >= logging.WARNING)


@dataclass(frozen=True, slots=True)
class Received:
    """A response whose body has been written whole, with the proof that it is."""

    status: int
    media_type: str
    proof: str


class _GuardedTransport(httpx.HTTPTransport):
    """The library's own transport over our own sockets, which the library has no argument for."""

    def __init__(self, backend: httpcore.NetworkBackend, ca_file: Path | None) -> None:
        super().__init__(verify=tls(ca_file), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(ca_file), max_connections=32, keepalive_expiry=15.0, network_backend=backend
        )


class Transport:
    """Connections to wherever is permitted. Safe to use from many threads.

    Args:
        limits: Bounds in time and size.
        resolve: Looks names up.
        permit: Whether a connection may be made to an address.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        budget: Asked before every request.
        proxy: What connects in our place; None for nothing.

    Attributes:
        n_requests: Sent so far, or tried where no connection could be made; not those whose slot was refused.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        resolve: Resolver,
        permit: Permit,
        ca_file: Path | None,
        budget: Budget | None,
        proxy: Proxy | None = None,
    ) -> None:
        self._limits = limits
        self._budget = budget
        self._lock = threading.Lock()
        self._proxy = proxy
        self._transport = _GuardedTransport(GuardedBackend(resolve, permit, proxy), ca_file)
        self.n_requests = 0

    def exchange(
        self,
        request: Request,
        deadline: Deadline,
        *,
        judge: Callable[[Head], Failure | None],
        write: Callable[[bytes], object],
    ) -> Received | Failure:
        """Send `request` once: wait for the budget, judge the head of the response, write its body as it comes.

        Args:
            request: What to send.
            deadline: Extended by the time that the budget took.
            judge: Looks at the head; None to have the body read.
            write: Takes the decoded body, piece by piece.
        """
        slot = 0 if self._budget is None else _waited(self._budget.take, deadline)
        with self._lock:
            self.n_requests += 1
        response: httpx.Response | None = None
        try:
            response = self._send(request, slot, deadline)
            head = _head(response)
            return judge(head) or self._receive(response, head, write)
        except FOREIGN as error:
            is_late, proxy = deadline.left() <= 0, self.proxy_to(request.url)
            return failure_of_exception(error, in_body=response is not None, is_late=is_late, proxy=proxy)
        finally:
            if response is not None:
                with contextlib.suppress(OSError, httpcore.NetworkError):
                    response.close()

    def proxy_to(self, url: str) -> Proxy | None:
        """What a request to `url` goes through; None for nothing."""
        return None if self._proxy is None or is_loopback(Address.parse(url).host) else self._proxy

    def _send(self, request: Request, slot: int, deadline: Deadline) -> httpx.Response:
        limits, budget = self._limits, self._budget

        def trace(event: str, _: object) -> None:
            # To look a name up, to connect and to agree on a cipher takes longer than slots tolerate.
            nonlocal slot
            if budget is not None and event == _LEAVES:
                try:
                    slot = _waited(lambda: budget.renewed(slot), deadline)
                except IngestError:
                    with self._lock:
                        self.n_requests -= 1
                    raise
            elif budget is not None and event in _HAS_LEFT:
                budget.sent(slot)

        timeouts = {
            "connect": limits.connect_seconds,
            "pool": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
        }
        foreign = httpx.Request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content,
            extensions={"timeout": timeouts, "trace": trace},
        )
        try:
            return self._transport.handle_request(foreign)
        finally:
            if budget is not None:
                budget.answered(slot)

    def _receive(self, response: httpx.Response, head: Head, write: Callable[[bytes], object]) -> Received | Failure:
        headers, max_bytes = head.headers, self._limits.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > max_bytes:
            return too_large(max_bytes)
        is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        framing = "chunked" if is_chunked else "content-length" if length else UNPROVEN
        encoding = headers.get("content-encoding", "")
        if head.status in WITHOUT_BODY:
            framing = "no body"
        if head.status in WITHOUT_BODY or (length == "0" and head.status not in WITH_BODY):
            encoding = ""  # some servers name the encoding of a body that they do not send
        body = Body(encoding, framing, max_bytes=max_bytes)
        failure = body.pour(response.iter_raw, write)
        return failure or Received(head.status, head.media_type, body.proof)

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()


def _waited(ask: Callable[[], int], deadline: Deadline) -> int:
    """What the budget answers; the time that it took does not count."""
    began = time.monotonic()
    slot = ask()
    deadline.extend(time.monotonic() - began)
    return slot


def _head(response: httpx.Response) -> Head:
    @cache
    def beginning() -> bytes:
        if response.headers.get("content-encoding"):
            return b""
        text = b""
        with Deadline(_QUOTE_SECONDS), contextlib.suppress(*FOREIGN):
            for chunk in response.iter_raw():
                text += chunk
                if len(text) >= LONGEST_QUOTED_BYTES:
                    break
        return text

    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Head(response.status_code, media_type, response.headers, beginning)


class Body:
    """Turns raw chunks into decoded ones.

    Attributes:
        n_bytes: Decoded so far.
    """

    def __init__(self, encoding: str, framing: str, *, max_bytes: int) -> None:
        """Expect a body.

        Args:
            encoding: The answer's `Content-Encoding`; empty for none.
            framing: How its end is known: `content-length`, `chunked` or `connection closed`.
            max_bytes: The cap, for the bytes on the wire and for the decoded ones.
        """
        encoding = encoding.strip().lower()
        self.n_bytes = 0
        self._failure: Failure | None = None
        self._n_raw = 0
        self._max_bytes = max_bytes
        self._framing = framing
        self._is_gzip = encoding in _GZIP
        self._stream = zlib.decompressobj(wbits=31)
        self._is_mid_member = False
        self._n_members = 0
        if not self._is_gzip and encoding not in {"", "identity"}:
            self._failure = Failure(
                PayloadUnreadableError,
                f"the answer is packed as {encoding[:40]!r}, which was not asked for",
                "ask the provider to send gzip or plain bodies",
            )

    @property
    def proof(self) -> str:
        """Why the body is believed to be whole. `connection closed` is no proof: the format has to bring its own."""
        if not self._n_members:
            return self._framing
        return "gzip crc" if self._framing == UNPROVEN else f"{self._framing}, gzip crc"

    def _decoded(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` decodes to, in pieces of bounded size; stops and notes the failure at a cap or at damage."""
        self._n_raw += len(chunk)
        if self._n_raw > self._max_bytes:
            self._failure = too_large(self._max_bytes)
            return
        pieces = self._inflated(chunk) if self._is_gzip else iter((chunk,))
        for piece in pieces:
            self.n_bytes += len(piece)
            is_bomb = self.n_bytes > max(_RATIO_FROM_BYTES, _RATIO * self._n_raw)
            if self.n_bytes > self._max_bytes or is_bomb:
                self._failure = too_large(self._max_bytes, is_bomb=is_bomb)
                return
            if piece:
                yield piece

    def pour(self, chunks: Callable[[], Iterable[bytes]], write: Callable[[bytes], object]) -> Failure | None:
        """Write everything that `chunks` decode to: what is wrong with the whole, if anything.

        An encoding that was not asked for is refused before the first chunk is taken.
        """
        if self._failure is None:
            for chunk in chunks():
                for piece in self._decoded(chunk):
                    write(piece)
                if self._has_failed():
                    break
        if self._failure is None and self._is_gzip and (self._is_mid_member or not self._n_members):
            # Even nothing, packed, is twenty bytes: no byte at all is a body that was cut before its first.
            self._failure = _damaged("the gzip body ended before its checksum")
        return self._failure

    def _has_failed(self) -> bool:
        return self._failure is not None

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            self._is_mid_member = True
            try:
                piece = self._stream.decompress(chunk, _PIECE_BYTES)
            except zlib.error:
                self._failure = _damaged("the gzip body is damaged")
                return
            yield piece
            if self._stream.eof:  # the checksum and the length of this member held; another may follow (RFC 1952, 2.2)
                chunk = self._stream.unused_data
                self._stream = zlib.decompressobj(wbits=31)
                self._is_mid_member = False
                self._n_members += 1
            else:
                chunk = self._stream.unconsumed_tail


def too_large(max_bytes: int, *, is_bomb: bool = False) -> Failure:
    """The failure of a body beyond its cap."""
    reason = f"unpacks to more than {_RATIO} times its size" if is_bomb else f"is larger than {max_bytes:,} bytes"
    return Failure(
        AnswerTooLargeError, f"the answer {reason}", "ask for a narrower window, or raise the cap if this size is right"
    )


def _damaged(culprit: str) -> Failure:
    return Failure(IncompleteAnswerError, culprit, "wait for the retry; tell the provider if it stays", may_retry=True)
