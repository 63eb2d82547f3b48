"""Points are copied while others are still to come: what is committed is what a load in one piece commits."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain.contract import LandedPull
from domain.errors import NormalizationError, ShrinkRefusedError
from domain.measurement import Normalized
from tests.fakes.forked import ended, fork
from tests.fakes.points import DAY, Said, batch, landed, table
from tests.fakes.summaries import differences
from tests.warehouse.test_kill_points import Steps
from warehouse import copy_ahead as module
from warehouse import points as points_module
from warehouse.copy_ahead import Complete, CopyAhead
from warehouse.store import TimescaleWarehouse, open_warehouse

WHOLE: Said = {(series, minute): float(minute) for minute in range(0, 400, 10) for series in "abc"} | {("s", 1): "on"}


@pytest.fixture(autouse=True)
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each load that had anything to complete, whether it was done ahead; runs are short, and no speed is wrong."""
    found: list[bool] = []
    complete = CopyAhead.complete

    def noted(self: CopyAhead, what: Complete) -> object:
        report = complete(self, what)
        found.append(report is not None)
        return report

    monkeypatch.setattr(CopyAhead, "complete", noted)
    monkeypatch.setattr(points_module, "RUN_ROWS", 16)
    monkeypatch.setattr(module, "_SLOWEST", 0)
    monkeypatch.setattr(module, "_FASTEST", 1e12)
    return found


def pages(said: Said = WHOLE, n_rows: int = 10) -> list[Normalized]:
    rows = list(said.items())
    return [batch(rows[start : start + n_rows]) for start in range(0, len(rows), n_rows)]


def test_a_first_load_is_copied_ahead_and_says_all_that_others_say(
    warehouse: TimescaleWarehouse, database: str, outcomes: list[bool]
) -> None:
    report = warehouse.load("hub", DAY, landed(warehouse), pages())
    again = warehouse.load("hub", DAY, landed(warehouse), pages())

    assert outcomes[:1] == [True]
    assert not any(outcomes[1:])
    assert (report.n_inserted, report.n_series, report.n_received) == (len(WHOLE), 4, len(WHOLE))
    assert (again.n_written, again.n_unchanged) == (0, len(WHOLE))
    assert table(warehouse) == WHOLE
    assert [entry.n_inserted for entry in warehouse.ledger.entries("hub", DAY)] == [len(WHOLE), 0]
    with psycopg.connect(database, autocommit=True) as observer:
        assert differences(observer) == []


def test_points_that_come_twice_and_contradict_themselves_are_settled_as_ever(
    warehouse: TimescaleWarehouse, outcomes: list[bool]
) -> None:
    said = [*pages(), batch({("a", 0): 0.0, ("b", 10): 99.0})]
    report = warehouse.load("hub", DAY, landed(warehouse), said)

    assert not any(outcomes)
    assert (report.n_duplicate, report.n_rejected, report.n_inserted) == (1, 2, len(WHOLE) - 1)
    assert table(warehouse) == {key: value for key, value in WHOLE.items() if key != ("b", 10)}


def test_what_is_held_is_guarded_as_ever(warehouse: TimescaleWarehouse, outcomes: list[bool]) -> None:
    warehouse.load("hub", DAY, landed(warehouse), pages())
    del outcomes[:]
    others: Said = {("q", minute): 1.0 for minute in range(200)} | {("s", 1): "on"}  # no number where one is held
    with pytest.raises(ShrinkRefusedError):
        warehouse.load("hub", DAY, landed(warehouse), pages(others))

    assert not any(outcomes)
    assert table(warehouse) == WHOLE


def test_a_day_that_somebody_else_loads_is_waited_for_at_the_end_and_not_before(
    warehouse: TimescaleWarehouse, database: str, outcomes: list[bool]
) -> None:
    pull = landed(warehouse)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('joulehouse load hub 2026-03-29', 0))")

        def said() -> Iterator[Normalized]:
            yield from pages()
            other.commit()

        report = warehouse.load("hub", DAY, pull, said())

    assert not any(outcomes)
    assert report.n_inserted == len(WHOLE)


def test_points_that_stop_coming_keep_nobody_waiting(
    warehouse: TimescaleWarehouse, database: str, outcomes: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day is free again while they are waited for, and all of them are loaded in the end."""
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.2)
    were_free = []

    def said() -> Iterator[Normalized]:
        yield from pages()
        with psycopg.connect(database) as other:
            for pause in (0.0, 0.8):
                time.sleep(pause)
                key = "joulehouse load hub 2026-03-29"
                row = other.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key]).fetchone()
                were_free.append(row)
        yield from pages({("z", minute): 1.0 for minute in range(20)})

    report = warehouse.load("hub", DAY, landed(warehouse), said())

    assert were_free == [(False,), (True,)]
    assert not any(outcomes)
    assert report.n_inserted == len(WHOLE) + 20


def test_a_normalizer_that_fails_amid_leaves_nothing_and_holds_nothing(
    warehouse: TimescaleWarehouse, outcomes: list[bool]
) -> None:
    def said() -> Iterator[Normalized]:
        yield from pages()
        raise KeyError("nobody thought of it")

    with pytest.raises(NormalizationError):
        warehouse.load("hub", DAY, landed(warehouse), said())
    assert table(warehouse) == {}
    report = warehouse.load("hub", DAY, landed(warehouse), pages())

    assert outcomes == [True]
    assert report.n_inserted == len(WHOLE)
    assert [entry.status for entry in warehouse.ledger.entries("hub", DAY)] == ["failed", "committed"]


def test_a_worker_killed_while_it_copies_ahead_leaves_the_partition_whole(database: str, tmp_path: Path) -> None:
    """At every thirteenth step of both of its sessions, until it comes to its end."""
    found = []
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        for fatal in range(3, 1000, 13):
            source = f"source-{fatal}"
            pull = landed(warehouse, source)

            def child(source: str = source, fatal: int = fatal, pull: LandedPull = pull) -> None:
                Steps(fatal).install()
                with open_warehouse(database, tmp_path / "landing") as own:
                    own.load(source, DAY, pull, pages())

            status = ended(fork(child))
            with psycopg.connect(database) as observer:  # the dead one's session holds the lock until it is over
                key = f"joulehouse load {source} 2026-03-29"
                observer.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
            found.append(table(warehouse, source))
            assert found[-1] in ({}, WHOLE)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            warehouse.load(source, DAY, pull, pages())
            assert table(warehouse, source) == WHOLE

    assert len(found) > 3
    assert {} in found
    assert found[-1] == WHOLE
