"""A counter that counts both ways is a quantity of its own, which a source declares for the field."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from assets.steps import land, load
from domain.errors import TooManyRejectedError
from providers.export_service.account import FieldMeaning
from tests.providers.export_service.harness import ACCOUNT, DAY, MIDNIGHT, hub
from warehouse.store import open_warehouse

NET = replace(ACCOUNT, fields={"net_kWh": FieldMeaning("net_energy_register", "kWh")})
ONE_WAY = replace(ACCOUNT, fields={"net_kWh": FieldMeaning("energy_register", "kWh")})


def documents(start: float) -> list[dict[str, float]]:
    """It runs backwards by 7.15 kWh in a day."""
    return [{"net_kWh": round(start - 0.05 * n, 3), "timestamp": MIDNIGHT + n * 600_000} for n in range(144)]


@pytest.mark.parametrize("start", [467.0, -467.0, 3.0])
def test_what_a_net_counter_falls_by_was_counted_backwards(database: str, tmp_path: Path, start: float) -> None:
    with hub(documents(start), account=NET, page_rows=500) as made, open_warehouse(database, tmp_path) as warehouse:
        land(made.provider, warehouse, "hub", DAY)
        report = load(made.provider, warehouse, "hub", DAY)

    assert (report.n_inserted, report.n_rejected) == (144, 0)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT sum(amount), array_agg(DISTINCT flag) FROM register_energy").fetchall()
    assert rows == [(pytest.approx(-7_150), ["measured"])]


def test_a_counter_that_stands_below_zero_and_is_declared_as_one_way_is_refused(database: str, tmp_path: Path) -> None:
    with (
        hub(documents(-467.0), account=ONE_WAY, page_rows=500) as made,
        open_warehouse(database, tmp_path) as warehouse,
    ):
        land(made.provider, warehouse, "hub", DAY)
        with pytest.raises(TooManyRejectedError, match="out_of_limits"):
            load(made.provider, warehouse, "hub", DAY)
