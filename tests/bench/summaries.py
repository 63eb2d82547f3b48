"""What it costs a load to write what is derived, summaries, intervals, facts: with and without, turn by turn."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.loader import load
from tests.bench.rooms import Points, database, say, seconds_of, server, truncate
from warehouse import registers, series_days, summaries
from warehouse.store import open_warehouse

TIMES = 5
PROMISED: Final = ((192, 10_000, 0, 0.85), (20_000, 96, 1_000, 0.70), (2_000, 96, 2_000, 0.0))
"""Series, points of each a day, how many are registers, and the least that a first load is to reach of one that writes
points alone; all of them registers is printed."""


@contextmanager
def without() -> Iterator[None]:
    """Loads as they were before: nothing is written beside the points."""
    written, rewritten = summaries.write_loaded, registers.rewrite
    summaries.write_loaded = lambda *_, **__: 0
    registers.rewrite = lambda *_, **__: registers.Rewritten()
    try:
        with without_facts():
            yield
    finally:
        summaries.write_loaded, registers.rewrite = written, rewritten


@contextmanager
def without_facts() -> Iterator[None]:
    """Loads that write everything but the facts of series and days."""
    written = series_days.write_loaded
    series_days.write_loaded = lambda *_, **__: 0
    try:
        yield
    finally:
        series_days.write_loaded = written


def measured(points: Points, fresh: str, folder: Path) -> tuple[float, ...]:
    """Without / with what is derived of a first load, the same of one again, with all but the facts / with all of a
    first load, and seconds of one with all."""
    rounds = []
    with open_warehouse(fresh, folder) as warehouse:

        def seconds() -> float:
            return seconds_of(lambda: load(warehouse, points))

        seconds()  # the catalogue and the server's caches, for both alike
        for _ in range(TIMES):
            truncate(fresh)
            with without():
                bare, bare_again = seconds(), seconds()
            truncate(fresh)
            with without_facts():
                factless = seconds()
            truncate(fresh)
            first, again = seconds(), seconds()
            rounds.append((bare / first, bare_again / again, factless / first, first))
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    kept = []
    with server() as url, TemporaryDirectory() as folder:
        for n_series, each, n_registers, promised in PROMISED:
            fresh = database(url, f"derived_{each}_{n_registers}")
            points = Points(n_series * each, n_series, n_registers)
            ratio, again, facts, seconds = measured(points, fresh, Path(folder) / fresh.rsplit("/", 1)[1])
            say(f"derived: {n_series:,} series of {each:,} points, {n_registers:,} of them registers: {seconds:.2f} s")
            say(f"  first load, without / with what is derived: {ratio:.2f} (promised: {promised:.2f} or more)")
            say(f"  unchanged again, the same:                  {again:.2f} (promised: 0.95 or more)")
            say(f"  first load, without / with facts:           {facts:.2f} (promised: 0.95 or more)")
            kept += [ratio >= promised, again >= 0.95, facts >= 0.95]
    return all(kept)


if __name__ == "__main__":
    raise SystemExit(not main())
