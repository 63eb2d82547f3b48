"""Documents of the Export Service as answers, and what they mean."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from domain.measurement import Normalized
from domain.records import Payload
from domain.window import Window
from providers.export_service.account import AccountConfig
from providers.export_service.normalize import normalize

DAY = Window.of_day(date(2025, 6, 1))
NOON = 1748779200000
PRODUCT = "grid"
PLAIN = AccountConfig("hub")
EACH_VEHICLE = AccountConfig("hub", identity={"*": ("vehicle",)})


def payload(rows: Sequence[Any] | bytes, *, window: Window = DAY, page: int = 1) -> Payload:
    """One answer as received, of these rows or this body."""
    body = rows if isinstance(rows, bytes) else json.dumps({"numResults": len(rows), "result": rows}).encode()
    received_at = datetime(2025, 6, 3, tzinfo=UTC)
    return Payload("query", {}, window, PRODUCT, page, received_at, "application/json", body, "content-length")


def meant(rows: Sequence[Any] | bytes, account: AccountConfig = PLAIN, *, window: Window = DAY) -> Normalized:
    """What one answer means, checked against the contract."""
    (batch,) = normalize([payload(rows)], window, account)
    batch.check(place="test")
    return batch


def points(frame: pd.DataFrame) -> list[tuple[str, int, Any]]:
    """Series, milliseconds and value of every row, in order."""
    millis = frame["measured_at"].astype("int64") // 1000
    return sorted(zip(frame["series"].astype("str"), millis, frame["value"], strict=True))


def measured(row: Mapping[str, Any], account: AccountConfig = PLAIN) -> dict[str, float]:
    """Field → value in base units of one document at noon."""
    frame = meant([{"timestamp": NOON, **row}], account).measurements
    return {key.removeprefix("grid/"): value for key, _, value in points(frame)}


def rejected(rows: Sequence[Any] | bytes, account: AccountConfig = PLAIN) -> list[tuple[str, str]]:
    """Reason and text of every rejected value, in order."""
    frame = meant(rows, account).rejected
    return sorted(zip(frame["reason"], frame["raw"], strict=True))


def reasons(row: Mapping[str, Any], account: AccountConfig = PLAIN) -> list[str]:
    """Reasons for the rejected values of one document at noon."""
    return [reason for reason, _ in rejected([{"timestamp": NOON, **row}], account)]
