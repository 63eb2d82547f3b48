"""During an outage the provider answers 200, with zeros for a day that was right before."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from assets.steps import land, load
from domain.errors import OverwriteRefusedError
from domain.records import LoadReport
from tests.providers.export_service.harness import DAY, MIDNIGHT, hub
from warehouse.store import TimescaleWarehouse, open_warehouse

GOOD = [1.0 + n % 7 for n in range(144)]
ZEROS, CONSTANT = [0.0] * 144, [3.5] * 144


@pytest.fixture
def warehouse(database: str, tmp_path: Path) -> Iterator[TimescaleWarehouse]:
    """The day's right values are loaded."""
    with open_warehouse(database, tmp_path) as opened:
        assert answered(opened, GOOD).n_inserted == 144
        yield opened


def answered(warehouse: TimescaleWarehouse, kilowatts: Sequence[float], *, is_correction: bool = False) -> LoadReport:
    """The load of a day that the provider answers with these values, ten minutes apart."""
    documents = [{"P_kW": value, "timestamp": MIDNIGHT + n * 600_000} for n, value in enumerate(kilowatts)]
    with hub(documents, page_rows=200) as made:
        land(made.provider, warehouse, "hub", DAY)
        return load(made.provider, warehouse, "hub", DAY, is_correction=is_correction)


def held(database: str) -> float:
    with psycopg.connect(database) as connection:
        [(total,)] = connection.execute("SELECT sum(value) FROM measurement").fetchall()
    return float(total)


@pytest.mark.parametrize("said", [ZEROS, CONSTANT, [*GOOD[:100], *ZEROS[:44]]], ids=["zeros", "constant", "evening"])
def test_an_outage_that_overwrites_over_a_fifth_of_a_day_is_held_back(
    database: str, warehouse: TimescaleWarehouse, said: list[float]
) -> None:
    with pytest.raises(OverwriteRefusedError):
        answered(warehouse, said)
    assert held(database) == sum(GOOD) * 1000


@pytest.mark.usefixtures("database")
def test_a_person_may_say_that_the_zeros_are_right(warehouse: TimescaleWarehouse) -> None:
    assert answered(warehouse, ZEROS, is_correction=True).n_changed == 144


def test_a_few_zeros_and_values_that_differ_are_a_correction_as_any(warehouse: TimescaleWarehouse) -> None:
    assert answered(warehouse, [*GOOD[:130], *ZEROS[:14]]).n_changed == 14
    assert answered(warehouse, [value + 0.5 for value in GOOD]).n_changed == 144
