"""The values of HTTP that clients take and give: a request, a response, a file, bounds, and what proves who we are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn, Protocol, runtime_checkable

USER_AGENT: Final = "joulehouse"
MEBIBYTE: Final = 2**20
SHOWN: Final = "***"


class Secret:
    """Wraps a secret so that printing, formatting or logging it shows `***`; only `reveal` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself. Call it where it is sent, and nowhere else."""
        return self._text

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._text)

    def __repr__(self) -> str:
        return f"Secret({SHOWN!r})"

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return format(SHOWN, spec)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle is a file that holds the secret."""
        msg = "A secret is not pickled; send the name of its environment variable instead."
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one client. The defaults are those of a JSON API.

    Attributes:
        connect_seconds: To look a name up and connect; then once more to shake hands.
        read_seconds: The longest silence between two bytes.
        total_seconds: One call with all its tries and our own waits; not counted is waiting for the request budget, and
            what a provider asks us to wait.
        max_body_bytes: A body, both as sent and as decoded.
        max_tries: Requests for one call.
        max_tries_per_step: Failed requests of one step (one window), whatever the call was.
        longest_wait_seconds: The longest wait of our own choosing between two tries.
        longest_retry_after_seconds: All that a step waits because a provider asks for it; a wish that goes beyond is
            not waited for but passed up, with its true figure.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 600.0
    max_body_bytes: int = 64 * MEBIBYTE
    max_tries: int = 5
    max_tries_per_step: int = 15
    longest_wait_seconds: float = 20.0
    longest_retry_after_seconds: float = 900.0


# A file is streamed to disk, so it may be large and slow; an hour is the bound of a partition.
FILE_LIMITS: Final = Limits(total_seconds=3600.0, max_body_bytes=10 * 1024 * MEBIBYTE)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent. `headers` hold secrets: they are kept out of its text."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method})"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response.

    Attributes:
        status: As sent.
        media_type: In lower case and without parameters; empty if there is none.
        headers: Looked up without regard to case.
        beginning: Reads the first kilobytes of the body as sent, for a refusal that is quoted.
    """

    status: int
    media_type: str
    headers: Mapping[str, str] = field(repr=False)  # cookies, signed addresses
    beginning: Callable[[], bytes] = field(repr=False)


UNPROVEN: Final = "connection closed"
"""The proof of a body whose end nothing but the document itself can show."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response of an API.

    Attributes:
        status: 200 to 205, or one that the caller handles.
        media_type: As the provider named it, in lower case and without parameters.
        body: After transport decoding.
        proof: Why the body is believed to be whole: `content-length`, `chunked` or `no body`, each perhaps with
            `, gzip crc`; `gzip crc`; or `connection closed`, which is no proof: the format has to show its end.
        received_at: When the last byte arrived, in UTC.
    """

    status: int
    media_type: str
    body: bytes = field(repr=False)
    proof: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """One whole file: its size and SHA-256 as written, and why it is believed to be whole (see `Response.proof`)."""

    n_bytes: int
    sha256: str
    proof: str


class Credentials(Protocol):
    """What proves who we are. Safe to use from many threads."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send. May fetch a token first.

        Raises:
            ProviderError: The token could not be had.
        """

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Note that the provider answered 401 to the headers `rejected`; the next `headers` differ, if they can.

        Of many threads that were rejected with the same headers, the first renews for all.
        """


@runtime_checkable
class IssuedCredentials(Credentials, Protocol):
    """Credentials that a login gives out. An API whose clock is behind the login's refuses them for some seconds."""

    def is_fresh(self, headers: Mapping[str, str]) -> bool:
        """Whether what is in `headers` was issued some seconds ago."""
