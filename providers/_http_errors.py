"""What happens on 429, on 503, on a reset connection: each status and each exception of HTTP, in one table.

A row says which error it is, its sentence, and whether the same request may be sent again; how often and when is in
`_retry.py`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import httpx

from domain.errors import (
    AddressRefusedError,
    AnswerTooLargeError,
    CredentialsRejectedError,
    DeadlineExceededError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from providers._proxy import Proxy
from providers._quotes import JWT
from providers._retry_after import retry_after
from providers._socket import ForbiddenAddressError
from providers._tls_errors import tls_failure
from providers._tunnel import NoTunnelError

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
TOKEN_REFUSALS: Final = (400, 403)
"""Statuses with which some say what 401 is for; then they name it (RFC 6750, 3.1), in a header or in their answer."""
_INVALID_TOKEN: Final = re.compile(r"[\"']?\berror[\"']?\s*[=:]\s*[\"']?invalid_token\b")
WEB_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
WITH_BODY: Final = frozenset({200, 201, 202, 203})
WITHOUT_BODY: Final = frozenset({204, 205})

_WAIT: Final = "wait for the retry; look at the provider's status page if it stays"
_REPORT: Final = "report it with the place above: joulehouse built a request it should not have"
_ADDRESS: Final = "if the API has moved for good, change the source's address"
_CREDENTIALS: Final = "check the source's credentials and what they may read"
_TOO_OFTEN: Final = "lower the source's request rate if this comes often"
_REFUSED: Final = "read the provider's documentation of this status; the same request will not be sent again"
_HEADERS_TOO_LARGE: Final = 431  # h11's hint where the head of a response passes 100 KiB


class Policy(NamedTuple):
    """What a status or an exception means.

    Attributes:
        kind: The class of the error.
        culprit: Of an exception the whole; of a status what follows "the provider answered 429".
        may_retry: Whether the same request may be sent again.
        fix: As in `IngestError`.
        was_sent: Whether the provider may have acted on the request.
    """

    kind: type[ProviderError]
    culprit: str
    may_retry: bool
    fix: str
    was_sent: bool = True


_unavailable: Final = ProviderUnavailableError
_RETRY: Final = True
_FAIL: Final = False
# The first key that fits decides: a status before the range that it is in, a class of exception before its parents.
FAILURES: Final[Mapping[int | range | type[Exception], Policy]] = {
    206: Policy(IncompleteAnswerError, ", a part of what was asked for", _FAIL, "tell the provider"),
    226: Policy(IncompleteAnswerError, ", a part of what was asked for", _FAIL, "tell the provider"),
    range(300, 400): Policy(AddressRefusedError, ", a redirect to {target}, which is not followed", _FAIL, _ADDRESS),
    401: Policy(CredentialsRejectedError, " to our credentials", _FAIL, _CREDENTIALS),
    403: Policy(CredentialsRejectedError, " to our credentials", _FAIL, _CREDENTIALS),
    408: Policy(_unavailable, "", _RETRY, _WAIT),
    425: Policy(_unavailable, "", _RETRY, _WAIT),
    429: Policy(RateLimitedError, " (too many requests)", _RETRY, _TOO_OFTEN),
    range(400, 500): Policy(RequestRejectedError, "", _FAIL, _REFUSED),
    range(500, 600): Policy(_unavailable, "", _RETRY, _WAIT),
    range(1000): Policy(PayloadUnreadableError, ", which no API should", _FAIL, "check the source's address"),
    httpx.ConnectError: Policy(_unavailable, "no connection could be made", _RETRY, _WAIT, was_sent=False),
    httpx.ConnectTimeout: Policy(
        _unavailable,
        "the name was not looked up, the connection not accepted, or TLS not spoken, in time",
        _RETRY,
        _WAIT,
        was_sent=False,
    ),
    httpx.PoolTimeout: Policy(_unavailable, "all connections of this process were busy", _RETRY, _WAIT, was_sent=False),
    httpx.ReadTimeout: Policy(_unavailable, "the provider was silent for too long", _RETRY, _WAIT),
    httpx.WriteTimeout: Policy(_unavailable, "the provider did not take the request in time", _RETRY, _WAIT),
    httpx.TimeoutException: Policy(_unavailable, "the provider did not answer in time", _RETRY, _WAIT),
    httpx.ReadError: Policy(_unavailable, "the connection was reset", _RETRY, _WAIT),
    httpx.WriteError: Policy(_unavailable, "the connection was reset", _RETRY, _WAIT),
    httpx.CloseError: Policy(_unavailable, "the connection could not be closed", _RETRY, _WAIT),
    httpx.NetworkError: Policy(_unavailable, "the network failed", _RETRY, _WAIT),
    httpx.ProxyError: Policy(_unavailable, "a proxy failed", _RETRY, _WAIT),
    httpx.RemoteProtocolError: Policy(_unavailable, "the provider broke off or did not speak HTTP", _RETRY, _WAIT),
    httpx.ProtocolError: Policy(_unavailable, "the exchange was not HTTP", _RETRY, _WAIT),
    httpx.TransportError: Policy(_unavailable, "the exchange failed", _RETRY, _WAIT),
    httpx.DecodingError: Policy(IncompleteAnswerError, "the body is damaged", _RETRY, _WAIT),
    httpx.StreamClosed: Policy(_unavailable, "the connection was closed under way", _RETRY, _WAIT),
    httpx.StreamConsumed: Policy(RequestRejectedError, "the body was read twice", _FAIL, _REPORT),
    httpx.ResponseNotRead: Policy(RequestRejectedError, "the body was not read", _FAIL, _REPORT),
    httpx.RequestNotRead: Policy(RequestRejectedError, "the request was not read", _FAIL, _REPORT),
    httpx.StreamError: Policy(RequestRejectedError, "the body was misused", _FAIL, _REPORT),
    httpx.LocalProtocolError: Policy(
        RequestRejectedError, "the request is not valid HTTP", _FAIL, _REPORT, was_sent=False
    ),
    httpx.UnsupportedProtocol: Policy(AddressRefusedError, "the scheme is not http", _FAIL, _REPORT, was_sent=False),
    httpx.InvalidURL: Policy(AddressRefusedError, "the address is not one", _FAIL, _REPORT, was_sent=False),
    httpx.TooManyRedirects: Policy(AddressRefusedError, "the provider redirects without end", _FAIL, _REPORT),
    httpx.CookieConflict: Policy(RequestRejectedError, "two cookies have one name", _FAIL, _REPORT),
    httpx.HTTPStatusError: Policy(RequestRejectedError, "the status is refused", _FAIL, _REPORT),
    httpx.RequestError: Policy(_unavailable, "the request failed", _RETRY, _WAIT),
    httpx.HTTPError: Policy(_unavailable, "the exchange failed", _RETRY, _WAIT),
    ForbiddenAddressError: Policy(
        AddressRefusedError,
        "the name of the host leads to an address inside a private network",
        _FAIL,
        "check the name; nothing was sent",
        was_sent=False,
    ),
}
_OF_HTTPX: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
FOREIGN: Final = (*_OF_HTTPX, ForbiddenAddressError, NoTunnelError)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no response: an error that has not been raised, because it may not be the last word.

    Attributes:
        kind: The class of the error.
        culprit: As in `IngestError`.
        fix: As in `IngestError`.
        status: The HTTP status; 0 if there was none.
        may_retry: Whether the same request may be sent again.
        was_sent: Whether the provider may have acted on the request.
        wait_seconds: How long the provider asks us to wait; None if it does not say.
        accuses_token: Whether it says that what we proved ourselves with is not valid: another one may be.
        extras: Further arguments of `kind`.
    """

    kind: type[ProviderError]
    culprit: str
    fix: str
    status: int = 0
    may_retry: bool = False
    was_sent: bool = True
    wait_seconds: float | None = None
    accuses_token: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)

    def error(self, place: str, *, n_tries: int = 1) -> ProviderError:
        """The failure as the error to raise."""
        tries = f", in {n_tries} tries" if n_tries > 1 else ""
        error = self.kind(f"{self.culprit}{tries}", place=place, fix=self.fix, **self.extras)
        error.was_sent = self.was_sent
        return error

    def doubting(self, proxy: Proxy) -> Self:
        """The same where a web page came through a proxy: one that opens TLS shows pages of its own."""
        culprit = f"{self.culprit}, with a web page that is the proxy's own ({proxy}) if that opens TLS"
        return replace(self, culprit=culprit, fix=f"{self.fix}; or ask whoever runs the proxy")

    def quoting(self, text: str) -> Self:
        """The same with what the provider said about it."""
        return replace(self, culprit=f"{self.culprit} and said {text!r}") if text else self


def failure_of_status(status: int, headers: Mapping[str, str], url: str = "", says: str = "") -> Failure | None:
    """What a response means by its status; None if its body should be read.

    Args:
        status: 100 to 599, or whatever came.
        headers: With lower-case names, or case-blind.
        url: What was asked for, to say where a redirect differs from it.
        says: The beginning of what is answered, where it may say that a token is not valid.
    """
    if status in WITH_BODY or status in WITHOUT_BODY:
        return None
    policy = FAILURES.get(status) or next(
        policy for statuses, policy in FAILURES.items() if isinstance(statuses, range) and status in statuses
    )
    if status == FORBIDDEN and retry_after(headers) is not None:
        policy = FAILURES[429]  # a quota that is used up; whoever may not read is not asked to come back
    why = f"{headers.get('www-authenticate', '')} {says}"
    accuses_token = status == UNAUTHORIZED or (status in TOKEN_REFUSALS and bool(_INVALID_TOKEN.search(why)))
    if accuses_token:
        policy = FAILURES[UNAUTHORIZED]
    target = _target(headers.get("location", ""), url)
    culprit = f"the provider answered {status}{policy.culprit.format(target=target)}"
    wait, extras = None, {}
    if policy.may_retry:
        wait = retry_after(headers, is_quota=policy.kind is RateLimitedError)
        culprit += "" if wait is None else f" and asks to wait {wait:g} s"
    if issubclass(policy.kind, ProviderUnavailableError):
        extras = {"retry_after_seconds": wait}
    elif policy.kind is RequestRejectedError:
        extras = {"status": status}
    return Failure(
        policy.kind,
        culprit,
        policy.fix,
        status,
        may_retry=policy.may_retry,
        wait_seconds=wait,
        accuses_token=accuses_token,
        extras=extras,
    )


def failure_of_exception(error: Exception, *, in_body: bool, is_late: bool, proxy: Proxy | None = None) -> Failure:
    """What an exception of `FOREIGN` means, in our words alone.

    Args:
        error: As raised below us.
        in_body: Whether the head of the response had come.
        is_late: Whether the deadline has passed.
        proxy: What the request went through.
    """
    if isinstance(error, NoTunnelError):
        may_retry = error.kind.retryable
        return Failure(error.kind, error.culprit, error.fix, may_retry=may_retry, was_sent=False)
    if is_late and not isinstance(error, ForbiddenAddressError):
        return Failure(DeadlineExceededError, "the time allowed for this request has run out", _WAIT)
    for cause in _causes(error):
        may_be_tls = isinstance(error, httpx.ConnectError | httpx.ReadError) and not in_body
        tls = tls_failure(cause, proxy) if may_be_tls else None
        if tls is not None:
            kind, was_sent = _unavailable if tls.may_retry else AddressRefusedError, isinstance(error, httpx.ReadError)
            return Failure(kind, tls.culprit, tls.fix, may_retry=tls.may_retry, was_sent=was_sent)
        if getattr(cause, "error_status_hint", 0) == _HEADERS_TOO_LARGE:
            return Failure(AnswerTooLargeError, "the head of the answer is larger than 100 KiB", "tell the provider")
    if in_body and isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return Failure(IncompleteAnswerError, "the answer was cut off", _WAIT, may_retry=True)
    policy = next(FAILURES[cls] for cls in type(error).__mro__ if cls in FAILURES)
    culprit = f"{policy.culprit}{f', through the proxy {proxy}' if proxy else ''}"
    return Failure(policy.kind, culprit, policy.fix, may_retry=policy.may_retry, was_sent=policy.was_sent)


def unexpected_type(media_type: str, accepted: Sequence[str]) -> Failure:
    """What a response means that has a media type which was not asked for."""
    if media_type in WEB_PAGES:
        culprit = f"the answer is a web page ({media_type}), probably of a login or a maintenance"
        return Failure(PayloadUnreadableError, culprit, "open the API's address in a browser and see")
    culprit = f"the answer is {media_type[:80]!r} and not {' or '.join(accepted)}"
    return Failure(PayloadUnreadableError, culprit, "compare with the provider's documentation")


_PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]{0,40}){1,8}")


def _target(location: str, url: str) -> str:
    """Where a redirect leads, by what differs from what was asked for. A query is never shown, and no strange path."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        host, port = there.hostname or "", there.port or _PORTS.get(there.scheme)
        old_port = here.port or _PORTS.get(here.scheme)
    except ValueError:
        return "an unreadable address"
    if host and not re.fullmatch(r"[a-z0-9.:-]{1,253}", host):
        return "an unreadable address"
    if host and host != here.hostname:
        return f"the host {host}"
    if not host or not location:
        return "its own host"
    parts = [f"{there.scheme} in place of {here.scheme}"] if there.scheme != here.scheme else []
    if port != old_port and {(here.scheme, old_port), (there.scheme, port)} - set(_PORTS.items()):
        parts.append(f"port {port}")
    if there.path != here.path:
        is_plain = _PLAIN_PATH.fullmatch(there.path) and not JWT.search(there.path)
        parts.append(f"the path {there.path}" if is_plain else "another path")
    elif there.query != here.query:
        parts.append("other parameters")
    return f"its own host, with {' and '.join(parts)}" if parts else "its own host, and the very same address"


def _causes(error: object) -> Iterator[BaseException]:
    """`error` and what it came from; httpcore drops the cause and keeps the original as its first argument."""
    while isinstance(error, BaseException):
        yield error
        error = error.__cause__ or next(iter(error.args), None)
