"""HTTP, once: a client for APIs, which holds credentials and knows one origin, and a client for files, which has neither.

Nothing but the error classes of `domain.errors` leaves this module. It follows no redirect, keeps no cookie, reads no
environment variable, and lets no URL, header or foreign exception text into a message or a log.
"""

import contextlib
import hashlib
import json as json_text
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO, Final, Self
from urllib.parse import urlencode

import httpcore
import httpx

from domain.contract import Budget
from domain.errors import (
    AddressRefusedError,
    AnswerTooLargeError,
    ConfigurationError,
    CredentialsRejectedError,
    DeadlineExceededError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from providers._addresses import Address, Origin, Resolver, is_loopback, is_public, look_up
from providers._answer import Answer, Credentials, Download
from providers._body import Body, too_large
from providers._limits import FILE_LIMITS, Limits
from providers._retry import Retries
from providers._secret import Secret
from providers._socket import Deadline, ForbiddenAddressError, GuardedBackend, Permit, tls
from providers._verdict import WITHOUT_BODY, Failure, failure_of
from providers._words import LONGEST_SAID_BYTES, quotable

__all__ = ["Answer", "ApiClient", "BlobClient", "Credentials", "Download", "Limits", "Origin", "Secret"]

USER_AGENT: Final = "joulehouse"
_WEB_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_NO_PARAMS: Final[Mapping[str, str]] = MappingProxyType({})
_JSON: Final = ("application/json",)
_HEADERS_TOO_LARGE: Final = 431  # h11's hint where the head of an answer passes 100 KiB
_TRY_LATER: Final = "wait for the retry; look at the provider's status page if it stays"
_REPORT: Final = "report it with the place above: the house built a request it should not have"

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
_VERDICTS: Final[Mapping[type[Exception], tuple[type, str, bool, bool]]] = {
    httpx.ConnectError: (_unavailable, "no connection could be made", True, False),
    httpx.ConnectTimeout: (_unavailable, "the connection was not accepted in time", True, False),
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
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            reason = getattr(cause, "verify_message", "") or "no common protocol"
            fix = "let the provider mend its certificate; for a private authority name its file as ca_file"
            return Failure(AddressRefusedError, f"the server cannot prove who it is: {reason}", fix, reached=False)
        if getattr(cause, "error_status_hint", 0) == _HEADERS_TOO_LARGE:
            return Failure(AnswerTooLargeError, "the head of the answer is larger than 100 KiB", "tell the provider")
    if in_body and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return Failure(IncompleteAnswerError, "the answer was cut off", _TRY_LATER, again=True)
    kind, culprit, again, reached = next(_VERDICTS[cls] for cls in type(error).__mro__ if cls in _VERDICTS)
    return Failure(kind, culprit, _TRY_LATER if again else _REPORT, again=again, reached=reached)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _Transport(httpx.HTTPTransport):
    """The library's own transport over our own sockets, which the library has no argument for."""

    def __init__(self, backend: httpcore.NetworkBackend, ca_file: Path | None) -> None:
        super().__init__(verify=tls(ca_file), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(ca_file), max_connections=32, keepalive_expiry=15.0, network_backend=backend
        )


@dataclass(frozen=True, slots=True)
class _Reply:
    """The head of an answer whose body has been written whole."""

    status: int
    media_type: str
    proof: str
    n_bytes: int


class _Line:
    """Connections to wherever is permitted; sends one request and says what came, or why nothing did."""

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
        request: httpx.Request,
        deadline: Deadline,
        *,
        judge: Callable[[httpx.Response, str], Failure | None],
        write: Callable[[bytes], object],
    ) -> _Reply | Failure:
        """Send `request` once: wait for the budget, judge the head of the answer, write its body as it comes."""
        if self._budget is not None:
            began = time.monotonic()
            self._budget.take()
            deadline.extend(time.monotonic() - began)
        with self._lock:
            self.n_requests += 1
        limits = self._limits
        request.extensions["timeout"] = {
            "connect": limits.connect_seconds,
            "pool": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
        }
        response: httpx.Response | None = None
        try:
            response = self._transport.handle_request(request)
            response.request = request
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return judge(response, media_type) or self._receive(response, media_type, write)
        except ForbiddenAddressError:
            culprit = "the name of the host leads to an address inside a private network"
            return Failure(AddressRefusedError, culprit, "check the name; nothing was sent", reached=False)
        except _FOREIGN as error:
            return _failure_of_exception(error, in_body=response is not None, is_late=deadline.left() <= 0)
        finally:
            if response is not None:
                with contextlib.suppress(OSError, httpcore.NetworkError):
                    response.close()

    def _receive(self, response: httpx.Response, media_type: str, write: Callable[[bytes], object]) -> _Reply | Failure:
        status, headers, max_bytes = response.status_code, response.headers, self._limits.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > max_bytes:  # noqa: PLR2004 (no number has more digits)
            return too_large(max_bytes)
        is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        framing = "chunked" if is_chunked else "content-length" if length else "connection closed"
        if status in WITHOUT_BODY:
            framing = "no body"
        body = Body(headers.get("content-encoding", ""), framing, max_bytes=max_bytes)
        if body.failure is not None:
            return body.failure
        for chunk in response.iter_raw():
            for piece in body.feed(chunk):
                write(piece)
            if body.failure is not None:
                return body.failure
        return body.finish() or _Reply(status, media_type, body.proof, body.n_bytes)

    def close(self) -> None:
        self._transport.close()


@dataclass(slots=True)
class _Question:
    """One call of `get` or `post`, whatever number of requests it takes."""

    method: str
    url: str
    place: str
    accept: tuple[str, ...]
    allow_empty: bool
    also: frozenset[int]
    content: bytes | None = None
    content_type: str = ""
    is_renewed: bool = False


class ApiClient:
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
        self._origin = origin
        self._source = source
        self._credentials = credentials
        self._limits = limits
        self._user_agent = user_agent
        self._is_locked_out = False
        self._retries = Retries(limits, sleep=sleep, spread=spread)
        permit = _permit_all if allow_private else _permit_by_name
        self._line = _Line(limits, resolve=resolve, permit=permit, ca_file=ca_file, budget=budget)

    @property
    def n_requests(self) -> int:
        """Requests sent so far, retries included. Logins are counted by the token client that sends them."""
        return self._line.n_requests

    @property
    def origin(self) -> Origin:
        """Where the API lives."""
        return self._origin

    @property
    def source(self) -> str:
        """Whose account it is."""
        return self._source

    def get(
        self,
        path: str,
        params: Mapping[str, str] = _NO_PARAMS,
        *,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        also: Collection[int] = (),
    ) -> Answer:
        """Ask for `path` below the origin.

        Args:
            path: Relative to the origin's base path; a leading slash changes nothing.
            params: Sent as an encoded query. Never a credential.
            accept: Media types that the answer may have.
            allow_empty: Whether an answer without a body is one.
            also: Refusals (4xx other than 401 and 429) to hand back as answers instead of raising.

        Raises:
            ProviderError: and nothing else.
        """
        return self._ask("GET", path, params, accept=accept, allow_empty=allow_empty, also=also)

    def post(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        also: Collection[int] = (),
        is_repeatable: bool = True,
    ) -> Answer:
        """Send a form, or a JSON document, to `path` below the origin.

        Args:
            path: As in `get`.
            form: Sent form-encoded.
            json: Sent as JSON, where `form` is None.
            accept: As in `get`.
            allow_empty: As in `get`.
            also: As in `get`; here also 401.
            is_repeatable: False where a second arrival does harm (it creates a job): then only what certainly did not
                reach the provider is sent again.

        Raises:
            ProviderError: and nothing else.
        """
        if form is not None:
            content, content_type = urlencode(form).encode("ascii"), "application/x-www-form-urlencoded"
        else:
            content, content_type = json_text.dumps(json, allow_nan=False).encode("ascii"), "application/json"
        return self._ask(
            "POST", path, _NO_PARAMS, accept=accept, allow_empty=allow_empty, also=also,
            content=content, content_type=content_type, is_repeatable=is_repeatable,
        )  # fmt: skip

    def new_step(self) -> None:
        """Begin a step (a window, a discovery): the failed tries of the one before no longer count."""
        self._retries.new_step()

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        *,
        accept: Sequence[str],
        allow_empty: bool,
        also: Collection[int],
        content: bytes | None = None,
        content_type: str = "",
        is_repeatable: bool = True,
    ) -> Answer:
        refused = f"{self._source}, {method} {self._origin.netloc}"  # the path itself is not fit for a message yet
        url = self._origin.url(path, params, place=refused)
        place = f"{self._source}, {method} {self._origin.place(path)}"
        question = _Question(method, url, place, tuple(accept), allow_empty, frozenset(also), content, content_type)
        with Deadline(self._limits.total_seconds) as deadline:
            return self._retries.until_answered(
                lambda: self._attempt(question, deadline), place=place, deadline=deadline, is_repeatable=is_repeatable
            )

    def _attempt(self, question: _Question, deadline: Deadline) -> Answer | Failure:
        """Ask once; after a 401 renew the credentials and ask once more, but only once for each question.

        While even renewed credentials are rejected, nothing is renewed again: every renewal is a login, and logins that
        fail in a row lock accounts.
        """
        headers = self._credential_headers(question)
        outcome = self._send(question, headers, deadline)
        may_renew = self._credentials is not None and not question.is_renewed and not self._is_locked_out
        if self._credentials is not None and may_renew and _is_unauthorized(outcome):
            question.is_renewed = True
            self._credentials.renew(headers)
            outcome = self._send(question, self._credential_headers(question), deadline)
            self._is_locked_out = _is_unauthorized(outcome)
        elif isinstance(outcome, Answer):
            self._is_locked_out = False
        return outcome

    def _credential_headers(self, question: _Question) -> Mapping[str, str]:
        if self._credentials is None:
            return {}
        headers = self._credentials.headers()
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            culprit = "the credential has line breaks or characters beyond ASCII, and is not sent"
            fix = "set it again, without what a copy and paste may have added"
            raise CredentialsRejectedError(culprit, place=question.place, fix=fix)
        return headers

    def _send(self, question: _Question, secrets: Mapping[str, str], deadline: Deadline) -> Answer | Failure:
        headers = {
            "user-agent": self._user_agent,
            "accept": ", ".join(question.accept) or "*/*",
            "accept-encoding": "gzip",
            **({"content-type": question.content_type} if question.content_type else {}),
            **secrets,
        }
        request = httpx.Request(question.method, question.url, headers=headers, content=question.content)
        body = bytearray()

        def judge(response: httpx.Response, media_type: str) -> Failure | None:
            return self._judge(question, response, media_type, secrets)

        reply = self._line.exchange(request, deadline, judge=judge, write=body.extend)
        if isinstance(reply, Failure):
            return reply
        if not body and not question.allow_empty and reply.status not in question.also:
            culprit = f"the answer is empty (status {reply.status})"
            return Failure(PayloadUnreadableError, culprit, "ask the provider; nothing was loaded", reply.status)
        return Answer(reply.status, reply.media_type, bytes(body), reply.proof, datetime.now(UTC))

    def _judge(
        self, question: _Question, response: httpx.Response, media_type: str, secrets: Mapping[str, str]
    ) -> Failure | None:
        """The verdict on the head of an answer; None if its body should be read."""
        status = response.status_code
        if status in question.also:
            return None
        longest = self._limits.longest_retry_after_seconds
        failure = failure_of(status, response.headers, longest_retry_after_seconds=longest)
        if failure is not None:
            # A form may hold a password that the answer repeats, so what is said to a form is not quoted.
            is_quoted = failure.kind is RequestRejectedError and question.content is None
            return failure.saying(_said(response, media_type, secrets)) if is_quoted else failure
        is_empty = status in WITHOUT_BODY or response.headers.get("content-length") == "0"
        if media_type in question.accept or is_empty:
            return None
        expected = " or ".join(question.accept)
        if media_type in _WEB_PAGES:
            culprit = f"the answer is a web page ({media_type}), probably of a login or a maintenance"
            return Failure(PayloadUnreadableError, culprit, "open the API's address in a browser and see", status)
        culprit = f"the answer is {media_type[:80]!r} and not {expected}"
        return Failure(PayloadUnreadableError, culprit, "compare with the provider's documentation", status)


class BlobClient:
    """Fetches files from listed hosts, without credentials. Safe to use from many threads; close it, or use it in `with`.

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
        self._allowed = frozenset(_listed(entry, source) for entry in allowed_hosts)
        self._source = source
        self._limits = limits
        self._user_agent = user_agent
        self._retries = Retries(limits, sleep=sleep, spread=spread)
        self._line = _Line(limits, resolve=resolve, permit=_permit_by_name, ca_file=ca_file, budget=budget)

    @property
    def n_requests(self) -> int:
        """Requests sent so far, retries included."""
        return self._line.n_requests

    def download(self, url: str, into: BinaryIO) -> Download:
        """Write the file at `url` to `into`, from where it stands; a retry rewinds and cuts it to there.

        Args:
            url: As the provider sent it. It never appears in a message beyond its host.
            into: Seekable. What it holds after an error is of no use.

        Raises:
            AddressRefusedError: The address is not on the list; nothing was looked up or sent.
            CredentialsRejectedError: 403, as for a signed address that has expired: ask for a new one.
            ProviderError: As for an API.
        """
        address = self._listed_address(url)
        place = f"{self._source}, GET {address.scheme}://{address.netloc}/…"
        start = into.tell()
        with Deadline(self._limits.total_seconds) as deadline:
            return self._retries.until_answered(
                lambda: self._attempt(address, into, start, deadline), place=place, deadline=deadline
            )

    def new_step(self) -> None:
        """Begin a step: the failed tries of the one before no longer count."""
        self._retries.new_step()

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, address: Address, into: BinaryIO, start: int, deadline: Deadline) -> Download | Failure:
        into.seek(start)
        into.truncate()
        digest = hashlib.sha256()

        def write(piece: bytes) -> None:
            digest.update(piece)
            into.write(piece)

        headers = {"user-agent": self._user_agent, "accept": "*/*", "accept-encoding": "identity"}
        try:
            request = httpx.Request("GET", address.url, headers=headers)
        except httpx.InvalidURL:
            return Failure(AddressRefusedError, "the address is not one", "ask the provider for another")
        reply = self._line.exchange(request, deadline, judge=self._judge, write=write)
        return reply if isinstance(reply, Failure) else Download(reply.n_bytes, digest.hexdigest(), reply.proof)

    def _judge(self, response: httpx.Response, media_type: str) -> Failure | None:
        longest = self._limits.longest_retry_after_seconds
        failure = failure_of(response.status_code, response.headers, longest_retry_after_seconds=longest)
        if failure is None and media_type in _WEB_PAGES:
            culprit = f"the file is a web page ({media_type}), probably of a login or a maintenance"
            return Failure(PayloadUnreadableError, culprit, "ask for a new address of the file", response.status_code)
        return failure

    def _listed_address(self, url: str) -> Address:
        place = f"{self._source}, address of a file"
        fix = "if the provider has moved its files, add the host to the source's list after checking that it is theirs"
        try:
            address = Address.parse(url)
        except ValueError as refusal:
            reason = str(refusal)
        else:
            if (address.host, address.port) not in self._allowed:
                reason = "its host and port are not on the list"
            elif address.scheme != "https" and not is_loopback(address.host):
                reason = "it is plain http"
            else:
                return address
        raise AddressRefusedError(f"the address is refused because {reason}", place=place, fix=fix) from None


def _listed(entry: str, source: str) -> tuple[str, int]:
    try:
        address = Address.parse(f"https://{entry}")
    except ValueError:
        address = None
    if address is None or address.path or address.query or "?" in entry:
        culprit = f"{entry!r} is not a host that files can come from"
        raise ConfigurationError(culprit, place=source, fix="write a name, or a name with :port")
    return address.host, address.port


def _permit_by_name(host: str, _port: int, address: str) -> bool:
    """Names of this machine lead to this machine, all others to the open internet."""
    return ip_address(address).is_loopback if is_loopback(host) else is_public(address)


def _permit_all(_host: str, _port: int, _address: str) -> bool:
    return True


def _is_unauthorized(outcome: Answer | Failure) -> bool:
    return outcome.status == httpx.codes.UNAUTHORIZED


def _said(response: httpx.Response, media_type: str, secrets: Mapping[str, str]) -> str:
    """The beginning of a refusal's body, for the message; empty if it cannot be had plainly."""
    if response.headers.get("content-encoding"):
        return ""
    text = b""
    with contextlib.suppress(*_FOREIGN):
        for chunk in response.iter_raw():
            text += chunk
            if len(text) >= LONGEST_SAID_BYTES:
                break
    values = [value for header in secrets.values() for value in (header, header.rpartition(" ")[2])]
    return quotable(media_type, text, values)
