"""A request to a twin and its response, before it goes over the wire."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the server received it.

    Attributes:
        method: GET, POST …
        path: Without the query.
        query: The decoded query; if a name is repeated, its first value.
        headers: Names in lower case.
        body: The whole body.
        pairs: The decoded query as it was sent, with repeated names.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    pairs: Sequence[tuple[str, str]] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body; empty if the body is anything else."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def bearer_token(self) -> str:
        """The Authorization header without its scheme; empty if there is none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where and how a body breaks off on the wire.

    Attributes:
        framing: `content_length`, `chunked` (no last chunk), `close` (no length at all) or `gzip` (the response is
            whole by its length, and its compressed stream is not).
        fraction: The share of the encoded body that is sent.
        is_reset: The connection ends with RST instead of FIN.
    """

    framing: str
    fraction: float
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a response travels.

    Attributes:
        wait_seconds: Silence before the first byte.
        drip_bytes: How many bytes are sent at a time.
        drip_seconds: The pause between them.
        cut: Where the body breaks off.
        padding_mib: Mebibytes of spaces after the body.
        is_endless: Whether spaces follow without end, chunked.
        is_gzip_allowed: Whether to compress for a client that accepts it.
        is_gzip_forced: Whether to compress even for a client that does not accept it.
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
class Response:
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


class RefusedError(Exception):
    """A twin refuses a request.

    Attributes:
        response: What it answers instead.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def as_json(status: int, content: object, **headers: str) -> Response:
    """`content` as a JSON response; in the names of `headers`, `_` stands for `-`."""
    renamed = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(content).encode(), headers=renamed)


def spring_error(status: int, message: str, path: str, **headers: str) -> Response:
    """The error body of Spring Boot, which the platform's services send before their own code is reached."""
    return _error(status, {"message": message, "path": path}, headers)


def sdk_error(status: int, code: int, message: str, **headers: str) -> Response:
    """The platform's own error body: its error code is in a field, and again before the message."""
    return _error(status, {"errorCode": code, "message": f"{code}: {message}"}, headers)


def _error(status: int, fields: Mapping[str, object], headers: Mapping[str, str]) -> Response:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return as_json(status, {"timestamp": now, "status": status, "error": phrase, **fields}, **headers)
