"""Loading is idempotent, whatever is loaded over whatever."""

from datetime import date
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.window import Window
from tests.fakes.points import DAY, Said, batch, landed, load, table
from warehouse.points import Points
from warehouse.store import TimescaleWarehouse, open_warehouse

_numbers = count()
_MINUTES = st.integers(0, 1439)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
_SAID = st.dictionaries(st.tuples(st.sampled_from("abcde"), _MINUTES), _FLOATS, max_size=30).flatmap(
    lambda numbers: st.dictionaries(st.tuples(st.sampled_from("xyz"), _MINUTES), _TEXTS, max_size=10).map(
        lambda texts: {**numbers, **texts}
    )
)
_QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_QUICK
@given(first=_SAID, second=_SAID)
def test_the_table_says_what_the_last_load_said(warehouse: TimescaleWarehouse, first: Said, second: Said) -> None:
    """Any partition over any other: the counts are those of two dictionaries, and again is nothing."""
    source = f"source-{next(_numbers)}"
    load(warehouse, first, source)
    report = load(warehouse, second, source, is_correction=True)
    again = load(warehouse, second, source)

    assert table(warehouse, source) == second
    common = first.keys() & second.keys()
    assert report.n_inserted == len(second.keys() - first.keys())
    assert report.n_removed == len(first.keys() - second.keys())
    assert report.n_changed == sum(first[key] != second[key] for key in common)
    assert report.n_unchanged == len(common) - report.n_changed
    assert (again.n_written, again.n_unchanged) == (0, len(second))
    revised = warehouse.reading.revisions(source, DAY)
    assert len(revised) == report.n_removed + report.n_changed


def test_a_year_loaded_twice_in_random_subsets_is_the_year_loaded_once(database: str, tmp_path: Path) -> None:
    """One window of a year: subsets first (as corrections), then the whole; 53 chunks."""
    year = Window.of_days(date(2025, 1, 1), date(2025, 12, 31))
    random = np.random.default_rng(20250101)
    whole: Said = {("a", int(minute)): float(minute) for minute in random.choice(525_600, 2000, replace=False)}
    keys = list(whole)
    with open_warehouse(database, tmp_path) as warehouse:
        for share in (0.3, 0.6, 0.1):
            subset: Said = {key: whole[key] for key in keys if random.random() < share}
            load(warehouse, subset, window=year, is_correction=True)
        load(warehouse, whole, window=year)
        again = load(warehouse, whole, window=year)

        assert again.n_written == 0
        assert table(warehouse, window=year) == whole
        entries = warehouse.ledger.entries("hub", year)
        assert sum(entry.n_inserted - entry.n_removed for entry in entries) == len(whole)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 2)), max_size=40),
    cuts=st.sets(st.integers(0, 40), max_size=4),
)
def test_settling_keeps_one_of_equals_and_none_of_contradictions(
    rows: list[tuple[int, int, int]], cuts: set[int]
) -> None:
    points = Points(DAY, np.int64, place="test")
    start_us = int(DAY.start.timestamp() * 1_000_000)
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    for first, last in pairwise(edges):
        part = np.array(rows[first:last], dtype=np.int64).reshape(-1, 3)
        points.append(part[:, 0], part[:, 1] + start_us, part[:, 2])

    settled = points.deduplicate()

    said: dict[tuple[int, int], set[int]] = {}
    for rank, at, value in rows:
        said.setdefault((rank, at), set()).add(value)
    expected = sorted((rank, at, *values) for (rank, at), values in said.items() if len(values) == 1)
    kept = [
        row
        for part in points.slices()
        for row in zip(part.rank.tolist(), (part.at_us - start_us).tolist(), part.value.tolist(), strict=True)
    ]
    assert kept == expected
    n_conflicting = sum(len(said[rank, at]) > 1 for rank, at, _ in rows)
    assert (len(settled.conflicting.rank), settled.n_duplicate) == (
        n_conflicting,
        len(rows) - n_conflicting - len(expected),
    )


@pytest.mark.parametrize("n_pages", [1, 7])
def test_a_hundred_thousand_points_and_a_few_more_cross_the_slices(database: str, tmp_path: Path, n_pages: int) -> None:
    """More points than one slice holds, in pages in time order, with a duplicate across every page's edge."""
    n = 250_001
    instants = DAY.start.timestamp() * 1e6 + np.arange(n) // 5 * 1000
    frame = batch({(f"s{i}", 0): 0.0 for i in range(5)})
    series = np.arange(n) % 5
    batches = []
    for page in range(n_pages):
        span = slice(max(0, page * n // n_pages - (page > 0)), (page + 1) * n // n_pages)
        part = frame.measurements.iloc[np.zeros(span.stop - span.start, dtype=int)].assign(
            series=frame.measurements["series"].cat.categories.take(series[span]),
            measured_at=instants[span].astype("int64").view("datetime64[us]"),
            value=np.arange(n, dtype="float64")[span],
        )
        part = part.astype({"series": "category"}).assign(measured_at=part["measured_at"].dt.tz_localize("UTC"))
        batches.append(type(frame)(series=frame.series, measurements=part))
    with open_warehouse(database, tmp_path) as warehouse:
        report = warehouse.load("hub", DAY, landed(warehouse), batches)
        again = warehouse.load("hub", DAY, landed(warehouse), batches)

        assert (report.n_inserted, report.n_duplicate) == (n, n_pages - 1)
        assert (again.n_unchanged, again.n_written) == (n, 0)
        stored = warehouse.reading.measurements("hub", DAY)
        assert stored["value"].sum() == n * (n - 1) / 2
