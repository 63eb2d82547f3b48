"""What of a day does not fit into memory lies on disk, and is loaded as if it had fitted."""

from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import WarehouseUnavailableError
from domain.measurement import Normalized
from tests.fakes.memory import rise_of
from tests.fakes.points import DAY, batch, landed
from warehouse import points as points_module
from warehouse.points import Points
from warehouse.store import open_warehouse

_START_US = int(DAY.start.timestamp() * 1_000_000)
_DERIVED = ("summary_hourly", "summary_daily", "summary_local_day", "series_day", "measurement")


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 2)), max_size=120),
    n_rows=st.integers(1, 40),
    n_page=st.integers(1, 15),
)
def test_runs_on_disk_say_what_one_in_memory_says(rows: list[tuple[int, int, int]], n_rows: int, n_page: int) -> None:
    """However many runs there are, and wherever equal and contradicting points lie."""
    found = []
    for size in (len(rows) + 1, n_rows):
        with pytest.MonkeyPatch.context() as patch, Points(DAY, np.int64, place="test") as points:
            patch.setattr(points_module, "RUN_ROWS", size)
            for start in range(0, len(rows), n_page):
                part = np.array(rows[start : start + n_page], dtype=np.int64)
                points.append(part[:, 0], part[:, 1] * 1_000_000_000 + _START_US, part[:, 2])
            settled = points.deduplicate()
            kept = [(one.rank.tolist(), one.at_us.tolist(), one.value.tolist()) for one in points.slices()]
            pieces = [
                (set((keys >> points.time_bits).tolist()) - set(ranks.tolist()), keys.tolist(), values.tolist())
                for ranks, keys, values in points.of_ranks(np.array([0, 2, 3]))
            ]
            hours = [{(key >> points.time_bits, key % 2**37 // 3_600_000_000) for key in keys} for _, keys, _ in pieces]
            found.append(
                (
                    kept,
                    len(points),
                    settled.n_duplicate,
                    sorted(
                        zip(*(getattr(settled.conflicting, name).tolist() for name in ("rank", "at_us")), strict=True)
                    ),
                    [key for _, keys, _ in pieces for key in keys],
                    [value for _, _, values in pieces for value in values],
                    [points.span_of(rank) for rank in range(4)],
                    points.ranks(None, 4).tolist(),
                )
            )
            assert not any(strangers for strangers, _, _ in pieces)
            assert sum(map(len, hours)) == len(set().union(*hours)), "an hour of a series was cut"
    assert found[0] == found[1]


def test_a_day_of_many_runs_leaves_the_warehouse_as_a_day_in_memory_does(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points, summaries, facts of series and days, duplicates and contradictions; then the same again, and a change."""
    n = 40_000
    random = np.random.default_rng(3)
    batches = _pages(random.integers(0, 5, n), random.integers(0, 86_400, n), np.arange(n) % 300 // 299, n_pages=8)
    changed = _pages(np.arange(5), np.full(5, 86_399), np.full(5, 7), n_pages=1)
    said, counted = [], []
    with open_warehouse(database, tmp_path / "landing", spool=tmp_path / "spool") as warehouse:
        for source, n_rows in (("whole", 10**6), ("runs", 1_000)):
            monkeypatch.setattr(points_module, "RUN_ROWS", n_rows)
            for what in (batches, batches, [*batches, *changed]):
                report = warehouse.load(source, DAY, landed(warehouse, source), what)
                counted.append((report.n_inserted, report.n_changed, report.n_duplicate, report.n_rejected))
            said.append(_rows(database, source))

    assert said[0] == said[1]
    assert all(said[0].values())
    assert counted[:3] == counted[3:]
    assert counted[0][2] > 0 < counted[0][3]
    assert list((tmp_path / "spool").iterdir()) == []


def test_six_million_points_take_no_more_memory_than_some_pieces_of_them() -> None:
    """96 MiB of them lie on disk, and are never looked at together."""
    assert rise_of(_six_million) < 48 * 2**20


def test_a_spool_that_cannot_be_written_is_named(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no bug of a normalizer: the load waits for whoever makes room."""
    monkeypatch.setattr(points_module, "RUN_ROWS", 10)
    (tmp_path / "spool").write_text("a file is no folder")
    with open_warehouse(database, tmp_path / "landing", spool=tmp_path / "spool") as warehouse:
        pull = landed(warehouse)
        with pytest.raises(WarehouseUnavailableError, match=r"large day cannot be put on disk.*/spool"):
            warehouse.load("hub", DAY, pull, [batch({("a", minute): 1.0 for minute in range(10)})])


def _six_million() -> None:
    with Points(DAY, np.float64, place="test") as points:
        for page in range(60):
            at_us = _START_US + (page * 50_000 + np.arange(50_000, dtype=np.int64)) * 28_000
            for rank in range(2):
                points.append(np.full(50_000, rank, dtype=np.int64), at_us, np.ones(50_000))
        points.deduplicate()
        n = sum(len(part.rank) for part in points.slices())
        n_again = sum(len(keys) for _, keys, _ in points.of_ranks(np.arange(2)))
    assert n == n_again == 6_000_000


def _pages(series: np.ndarray, second: np.ndarray, value: np.ndarray, *, n_pages: int) -> list[Normalized]:
    frame = batch({(f"s{i}", 0): 0.0 for i in range(5)})
    whole = frame.measurements.iloc[np.zeros(len(series), dtype=int)].assign(
        series=frame.measurements["series"].cat.categories.take(series),
        measured_at=(_START_US + second.astype("int64") * 1_000_000).view("datetime64[us]"),
        value=value.astype("float64"),
    )
    whole = whole.astype({"series": "category"}).assign(measured_at=whole["measured_at"].dt.tz_localize("UTC"))
    return [
        Normalized(series=frame.series, measurements=whole.iloc[part])
        for part in np.array_split(np.arange(len(whole)), n_pages)
    ]


def _rows(url: str, source: str) -> dict[str, list[tuple[object, ...]]]:
    """What the tables say of a source, its series by their keys."""
    found = {}
    with psycopg.connect(url) as connection:
        for table in _DERIVED:
            rows = connection.execute(
                f"SELECT key, (to_jsonb(held) - 'series_id')::text FROM {table} AS held"
                " INNER JOIN series USING (series_id) WHERE source = %s ORDER BY 1, 2",
                [source],
            )
            found[table] = rows.fetchall()
    return found
