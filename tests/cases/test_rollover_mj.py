"""A meter rolls over at a power of ten of its own unit: a heat meter in MJ at 100,000 MJ, and not of kWh."""

from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from domain.quantities import conversion
from domain.window import Window
from tests.fakes.registers import load_readings
from warehouse.store import open_warehouse

DAY = Window.of_day(date(2025, 10, 20))
STEP_WH = 20_000.0


@pytest.mark.parametrize(("unit", "n_digits"), [("kWh", 5), ("MJ", 5), ("kJ", 8), ("GJ", 4)])
def test_a_counter_that_begins_anew_behind_its_last_digit_has_lost_nothing(
    database: str, tmp_path: Path, unit: str, n_digits: int
) -> None:
    factor, top = conversion("energy_register", unit, place="test").factor, 10.0**n_digits
    step = STEP_WH / factor
    shown = [(top - 2.5 * step + n * step) % top for n in range(8)]
    readings = {"heat": {DAY.start + n * timedelta(hours=1): value * factor for n, value in enumerate(shown)}}
    with open_warehouse(database, tmp_path) as warehouse:
        load_readings(warehouse, readings, DAY, provider_unit=unit)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT amount, flag FROM register_energy ORDER BY ended_at").fetchall()
    assert [amount for amount, _ in rows] == pytest.approx([STEP_WH] * 7)
    assert [flag for _, flag in rows] == ["measured"] * 2 + ["rollover"] + ["measured"] * 4
