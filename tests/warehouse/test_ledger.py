"""The ledger read back as days, entries and totals."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.contract import LandedPull
from domain.errors import RequestRejectedError, ShrinkRefusedError, WarehouseUnavailableError
from domain.records import LoadReport, Series
from domain.window import Window
from tests.fakes.points import DAY, load
from warehouse.store import TimescaleWarehouse, open_warehouse
from warehouse.tables import LOAD

NEXT = Window.of_day(date(2026, 3, 30))


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """One day loaded three times, the last time refused; the next day once; another source once."""
    with open_warehouse(database, tmp_path / "landing", code_version="1.2.3") as opened:
        load(opened, {("a", minute): 1.0 for minute in range(10)})
        load(opened, {("a", minute): 1.0 for minute in range(9)} | {("b", 0): 1.0})
        with pytest.raises(ShrinkRefusedError):
            load(opened, {})
        load(opened, {("a", 0): 1.0}, window=NEXT)
        load(opened, {("a", 0): 1.0}, source="other")
        yield opened


def test_a_report_has_a_field_for_each_column_of_the_ledger_and_no_other() -> None:
    assert {one.name for one in fields(LoadReport)} == set(LOAD.columns.keys())


def test_the_ledger_gives_back_what_the_load_reported(warehouse: TimescaleWarehouse) -> None:
    report = load(warehouse, {("a", 0): 2.0}, window=NEXT)
    assert warehouse.ledger.entries("hub", NEXT)[-1] == report
    assert report.loaded_at is not None


def test_days_tell_the_load_that_stands_and_the_failure_since(warehouse: TimescaleWarehouse) -> None:
    days = warehouse.ledger.days("hub")

    assert [(day.day, day.status, day.reason, day.n_points) for day in days] == [
        (DAY.day, "failed", "shrink_refused", 10),
        (NEXT.day, "loaded", None, 1),
    ]
    assert [day.pull_id for day in days] == [2, 4]
    assert days[0].load_id == warehouse.ledger.entries("hub", DAY)[1].load_id
    assert "0 points would replace 10" in str(days[0].sentence)


def test_last_loads_are_one_a_window(warehouse: TimescaleWarehouse) -> None:
    last = warehouse.ledger.last_loads("hub", DAY.day, NEXT.day)

    assert [(entry.window, entry.status, entry.pull_id) for entry in last] == [
        (DAY, "failed", 3),
        (NEXT, "committed", 4),
    ]
    assert warehouse.ledger.last_loads("hub", date(2026, 1, 1), date(2026, 1, 31)) == []


def test_entries_are_every_attempt_with_the_code_that_made_it(warehouse: TimescaleWarehouse) -> None:
    entries = warehouse.ledger.entries("hub", DAY)

    assert [(entry.status, entry.n_written, entry.code_version) for entry in entries] == [
        ("committed", 10, "1.2.3"),
        ("committed", 2, "1.2.3"),
        ("failed", 0, "1.2.3"),
    ]


def test_totals_count_loads_and_points_per_source(warehouse: TimescaleWarehouse) -> None:
    hub, other = warehouse.ledger.totals()

    assert (hub.source, hub.n_windows, hub.n_loads, hub.n_points, hub.n_series) == ("hub", 2, 3, 11, 2)
    assert (hub.n_received, hub.n_inserted, hub.n_removed, hub.n_unchanged, hub.n_written) == (11, 12, 1, 9, 13)
    assert (hub.n_requests, hub.n_payloads, hub.n_bytes) == (3, 3, 6)
    assert other.n_loads == 1


def test_totals_of_a_run_are_counted_from_a_mark(warehouse: TimescaleWarehouse) -> None:
    mark = warehouse.ledger.newest_id()
    assert warehouse.ledger.totals("hub", after_load_id=mark) == []

    load(warehouse, {("a", 0): 1.0}, window=NEXT)

    (run,) = warehouse.ledger.totals("hub", NEXT, after_load_id=mark)
    assert (run.n_loads, run.n_written, run.n_unchanged, run.n_points) == (1, 0, 1, 1)


def test_an_empty_warehouse_has_an_answer_to_everything(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        assert (warehouse.ledger.days("x"), warehouse.ledger.totals(), warehouse.ledger.newest_id()) == ([], [], 0)
        for frame in (
            warehouse.reading.measurements("x", DAY),
            warehouse.reading.states("x", DAY),
            warehouse.reading.revisions("x", DAY),
            warehouse.reading.rejected("x", DAY),
            warehouse.reading.series("x"),
        ):
            assert frame.empty
        assert str(warehouse.reading.measurements("x", DAY)["measured_at"].dtype) == "datetime64[us, UTC]"


def test_the_catalogue_counts_what_was_new_or_had_changed(warehouse: TimescaleWarehouse) -> None:
    series = [Series(f"s{n}", "power", "d", resolution=timedelta(minutes=5)) for n in range(3)]

    assert warehouse.catalogue("fresh", series) == 3
    assert warehouse.catalogue("fresh", series) == 0
    assert warehouse.catalogue("fresh", [replace(series[0], site="Ingolstadt"), *series[1:]]) == 1
    assert warehouse.catalogue("fresh", []) == 0
    read = warehouse.reading.series("fresh").set_index("key")
    assert (read.loc["s0", "site"], read.loc["s1", "unit"], read.loc["s2", "kind"]) == ("Ingolstadt", "W", "gauge")
    assert read.loc["s0", "resolution"] == timedelta(minutes=5)


def pulled(warehouse: TimescaleWarehouse, window: Window) -> LandedPull:
    warehouse.begin_pull("hub", window).finish(n_requests=1)
    return warehouse.payloads("hub", window)


def status(warehouse: TimescaleWarehouse, window: Window) -> tuple[str, str | None]:
    [day] = [one for one in warehouse.ledger.days("hub") if one.day == window.day]
    return day.status, day.reason


def test_a_replay_is_no_answer_of_a_provider_that_was_asked_in_vain(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        landed = pulled(warehouse, NEXT)
        warehouse.load("hub", NEXT, landed, [])
        warehouse.record_failure("hub", NEXT, RequestRejectedError("no", place="hub", fix="look"))
        warehouse.load("hub", NEXT, landed, [])
        assert status(warehouse, NEXT) == ("failed", "request_rejected")
        warehouse.load("hub", NEXT, pulled(warehouse, NEXT), [])
        assert status(warehouse, NEXT) == ("loaded", None)


def test_a_replay_mends_a_day_that_the_database_failed_on(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        landed = pulled(warehouse, NEXT)
        warehouse.record_failure("hub", NEXT, WarehouseUnavailableError("away", place="hub", fix="wait"))
        warehouse.load("hub", NEXT, landed, [])
        assert status(warehouse, NEXT) == ("loaded", None)


def test_a_day_that_is_landed_and_not_loaded_is_known(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        assert warehouse.ledger.landed_not_loaded("hub") == []
        landed = pulled(warehouse, Window.of_days(NEXT.day, NEXT.day + timedelta(days=1)))
        both = [NEXT.day, NEXT.day + timedelta(days=1)]
        assert warehouse.ledger.landed_not_loaded("hub") == both
        for day in both:
            warehouse.load("hub", Window.of_day(day), landed, [])
        assert warehouse.ledger.landed_not_loaded("hub") == []
        pulled(warehouse, NEXT)
        assert warehouse.ledger.landed_not_loaded("hub") == [NEXT.day]
