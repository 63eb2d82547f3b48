"""Answers of VoltStorage as if they had been landed, and what batches say as a plain mapping."""

import json
from datetime import UTC, datetime
from typing import Any

from domain.measurement import Normalized
from domain.records import Payload
from domain.window import Window

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)


def exported(body: bytes | str, window: Window, *, export_format: str = "csv", product: str = "77") -> Payload:
    """An export of `window`, received long after."""
    raw = body if isinstance(body, bytes) else body.encode()
    media_type = "text/csv" if export_format == "csv" else "application/json"
    params = {"productId": product, "format": export_format}
    return _landed("data/export", params, raw, window, media_type, f"{product}/export")


def summed_up(rows: list[dict[str, Any]], window: Window, timespan: str) -> Payload:
    """Statistics of `window`, received long after."""
    params = {"productId": "77", "timespan": timespan}
    body = json.dumps(rows).encode()
    return _landed("data/statistics", params, body, window, "application/json", f"77/statistics/{timespan}")


def points_of(batch: Normalized) -> dict[tuple[str, datetime], float | str]:
    """Series and instant → value."""
    said: dict[tuple[str, datetime], float | str] = {}
    for frame in (batch.measurements, batch.states):
        instants = [one.to_pydatetime() for one in frame["measured_at"]]
        said |= dict(zip(zip(frame["series"].astype("str"), instants, strict=True), frame["value"], strict=True))
    return said


def _landed(  # noqa: PLR0917  # the fields of a payload, in their order
    endpoint: str, params: dict[str, str], body: bytes, window: Window, media_type: str, part: str
) -> Payload:
    return Payload(endpoint, params, window, part, 1, RECEIVED, media_type, body, "content-length")
