"""Killed between its pull and its load, against the twins: the next run orders and asks nothing, and loads all."""

import os
import signal
import time
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from assets.ingest import DayOutcome, ingest_days
from domain.contract import Provider
from domain.window import Window
from sandbox.servitly.fleet import THINGS
from tests.fakes.forked import ended, fork, replace_in_child
from tests.providers.climkit.harness import apartments
from tests.providers.export_service.harness import hub, minutes
from tests.providers.servitly.harness import ACCOUNT, boilers
from warehouse.export_jobs import DatabaseExportJobs
from warehouse.store import TimescaleWarehouse, open_warehouse

DAY: Final = date(2025, 6, 1)
FLEET: Final = replace(ACCOUNT, things=(THINGS[2].id,))


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_before_its_load(database: str, landing: Path, provider: Provider) -> None:
    """A run in a child that is killed when its day is pulled."""

    def child() -> None:
        replace_in_child(TimescaleWarehouse, "payloads", die)
        run(database, landing, provider)

    assert ended(fork(child)) == -signal.SIGKILL


def run(database: str, landing: Path, provider: Provider) -> list[DayOutcome]:
    with open_warehouse(database, landing) as warehouse:
        return list(ingest_days([DAY], provider, warehouse, "s"))


def is_wholly_loaded_without_a_request(outcomes: list[DayOutcome], n_points: int) -> bool:
    [outcome] = outcomes
    assert outcome.error is None, outcome.error
    assert outcome.pull is not None
    assert outcome.load is not None
    assert outcome.load.n_inserted == n_points > 0
    return outcome.pull.was_adopted and outcome.pull.n_requests == 0


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def test_pages_are_not_asked_for_again(database: str, landing: Path) -> None:
    with hub(minutes(35)) as made:
        killed_before_its_load(database, landing, made.provider)
        outcomes = run(database, landing, made.provider)
        assert made.provider.n_requests == 0
        assert is_wholly_loaded_without_a_request(outcomes, 35)
        # Each page, once; then the days are asked for again, as nothing is left to be loaded.
        n_asked = len(made.asked())
        assert n_asked >= 4
        run(database, landing, made.provider)
        assert len(made.asked()) > n_asked


def test_an_apartment_house_is_not_asked_for_again(database: str, landing: Path) -> None:
    with apartments() as made:
        killed_before_its_load(database, landing, made.provider)
        outcomes = run(database, landing, made.provider)
        assert made.n_requests == 0
        [outcome] = outcomes
        assert outcome.load is not None
        assert is_wholly_loaded_without_a_request(outcomes, outcome.load.n_received)


def test_an_export_is_not_ordered_again(database: str, landing: Path) -> None:
    window = Window.of_day(DAY)
    with (
        closing(DatabaseExportJobs(database, "s", "acme", sleep=lambda _: time.sleep(0.01))) as jobs,
        boilers(account=FLEET, jobs=jobs) as made,
    ):
        start, end = (int(instant.timestamp() * 1000) for instant in (window.start, window.end))
        n_meant = sum(1 for point in made.twin.truth(start, end, {}) if point.labels["thing"].startswith("PV"))
        killed_before_its_load(database, landing, made.provider)
        assert len(made.twin.jobs) == 1

        outcomes = run(database, landing, made.provider)
        assert sum(client.n_requests for client in made.clients) == 0
        assert is_wholly_loaded_without_a_request(outcomes, n_meant)
        assert len(made.twin.jobs) == 1
