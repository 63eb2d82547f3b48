"""What the clients for APIs and for files do with a call: credentials, one renewal, retries, a look at the head."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, Final

from domain.contract import Closeable
from domain.errors import CredentialsRejectedError, IncompleteAnswerError, PayloadUnreadableError, RequestRejectedError
from providers._http_errors import (
    TOKEN_REFUSALS,
    WEB_PAGES,
    WITHOUT_BODY,
    Failure,
    failure_of_status,
    unexpected_type,
)
from providers._http_types import UNPROVEN, Credentials, Download, Head, IssuedCredentials, Limits, Request, Response
from providers._quotes import quotable
from providers._retry import Retries
from providers._socket import Deadline
from providers._transport import Received, Transport

FRESH_WAITS_SECONDS: Final = (2.0, 5.0)
"""Before a fresh token that was refused is shown again: the API's clock may be some seconds behind the login's."""


class _File:
    """Where a body goes that is too large for memory; every try begins anew."""

    def __init__(self, into: BinaryIO) -> None:
        self._into = into
        self._start = into.tell()
        self.rewind()

    def rewind(self) -> None:
        self._into.seek(self._start)
        self._into.truncate()
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._into.write(piece)

    def download(self, proof: str) -> Download:
        return Download(self._into.tell() - self._start, self._digest.hexdigest(), proof)


@dataclass(slots=True)
class Call:
    """One call of `get`, `post`, `fetch_own` or `download`, whatever number of requests it takes."""

    method: str
    url: str = field(repr=False)  # its query is what was asked for
    place: str
    accept: tuple[str, ...] = ()
    allow_empty: bool = True
    handled_statuses: frozenset[int] = frozenset()
    content: bytes | None = field(default=None, repr=False)  # a login's form holds the client's secret
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # a login's may hold the client's secret
    is_repeatable: bool = True
    may_quote: bool = False  # whether a message may repeat what a refusal says
    is_renewed: bool = False
    fresh_waits: Iterator[float] = field(default_factory=lambda: iter(FRESH_WAITS_SECONDS))
    file: _File | None = None


class Client(Closeable):
    """What both clients do with a call: credentials, one renewal, retries, and a look at the head before the body."""

    def __init__(
        self,
        transport: Transport,
        retries: Retries,
        *,
        source: str,
        credentials: Credentials | None,
        limits: Limits,
        user_agent: str,
    ) -> None:
        self._transport = transport
        self._retries = retries
        self._source = source
        self._credentials = credentials
        self._limits = limits
        self._user_agent = user_agent
        self._is_locked_out = False
        self._accepted: Mapping[str, str] | None = None

    @property
    def n_requests(self) -> int:
        """Requests sent so far, retries included. Logins are counted by the token client that sends them."""
        return self._transport.n_requests

    @property
    def source(self) -> str:
        """Whose account it is."""
        return self._source

    def new_step(self) -> None:
        """Begin a step (a window, a discovery): the failed tries and the waits of the one before no longer count."""
        self._retries.new_step()

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def perform(self, call: Call) -> Response:
        """Ask until there is a response, or until asking again is not allowed.

        Raises:
            ProviderError: and nothing else.
        """
        with Deadline(self._limits.total_seconds) as deadline:
            return self._retries.until_answered(
                lambda: self._attempt(call, deadline),
                place=call.place,
                deadline=deadline,
                is_repeatable=call.is_repeatable,
            )

    def fetch_file(self, url: str, into: BinaryIO, *, place: str, may_quote: bool) -> Download:
        """Write the file at `url` to `into`, from where it stands; a retry cuts it to there."""
        file = _File(into)
        response = self.perform(Call("GET", url, place, may_quote=may_quote, file=file))
        return file.download(response.proof)

    def _attempt(self, call: Call, deadline: Deadline) -> Response | Failure:
        """Ask once; after a 401 renew the credentials and ask once more, but only once for each call.

        While even renewed credentials are rejected, nothing is renewed again: every renewal is a login, and logins that
        fail in a row lock accounts.
        """
        headers = self._credential_headers(call)
        outcome = self._send_until_valid(call, headers, deadline)
        may_renew = not call.is_renewed and not self._is_locked_out
        if self._credentials is not None and may_renew and _is_unauthorized(outcome):
            call.is_renewed = True
            self._credentials.renew(headers)
            headers = self._credential_headers(call)
            outcome = self._send_until_valid(call, headers, deadline)
            self._is_locked_out = _is_unauthorized(outcome)
        elif isinstance(outcome, Response):
            self._is_locked_out = False
        if isinstance(outcome, Response):
            self._accepted = headers
        return outcome

    def _send_until_valid(self, call: Call, headers: Mapping[str, str], deadline: Deadline) -> Response | Failure:
        """Ask, and ask again with the same credentials where they may be refused because they are not valid yet."""
        outcome = self._send(call, headers, deadline)
        while _is_unauthorized(outcome) and self._may_be_early(headers):
            wait = next(call.fresh_waits, None)
            if wait is None or wait >= deadline.left():
                break
            self._retries.sleep(wait)
            outcome = self._send(call, headers, deadline)
        return outcome

    def _may_be_early(self, headers: Mapping[str, str]) -> bool:
        """Whether what was refused comes fresh from a login, and has never been let in."""
        if not isinstance(self._credentials, IssuedCredentials) or self._is_locked_out or headers == self._accepted:
            return False
        return self._credentials.is_fresh(headers)

    def _credential_headers(self, call: Call) -> Mapping[str, str]:
        if self._credentials is None:
            return {}
        headers = self._credentials.headers()
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            culprit = "the credential has line breaks or characters beyond ASCII, and is not sent"
            fix = "set it again, without what a copy and paste may have added"
            raise CredentialsRejectedError(culprit, place=call.place, fix=fix)
        return headers

    def _send(self, call: Call, secrets: Mapping[str, str], deadline: Deadline) -> Response | Failure:
        headers = {
            "user-agent": self._user_agent,
            "accept": ", ".join(call.accept) or "*/*",
            "accept-encoding": "gzip" if call.file is None else "identity",
            **({"content-type": call.content_type} if call.content_type else {}),
            **call.headers,
            **secrets,
        }
        body = bytearray()
        if call.file is not None:
            call.file.rewind()
        received = self._transport.exchange(
            Request(call.method, call.url, headers, call.content),
            deadline,
            judge=lambda head: self._judge(call, head, secrets),
            write=body.extend if call.file is None else call.file.write,
        )
        if isinstance(received, Failure):
            return received
        if not body and not call.allow_empty and received.status not in call.handled_statuses:
            return _empty(received)
        return Response(received.status, received.media_type, bytes(body), received.proof, datetime.now(UTC))

    def _judge(self, call: Call, head: Head, secrets: Mapping[str, str]) -> Failure | None:
        """What the head of a response means; None if its body should be read."""
        if head.status in call.handled_statuses:
            return None
        failure = self._failure(call, head, secrets)
        proxy = self._transport.proxy_to(call.url)
        if failure is None or proxy is None or head.media_type not in WEB_PAGES:
            return failure
        return failure.doubting(proxy)

    def _failure(self, call: Call, head: Head, secrets: Mapping[str, str]) -> Failure | None:
        may_name_token = head.status in TOKEN_REFUSALS and self._credentials is not None
        says = head.beginning().decode("utf-8", "replace") if may_name_token else ""
        failure = failure_of_status(head.status, head.headers, call.url, says)
        if failure is not None:
            is_quoted = call.may_quote and failure.kind is RequestRejectedError
            return failure.quoting(_quoted(head, secrets)) if is_quoted else failure
        if call.file is not None:
            return unexpected_type(head.media_type, ("a file",)) if head.media_type in WEB_PAGES else None
        is_empty = head.status in WITHOUT_BODY or head.headers.get("content-length") == "0"
        return None if is_empty or head.media_type in call.accept else unexpected_type(head.media_type, call.accept)


def _empty(received: Received) -> Failure:
    if received.proof == UNPROVEN:
        return Failure(IncompleteAnswerError, "the answer ended before its body", "wait for the retry", may_retry=True)
    culprit = f"the answer is empty (status {received.status})"
    return Failure(PayloadUnreadableError, culprit, "ask the provider; nothing was loaded", received.status)


def _is_unauthorized(outcome: Response | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.accuses_token


def _quoted(head: Head, secrets: Mapping[str, str]) -> str:
    """The beginning of a refusal, for the message, without what was sent to prove who we are."""
    values = [value for header in secrets.values() for value in (header, header.rpartition(" ")[2])]
    return quotable(head.media_type, head.beginning(), values)
