"""What comes back from a provider, and what proves who we are: the shapes that the HTTP clients take and give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer of an API.

    Attributes:
        status: 200 to 205, or one that the caller said it takes.
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
    """One whole file: its size and SHA-256 as written, and why it is believed to be whole (see `Answer.proof`)."""

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
