"""What it costs a load to write what is derived, summaries and register intervals: with and without, turn by turn."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.loader import load
from tests.bench.rooms import Points, database, say, seconds_of, server, truncate
from warehouse import registers, summaries
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
        yield
    finally:
        summaries.write_loaded, registers.rewrite = written, rewritten


def measured(points: Points, fresh: str, folder: Path) -> tuple[float, float, float]:
    """Without / with summaries of a first load, the same of one again, and seconds of a first load with them."""
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
            first, again = seconds(), seconds()
            rounds.append((bare / first, bare_again / again, first))
    ratio, ratio_again, first = (statistics.median(column) for column in zip(*rounds, strict=True))
    return ratio, ratio_again, first


def main() -> bool:
    """Measure, say the ratios, and whether they are what was promised."""
    kept = []
    with server() as url, TemporaryDirectory() as folder:
        for n_series, each, n_registers, promised in PROMISED:
            fresh = database(url, f"derived_{each}_{n_registers}")
            points = Points(n_series * each, n_series, n_registers)
            ratio, again, seconds = measured(points, fresh, Path(folder) / fresh.rsplit("/", 1)[1])
            say(f"derived: {n_series:,} series of {each:,} points, {n_registers:,} of them registers: {seconds:.2f} s")
            say(f"  first load, without / with what is derived: {ratio:.2f} (promised: {promised:.2f} or more)")
            say(f"  unchanged again, the same:                  {again:.2f} (promised: 0.95 or more)")
            kept += [ratio >= promised, again >= 0.95]
    return all(kept)


if __name__ == "__main__":
    raise SystemExit(not main())
