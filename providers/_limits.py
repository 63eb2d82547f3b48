"""How long, how large and how often: the bounds of everything that is sent and received."""

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one client. The defaults are those of a JSON API.

    Attributes:
        connect_seconds: To look a name up and connect; then once more to shake hands.
        read_seconds: The longest silence between two bytes.
        total_seconds: One question with all its tries and our own waits; not counted is waiting for the request budget,
            and what a provider asks us to wait.
        max_body_bytes: An answer, both as sent and as decoded.
        max_tries: Requests for one question.
        max_tries_per_step: Failed requests of one step (one window), whatever the question was.
        longest_wait_seconds: The longest wait of our own choosing between two tries.
        longest_retry_after_seconds: What a larger `Retry-After` is taken for, and all that a step waits because a
            provider asks for it; what goes beyond is passed up.
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
