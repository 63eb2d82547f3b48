"""What the clients need of a line to a provider: send one request, hear the head of the answer, take its body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from providers._socket import Deadline
from providers._verdict import Failure


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
    """The head of an answer.

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


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body has been written whole: `n_bytes` of it, with the proof that they are all."""

    status: int
    media_type: str
    proof: str
    n_bytes: int


class Line(Protocol):
    """Connections to wherever is permitted."""

    @property
    def n_requests(self) -> int:
        """Requests sent so far."""

    def exchange(
        self,
        request: Request,
        deadline: Deadline,
        *,
        judge: Callable[[Head], Failure | None],
        write: Callable[[bytes], object],
    ) -> Reply | Failure:
        """Send `request` once, after waiting for the budget.

        Args:
            request: What to send.
            deadline: Extended by the time that the budget took.
            judge: Looks at the head; None to have the body read.
            write: Takes the decoded body, piece by piece.
        """

    def close(self) -> None:
        """Let go of the connections."""
