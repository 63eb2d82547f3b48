"""What can happen to the answer of any twin: another one in its place, another encoding, a worse way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from sandbox.answers import Answer, Cut, Delivery, sdk_error
from sandbox.faults import Fired

_HTML: Final = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b'<body><form action="/auth" method="post"><input name="username"></form></body></html>'
)


def disturbed(fired: Fired, real: Callable[[], Answer], *, is_gzip_allowed: bool = True) -> Answer:
    """The answer with every fault of `COMMON_FAULTS` that happens.

    Args:
        fired: The faults that happen to this request.
        real: The answer without them; not called where another one takes its place.
        is_gzip_allowed: Whether answers are compressed for a client that accepts gzip.
    """
    answer = _instead(fired) or real()
    if "label" in fired:
        status, media_type = fired.option("label", "status"), fired.option("label", "content_type")
        answer = replace(answer, status=status, media_type=media_type)
    delivery = _delivery_of(fired, is_gzip_allowed=is_gzip_allowed)
    return replace(answer, body=_encoded(answer.body, fired), delivery=delivery)


def _instead(fired: Fired) -> Answer | None:
    """The answer that a fault gives in place of the real one."""
    if "answer" in fired:
        status, body, media_type, headers = (
            fired.option("answer", name) for name in ("status", "body", "content_type", "headers")
        )
        return Answer(status, body.encode(), media_type, headers)
    if "html_200" in fired:
        return Answer(200, _HTML, "text/html; charset=utf-8")
    if "status" not in fired:
        return None
    code, retry_after, shape = (fired.option("status", name) for name in ("code", "retry_after", "body"))
    if retry_after is not None and fired.option("status", "as_date"):
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=float(retry_after)), usegmt=True)
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    if shape == "json":
        return replace(sdk_error(code, 10050, "the sandbox was told to fail"), headers=headers)
    text = b"the sandbox was told to fail" if shape == "text" else b""
    return Answer(code, text, "text/plain;charset=UTF-8", headers)


def _encoded(body: bytes, fired: Fired) -> bytes:
    """The body with a byte order mark, or in another encoding."""
    if "utf16" in fired:
        return body.decode().encode("utf-16")
    return b"\xef\xbb\xbf" + body if "bom" in fired else body


def _delivery_of(fired: Fired, *, is_gzip_allowed: bool) -> Delivery:
    """How the answer travels."""
    cut = None
    if "cut" in fired:
        framing, fraction, is_reset = (fired.option("cut", name) for name in ("framing", "fraction", "reset"))
        cut = Cut(framing, float(fraction), bool(is_reset))
    is_huge = "huge_body" in fired
    return Delivery(
        wait_seconds=float(fired.option("latency", "seconds")) if "latency" in fired else 0.0,
        drip_bytes=int(fired.option("drip", "bytes")) if "drip" in fired else 0,
        drip_seconds=float(fired.option("drip", "seconds")) if "drip" in fired else 0.0,
        cut=cut,
        padding_mib=int(fired.option("huge_body", "mib")) if is_huge else 0,
        is_endless="endless_body" in fired,
        is_gzip_allowed=is_gzip_allowed,
        is_gzip_forced=is_huge and bool(fired.option("huge_body", "gzip")),
    )
