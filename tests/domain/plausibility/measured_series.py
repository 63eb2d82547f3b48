"""The series in which faults are looked for: the shipped measurements as they are, and what the twins make of them.

A year of each (364 days from 2025-01-01). Registers are not among them: what they count is judged by the register
engine. Series that are one column of a source, scaled, shifted or split, share it as `column`: copies count once.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.climkit import house
from sandbox.measured import FIRST_MS, MISSING, SOURCE_DAYS, measured_column
from sandbox.voltstorage.store import minutes_of

Floats = npt.NDArray[np.float64]
Seconds = npt.NDArray[np.int64]

DAY: Final = 86_400
QUARTER: Final = 900
FIRST: Final = FIRST_MS // 1000
_FIRST_DAY: Final = FIRST // DAY
_SOLAR: Final = ("pv_power_W", "poa_irradiance_dW_m2", "module_temperature_cdegC")
_HOUSEHOLD: Final = ("active_power_W", "voltage_cV", "current_dA", "kitchen_Wh", "laundry_Wh", "heater_Wh")


class Series(NamedTuple):
    """What one series has shown.

    Attributes:
        name: Where it comes from, and which one it is.
        column: The measured column that it is a copy of, or its own name where it is computed from several.
        times: Seconds since 1970-01-01 UTC, ascending.
        values: As many numbers, in the provider's unit; nobody measured where there is none.
    """

    name: str
    column: str
    times: Seconds
    values: Floats


@cache
def all_series() -> tuple[Series, ...]:
    """Shipped columns first, then the apartment house by quarters, then the home with a battery by minutes."""
    return (*_shipped(), *_apartment_house(), *_home())


def _shipped() -> Iterator[Series]:
    for table, columns, step in (("household", _HOUSEHOLD, 60), ("solar", _SOLAR, QUARTER)):
        for column in columns:
            yield _series(f"{table} {column}", column, measured_column(table, column), step)


def _apartment_house() -> Iterator[Series]:
    n_quarters = SOURCE_DAYS * DAY // QUARTER
    total = {meter: house.totals(meter)[:n_quarters] for meter in house.METERS}
    parts, _, used = house.split({meter: total[meter] for meter in house.CONSUMERS}, total[house.PRODUCER])
    column = {"house": "active_power_W", "sun": "pv_power_W"}
    for meter in house.METERS.values():
        name = "climkit " + meter.name
        source = column.get(meter.column, name if meter.column == "grid" else meter.column)
        yield _series(f"{name}, total", source, total[meter.id], QUARTER)
        if meter.id in parts:
            known = total[meter.id] != MISSING
            yield _series(f"{name}, self", "climkit self", np.where(known, parts[meter.id], MISSING), QUARTER)
            yield _series(
                f"{name}, ext", "climkit ext", np.where(known, total[meter.id] - parts[meter.id], MISSING), QUARTER
            )
    yield _series("climkit to grid", "climkit to grid", house.surplus(total[house.PRODUCER], used), QUARTER)


def _home() -> Iterator[Series]:
    days = [minutes_of(0, _FIRST_DAY + number) for number in range(SOURCE_DAYS)]
    measured = np.concatenate([day.is_measured for day in days])
    copies = {"household": "active_power_W", "pv": "pv_power_W"}
    for name in ("battery", "grid", "charge", "household", "pv"):
        values = np.concatenate([getattr(day, name) for day in days])
        column = copies.get(name, f"voltstorage {name}")
        yield _series(f"voltstorage {name}", column, np.where(measured, values, MISSING), 60)


def _series(name: str, column: str, values: npt.NDArray[np.int64] | Floats, step: int) -> Series:
    known = np.flatnonzero(values != MISSING)
    return Series(name, column, FIRST + known * step, values[known].astype(np.float64))
