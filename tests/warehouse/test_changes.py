"""What restatements changed: from what was loaded first to what is there now, in units and per cent."""

from datetime import date, timedelta

import psycopg
import pytest

from tests.fakes.points import DAY, Said, batch, load
from warehouse.changes import Change, summed
from warehouse.store import TimescaleWarehouse

QUARTERS = range(0, 1440, 15)
ENERGY = {"meter": "energy", "other": "energy"}


def energy(value: float, *, key: str = "meter", until: int = 1440) -> Said:
    return {(key, minute): value for minute in QUARTERS if minute < until}


def put(warehouse: TimescaleWarehouse, *parts: Said) -> None:
    said: dict[tuple[str, int], float | str] = {}
    for part in parts:
        said |= part
    load(warehouse, batch(said, quantities=ENERGY), is_correction=True)


def found(warehouse: TimescaleWarehouse) -> list[Change]:
    return warehouse.changes.of_days("hub", DAY.day, DAY.day)


def test_a_restated_day_is_named_in_watt_hours_and_per_cent(warehouse: TimescaleWarehouse) -> None:
    put(warehouse, energy(100.0), energy(50.0, key="other"))
    assert found(warehouse) == []
    put(warehouse, energy(100.0), energy(110.0, until=720), energy(50.0, key="other"))
    [change] = found(warehouse)
    assert (change.key, change.quantity, change.unit, change.kind) == ("meter", "energy", "Wh", "interval")
    assert (change.n_changed, change.n_removed, change.first_day) == (48, 0, DAY.day)
    assert (change.before, change.after, change.difference) == (9600.0, 10080.0, 480.0)
    assert change.percent == pytest.approx(5.0)


def test_what_counts_is_what_was_first_and_what_is_now(warehouse: TimescaleWarehouse) -> None:
    for value in (100.0, 110.0, 130.0):
        put(warehouse, energy(value))
    assert [(one.n_changed, one.before, one.after) for one in found(warehouse)] == [(96, 9600.0, 12480.0)]
    put(warehouse, energy(100.0))  # back to what it was
    assert found(warehouse) == []


def test_removed_points_are_missing_from_the_total(warehouse: TimescaleWarehouse) -> None:
    put(warehouse, energy(100.0))
    put(warehouse, energy(100.0, until=1380))
    [change] = found(warehouse)
    assert (change.n_changed, change.n_removed, change.before, change.after) == (0, 4, 9600.0, 9200.0)
    put(warehouse, energy(100.0))  # they are there again
    assert found(warehouse) == []


def test_of_what_is_no_amount_the_mean_of_the_changed_points_is_said(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("a", 0): 1.0, ("a", 1): 2.0, ("a", 2): 3.0, ("m", 0): "on"})
    load(warehouse, {("a", 0): 1.0, ("a", 1): 4.0, ("a", 2): 5.0, ("m", 0): "off"})
    power, state = found(warehouse)
    assert (power.kind, power.n_changed, power.before, power.after) == ("gauge", 2, 2.5, 4.5)
    assert power.percent == pytest.approx(80.0)
    assert (state.n_changed, state.before, state.after, state.percent) == (1, None, None, None)


def test_changes_add_up_by_series_and_by_day() -> None:
    def change(key: str, day: int, before: float, after: float, quantity: str = "energy") -> Change:
        kind = "interval" if quantity == "energy" else "gauge"
        at = DAY.start + timedelta(days=day)
        on = date(2026, 3, day)
        return Change(on, on, key, key, "", quantity, "Wh", kind, 1, 2, 1, before, after, at)

    some = [change("a", 1, 10, 11), change("a", 2, 10, 9), change("b", 1, 5, 10), change("t", 1, 20, 21, "temperature")]
    a, b, t = summed(some, "series")
    assert (a.first_day.day, a.last_day.day, a.n_changed, a.n_removed, a.before, a.after) == (1, 2, 4, 2, 20, 20)
    assert (b.percent, t.percent) == (100.0, 5.0)
    first, warm, second = summed(some, "day")
    assert (first.n_series, first.key, first.before, first.after) == (2, "", 15, 21)
    assert (warm.before, warm.percent) == (None, None)
    assert (second.last_day.day, second.difference) == (2, -1)


def test_only_what_had_been_final_is_restated(warehouse: TimescaleWarehouse, database: str) -> None:
    put(warehouse, energy(100.0))
    put(warehouse, energy(110.0))
    lag, since = timedelta(days=3), DAY.start - timedelta(days=90)
    with psycopg.connect(database) as owner:
        owner.execute("UPDATE load SET loaded_at = %s WHERE load_id = 1", [DAY.end + lag - timedelta(seconds=1)])
    assert warehouse.ledger.restatements("hub", since, lag) == []
    with psycopg.connect(database) as owner:
        owner.execute("UPDATE load SET loaded_at = %s WHERE load_id = 1", [DAY.end + lag])
    [restated] = warehouse.ledger.restatements("hub", since, lag)
    assert (restated.day, restated.n_changed, restated.share) == (DAY.day, 96, 1.0)
