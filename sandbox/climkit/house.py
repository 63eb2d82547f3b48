"""The house: the counts of each meter in each quarter of an hour, from the shipped measurements.

`sandbox/data/ORIGIN.md` says which numbers are measured, scaled, shifted or derived. Everything is in thousandths of
the provider's unit (Wh, or litres), as whole numbers, so that a day is exactly the sum of its quarters.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final

import numpy as np

from sandbox.instants import day_number
from sandbox.measured import FIRST_DAY, FIRST_MS, MISSING, QUARTER_MINUTES, QUARTERS, Counts, measured_column

QUARTER_MS: Final = 900_000

_WEEK: Final = 7 * QUARTERS
_NIGHT_DRAW: Final = -3  # Wh in a quarter without sun: about as much as a real response shows
_PV_SCALE: Final = 4


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of the house.

    Attributes:
        id: As the provider writes ids.
        type: electricity, heating, cold_water or hot_water.
        mode: consumption, production or introduction.
        name: A person's name for it.
        prim_ad: Its primary address.
        is_rule: Whether it is computed, and has no registers.
        column: Its source.
        tenths: Scale, in tenths.
        weeks: The shift of its source in weeks.
    """

    id: str
    type: str
    mode: str
    name: str
    prim_ad: int
    is_rule: bool
    column: str
    tenths: int
    weeks: int = 0


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor of the house; its column is in `divisor`ths of its unit."""

    id: str
    name: str
    type: str
    unit: str
    model: str
    column: str
    divisor: int


SITE: Final = "5f3c1d2e4b6a7c8d9e0f1a2b"
ZONE: Final = "Europe/Zurich"


def _id(number: int) -> str:
    return f"6a1b2c3d4e5f60718293{number:04x}"


def _meters() -> list[Meter]:
    flats = [
        Meter(
            _id(n),
            "electricity",
            "consumption",
            f"Flat {n}",
            n,
            is_rule=False,
            column="house",
            tenths=6 + n % 5,
            weeks=n,
        )
        for n in range(1, 15)
    ]
    return [
        *flats,
        Meter(_id(15), "electricity", "production", "Roof", 15, is_rule=False, column="sun", tenths=10),
        Meter(_id(16), "electricity", "introduction", "Grid", 16, is_rule=False, column="grid", tenths=10),
        Meter(_id(17), "electricity", "consumption", "Common parts", 17, is_rule=True, column="kitchen_Wh", tenths=20),
        Meter(_id(18), "heating", "consumption", "Heating", 18, is_rule=False, column="heater_Wh", tenths=50),
        Meter(_id(19), "cold_water", "consumption", "Cold water", 19, is_rule=False, column="kitchen_Wh", tenths=2),
        Meter(_id(20), "hot_water", "consumption", "Hot water", 20, is_rule=False, column="laundry_Wh", tenths=2),
    ]


METERS: Final[dict[str, Meter]] = {meter.id: meter for meter in _meters()}
"""All twenty, by id."""

PRODUCER: Final = _id(15)
GRID: Final = _id(16)
CONSUMERS: Final = tuple(
    meter.id for meter in METERS.values() if (meter.type, meter.mode) == ("electricity", "consumption")
)

SENSORS: Final[dict[str, Sensor]] = {
    sensor.id: sensor
    for sensor in (
        Sensor(_id(101), "Roof module", "temperature", "°C", "PT1000", "module_temperature_cdegC", 100),
        Sensor(_id(102), "Roof plane", "irradiance", "W/m²", "SMP10", "poa_irradiance_dW_m2", 10),
    )
}


def quarter_of(ms: int) -> int:
    """The quarter in which an instant lies, counted from 2025-01-01T00:00Z; negative before."""
    return (ms - FIRST_MS) // QUARTER_MS


def instant_of(quarter: int) -> int:
    """Epoch milliseconds of a quarter's start."""
    return FIRST_MS + quarter * QUARTER_MS


def totals(meter: str) -> Counts:
    """The counts of `meter` in each quarter from the first day to the end of tomorrow; `MISSING` where unknown."""
    return _totals(_n_quarters())[meter]


def sensed(sensor: str) -> Counts:
    """The values of `sensor` at the start of each quarter, for the same time."""
    column = measured_column("solar", SENSORS[sensor].column)
    return _repeated(column, _n_quarters())


def split(total: dict[str, Counts], sun: Counts) -> tuple[dict[str, Counts], Counts, Counts]:
    """How the house used the sun.

    Args:
        total: The counts of each consumer.
        sun: The production of the roof.

    Returns:
        Each consumer's part, the consumption of the house, and the sun that it used (negative where the roof draws).
    """
    known = {meter: np.where(counts == MISSING, 0, counts) for meter, counts in total.items()}
    consumed: Counts = sum(known.values(), np.zeros(len(sun), dtype=np.int64))
    produced = np.where(sun == MISSING, 0, sun)
    usable = np.clip(np.minimum(produced, consumed), 0, None)
    parts = {meter: counts * usable // np.maximum(consumed, 1) for meter, counts in known.items()}
    used: Counts = sum(parts.values(), np.zeros(len(sun), dtype=np.int64)) + np.minimum(produced, 0)
    return parts, consumed, used


def surplus(sun: Counts, used: Counts) -> Counts:
    """The production that the house did not use, which goes to the grid."""
    return np.clip(np.where(sun == MISSING, 0, sun) - used, 0, None)


@lru_cache(maxsize=2)
def _totals(n_quarters: int) -> dict[str, Counts]:
    found = {
        meter.id: _scaled(_column(meter.column, n_quarters, meter.weeks), meter.tenths)
        for meter in METERS.values()
        if meter.column != "grid"
    }
    _, consumed, used = split({meter: found[meter] for meter in CONSUMERS}, found[PRODUCER])
    found[GRID] = consumed - used
    return found


def _n_quarters() -> int:
    today = datetime.now(UTC).date()
    return (day_number(today) - FIRST_DAY + 2) * QUARTERS


def _column(name: str, n_quarters: int, weeks: int) -> Counts:
    return _repeated(np.roll(_source(name), -weeks * _WEEK), n_quarters)


def _repeated(source: Counts, n_quarters: int) -> Counts:
    """The source's 364 days, over and over."""
    repeated: Counts = source[np.arange(n_quarters) % len(source)]
    return repeated


@cache
def _source(name: str) -> Counts:
    """A column of the source by quarters, in thousandths."""
    if name == "sun":
        power = measured_column("solar", "pv_power_W")
        energy = np.where(power > 0, power * _PV_SCALE // 4, _NIGHT_DRAW)
        return np.where(power == MISSING, MISSING, energy)
    minutes = measured_column("household", "active_power_W" if name == "house" else name).reshape(-1, QUARTER_MINUTES)
    summed = minutes.sum(axis=1)
    energy = (summed + 30) // 60 if name == "house" else summed
    return np.where((minutes == MISSING).any(axis=1), MISSING, energy)


def _scaled(counts: Counts, tenths: int) -> Counts:
    return np.where(counts == MISSING, MISSING, counts * tenths // 10)


def exported() -> Counts:
    """The export of the house to the grid in each quarter, for the same time."""
    return _exported(_n_quarters())


@lru_cache(maxsize=2)
def _exported(n_quarters: int) -> Counts:
    found = _totals(n_quarters)
    _, _, used = split({meter: found[meter] for meter in CONSUMERS}, found[PRODUCER])
    return surplus(found[PRODUCER], used)
