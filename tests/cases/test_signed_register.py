"""A counter counts both ways and may stand below zero: a quantity of its own, and never read as a one-way counter."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from assets.steps import land, load
from domain.errors import TooManyRejectedError
from domain.quantities import QUANTITIES
from providers.export_service.account import FieldMeaning
from tests.providers.export_service.harness import ACCOUNT, DAY, MIDNIGHT, hub
from warehouse.store import open_warehouse


def read(database: str, folder: Path, quantity: str, start: float) -> tuple[float, list[str]]:
    """What a day of a counter that falls by 7.15 kWh, from `start`, is booked as: the sum, and the flags."""
    falling = [{"net_kWh": round(start - 0.05 * n, 3), "timestamp": MIDNIGHT + n * 600_000} for n in range(144)]
    account = replace(ACCOUNT, fields={"net_kWh": FieldMeaning(quantity, "kWh")})
    with hub(falling, account=account, page_rows=500) as made, open_warehouse(database, folder) as warehouse:
        land(made.provider, warehouse, "hub", DAY)
        load(made.provider, warehouse, "hub", DAY)
    with psycopg.connect(database) as connection:
        asked = connection.execute("SELECT sum(amount), array_agg(DISTINCT flag) FROM register_energy")
        [(total, flags)] = asked.fetchall()
    return total, flags


@pytest.mark.parametrize("start", [467.0, -467.0])
def test_what_a_net_counter_runs_backwards_is_booked_as_it_is(database: str, tmp_path: Path, start: float) -> None:
    total, flags = read(database, tmp_path, "net_energy_register", start)
    assert total == pytest.approx(-7150.0)
    assert flags == ["measured"]
    assert QUANTITIES["net_energy_register"].low < 0


def test_below_zero_a_one_way_counter_is_refused_by_its_limits(database: str, tmp_path: Path) -> None:
    with pytest.raises(TooManyRejectedError, match=r"144 of 144 rows were rejected \(144 out_of_limits\)"):
        read(database, tmp_path, "energy_register", -467.0)


def test_what_a_one_way_counter_falls_by_is_no_energy_and_says_so(database: str, tmp_path: Path) -> None:
    assert read(database, tmp_path, "energy_register", 467.0) == (0.0, ["jitter"])
