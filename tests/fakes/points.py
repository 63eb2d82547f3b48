"""Small partitions of points, and pulls that landed them, for tests of the warehouse."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import pandas as pd

from domain.measurement import REJECTED_COLUMNS, Normalized, no_measurements, no_rejected, no_states
from domain.records import LoadReport, Payload, Series
from domain.window import Window
from warehouse.landed_pulls import TimescaleLandedPull
from warehouse.store import TimescaleWarehouse

DAY: Final = Window.of_day(date(2026, 3, 29))
"""A day on which clocks jump in Europe."""

Said = Mapping[tuple[str, int], float | str]
"""(series, minute of the day) → value: numbers are measurements, texts are states."""


def at(minute: int, window: Window = DAY) -> datetime:
    return window.start + timedelta(minutes=minute)


def batch(
    said: Said | Sequence[tuple[tuple[str, int], float | str]],
    window: Window = DAY,
    rejected: Sequence[tuple[str, ...]] = (),
    *,
    n_duplicates: int = 0,
    unmapped: Mapping[str, int] | None = None,
    quantities: Mapping[str, str] | None = None,
) -> Normalized:
    """What a normalizer would have made of `said`; `quantities`: of the series that are no power."""
    rows = list(said.items() if isinstance(said, Mapping) else said)
    numbers = [(key, minute, value) for (key, minute), value in rows if not isinstance(value, str)]
    texts = [(key, minute, value) for (key, minute), value in rows if isinstance(value, str)]
    measured = quantities or {}
    described = {key: Series(key, measured.get(key, "power"), device=key) for key, _, _ in numbers}
    described |= {key: Series(key, "state", device=key) for key, _, _ in texts}
    return Normalized(
        series=tuple(described.values()),
        measurements=_frame(numbers, window).astype({"value": "float64"}) if numbers else no_measurements(),
        states=_frame(texts, window).astype({"value": "str"}) if texts else no_states(),
        rejected=pd.DataFrame(rejected, columns=list(REJECTED_COLUMNS[: len(rejected[0])]))
        if rejected
        else no_rejected(),
        n_duplicates=n_duplicates,
        unmapped=unmapped or {},
    )


def payload(body: bytes, page: int = 1, cursor: str | None = None, part: str = "p", window: Window = DAY) -> Payload:
    return Payload(
        endpoint="/query",
        params={"product": part},
        window=window,
        part=part,
        page=page,
        received_at=window.end,
        media_type="application/json",
        body=body,
        proof="content-length",
        cursor=cursor,
    )


def landed(warehouse: TimescaleWarehouse, source: str = "hub", window: Window = DAY) -> TimescaleLandedPull:
    """A fresh complete pull of one answer."""
    pull = warehouse.begin_pull(source, window)
    pull.keep(payload(b"{}", window=window))
    pull.finish(n_requests=1)
    return warehouse.payloads(source, window)


def load(
    warehouse: TimescaleWarehouse,
    said: Said | Normalized,
    source: str = "hub",
    window: Window = DAY,
    *,
    is_correction: bool = False,
) -> LoadReport:
    """Land something and load `said` from it."""
    batches = [said if isinstance(said, Normalized) else batch(said, window)]
    return warehouse.load(source, window, landed(warehouse, source, window), batches, is_correction=is_correction)


def table(
    warehouse: TimescaleWarehouse, source: str = "hub", window: Window = DAY
) -> dict[tuple[str, int], float | str]:
    """What the warehouse says, as `Said`."""
    reading = warehouse.reading
    frames = (reading.measurements(source, window), reading.states(source, window))
    found: dict[tuple[str, int], float | str] = {}
    for frame in frames:
        minutes = (frame["measured_at"] - window.start) // timedelta(minutes=1)
        found |= dict(zip(zip(frame["series"].astype("str"), minutes, strict=True), frame["value"], strict=True))
    return found


def _frame(rows: Sequence[tuple[str, int, float | str]], window: Window) -> pd.DataFrame:
    keys = [key for key, _, _ in rows]
    return pd.DataFrame(
        {
            "series": pd.Categorical(keys, categories=pd.Index(sorted(set(keys)), dtype="str")),
            "measured_at": pd.Series([at(minute, window) for _, minute, _ in rows], dtype="datetime64[us, UTC]"),
            "value": [value for _, _, value in rows],
        }
    )
