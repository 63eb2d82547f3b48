"""Uploads in a real warehouse: landed wide, loaded day by day, the same again, and a home that deletes its history."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from assets.ingest import ingest_days
from assets.steps import land, load
from domain.errors import ShrinkRefusedError
from domain.window import Window
from pipelines.local.verification import compare, series_by_labels, true_points
from providers.smart_house.spec import SPEC
from tests.providers.smart_house.harness import DAY, SmartHomes, labelled, smart_homes
from warehouse.store import TimescaleWarehouse, open_warehouse

SOURCE = "smart_homes"


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    with open_warehouse(database, tmp_path / "landing") as opened:
        yield opened


def held(warehouse: TimescaleWarehouse, window: Window) -> set[tuple[str, int]]:
    """(series key, epoch ms) of every point that the warehouse holds."""
    frames = (warehouse.reading.measurements(SOURCE, window), warehouse.reading.states(SOURCE, window))
    return {
        (str(key), round(at.timestamp() * 1000))
        for frame in frames
        for key, at in frame[["series", "measured_at"]].itertuples(index=False, name=None)
    }


def meant(made: SmartHomes, window: Window) -> set[tuple[str, int]]:
    named = {labelled(one.labels): one.key for one in made.load(window).series}
    return {(named[labels], at) for labels, at in made.truth(window)}


def test_a_week_is_asked_for_in_three_requests_and_every_day_of_it_is_what_the_homes_meant(
    warehouse: TimescaleWarehouse,
) -> None:
    days = [DAY.day + timedelta(days=offset) for offset in range(7)]
    with smart_homes() as made:
        outcomes = list(ingest_days(days, made.provider, warehouse, SOURCE, pull_days=SPEC.pull_days))
        assert [one.error for one in outcomes] == [None] * 7
        assert len(made.asked()) == 3
        for day in (days[0], days[3], days[6]):
            assert held(warehouse, Window.of_day(day)) == meant(made, Window.of_day(day))
    loads = [one.load for one in outcomes if one.load]
    assert all(one.n_inserted and not one.n_rejected and not one.unmapped for one in loads)


def test_the_same_day_again_writes_nothing_although_every_id_differs(warehouse: TimescaleWarehouse) -> None:
    with smart_homes() as made:
        reports = []
        for _ in range(2):
            land(made.provider, warehouse, SOURCE, DAY)
            reports.append(load(made.provider, warehouse, SOURCE, DAY))
    assert reports[0].n_inserted > 1000
    assert reports[1].n_written == 0
    assert reports[1].n_unchanged == reports[0].n_inserted


def test_a_day_grows_with_the_uploads_of_the_days_after_it(warehouse: TimescaleWarehouse) -> None:
    counts = []
    for today in (4, 5, 6):
        with smart_homes(now=partial(datetime, 2025, 6, today, 12, tzinfo=UTC)) as made:
            land(made.provider, warehouse, SOURCE, DAY)
            counts.append(load(made.provider, warehouse, SOURCE, DAY))
    assert counts[1].n_inserted > 0
    assert [one.n_removed for one in counts] == [0, 0, 0]
    assert counts[2].n_points == len(held(warehouse, DAY))


def test_a_home_that_deletes_its_history_is_removed_and_recorded(warehouse: TimescaleWarehouse) -> None:
    with smart_homes() as made:
        land(made.provider, warehouse, SOURCE, DAY)
        load(made.provider, warehouse, SOURCE, DAY)
        before = held(warehouse, DAY)
        deleted = {(key, at) for key, at in before if key.startswith("aveiro/")}

        made.twin.delete("aveiro")
        land(made.provider, warehouse, SOURCE, DAY)
        report = load(made.provider, warehouse, SOURCE, DAY)
    assert report.withdrawn == ["aveiro"]
    assert report.n_removed == len(deleted) > 0.2 * len(before)
    assert held(warehouse, DAY) == before - deleted
    revisions = warehouse.reading.revisions(SOURCE, DAY)
    assert len(revisions) == len(deleted)
    assert set(revisions["change"]) == {"removed"}
    assert warehouse.ledger.entries(SOURCE, DAY)[-1].withdrawn == ["aveiro"]


def test_a_home_that_vanishes_without_proof_is_kept_until_a_person_says_so(warehouse: TimescaleWarehouse) -> None:
    with smart_homes(n_lodgers=1) as made:  # somebody unnamed is there, who could be the one that is missing
        land(made.provider, warehouse, SOURCE, DAY)
        load(made.provider, warehouse, SOURCE, DAY)
        before = held(warehouse, DAY)
        deleted = {(key, at) for key, at in before if key.startswith("aveiro/")}

        made.twin.delete("aveiro")
        land(made.provider, warehouse, SOURCE, DAY)
        with pytest.raises(ShrinkRefusedError, match="would vanish"):
            load(made.provider, warehouse, SOURCE, DAY)
        assert held(warehouse, DAY) == before

        report = load(made.provider, warehouse, SOURCE, DAY, is_correction=True)
    assert (report.n_removed, report.withdrawn) == (len(deleted), [])
    assert held(warehouse, DAY) == before - deleted


def test_a_replay_of_the_first_landed_days_needs_no_request(warehouse: TimescaleWarehouse) -> None:
    with smart_homes() as made:
        land(made.provider, warehouse, SOURCE, Window.of_days(DAY.day, date(2025, 6, 5)))
        n_asked = len(made.asked())
        load(made.provider, warehouse, SOURCE, Window.of_day(date(2025, 6, 4)))
        assert load(made.provider, warehouse, SOURCE, Window.of_day(date(2025, 6, 4))).n_written == 0
        assert len(made.asked()) == n_asked


@pytest.mark.parametrize("days_ago", [1, 2, 9])
def test_the_warehouse_holds_every_point_that_the_twin_means_also_of_days_that_are_not_complete(
    warehouse: TimescaleWarehouse, days_ago: int
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    window = Window.of_day(day)
    with smart_homes() as made:
        land(made.provider, warehouse, SOURCE, window)
        load(made.provider, warehouse, SOURCE, window)
        start = round(window.start.timestamp() * 1000)
        lines = b"".join(made.twin.truth_lines(start, start + 86_400_000, {})).splitlines()
    served = true_points(lines, series_by_labels(warehouse.reading.series(SOURCE)))
    assert not served.unmapped
    numbers = warehouse.reading.measurements(SOURCE, window)
    both = compare(served.numbers, numbers.assign(series=numbers["series"].astype("str")))
    both += compare(served.texts, warehouse.reading.states(SOURCE, window))
    assert both.is_equal, both.difference
    assert both.n_equal > 10
