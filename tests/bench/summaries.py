"""What writing summaries costs a load: with them and without, turn by turn, in one run."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.loader import load
from tests.bench.rooms import Points, database, say, seconds_of, server, truncate
from warehouse import summaries
from warehouse.store import open_warehouse

ROWS, TIMES = 1_920_000, 5
PROMISED: Final = ((192, 10_000, 0.85), (20_000, 96, 0.70))
"""Series, points of each a day, and the least that a first load is to reach of one without summaries."""


@contextmanager
def without() -> Iterator[None]:
    """Loads as they were before: nothing is written beside the points."""
    written = summaries.write_loaded
    summaries.write_loaded = lambda *_, **__: 0
    try:
        yield
    finally:
        summaries.write_loaded = written


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
        for n_series, each, promised in PROMISED:
            fresh = database(url, f"summaries_{each}")
            points = Points(n_series * each, n_series)
            ratio, again, seconds = measured(points, fresh, Path(folder) / str(each))
            say(f"summaries: {n_series:,} series of {each:,} points, medians of {TIMES} rounds; {seconds:.2f} s")
            say(f"  first load, without / with them: {ratio:.2f} (promised: {promised:.2f} or more)")
            say(f"  unchanged again, the same:       {again:.2f} (promised: 0.95 or more)")
            kept += [ratio >= promised, again >= 0.95]
    return all(kept)


if __name__ == "__main__":
    raise SystemExit(not main())
