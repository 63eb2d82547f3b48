"""HTTP, once: a client for APIs, with credentials and one origin, and a client for files, with neither.

Nothing but the error classes of `domain.errors` leaves this module. It follows no redirect, keeps no cookie, reads no
environment variable, and lets no URL, header or foreign exception text into a message or a log.
"""

import contextlib
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import httpcore
import httpx

from domain.contract import Budget
from domain.errors import (
    AddressRefusedError,
    AnswerTooLargeError,
    DeadlineExceededError,
    IncompleteAnswerError,
    ProviderError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from providers._addresses import Origin, Resolver, is_loopback, is_public, look_up
from providers._answer import Answer, Credentials, Download
from providers._api import Api
from providers._blob import Blobs, listed
from providers._body import Body, too_large
from providers._limits import FILE_LIMITS, Limits
from providers._line import Head, Reply, Request
from providers._retry import Retries
from providers._secret import Secret
from providers._socket import Deadline, ForbiddenAddressError, GuardedBackend, Permit, tls
from providers._verdict import WITH_BODY, WITHOUT_BODY, Failure
from providers._words import LONGEST_SAID_BYTES

__all__ = ["Answer", "ApiClient", "BlobClient", "Credentials", "Download", "Limits", "Origin", "Secret"]

USER_AGENT: Final = "joulehouse"
_HEADERS_TOO_LARGE: Final = 431  # h11's hint where the head of an answer passes 100 KiB
_QUOTE_SECONDS: Final = 2.0  # to read what a refusal says; longer than that, nobody needs to know
_TRY_LATER: Final = "wait for the retry; look at the provider's status page if it stays"
_REPORT: Final = "report it with the place above: joulehouse built a request it should not have"

# Both libraries write URLs with their queries at INFO and DEBUG, and queries carry signatures.
_TELLTALES: Final = (
    "httpx",
    *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy", ".socks")),
)
for _name in _TELLTALES:
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addFilter(lambda record: record.levelno >= logging.WARNING)

_unavailable: Final = ProviderUnavailableError
# class of httpx → our class, culprit, may it be sent again, may it have reached the provider
VERDICTS: Final[Mapping[type[Exception], tuple[type[ProviderError], str, bool, bool]]] = {
    httpx.ConnectError: (_unavailable, "no connection could be made", True, False),
    httpx.ConnectTimeout: (
        _unavailable,
        "the name was not looked up, or the connection not accepted, in time",
        True,
        False,
    ),
    httpx.PoolTimeout: (_unavailable, "all connections of this process were busy", True, False),
    httpx.ReadTimeout: (_unavailable, "the provider was silent for too long", True, True),
    httpx.WriteTimeout: (_unavailable, "the provider did not take the request in time", True, True),
    httpx.TimeoutException: (_unavailable, "the provider did not answer in time", True, True),
    httpx.ReadError: (_unavailable, "the connection was reset", True, True),
    httpx.WriteError: (_unavailable, "the connection was reset", True, True),
    httpx.CloseError: (_unavailable, "the connection could not be closed", True, True),
    httpx.NetworkError: (_unavailable, "the network failed", True, True),
    httpx.ProxyError: (_unavailable, "a proxy failed", True, True),
    httpx.RemoteProtocolError: (_unavailable, "the provider broke off or did not speak HTTP", True, True),
    httpx.ProtocolError: (_unavailable, "the exchange was not HTTP", True, True),
    httpx.TransportError: (_unavailable, "the exchange failed", True, True),
    httpx.DecodingError: (IncompleteAnswerError, "the body is damaged", True, True),
    httpx.StreamClosed: (_unavailable, "the connection was closed under way", True, True),
    httpx.StreamConsumed: (RequestRejectedError, "the body was read twice", False, True),
    httpx.ResponseNotRead: (RequestRejectedError, "the body was not read", False, True),
    httpx.RequestNotRead: (RequestRejectedError, "the request was not read", False, True),
    httpx.StreamError: (RequestRejectedError, "the body was misused", False, True),
    httpx.LocalProtocolError: (RequestRejectedError, "the request is not valid HTTP", False, False),
    httpx.UnsupportedProtocol: (AddressRefusedError, "the scheme is not http", False, False),
    httpx.InvalidURL: (AddressRefusedError, "the address is not one", False, False),
    httpx.TooManyRedirects: (AddressRefusedError, "the provider redirects without end", False, True),
    httpx.CookieConflict: (RequestRejectedError, "two cookies have one name", False, True),
    httpx.HTTPStatusError: (RequestRejectedError, "the status is refused", False, True),
    httpx.RequestError: (_unavailable, "the request failed", True, True),
    httpx.HTTPError: (_unavailable, "the exchange failed", True, True),
}
_FOREIGN: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)


def _failure_of_exception(error: Exception, *, in_body: bool, is_late: bool) -> Failure:
    """The verdict on an exception of httpx, in our words alone."""
    if is_late:
        return Failure(DeadlineExceededError, "the time allowed for this request has run out", _TRY_LATER)
    for cause in _causes(error):
        if isinstance(error, httpx.ConnectError) and _is_distrust(cause):
            reason = getattr(cause, "verify_message", "") or "no common protocol"
            fix = "let the provider mend its certificate; for a private authority name its file as ca_file"
            return Failure(AddressRefusedError, f"the server cannot prove who it is: {reason}", fix, reached=False)
        if getattr(cause, "error_status_hint", 0) == _HEADERS_TOO_LARGE:
            return Failure(AnswerTooLargeError, "the head of the answer is larger than 100 KiB", "tell the provider")
    if in_body and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return Failure(IncompleteAnswerError, "the answer was cut off", _TRY_LATER, again=True)
    kind, culprit, again, reached = next(VERDICTS[cls] for cls in type(error).__mro__ if cls in VERDICTS)
    return Failure(kind, culprit, _TRY_LATER if again else _REPORT, again=again, reached=reached)


def _causes(error: object) -> Iterator[BaseException]:
    """`error` and what it came from; httpcore drops the cause and keeps the original as its first argument."""
    while isinstance(error, BaseException):
        yield error
        error = error.__cause__ or next(iter(error.args), None)


def _is_distrust(cause: BaseException) -> bool:
    """Whether the handshake failed for a reason that waiting does not mend; one that hangs up may be restarting."""
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)


class _Transport(httpx.HTTPTransport):
    """The library's own transport over our own sockets, which the library has no argument for."""

    def __init__(self, backend: httpcore.NetworkBackend, ca_file: Path | None) -> None:
        super().__init__(verify=tls(ca_file), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(ca_file), max_connections=32, keepalive_expiry=15.0, network_backend=backend
        )


class _HttpLine:
    """A `Line` over httpx: sends one request and says what came, or why nothing did."""

    def __init__(
        self, limits: Limits, *, resolve: Resolver, permit: Permit, ca_file: Path | None, budget: Budget | None
    ) -> None:
        self._limits = limits
        self._budget = budget
        self._lock = threading.Lock()
        self._transport = _Transport(GuardedBackend(resolve, permit), ca_file)
        self.n_requests = 0

    def exchange(
        self,
        request: Request,
        deadline: Deadline,
        *,
        judge: Callable[[Head], Failure | None],
        write: Callable[[bytes], object],
    ) -> Reply | Failure:
        """Send `request` once: wait for the budget, judge the head of the answer, write its body as it comes."""
        slot = self._take_slot(deadline)
        with self._lock:
            self.n_requests += 1
        response: httpx.Response | None = None
        try:
            response = self._send(request, slot)
            head = _head(response)
            return judge(head) or self._receive(response, head, write)
        except ForbiddenAddressError:
            culprit = "the name of the host leads to an address inside a private network"
            return Failure(AddressRefusedError, culprit, "check the name; nothing was sent", reached=False)
        except _FOREIGN as error:
            return _failure_of_exception(error, in_body=response is not None, is_late=deadline.left() <= 0)
        finally:
            if response is not None:
                with contextlib.suppress(OSError, httpcore.NetworkError):
                    response.close()

    def _take_slot(self, deadline: Deadline) -> int:
        if self._budget is None:
            return 0
        began = time.monotonic()
        slot = self._budget.take()
        deadline.extend(time.monotonic() - began)
        return slot

    def _send(self, request: Request, slot: int) -> httpx.Response:
        try:
            return self._transport.handle_request(self._foreign(request))
        finally:
            if self._budget is not None:
                self._budget.answered(slot)

    def _foreign(self, request: Request) -> httpx.Request:
        limits = self._limits
        timeouts = {
            "connect": limits.connect_seconds,
            "pool": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
        }
        return httpx.Request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content,
            extensions={"timeout": timeouts},
        )

    def _receive(self, response: httpx.Response, head: Head, write: Callable[[bytes], object]) -> Reply | Failure:
        headers, max_bytes = head.headers, self._limits.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > max_bytes:
            return too_large(max_bytes)
        is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        framing = "chunked" if is_chunked else "content-length" if length else "connection closed"
        encoding = headers.get("content-encoding", "")
        if head.status in WITHOUT_BODY:
            framing = "no body"
        if head.status in WITHOUT_BODY or (length == "0" and head.status not in WITH_BODY):
            encoding = ""  # some servers name the encoding of a body that they do not send
        body = Body(encoding, framing, max_bytes=max_bytes)
        failure = body.pour(response.iter_raw, write)
        return failure or Reply(head.status, head.media_type, body.proof, body.n_bytes)

    def close(self) -> None:
        self._transport.close()


def _head(response: httpx.Response) -> Head:
    def beginning() -> bytes:
        if response.headers.get("content-encoding"):
            return b""
        text = b""
        with Deadline(_QUOTE_SECONDS), contextlib.suppress(*_FOREIGN):
            for chunk in response.iter_raw():
                text += chunk
                if len(text) >= LONGEST_SAID_BYTES:
                    break
        return text

    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Head(response.status_code, media_type, response.headers, beginning)


class ApiClient(Api):
    """Asks one API. Safe to use from many threads; close it, or use it in `with`.

    Every request goes below one origin, so a credential cannot reach another host: no redirect is followed and no
    address out of an answer is accepted. A file that an answer points to is `BlobClient`'s.

    Args:
        origin: Where the API lives.
        source: Whose account it is, for messages.
        credentials: What proves who we are; None for none.
        budget: Asked before every request, retries included.
        limits: Bounds in time, size and number.
        user_agent: How we introduce ourselves.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        allow_private: Whether the API may stand in a private network.
        resolve: Looks names up.
        sleep: Waits between tries.
        spread: Draws a wait from a span.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        source: str,
        credentials: Credentials | None = None,
        budget: Budget | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        user_agent: str = USER_AGENT,
        ca_file: Path | None = None,
        allow_private: bool = False,
        resolve: Resolver = look_up,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        permit = _permit_all if allow_private else _permit_by_name
        super().__init__(
            _HttpLine(limits, resolve=resolve, permit=permit, ca_file=ca_file, budget=budget),
            origin,
            source=source,
            credentials=credentials,
            limits=limits,
            retries=Retries(limits, sleep=sleep, spread=spread),
            user_agent=user_agent,
        )


class BlobClient(Blobs):
    """Fetches files from listed hosts, without credentials. Safe to use from many threads; close it, or use `with`.

    An address that a provider sends is only as good as the list: the parsed host must be on it, spelled exactly; https
    alone; the name is looked up once and must lead to public addresses. A loopback address with its port can be listed
    for a server on this machine, and then plain http will do. No redirect is followed.

    Args:
        allowed_hosts: Names, each perhaps with `:port`; 443 otherwise.
        source: Whose files, for messages.
        limits: Bounds in time, size and number.
        budget: Asked before every request, retries included.
        user_agent: How we introduce ourselves.
        ca_file: A private certificate authority in PEM, believed beside the public ones.
        resolve: Looks names up.
        sleep: Waits between tries.
        spread: Draws a wait from a span.

    Raises:
        ConfigurationError: An entry of `allowed_hosts` is not a host.
    """

    def __init__(
        self,
        allowed_hosts: frozenset[str],
        *,
        source: str,
        limits: Limits = FILE_LIMITS,
        budget: Budget | None = None,
        user_agent: str = USER_AGENT,
        ca_file: Path | None = None,
        resolve: Resolver = look_up,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(
            _HttpLine(limits, resolve=resolve, permit=_permit_by_name, ca_file=ca_file, budget=budget),
            frozenset(listed(entry, source) for entry in allowed_hosts),
            source=source,
            limits=limits,
            retries=Retries(limits, sleep=sleep, spread=spread),
            user_agent=user_agent,
        )


def _permit_by_name(host: str, _port: int, address: str) -> bool:
    """Names of this machine lead to this machine, all others to the open internet."""
    return is_loopback(address) if is_loopback(host) else is_public(address)


def _permit_all(_host: str, _port: int, _address: str) -> bool:
    return True
