"""What the catalogue may rewrite of a series that has points: all but what its numbers mean."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import RowsRefusedError, WarehouseUnavailableError
from domain.measurement import Normalized
from domain.quantities import Kind
from domain.records import Series
from tests.fakes.points import DAY, batch, landed, load, table
from warehouse import connections
from warehouse import load as load_module
from warehouse.store import TimescaleWarehouse, open_warehouse

POWER = Series("a", "power", device="a")
STATE = Series("m", "state", device="m")


def _quantities(warehouse: TimescaleWarehouse) -> dict[str, tuple[str, str]]:
    rows = warehouse.reading.series("hub")
    return {
        str(key): (quantity, site)
        for key, quantity, site in zip(rows["key"], rows["quantity"], rows["site"], strict=True)
    }


@pytest.mark.parametrize("other", [replace(POWER, quantity="energy"), replace(STATE, quantity="power")])
def test_a_series_with_points_keeps_its_quantity(warehouse: TimescaleWarehouse, other: Series) -> None:
    load(warehouse, {("a", 0): 1.0, ("m", 0): "on"})
    before = _quantities(warehouse)

    with pytest.raises(
        RowsRefusedError, match=rf"'{other.key}' has points that are .+ described as {other.quantity} in"
    ):
        warehouse.catalogue("hub", [replace(POWER, site="Ingolstadt"), other])

    assert _quantities(warehouse) == before


def test_a_series_with_points_keeps_its_unit(warehouse: TimescaleWarehouse, database: str) -> None:
    """A release that holds power in another unit meets the points of the one before."""
    load(warehouse, {("a", 0): 1.0})
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE series SET unit = 'horsepower'")

    with pytest.raises(
        RowsRefusedError, match="'a' has points that are power in horsepower, and is described as power in W"
    ):
        warehouse.catalogue("hub", [POWER])


def test_all_else_may_change_where_points_are(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("a", 0): 1.0})
    moved = replace(POWER, device="b", site="Ingolstadt", provider_unit="kW", labels={"roof": "east"})

    assert warehouse.catalogue("hub", [moved]) == 1
    assert _quantities(warehouse) == {"a": ("power", "Ingolstadt")}
    assert table(warehouse) == {("a", 0): 1.0}


def test_a_series_without_points_may_change_its_quantity(warehouse: TimescaleWarehouse) -> None:
    """Before the first point, and again when all of them were taken away."""
    warehouse.catalogue("hub", [replace(POWER, quantity="energy")])
    assert warehouse.catalogue("hub", [POWER]) == 1
    load(warehouse, {("a", 0): 1.0})
    load(warehouse, {}, is_correction=True)

    assert warehouse.catalogue("hub", [replace(POWER, quantity="energy")]) == 1
    assert _quantities(warehouse) == {"a": ("energy", "")}


def test_points_of_another_source_do_not_hold_a_series(warehouse: TimescaleWarehouse) -> None:
    load(warehouse, {("a", 0): 1.0}, source="other")
    warehouse.catalogue("hub", [POWER])

    assert warehouse.catalogue("hub", [replace(POWER, quantity="energy")]) == 1


def test_points_that_were_taken_in_before_their_series_changed_are_refused(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    """Somebody else materializes the catalogue between the reading of the batches and the transaction."""

    def meanwhile() -> Iterator[Normalized]:
        yield batch({("a", 0): 1.0})
        with open_warehouse(database, tmp_path / "landing") as other:
            other.catalogue("hub", [replace(POWER, quantity="energy")])

    with pytest.raises(RowsRefusedError, match="was power and is energy in the catalogue now"):
        warehouse.load("hub", DAY, landed(warehouse), meanwhile())

    assert table(warehouse) == {}
    assert warehouse.ledger.entries("hub", DAY)[-1].reason == "rows_refused"


def test_a_series_cannot_change_its_quantity_while_a_load_is_writing_its_first_points(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The points are written and not committed: nobody else can see them."""
    warehouse.catalogue("hub", [POWER])
    enter, refusals = load_module._enter, list[str]()

    def meanwhile(*arguments: Any) -> None:
        with open_warehouse(database, tmp_path / "landing") as other:
            try:
                other.catalogue("hub", [replace(POWER, quantity="energy")])
            except WarehouseUnavailableError as error:
                refusals.append(str(error))
        enter(*arguments)

    monkeypatch.setattr(load_module, "_enter", meanwhile)
    monkeypatch.setattr(connections, "LOCK_SECONDS", 0.2)
    load(warehouse, {("a", 0): 1.0})

    assert ["lock timeout" in refusal for refusal in refusals] == [True]
    assert _quantities(warehouse) == {"a": ("power", "")}


def test_what_the_series_are_is_known_by_key_and_a_register_from_its_first_reading_on(
    warehouse: TimescaleWarehouse,
) -> None:
    read, unread = (Series(key, "energy_register", device=key) for key in ("read", "unread"))
    warehouse.catalogue("hub", [POWER, STATE, unread])
    warehouse.catalogue("other", [replace(POWER, key="elsewhere")])
    load(warehouse, batch({(read.key, 0): 1.0}, quantities={read.key: read.quantity}))
    assert warehouse.known_kinds("hub") == {"a": Kind.GAUGE, "m": Kind.STATE, "read": Kind.REGISTER}


def test_what_another_process_reads_first_is_known_at_once(
    warehouse: TimescaleWarehouse, database: str, tmp_path: Path
) -> None:
    """A day later, this process must not take a day of the same meter for a load curve."""
    meter = Series("meter", "energy_register", device="meter")
    warehouse.catalogue("hub", [meter])
    assert warehouse.known_kinds("hub") == {}
    with open_warehouse(database, tmp_path / "landing") as other:
        load(other, batch({("meter", 0): 1.0}, quantities={"meter": meter.quantity}))
    assert warehouse.known_kinds("hub") == {"meter": Kind.REGISTER}


def test_a_load_that_fails_makes_no_history(warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Series("meter", "energy_register", device="meter")
    warehouse.catalogue("hub", [meter])

    def refuse(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(load_module, "_check", refuse)
        with pytest.raises(RowsRefusedError):
            load(warehouse, batch({("meter", 0): 1.0}, quantities={"meter": meter.quantity}))

    assert warehouse.known_kinds("hub") == {}
