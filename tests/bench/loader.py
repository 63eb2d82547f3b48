"""The loader against the raw limit: binary COPY of the same sorted rows into the same keyed hypertable, in one run."""

import statistics
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psycopg

from tests.bench.history import note
from tests.bench.rooms import WINDOW, Points, database, landed, say, seconds_of, server, truncate
from warehouse.copy_binary import HEADER, MEASUREMENT, TRAILER
from warehouse.store import TimescaleWarehouse, open_warehouse

ROWS, SERIES, TIMES = 2_000_000, 200, 5


def encoded(points: Points) -> bytes:
    """The points as COPY wants them, encoded beforehand: the raw limit pays for nothing but the server."""
    number, at_us, value = points.columns()
    rows = np.zeros(points.n, dtype=MEASUREMENT)
    rows["n_fields"], rows["series_length"], rows["time_length"], rows["value_length"] = 3, 4, 8, 8
    rows["series_id"] = number.astype(np.int64) + 1
    rows["measured_at"] = at_us - 946_684_800_000_000
    rows["value"] = value
    return HEADER + rows.tobytes() + TRAILER


def raw_copy(url: str, body: bytes) -> None:
    """One transaction, one COPY, in the blocks our own loader uses."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY measurement (series_id, measured_at, value) FROM STDIN (FORMAT BINARY)") as copy:
            view = memoryview(body)
            for start in range(0, len(body), 3_400_000):
                copy.write(view[start : start + 3_400_000])
        connection.commit()


def load(warehouse: TimescaleWarehouse, points: Points) -> int:
    """Frame to commit: everything a load does, from a frame in memory; the points it wrote."""
    pull = landed(warehouse, "bench")
    return warehouse.load("bench", WINDOW, pull, points.frames(20)).n_written


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    points = Points(ROWS, SERIES)
    with server() as url, TemporaryDirectory() as folder:
        fresh = database(url, "loader")
        body = encoded(points)
        with open_warehouse(fresh, Path(folder)) as warehouse:
            load(warehouse, points)  # the catalogue and the server's caches, for both alike
            # Turn by turn: what else the disk has to do falls on all three alike.
            rounds, written = [], []
            for _ in range(TIMES):
                truncate(fresh)
                raw = seconds_of(lambda: raw_copy(fresh, body))
                truncate(fresh)
                first = seconds_of(lambda: load(warehouse, points))
                again = seconds_of(lambda: written.append(load(warehouse, points)))
                rounds.append((raw, first, again))
    raw, first, again = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(raw / first for raw, first, _ in rounds)
    faster = statistics.median(first / again for _, first, again in rounds)
    say(f"loader: {ROWS:,} points of {SERIES} series, medians of {TIMES} rounds")
    say(f"  raw binary COPY, rows encoded beforehand {raw:7.2f} s  {ROWS / raw:>12,.0f} points/s")
    say(f"  first load, frame to commit              {first:7.2f} s  {ROWS / first:>12,.0f} points/s")
    say(f"  loaded again, unchanged                  {again:7.2f} s  {ROWS / again:>12,.0f} points/s")
    say(f"  first load / raw COPY: {ratio:.2f} (promised: 0.80 or more)")
    say(f"  again / first load:    {faster:.2f} (promised: 1.50 or more), {max(written)} points written (promised: 0)")
    note("loader: raw COPY / first load", ratio, "", "0.80 or more", holds=ratio >= 0.8)
    note("loader: first load / again", faster, "", "1.50 or more", holds=faster >= 1.5)
    return ratio >= 0.8 and faster >= 1.5 and max(written) == 0


def main_large() -> bool:
    """A day loaded again, unchanged, in a table of ten days of its source, and in one of a hundred."""
    points = Points(40_000, 200)
    days = [WINDOW.start + timedelta(days=n) for n in range(-100, 0)]
    seconds = []
    with server() as url, TemporaryDirectory() as folder:
        fresh = database(url, "large")
        with open_warehouse(fresh, Path(folder)) as warehouse:
            load(warehouse, points)
            n_days = 1
            for upto in (10, 100):
                for start in days[n_days - 1 : upto - 1]:
                    _copied_day(fresh, start)
                n_days = upto
                with psycopg.connect(fresh, autocommit=True) as connection:
                    connection.execute("VACUUM ANALYZE measurement")  # not while it is measured
                seconds.append(statistics.median(seconds_of(lambda: load(warehouse, points)) for _ in range(TIMES)))
    ratio = seconds[1] / seconds[0]
    say(f"again, unchanged: {seconds[0]:.3f} s in a table of ten days, {seconds[1]:.3f} s in one of a hundred")
    say(f"  a table ten times larger takes {ratio:.2f} times as long (promised: 1.30 or less)")
    note("loader: again, unchanged, in a table ten times larger", ratio, "times", "1.30 or less", holds=ratio <= 1.3)
    return ratio <= 1.3


def _copied_day(url: str, start: datetime) -> None:
    """The points of the day that is loaded, on another day."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO measurement SELECT series_id, measured_at + (%s - %s), value FROM measurement"
            " WHERE measured_at >= %s AND measured_at < %s ORDER BY 1, 2",
            [start, WINDOW.start, WINDOW.start, WINDOW.end],
        )


if __name__ == "__main__":
    raise SystemExit(not main())
