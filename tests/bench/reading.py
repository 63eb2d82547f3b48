"""What reading costs: register energy and local days, beside ten times the history and beside the view before."""

# ruff: noqa: S608 — the statements are put together from our own words
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from domain.window import Window
from tests.bench.rooms import seconds_of
from warehouse.copy_binary import HEADER, TRAILER, MeasurementEncoder

N_REGISTERS: Final = 42
N_DAYS: Final = (60, 600)
N_READS: Final = 20
LAST: Final = date(2026, 3, 29)
EACH_DAY: Final = 96
SLOWER_AT_MOST: Final = 1.3
FASTER_AT_LEAST: Final = 50
BEFORE: Final = Path(__file__).with_name("register_energy_before.sql")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person asks of register energy."""

    title: str
    sql: str


DAY_OF_ALL: Final = Question(
    "one day's energy of all registers",
    "SELECT series_id, sum(amount) FROM {view}"
    f" WHERE ended_at >= '{LAST}' AND ended_at < '{LAST + timedelta(days=1)}' GROUP BY series_id",
)
QUESTIONS: Final = (
    DAY_OF_ALL,
    Question(
        "one day's energy of one register",
        "SELECT sum(amount) FROM {view} WHERE series_id = 1"
        f" AND ended_at >= '{LAST}' AND ended_at < '{LAST + timedelta(days=1)}'",
    ),
    Question(
        "a month of local days of all registers",
        "SELECT series_id, local_date, amount FROM register_energy_local_daily"
        f" WHERE local_date > '{LAST - timedelta(days=30)}' AND local_date <= '{LAST}'",
    ),
    Question(
        "a month of local days of all series",
        "SELECT series_id, local_date, total FROM measurement_local_daily"
        f" WHERE local_date > '{LAST - timedelta(days=30)}' AND local_date <= '{LAST}'",
    ),
)


def fill(url: str, n_days: int) -> None:
    """Quarters of 42 registers for `n_days`, and everything that a load derives from them."""
    start = Window.of_day(LAST - timedelta(days=n_days - 1)).start
    n = n_days * EACH_DAY
    at_us = int(start.timestamp()) * 1_000_000 + np.arange(n, dtype=np.int64) * 900_000_000
    chance = np.random.default_rng(7)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, time_zone, labels)"
            " SELECT 'bench', 'meter ' || n, 'energy_register', 'Wh', 'register', 'd', '', 'kWh', 'Europe/Berlin', '{}'"
            " FROM generate_series(1, %s) AS n",
            [N_REGISTERS],
        )
        with connection.cursor() as cursor, cursor.copy("COPY measurement FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(HEADER)
            for series_id in range(1, N_REGISTERS + 1):
                value = 5e6 + np.cumsum(chance.integers(0, 200, n)).astype(np.float64)
                copy.write(MeasurementEncoder(n).encode(np.full(n, series_id), at_us, value))
            copy.write(TRAILER)
        connection.execute("VACUUM ANALYZE")


def medians(url: str, run: Callable[[psycopg.Connection], object]) -> float:
    """The median of warm reads, seconds."""
    with psycopg.connect(url, autocommit=True) as connection:
        run(connection)
        return statistics.median(seconds_of(lambda: run(connection)) for _ in range(N_READS))
