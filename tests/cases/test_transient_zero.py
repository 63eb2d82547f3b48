"""A counter shows zero, a peak or an old value, and then goes on from where it was: nothing is lost or invented."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

import psycopg
import pytest

from domain.window import Window
from tests.fakes.registers import load_readings
from warehouse.store import TimescaleWarehouse

DAY = Window.of_day(date(2025, 10, 20))
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
QUARTERS = (40.0, 60.0, 50.0, 120.0, 80.0, 50.0, 100.0, 30.0)
WATER = (0.02, 0.0, 0.03, 0.01, 0.0, 0.02, 0.04)


def booked(
    warehouse: TimescaleWarehouse, database: str, values: Sequence[float], every: timedelta = QUARTER, unit: str = "kWh"
) -> tuple[float, set[str]]:
    """What one counter has counted by the name that people query, and the flags beside `measured`."""
    readings = {"meter": {DAY.start + n * every: value for n, value in enumerate(values)}}
    quantity = "volume_register" if unit == "m³" else "energy_register"
    load_readings(warehouse, readings, DAY, quantity=quantity, provider_unit=unit)
    with closing(psycopg.connect(database)) as connection:
        rows = connection.execute(
            "SELECT measured_at, ended_at, amount, flag FROM register_energy ORDER BY 1"
        ).fetchall()
    begun, ended, amounts, flags = zip(*rows, strict=True)
    assert begun[1:] == ended[:-1]  # no hole, and nothing twice
    assert (begun[0], ended[-1]) == (DAY.start, DAY.start + (len(values) - 1) * every)
    return sum(amounts), set(flags) - {"measured"}


@dataclass(frozen=True)
class Shown:
    """What a counter that stood at `start` shows: zero at some places, which are counted from its first reading."""

    start: float
    steps: Sequence[float]
    zeros: Sequence[int]
    every: timedelta = QUARTER
    unit: str = "kWh"

    @property
    def values(self) -> list[float]:
        counted = accumulate(self.steps, initial=self.start)
        return [0.0 if n in self.zeros else value for n, value in enumerate(counted)]


SHOWN = {
    "a young meter": Shown(20_000.0, QUARTERS, [4]),
    "an old meter": Shown(5e6, QUARTERS, [4]),
    "an old meter, for two hours": Shown(5e6, [100.0] * 24, range(8, 16)),
    "water, an old meter": Shown(812.0, WATER, [4], HOUR, "m³"),
    "water, a young meter": Shown(18.0, WATER, [4], QUARTER, "m³"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_counter_that_shows_zero_and_comes_back_has_counted_what_it_counted(
    warehouse: TimescaleWarehouse, database: str, name: str
) -> None:
    shown = SHOWN[name]
    total, flags = booked(warehouse, database, shown.values, shown.every, shown.unit)
    assert total == pytest.approx(sum(shown.steps))
    assert flags == {"glitch"}


def test_a_counter_that_shows_too_much_once_has_counted_what_it_counted(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    total, flags = booked(warehouse, database, [5e6 + 50.0 * n + (20_000.0 if n == 5 else 0.0) for n in range(12)])
    assert total == pytest.approx(550.0)
    assert flags == {"glitch"}


def test_a_counter_of_the_day_that_shows_yesterday_once_more_has_counted_today_alone(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    today = [100.0, 400.0, 900.0, 1_500.0, 2_200.0]
    total, flags = booked(warehouse, database, [12_000.0] * 4 + [0.0] * 20 + [12_000.0] + today)
    assert total == pytest.approx(2_200.0)
    assert "glitch" in flags
