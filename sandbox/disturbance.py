"""The faults that any twin can have: another response in place of the real one, another encoding, a worse delivery."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from sandbox.answers import Cut, Delivery, Response, sdk_error
from sandbox.faults import Fired

_HTML: Final = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b'<body><form action="/auth" method="post"><input name="username"></form></body></html>'
)


def with_common_faults(fired: Fired, real: Callable[[], Response], *, is_gzip_allowed: bool = True) -> Response:
    """The response with every fault of `COMMON_FAULTS` that happens.

    Args:
        fired: The faults that happen to this request.
        real: The response without them; not called if another one takes its place.
        is_gzip_allowed: Whether responses are compressed for a client that accepts gzip.
    """
    response = _replacement(fired) or real()
    if "label" in fired:
        status, media_type = fired.options("label", "status", "content_type")
        response = replace(response, status=status, media_type=media_type)
    delivery = _delivery_of(fired, is_gzip_allowed=is_gzip_allowed)
    return replace(response, body=_encoded(response.body, fired), delivery=delivery)


def _replacement(fired: Fired) -> Response | None:
    """The response that a fault puts in place of the real one."""
    if "answer" in fired:
        status, body, media_type, headers = fired.options("answer", "status", "body", "content_type", "headers")
        return Response(status, body.encode(), media_type, headers)
    if "html_200" in fired:
        return Response(200, _HTML, "text/html; charset=utf-8")
    if "status" not in fired:
        return None
    code, retry_after, shape = fired.options("status", "code", "retry_after", "body")
    if retry_after is not None and fired.option("status", "as_date"):
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=float(retry_after)), usegmt=True)
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    sentence = "the sandbox was told to fail"
    if shape == "json":
        return sdk_error(code, 10050, sentence, **headers)
    return Response(code, sentence.encode() if shape == "text" else b"", "text/plain;charset=UTF-8", headers)


def _encoded(body: bytes, fired: Fired) -> bytes:
    """The body with a byte order mark, or in another encoding."""
    if "utf16" in fired:
        return body.decode().encode("utf-16")
    return b"\xef\xbb\xbf" + body if "bom" in fired else body


def _delivery_of(fired: Fired, *, is_gzip_allowed: bool) -> Delivery:
    drip_bytes, drip_seconds = fired.options("drip", "bytes", "seconds") if "drip" in fired else (0, 0.0)
    padding_mib, is_gzip_forced = fired.options("huge_body", "mib", "gzip") if "huge_body" in fired else (0, False)
    return Delivery(
        wait_seconds=float(fired.option("latency", "seconds")) if "latency" in fired else 0.0,
        drip_bytes=int(drip_bytes),
        drip_seconds=float(drip_seconds),
        cut=Cut(*fired.options("cut", "framing", "fraction", "reset")) if "cut" in fired else None,
        padding_mib=int(padding_mib),
        is_endless="endless_body" in fired,
        is_gzip_allowed=is_gzip_allowed,
        is_gzip_forced=bool(is_gzip_forced),
    )
