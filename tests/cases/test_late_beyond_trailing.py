"""A gateway is offline for days, which are loaded empty and have settled; a week later it hands in what it stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from assets.checks import evaluate
from assets.ingest import ingest_days
from assets.refetch import refetch_after
from assets.source import SourceFacts
from domain.records import LoadReport
from domain.window import Window
from pipelines.schedules import due_ranges
from providers.export_service.spec import SPEC
from tests.providers.export_service.harness import Document, hub
from warehouse.store import TimescaleWarehouse, open_warehouse

NOW = datetime.now(UTC)
TODAY = NOW.date()
DAYS = [TODAY - timedelta(days=n) for n in range(16, 1, -1)]
OFFLINE = [TODAY - timedelta(days=n) for n in (12, 11, 10)]
FACTS = SourceFacts("hub", SPEC, DAYS[0], "a hub", schedule="30 4 * * *")


def documents(days: Sequence[date]) -> list[Document]:
    """One an hour."""
    hours = [Window.of_day(day).start + timedelta(hours=hour) for day in days for hour in range(24)]
    return [{"P_kW": 1.0, "timestamp": int(at.timestamp() * 1000)} for at in hours]


@dataclass(frozen=True)
class Loaded:
    """A warehouse, and the reports of what was loaded into it."""

    warehouse: TimescaleWarehouse
    reports: Sequence[LoadReport]


@pytest.fixture
def loaded(database: str, tmp_path: Path) -> Iterator[Loaded]:
    """Each day was loaded by the schedule of its time, when it had settled."""
    there = documents([day for day in DAYS if day not in OFFLINE])
    with open_warehouse(database, tmp_path) as opened, hub(there, page_rows=5000) as made:
        walk = ingest_days(DAYS, made.provider, opened, "hub")
        reports = [outcome.load for outcome in walk if outcome.load]
        with psycopg.connect(database) as connection:
            connection.execute(
                "UPDATE pull SET started_at = window_end + interval '30 hours',"
                " finished_at = window_end + interval '31 hours'"
            )
        yield Loaded(opened, reports)


def asked_for(warehouse: TimescaleWarehouse, tick: datetime) -> set[date]:
    """The days that a tick of the schedule asks for."""
    before = FACTS.days_before_trailing(tick)
    assert before is not None
    due = warehouse.ledger.due_days(
        "hub",
        before,
        finalization_lag=FACTS.finalization_lag,
        refetch_after=refetch_after(FACTS, tick),
        as_of=tick,
        untried_since=tick - timedelta(hours=20),
        n_newest=31,
        n_others=31,
    )
    ranges = due_ranges(FACTS, tick, due)
    return {day for first, last in ranges for day in Window.of_days(first, last).days()}


def test_days_that_were_empty_beside_full_ones_are_asked_for_again(loaded: Loaded) -> None:
    ticks = [NOW + timedelta(days=n) for n in range(32)]
    asked = set.union(*(asked_for(loaded.warehouse, tick) for tick in ticks))
    assert set(OFFLINE) <= asked


_NOT_LOADED = ("fresh", "complete")


def test_days_that_were_empty_beside_full_ones_are_a_check_that_is_not_green(loaded: Loaded) -> None:
    found = list(evaluate(FACTS, loaded.reports, loaded.warehouse.ledger.days("hub"), NOW))
    # The day that is due now is of no interest here: that it is not loaded is another check's news.
    assert [result.check_name for result in found if not result.passed and result.check_name not in _NOT_LOADED] != []


def test_what_a_gateway_hands_in_a_week_later_is_loaded_without_anybody(database: str, loaded: Loaded) -> None:
    there = [day for day in DAYS if day not in OFFLINE]
    n_asked = 0
    for n in range(32):
        tick = NOW + timedelta(days=n)
        asked = sorted(asked_for(loaded.warehouse, tick) & set(DAYS))
        n_asked += len(asked)
        with hub(documents(DAYS if n > 7 else there), page_rows=5000) as made:
            pulls = [one.load.pull_id for one in ingest_days(asked, made.provider, loaded.warehouse, "hub") if one.load]
        assert len(pulls) == len(asked)
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE pull SET started_at = %s WHERE pull_id = any(%s)", [tick, pulls])
    days = loaded.warehouse.ledger.days("hub")
    assert [day.n_points for day in days] == [24] * len(DAYS)
    assert [day.suspect for day in days] == [None] * len(DAYS)
    assert 2 * len(OFFLINE) <= n_asked <= 5 * len(OFFLINE)


def test_days_that_were_full_are_not_asked_for_again(loaded: Loaded) -> None:
    assert [report.n_points for report in loaded.reports] == [0 if day in OFFLINE else 24 for day in DAYS]
    before = FACTS.days_before_trailing(NOW)
    assert before is not None
    full = set(DAYS) & set(before.days()) - set(OFFLINE)
    assert len(full) > 5
    assert full & asked_for(loaded.warehouse, NOW) == set()
