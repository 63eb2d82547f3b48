"""A run that was killed behind its pull: the next one loads what was pulled, and asks for nothing."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from assets.ingest import DayOutcome, ingest_days
from assets.steps import land, load
from domain.errors import PayloadUnreadableError
from domain.window import Window
from tests.fakes.forked import ended, fork, replace_in_child, together
from tests.fakes.provider import FakeProvider, hourly
from warehouse.store import TimescaleWarehouse, open_warehouse

FIRST: Final = date(2026, 1, 1)
DAYS: Final = [FIRST + timedelta(days=n) for n in range(10)]
FEWEST_POINTS: Final = 40


def served(*failing: int) -> FakeProvider:
    error = PayloadUnreadableError("it went wrong", place="here", fix="mend it")
    return FakeProvider({day: hourly(day) for day in DAYS}, failures={DAYS[n]: error for n in failing})


def spans(provider: FakeProvider) -> list[tuple[int, int]]:
    """The first day of each pull, by its number, and how many days it asked for."""
    return [(DAYS.index(window.day), len(list(window.days()))) for window in provider.asked]


def written(outcomes: list[DayOutcome]) -> list[int | None]:
    """Points that each day's load wrote; None where it was not loaded."""
    return [outcome.load.n_written if outcome.load else None for outcome in outcomes]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def warehouse(database: str, landing: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, landing) as opened:
        yield opened


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_load(n_load: int, database: str, landing: Path, provider: FakeProvider, n_days: int) -> None:
    """A run over the first `n_days` in one pull, in a child that is killed as it begins its `n_load`th load."""

    def child() -> None:
        begun, loaded = iter(range(1, n_load)), TimescaleWarehouse.load

        def doomed(*arguments: Any, **named: Any) -> Any:
            return loaded(*arguments, **named) if next(begun, None) else die()

        replace_in_child(TimescaleWarehouse, "load", doomed)
        with open_warehouse(database, landing) as warehouse:
            list(ingest_days(DAYS[:n_days], provider, warehouse, "s", pull_days=n_days))

    assert ended(fork(child)) == -signal.SIGKILL


class Steps:
    """Ends this process behind one of its round trips to the server: what comes before the next one changes nothing."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def install(self) -> None:
        """Only ever called in a child: nothing is put back."""
        replace_in_child(psycopg.Connection, "wait", self._around(psycopg.Connection.wait))

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            result = call(*arguments, **named)
            self._left -= 1
            if self._left == 0:
                die()
            return result

        return counted


def _killed_at(fatal: int, source: str, database: str, landing: Path) -> bool:
    def child() -> None:
        with open_warehouse(database, landing) as warehouse:
            Steps(fatal).install()
            list(ingest_days(DAYS[:2], served(), warehouse, source, pull_days=2))

    status = ended(fork(child))
    assert status in {0, -signal.SIGKILL}
    return status != 0


def _wait_for_nobody_else(observer: psycopg.Connection) -> None:
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    while observer.execute(question).fetchone() != (0,):
        observer.execute("SELECT pg_sleep(0.005)")


@pytest.mark.timeout(300)
def test_a_run_killed_at_any_step_behind_its_pull_asks_for_nothing_again(database: str, landing: Path) -> None:
    """Until the last day is committed: then a run over the same days is one that wants to know what has changed."""
    n_points, n_asked = 0, []
    with psycopg.connect(database, autocommit=True) as observer:
        while True:
            source = f"source-{n_points + 1}"
            if not _killed_at(n_points + 1, source, database, landing):
                break
            n_points += 1
            _wait_for_nobody_else(observer)
            question = "SELECT count(*) FROM pull WHERE source = %s AND finished_at IS NOT NULL"
            is_pulled = observer.execute(question, [source]).fetchone() == (1,)
            question = "SELECT count(DISTINCT window_start) FROM load WHERE source = %s AND status = 'committed'"
            (n_loaded,) = observer.execute(question, [source]).fetchone() or (0,)
            provider = served()
            with open_warehouse(database, landing) as warehouse:
                outcomes = list(ingest_days(DAYS[:2], provider, warehouse, source, pull_days=2))
            assert written(outcomes) == [0] * n_loaded + [24] * (2 - n_loaded), n_points
            assert spans(provider) == ([] if is_pulled and n_loaded < 2 else [(0, 2)]), n_points
            n_asked.append(len(provider.asked))
    assert n_points >= FEWEST_POINTS
    # Asked again before the pull was finished, then not, and again when all was loaded: each was seen.
    assert "".join("1" if n else "0" for n in n_asked).strip("1").strip("0") == ""
    assert n_asked.count(0) >= FEWEST_POINTS / 2


def test_days_loaded_before_the_kill_are_loaded_again_and_write_nothing(
    warehouse: TimescaleWarehouse, database: str, landing: Path
) -> None:
    killed_at_load(4, database, landing, served(), 10)
    provider = served()
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert provider.asked == []
    assert written(outcomes) == [0] * 3 + [24] * 7
    assert [bool(outcome.remark) for outcome in outcomes] == [True] + [False] * 9

    # What came of it is known now: the same days again are a question.
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert spans(provider) == [(0, 10)]
    assert written(outcomes) == [0] * 10
    assert not any(outcome.remark for outcome in outcomes)


def test_a_pull_that_was_adopted_costs_nothing_and_says_what_it_holds(
    warehouse: TimescaleWarehouse, database: str, landing: Path
) -> None:
    killed_at_load(1, database, landing, served(), 2)
    first, second = ingest_days(DAYS[:2], served(), warehouse, "s", pull_days=2)
    assert first.pull is not None
    assert second.pull is not None
    assert (first.pull.was_adopted, first.pull.n_requests, first.pull.n_payloads) == (True, 0, 1)
    assert (second.pull.was_adopted, second.pull.n_requests, second.pull.n_payloads) == (True, 0, 0)
    assert first.pull.n_bytes == sum(one.n_bytes for one in warehouse.payloads("s", first.pull.window))
    assert re.match(r"\[2026-01-01T.* was pulled \d+ s ago by a run that has not loaded all of it", first.remark)
    # The ledger counts a pull's requests with the pull: once, however many runs it took to load it.
    assert [total.n_requests for total in warehouse.ledger.totals()] == [1]


def test_the_remark_counts_minutes_once_there_are_some(warehouse: TimescaleWarehouse, database: str) -> None:
    land(served(), warehouse, "s", Window.of_day(FIRST))
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pull SET finished_at = finished_at - interval '12 minutes 20 seconds'")
    [outcome] = ingest_days(DAYS[:1], served(), warehouse, "s")
    assert "2026-01-01 was pulled 12 min ago" in outcome.remark


def test_a_run_that_only_lands_always_asks(warehouse: TimescaleWarehouse) -> None:
    provider = served()
    for _ in range(2):
        list(ingest_days(DAYS[:1], provider, warehouse, "s", loads=False))
    land(provider, warehouse, "s", Window.of_day(FIRST))
    assert len(provider.asked) == 3


def test_a_changed_question_is_asked(warehouse: TimescaleWarehouse, database: str, landing: Path) -> None:
    killed_at_load(1, database, landing, served(), 1)
    provider = served()
    provider.fingerprint = "corrected"
    list(ingest_days(DAYS[:1], provider, warehouse, "s"))
    assert spans(provider) == [(0, 1)]


def test_a_load_that_was_refused_is_asked_for_again(warehouse: TimescaleWarehouse) -> None:
    provider = served()
    list(ingest_days(DAYS[:1], provider, warehouse, "s"))
    provider.points[FIRST] = {}
    for n_asked in (2, 3):
        [refused] = ingest_days(DAYS[:1], provider, warehouse, "s")
        assert refused.error is not None
        assert refused.error.code == "shrink_refused"
        assert len(provider.asked) == n_asked
    [corrected] = ingest_days(DAYS[:1], provider, warehouse, "s", is_correction=True)
    assert written([corrected]) == [24]
    assert len(provider.asked) == 4


def test_the_half_of_a_divided_pull_that_was_there_is_not_asked_for_again(
    warehouse: TimescaleWarehouse, database: str, landing: Path
) -> None:
    """The whole is asked for once more, as its failure may have passed; then the half that was pulled is loaded."""
    killed_at_load(2, database, landing, served(6), 10)
    provider = served(6)
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert spans(provider) == [(0, 10), (5, 5), (5, 2), (5, 1), (6, 1), (7, 1), (8, 2)]
    assert written(outcomes) == [0, 24, 24, 24, 24, 24, None, 24, 24, 24]


def _gone(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flipped(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize("damage", [_gone, _empty, _flipped])
@pytest.mark.parametrize("n_days", [1, 3])
def test_what_was_damaged_since_fails_once_and_is_asked_for_again(
    warehouse: TimescaleWarehouse, database: str, landing: Path, damage: Callable[[Path], None], n_days: int
) -> None:
    killed_at_load(1, database, landing, served(), n_days)
    for path in landing.rglob("*.zst"):
        damage(path)
    provider = served()
    outcomes = list(ingest_days(DAYS[:n_days], provider, warehouse, "s", pull_days=n_days))
    assert [outcome.error and outcome.error.code for outcome in outcomes] == ["payload_missing"] * n_days
    assert provider.asked == []

    outcomes = list(ingest_days(DAYS[:n_days], provider, warehouse, "s", pull_days=n_days))
    assert spans(provider) == [(0, n_days)]
    assert written(outcomes) == [24] * n_days


def test_a_run_that_lives_on_shares_its_pull_and_neither_is_harmed(warehouse: TimescaleWarehouse) -> None:
    mine, theirs = served(), served()
    land(mine, warehouse, "s", Window.of_day(FIRST))
    [outcome] = ingest_days(DAYS[:1], theirs, warehouse, "s")
    assert (theirs.asked, written([outcome])) == ([], [24])

    report = load(mine, warehouse, "s", Window.of_day(FIRST))
    assert (report.n_unchanged, report.n_written) == (24, 0)


def _shared(database: str, landing: Path) -> tuple[int, int, int, int]:
    provider = served()
    with open_warehouse(database, landing) as warehouse:
        [outcome] = ingest_days(DAYS[:1], provider, warehouse, "s")
    assert outcome.load is not None
    return len(provider.asked), outcome.load.n_received, outcome.load.n_inserted, outcome.load.n_changed


def test_eight_runs_that_want_one_pull_at_once_load_it_once(
    warehouse: TimescaleWarehouse, database: str, landing: Path
) -> None:
    land(served(), warehouse, "s", Window.of_day(FIRST))
    reports = together([partial(_shared, database, landing)] * 8)
    # Whoever comes when one of them is through asks, as a run after a finished load does.
    assert 0 in {n_asked for n_asked, *_ in reports}
    assert max(n_inserted for _, _, n_inserted, _ in reports) == 24
    assert sum(n_inserted for _, _, n_inserted, _ in reports) == 24
    assert {(n_received, n_changed) for _, n_received, _, n_changed in reports} == {(24, 0)}
    values = warehouse.reading.measurements("s", Window.of_day(FIRST))["value"]
    assert sorted(values) == sorted(hourly(FIRST)["roof/P"].values())
    failures = {entry.reason for entry in warehouse.ledger.entries("s", Window.of_day(FIRST))} - {None}
    assert failures <= {"stale_load"}
