"""What an HTTP status means for us: one verdict for each, and what a `Retry-After` is worth."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from urllib.parse import urlsplit

from domain.errors import (
    AddressRefusedError,
    CredentialsRejectedError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)

UNAUTHORIZED: Final = 401
WEB_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
WITH_BODY: Final = frozenset({200, 201, 202, 203})
WITHOUT_BODY: Final = frozenset({204, 205})
_REDIRECTS: Final = range(300, 400)
_REFUSALS: Final = range(400, 500)
_BROKEN: Final = range(500, 600)
_BUSY: Final = frozenset({429})
_TRANSIENT: Final = frozenset({408, 425})
_PARTIAL: Final = frozenset({206, 226})
_MOST_DIGITS: Final = 9  # 999,999,999 s are 31 years; with more digits it is no number to compute with


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer: an error that has not been raised, because it may not be the last word.

    Attributes:
        kind: The class of the error.
        culprit: As in `IngestError`.
        fix: As in `IngestError`.
        status: The HTTP status; 0 if there was none.
        again: Whether the same request may be sent again.
        reached: Whether the provider may have acted on the request.
        wait_seconds: How long the provider asks us to wait; None if it does not say.
        extras: Further arguments of `kind`.
    """

    kind: type[ProviderError]
    culprit: str
    fix: str
    status: int = 0
    again: bool = False
    reached: bool = True
    wait_seconds: float | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    def error(self, place: str, *, n_tries: int = 1) -> ProviderError:
        """The failure as the error to raise."""
        tries = f", in {n_tries} tries" if n_tries > 1 else ""
        error = self.kind(f"{self.culprit}{tries}", place=place, fix=self.fix, **self.extras)
        error.was_sent = self.reached
        return error

    def saying(self, words: str) -> Self:
        """The same with what the provider said about it."""
        return replace(self, culprit=f"{self.culprit} and said {words!r}") if words else self


def failure_of(status: int, headers: Mapping[str, str], *, longest_retry_after_seconds: float) -> Failure | None:
    """The verdict on an answer by its status; None if its body should be read.

    Args:
        status: 100 to 599, or whatever came.
        headers: With lower-case names, or case-blind.
        longest_retry_after_seconds: What a larger `Retry-After` is taken for.
    """
    if status in WITH_BODY or status in WITHOUT_BODY:
        return None
    said = f"the provider answered {status}"
    if status in _PARTIAL:
        return Failure(IncompleteAnswerError, f"{said}, a part of what was asked for", "tell the provider", status)
    if status in _REDIRECTS:
        culprit = f"{said}, a redirect to {_target_host(headers.get('location', ''))}, which is not followed"
        return Failure(
            AddressRefusedError, culprit, "if the API has moved for good, change the source's address", status
        )
    if status in _BUSY or status in _TRANSIENT or status in _BROKEN:
        return _later(status, said, retry_after(headers, longest_seconds=longest_retry_after_seconds))
    return _never(status, said)


def _later(status: int, said: str, wait: float | None) -> Failure:
    """The verdict where waiting helps."""
    asked = "" if wait is None else f" and asks to wait {wait:.0f} s"
    if status in _BUSY:
        fix = "lower the source's request rate if this comes often"
        extras = {"retry_after_seconds": wait}
        return Failure(
            RateLimitedError,
            f"{said} (too many requests){asked}",
            fix,
            status,
            again=True,
            wait_seconds=wait,
            extras=extras,
        )
    fix = "wait for the retry; look at the provider's status page if it stays"
    return Failure(ProviderUnavailableError, f"{said}{asked}", fix, status, again=True, wait_seconds=wait)


def _never(status: int, said: str) -> Failure:
    """The verdict where asking again changes nothing."""
    if status in {UNAUTHORIZED, 403}:
        fix = "check the source's credentials and what they may read"
        return Failure(CredentialsRejectedError, f"{said} to our credentials", fix, status)
    if status in _REFUSALS:
        fix = "read the provider's documentation of this status; the same request will not be sent again"
        return Failure(RequestRejectedError, said, fix, status, extras={"status": status})
    return Failure(PayloadUnreadableError, f"{said}, which no API should", "check the source's address", status)


def unexpected_type(media_type: str, accepted: Sequence[str]) -> Failure:
    """The verdict on an answer of a media type that was not asked for."""
    if media_type in WEB_PAGES:
        culprit = f"the answer is a web page ({media_type}), probably of a login or a maintenance"
        return Failure(PayloadUnreadableError, culprit, "open the API's address in a browser and see")
    culprit = f"the answer is {media_type[:80]!r} and not {' or '.join(accepted)}"
    return Failure(PayloadUnreadableError, culprit, "compare with the provider's documentation")


def retry_after(headers: Mapping[str, str], *, longest_seconds: float) -> float | None:
    """The seconds that `Retry-After` asks for, at most `longest_seconds`; None if it says nothing that can be obeyed.

    A date is compared with the provider's own `Date`, so that a clock that differs from ours does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", text):
        digits = text.lstrip("0") or "0"
        return min(float(digits) if len(digits) <= _MOST_DIGITS else longest_seconds, longest_seconds)
    until = _instant(text)
    if until is None:
        return None
    now = _instant(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), longest_seconds)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _target_host(location: str) -> str:
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        host = "?"
    if not host:
        return "its own host"
    return f"the host {host}" if re.fullmatch(r"[a-z0-9.:-]{1,253}", host) else "an unreadable address"
