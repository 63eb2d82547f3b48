"""What the measurements share: a warehouse of their own, points to load, and a stopwatch."""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, LiteralString

import numpy as np
import pandas as pd
import psycopg

from domain.measurement import Normalized
from domain.records import Payload, Series
from domain.window import Window
from warehouse.embedded import EmbeddedWarehouse
from warehouse.landed_pulls import TimescaleLandedPull
from warehouse.schema import migrate
from warehouse.server import create_database
from warehouse.store import TimescaleWarehouse

DAY: Final = date(2026, 3, 29)
_EMPTIED: Final[LiteralString] = """
    TRUNCATE pull, payload, checkpoint, load, measurement, state, measurement_revision, register_interval,
    summary_hourly, summary_daily, summary_local_day, register_local_day, series_day
"""
WINDOW: Final = Window.of_day(DAY)


@contextmanager
def server() -> Iterator[str]:
    """The URL of an embedded TimescaleDB, with the durability that users get."""
    with tempfile.TemporaryDirectory(prefix="joulehouse-bench-") as folder:
        warehouse = EmbeddedWarehouse(Path(folder))
        try:
            yield warehouse.start()
        finally:
            warehouse.remove()


def database(url: str, name: str) -> str:
    """The URL of a fresh database with our schema on the server of `url`."""
    create_database(url, name)
    fresh = url.rsplit("/", 1)[0] + f"/{name}"
    migrate(fresh)
    return fresh


@dataclass(frozen=True, slots=True)
class Points:
    """`n` points of one day, `n / n_series` of each series, sorted by series and time; some series are registers."""

    n: int
    n_series: int
    n_registers: int = 0

    @property
    def series(self) -> list[str]:
        """The keys, in the order of the catalogue."""
        return [f"product/device-{i:04d}/P_kW" for i in range(self.n_series)]

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Series number (from 0), microseconds since 1970, value."""
        each = self.n // self.n_series
        start_us = int(WINDOW.start.timestamp()) * 1_000_000
        number = np.repeat(np.arange(self.n_series, dtype=np.int16), each)
        at_us = np.tile(start_us + np.arange(each, dtype=np.int64) * (86_400_000_000 // each), self.n_series)
        value = np.random.default_rng(7).normal(1500.0, 400.0, self.n)
        if self.n_registers:
            n = self.n_registers * each
            value[:n] = 5e6 + np.abs(value[:n]).reshape(self.n_registers, each).cumsum(axis=1).ravel()
        return number, at_us, value

    def frames(self, n_batches: int) -> Iterator[Normalized]:
        """The points as a normalizer yields them."""
        quantities = ["energy_register"] * self.n_registers + ["power"] * (self.n_series - self.n_registers)
        described = tuple(
            Series(key=key, quantity=quantity, device=key.split("/")[1])
            for key, quantity in zip(self.series, quantities, strict=True)
        )
        number, at_us, value = self.columns()
        keys = pd.Index(self.series, dtype="str")
        for part in np.array_split(np.arange(self.n), n_batches):
            span = slice(part[0], part[-1] + 1)
            yield Normalized(
                series=described,
                measurements=pd.DataFrame(
                    {
                        "series": pd.Categorical.from_codes(number[span], categories=keys),
                        "measured_at": pd.to_datetime(at_us[span], unit="us", utc=True).as_unit("us"),
                        "value": value[span],
                    }
                ),
            )


def landed(warehouse: TimescaleWarehouse, source: str) -> TimescaleLandedPull:
    """A complete pull with one small answer, for loads whose points do not come from an answer."""
    pull = warehouse.begin_pull(source, WINDOW)
    pull.keep(
        Payload(
            endpoint="bench",
            params={},
            window=WINDOW,
            part="bench",
            page=1,
            received_at=datetime.now(UTC),
            media_type="application/json",
            body=b"{}",
            proof="bench",
        )
    )
    pull.finish(n_requests=1)
    return warehouse.payloads(source, WINDOW)


def truncate(url: str) -> None:
    """Empty the tables of points, so that every run starts alike."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_EMPTIED)


def seconds_of(run: Callable[[], object]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def peak_mib() -> float:
    """The largest resident size of this process since it began, or since the last `forget_peak`.

    Not `ru_maxrss`: that of a child begins at the size of its parent.
    """
    found = re.search(r"^VmHWM:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found.group(1)) / 1024 if found else 0.0


def forget_peak() -> None:
    """Have the peak begin anew, with what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def say(text: str) -> None:
    """A line of the report, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
