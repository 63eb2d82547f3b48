"""How one API is asked: credentials below one origin, one renewal, retries, and a verdict before a body is read."""

import hashlib
import json as json_text
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import BinaryIO, Final
from urllib.parse import urlencode

from domain.closing import Closing
from domain.errors import (
    CredentialsRejectedError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    RequestRejectedError,
)
from providers._addresses import Origin, is_text
from providers._answer import Answer, Credentials, Download
from providers._limits import Limits
from providers._line import Head, Line, Reply, Request
from providers._retry import Retries
from providers._socket import Deadline
from providers._verdict import UNAUTHORIZED, WEB_PAGES, WITHOUT_BODY, Failure, failure_of, unexpected_type
from providers._words import quotable

_NO_PARAMS: Final[Mapping[str, str]] = MappingProxyType({})
_JSON: Final = ("application/json",)


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
class _Question:
    """One call of `get`, `post` or `fetch_own`, whatever number of requests it takes."""

    method: str
    url: str = field(repr=False)  # its query is what was asked for
    place: str
    accept: tuple[str, ...]
    allow_empty: bool
    handled_statuses: frozenset[int]
    content: bytes | None = field(default=None, repr=False)  # a login's form holds the client's secret
    content_type: str = ""
    is_renewed: bool = False
    file: _File | None = None


class Api(Closing):
    """Asks one API over a line. Safe to use from many threads; close it, or use it in `with`.

    Every request goes below one origin, so a credential cannot reach another host: no redirect is followed and no
    address out of an answer is accepted.

    Args:
        line: Connections to the origin.
        origin: Where the API lives.
        source: Whose account it is, for messages.
        credentials: What proves who we are; None for none.
        limits: Bounds in time, size and number.
        retries: What repeats failed requests.
        user_agent: How we introduce ourselves.
    """

    def __init__(
        self,
        line: Line,
        origin: Origin,
        *,
        source: str,
        credentials: Credentials | None,
        limits: Limits,
        retries: Retries,
        user_agent: str,
    ) -> None:
        self._line = line
        self._origin = origin
        self._source = source
        self._credentials = credentials
        self._limits = limits
        self._retries = retries
        self._user_agent = user_agent
        self._is_locked_out = False

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
        params: Mapping[str, str | Sequence[str]] = _NO_PARAMS,
        *,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        handled_statuses: Collection[int] = (),
    ) -> Answer:
        """Ask for `path` below the origin.

        Args:
            path: Relative to the origin's base path; a leading slash changes nothing.
            params: Sent as an encoded query; a list as its parameter, repeated. Never a credential.
            accept: Media types that the answer may have.
            allow_empty: Whether an answer without a body is one.
            handled_statuses: Refusals (4xx other than 401 and 429) to hand back as answers instead of raising; or a 500
                that says what asking again would not change.

        Raises:
            ProviderError: and nothing else.
        """
        return self._ask("GET", path, params, accept=accept, allow_empty=allow_empty, handled_statuses=handled_statuses)

    def post(
        self,
        path: str,
        *,
        params: Mapping[str, str | Sequence[str]] = _NO_PARAMS,
        form: Mapping[str, str] | None = None,
        json: object = None,
        accept: Sequence[str] = _JSON,
        allow_empty: bool = False,
        handled_statuses: Collection[int] = (),
        is_repeatable: bool = True,
    ) -> Answer:
        """Send a form, or a JSON document, to `path` below the origin.

        Args:
            path: As in `get`.
            params: Sent as an encoded query, which no message repeats.
            form: Sent form-encoded.
            json: Sent as JSON, where `form` is None.
            accept: As in `get`.
            allow_empty: As in `get`.
            handled_statuses: As in `get`; here also 401.
            is_repeatable: False where a second arrival does harm (it creates a job): then only what certainly did not
                reach the provider is sent again.

        Raises:
            ProviderError: and nothing else.
        """
        if form is not None and not all(is_text(text) for pair in form.items() for text in pair):
            place = f"{self._source}, POST {self._origin.netloc}"
            fix = "look at the settings it came from; they hold bytes that are not UTF-8"
            raise RequestRejectedError("a value of the form cannot be encoded", place=place, fix=fix)
        if form is not None:
            content, content_type = urlencode(form).encode("ascii"), "application/x-www-form-urlencoded"
        else:
            content, content_type = json_text.dumps(json, allow_nan=False).encode("ascii"), "application/json"
        return self._ask(
            "POST", path, params, accept=accept, allow_empty=allow_empty, handled_statuses=handled_statuses,
            content=content, content_type=content_type, is_repeatable=is_repeatable,
        )  # fmt: skip

    def fetch_own(self, url: str, into: BinaryIO) -> Download:
        """Write the file at `url`, with our credentials, to `into`, from where it stands; a retry cuts it to there.

        Args:
            url: An address at the origin's own host, as the provider sent it: whole, or without the host. It never
                appears in a message.
            into: Seekable. What it holds after an error is of no use.

        Raises:
            AddressRefusedError: It leads elsewhere; nothing was sent.
            ProviderError: As for any question.
        """
        place = f"{self._source}, GET {self._origin.netloc}/…"
        address = self._origin.own(url, place=f"{self._source}, address of a file")
        question = _Question(
            "GET", address.url, place, (), allow_empty=True, handled_statuses=frozenset(), file=_File(into)
        )
        with Deadline(self._limits.total_seconds) as deadline:
            answer = self._retries.until_answered(
                lambda: self._attempt(question, deadline), place=place, deadline=deadline
            )
        assert question.file is not None  # noqa: S101  # given above; narrows the type
        return question.file.download(answer.proof)

    def new_step(self) -> None:
        """Begin a step (a window, a discovery): the failed tries and the waits of the one before no longer count."""
        self._retries.new_step()

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | Sequence[str]],
        *,
        accept: Sequence[str],
        allow_empty: bool,
        handled_statuses: Collection[int],
        content: bytes | None = None,
        content_type: str = "",
        is_repeatable: bool = True,
    ) -> Answer:
        refused = f"{self._source}, {method} {self._origin.netloc}"  # the path itself is not fit for a message yet
        url = self._origin.url(path, params, place=refused)
        place = f"{self._source}, {method} {self._origin.place(path)}"
        question = _Question(
            method, url, place, tuple(accept), allow_empty, frozenset(handled_statuses), content, content_type
        )
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
            "accept-encoding": "gzip" if question.file is None else "identity",
            **({"content-type": question.content_type} if question.content_type else {}),
            **secrets,
        }
        request = Request(question.method, question.url, headers, question.content)
        body = bytearray()
        if question.file is not None:
            question.file.rewind()
        reply = self._line.exchange(
            request,
            deadline,
            judge=lambda head: self._judge(question, head, secrets),
            write=body.extend if question.file is None else question.file.write,
        )
        if isinstance(reply, Failure):
            return reply
        if not body and not question.allow_empty and reply.status not in question.handled_statuses:
            return _empty(reply)
        return Answer(reply.status, reply.media_type, bytes(body), reply.proof, datetime.now(UTC))

    def _judge(self, question: _Question, head: Head, secrets: Mapping[str, str]) -> Failure | None:
        """The verdict on the head of an answer; None if its body should be read."""
        if head.status in question.handled_statuses:
            return None
        longest = self._limits.longest_retry_after_seconds
        failure = failure_of(head.status, head.headers, longest_retry_after_seconds=longest)
        if failure is not None:
            # A form may hold a password that the answer repeats, so what is said to a form is not quoted.
            is_quoted = failure.kind is RequestRejectedError and question.content is None
            return failure.saying(_said(head, secrets)) if is_quoted else failure
        is_empty = head.status in WITHOUT_BODY or head.headers.get("content-length") == "0"
        if question.file is not None:
            return unexpected_type(head.media_type, ("a file",)) if head.media_type in WEB_PAGES else None
        if head.media_type in question.accept or is_empty:
            return None
        return unexpected_type(head.media_type, question.accept)


def _empty(reply: Reply) -> Failure:
    if reply.proof == "connection closed":
        return Failure(IncompleteAnswerError, "the answer ended before its body", "wait for the retry", again=True)
    culprit = f"the answer is empty (status {reply.status})"
    return Failure(PayloadUnreadableError, culprit, "ask the provider; nothing was loaded", reply.status)


def _is_unauthorized(outcome: Answer | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.status == UNAUTHORIZED


def _said(head: Head, secrets: Mapping[str, str]) -> str:
    """The beginning of a refusal, for the message, without what was sent to prove who we are."""
    values = [value for header in secrets.values() for value in (header, header.rpartition(" ")[2])]
    return quotable(head.media_type, head.beginning(), values)
