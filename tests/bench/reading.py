"""What reading costs: register energy and local days, beside ten times the history and beside the view before."""

import statistics
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from domain.window import Window
from tests.bench.rooms import database, say, seconds_of, server
from warehouse import registers, summaries
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
_WEEK: Final = f"bucket_at > '{LAST - timedelta(days=7)}' AND bucket_at <= '{LAST}'"
PLAIN: Final = """
    CREATE VIEW hourly_plain AS
    SELECT series_id, time_bucket('1 hour', measured_at) AS bucket_at, count(*) AS n_points, avg(value) AS mean,
    min(value) AS minimum, max(value) AS maximum, sum(value) AS total, last(value, measured_at) AS latest
    FROM measurement GROUP BY 1, 2
"""
HOURS: Final = (
    Question("a week of hours of all series", f"SELECT * FROM {{view}} WHERE {_WEEK}"),
    Question("a week of hours of one series", f"SELECT * FROM {{view}} WHERE series_id = 1 AND {_WEEK}"),
)
"""Of 96 points a day, which have no hours that are written; beside a view that is nothing but GROUP BY."""


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
        for window in registers.spans(connection, range(1, N_REGISTERS + 1)):
            with connection.transaction():
                registers.rewrite(connection, "bench", range(1, N_REGISTERS + 1), window, place="bench")
        zones = dict.fromkeys(range(1, N_REGISTERS + 1), "Europe/Berlin")
        with connection.transaction():
            summaries.rewrite(connection, zones, Window.of_days(LAST - timedelta(days=n_days - 1), LAST))
        connection.execute("VACUUM ANALYZE")


def median_seconds(url: str, statement: str) -> float:
    """The median of warm reads."""
    # As a person asks, each time anew: a plan that is kept would hide what planning costs.
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:

        def read() -> None:
            connection.execute(statement.encode()).fetchall()

        read()
        return statistics.median(seconds_of(read) for _ in range(N_READS))


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    kept = []
    with server() as url:
        few, many = (database(url, f"reading_{n_days}") for n_days in N_DAYS)
        for fresh, n_days in zip((few, many), N_DAYS, strict=True):
            fill(fresh, n_days)
        say(
            f"reading: quarters of {N_REGISTERS} registers, medians of {N_READS} warm reads at {N_DAYS[0]}"
            f" and {N_DAYS[1]} days"
        )
        for question in QUESTIONS:
            statement = question.sql.format(view="register_energy")
            short, long = median_seconds(few, statement), median_seconds(many, statement)
            say(
                f"  {question.title:42} {short * 1e3:8.2f} ms {long * 1e3:8.2f} ms, times {long / short:.2f}"
                f" (promised: {SLOWER_AT_MOST} or less)"
            )
            kept.append(long / short <= SLOWER_AT_MOST)
        with psycopg.connect(many, autocommit=True) as connection:
            connection.execute(PLAIN)
        for question in HOURS:
            ours, plain = (
                median_seconds(many, question.sql.format(view=view)) for view in ("measurement_hourly", "hourly_plain")
            )
            say(f"  {question.title:42} {ours * 1e3:8.2f} ms at {N_DAYS[1]} days, a plain view {plain * 1e3:.2f} ms")
        with psycopg.connect(few, autocommit=True) as connection:
            connection.execute(BEFORE.read_bytes())
        now = median_seconds(few, DAY_OF_ALL.sql.format(view="register_energy"))
        before = median_seconds(few, DAY_OF_ALL.sql.format(view="register_energy_before"))
    say(
        f"  the view before, {DAY_OF_ALL.title}: {before * 1e3:.0f} ms, so {before / now:.0f} times as long"
        f" (promised: {FASTER_AT_LEAST} or more)"
    )
    return all(kept) and before / now >= FASTER_AT_LEAST


if __name__ == "__main__":
    raise SystemExit(not main())
