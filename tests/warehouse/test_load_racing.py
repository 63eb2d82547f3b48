"""Many processes at once: different days, the same day, and one that wakes up too late."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from assets import steps
from domain.errors import StaleLoadError
from domain.measurement import Normalized
from domain.quantities import NO_KINDS, Kinds
from domain.records import Payload
from domain.window import Window
from tests.fakes.forked import ended, fork, together
from tests.fakes.points import DAY, Said, batch, landed, load, payload, table
from tests.fakes.provider import FakeProvider
from warehouse import load as load_module
from warehouse.store import open_warehouse

N: int = 8


def _said(number: float) -> Said:
    return {(f"s{series}", minute): number + series for series in range(5) for minute in range(60)}


class _Numbered(FakeProvider):
    """Its answers are a number each."""

    def normalize(
        self,
        payloads: Iterable[Payload],
        window: Window,
        kinds: Kinds = NO_KINDS,  # the contract's
    ) -> Iterator[Normalized]:
        for answer in payloads:
            yield batch(_said(float(answer.body)), window)


def _days(n: int) -> list[Window]:
    return [Window.of_day(date(2026, 3, 25) + timedelta(days=later)) for later in range(n)]


def test_eight_processes_load_eight_days_of_one_source(database: str, tmp_path: Path) -> None:
    """The days lie in two chunks that do not exist yet, and the series are new to everybody."""

    def one(number: int) -> tuple[int, int]:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            first = load(warehouse, _said(number), window=_days(N)[number])
            again = load(warehouse, _said(number), window=_days(N)[number])
            return first.n_inserted, again.n_written

    reports = together([partial(one, number) for number in range(N)])

    assert reports == [(300, 0)] * N
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        assert [table(warehouse, window=window) for window in _days(N)] == [_said(number) for number in range(N)]
        assert len(warehouse.reading.series("hub")) == 5


def test_eight_processes_load_the_same_day_and_the_newest_pull_stays_whole(database: str, tmp_path: Path) -> None:
    def one(number: int) -> tuple[int, list[int | None]]:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            pull = warehouse.begin_pull("hub", DAY)
            pull.keep(payload(b"%d" % number))
            pull.finish(n_requests=1)
            return pull.pull_id, [steps.load(_Numbered({}), warehouse, "hub", DAY).pull_id]

    reports = together([partial(one, number) for number in range(N)])

    with psycopg.connect(database) as connection:
        finished: dict[int | None, int] = dict(connection.execute("SELECT pull_id, finish_number FROM pull").fetchall())
    newest = max(finished, key=lambda pull_id: finished[pull_id])
    assert all(finished[loaded[-1]] >= finished[pull_id] for pull_id, loaded in reports)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        body = int(next(iter(warehouse.payloads("hub", DAY))).body)
        assert warehouse.payloads("hub", DAY).pull_id == newest
        assert table(warehouse) == _said(body)
        committed = [entry for entry in warehouse.ledger.entries("hub", DAY) if entry.status == "committed"]
        order = [finished[entry.pull_id] for entry in committed]
        assert order == sorted(order)
        assert sum(entry.n_inserted - entry.n_removed for entry in committed) == 300
        changed = sum(entry.n_changed for entry in committed)
        assert len(warehouse.reading.revisions("hub", DAY)) == changed


def test_a_load_that_lost_gives_up_where_no_newer_pull_covers_its_window(database: str, tmp_path: Path) -> None:
    """A week was landed before one of its days; that day alone is newer."""
    week = Window.of_days(date(2026, 3, 25), date(2026, 3, 31))
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        pull = warehouse.begin_pull("hub", week)
        pull.keep(payload(b"7", window=week))
        pull.finish(n_requests=1)
        load(warehouse, _said(1))
        with pytest.raises(StaleLoadError):
            steps.load(_Numbered({}), warehouse, "hub", week)

        assert [entry.reason for entry in warehouse.ledger.entries("hub", week)][-1:] == ["stale_load"]
        assert table(warehouse) == _said(1)


def test_processes_that_discover_the_same_series_at_once_make_each_once(database: str, tmp_path: Path) -> None:
    keys = [f"s{number}" for number in range(50)]

    def one(number: int) -> int:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            order = keys[number:] + keys[:number]
            return warehouse.catalogue("hub", batch({(key, 0): 1.0 for key in order}).series)

    assert sum(together([partial(one, number) for number in range(N)])) == 50
    with psycopg.connect(database) as connection:
        counts = Counter(key for (key,) in connection.execute("SELECT key FROM series"))
    assert set(counts.values()) == {1}


def test_a_worker_that_hung_and_wakes_up_late_writes_nothing(database: str, tmp_path: Path) -> None:
    """It stops between its fetch and its load; a newer pull is loaded meanwhile; then it goes on."""

    def hang_then_load() -> None:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            pull = landed(warehouse)
            os.kill(os.getpid(), signal.SIGSTOP)
            with pytest.raises(StaleLoadError):
                warehouse.load("hub", DAY, pull, [batch(_said(99))])

    pid = fork(hang_then_load)
    os.waitpid(pid, os.WUNTRACED)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        load(warehouse, _said(1))
        os.kill(pid, signal.SIGCONT)
        status = ended(pid)

        assert status == 0
        assert table(warehouse) == _said(1)


def test_without_the_lock_two_loaders_would_meet(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tooth of the tests above: the same race, the lock taken out, is seen to go wrong."""
    monkeypatch.setattr(load_module, "_lock", lambda *_: None)
    # Everybody compares before anybody writes.
    monkeypatch.setattr(load_module, "_guard", lambda **_: time.sleep(1.0))
    rows = [("s0", minute) for minute in range(1440)]

    def one(number: int) -> str:
        with open_warehouse(database, tmp_path / "landing") as warehouse:
            pull = warehouse.payloads("hub", DAY)
            try:
                warehouse.load("hub", DAY, pull, [batch({row: float(number) for row in rows})])
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is what this test is after
                return type(error).__name__
            return ""

    with open_warehouse(database, tmp_path / "landing") as warehouse:
        landed(warehouse)

    assert set(together([partial(one, number) for number in range(N)])) - {""}
