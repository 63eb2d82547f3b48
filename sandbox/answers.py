"""What a twin wants to say, before it goes over the wire."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the server received it.

    Attributes:
        method: GET, POST …
        path: Without the query.
        query: The decoded query; of a name that is given twice, the first counts.
        headers: Names in lower case.
        body: The whole body.
        pairs: The decoded query as it was sent: names that are given several times are there several times.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    pairs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """Where and how a body breaks off on the wire.

    Attributes:
        framing: `content_length`, `chunked` (no last chunk), `close` (no length at all) or `gzip` (an answer that is
            whole by its length, and whose compressed stream is not).
        fraction: The share of the encoded body that is sent.
        is_reset: The connection ends with RST instead of FIN.
    """

    framing: str
    fraction: float
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer travels.

    Attributes:
        wait_seconds: Silence before the first byte.
        drip_bytes: Send so many bytes at a time …
        drip_seconds: … and wait so long in between.
        cut: Break off.
        padding_mib: Mebibytes of spaces that follow the body.
        is_endless: Spaces follow for ever, chunked.
        is_gzip_allowed: Whether to compress for a client that accepts it.
        is_gzip_forced: Compress even for a client that does not accept it.
    """

    wait_seconds: float = 0.0
    drip_bytes: int = 0
    drip_seconds: float = 0.0
    cut: Cut | None = None
    padding_mib: int = 0
    is_endless: bool = False
    is_gzip_allowed: bool = True
    is_gzip_forced: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body, and how they travel.

    Attributes:
        status: The HTTP status.
        body: Before compression.
        media_type: The Content-Type.
        headers: Further headers.
        delivery: How it travels.
        n_documents: Documents inside, for the request log.
    """

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = field(default_factory=Delivery)
    n_documents: int | None = None


def as_json(status: int, content: Any, **headers: str) -> Answer:  # noqa: ANN401 - any JSON
    """`content` as a JSON answer; in `headers`, `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(content).encode(), headers=named)


def spring_error(status: int, message: str, path: str) -> Answer:
    """The error body of Spring Boot, which the platform's services answer with before their own code is reached."""
    phrase = HTTPStatus(status).phrase
    body = {"timestamp": _now(), "status": status, "error": phrase, "message": message, "path": path}
    return as_json(status, body)


def sdk_error(status: int, code: int, message: str) -> Answer:
    """The platform's own error body: its error code stands before the message, and again in a field."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return as_json(
        status,
        {"timestamp": _now(), "status": status, "error": phrase, "errorCode": code, "message": f"{code}: {message}"},
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
