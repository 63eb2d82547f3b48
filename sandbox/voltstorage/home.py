"""What the homes with a battery did: power and charge of every minute, from the shipped measurements.

Measured: the household's power and the module's power and temperature (`sandbox/data/ORIGIN.md`). Derived from them by
plain arithmetic: what a battery of 6 kWh and 1.5 kW does with them, and what is left for the grid, so that
`grid = household - pv - battery` as in the provider's own example. The day that is k days after 2025-01-01 shows the
source's day k mod 364.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from sandbox.measured import MISSING, by_minute, rows_of_day, source_day

CAPACITY_WH: Final = 6_000.0
POWER_W: Final = 1_500.0
_TEMPERATURE: Final = "module_temperature_cdegC"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Minutes:
    """A day's 1440 minutes of one home.

    Attributes:
        is_measured: Whether anybody measured in that minute.
        household: W, drawn by the house.
        pv: W, from the roof.
        battery: W; negative while charging.
        grid: W; negative while feeding in.
        charge: Fraction of the battery's capacity at the end of the minute.
        temperature: °C of the module; NaN where nobody measured.
    """

    is_measured: npt.NDArray[np.bool_]
    household: Floats
    pv: Floats
    battery: Floats
    grid: Floats
    charge: Floats
    temperature: Floats


def minutes_of(shift_days: int, number: int) -> Minutes:
    """The day `number` (days since 1970-01-01) of the home whose source is shifted by `shift_days`."""
    whole, day = _home(), rows_of_day(source_day(number, shift_days))
    return Minutes(
        whole.is_measured[day],
        whole.household[day],
        whole.pv[day],
        whole.battery[day],
        whole.grid[day],
        whole.charge[day],
        whole.temperature[day],
    )


@cache
def _home() -> Minutes:
    """All days of the source, one after another."""
    household = by_minute("active_power_W").astype(np.float64)
    is_measured: npt.NDArray[np.bool_] = household != MISSING
    household[~is_measured] = 0
    sun = _with_gaps("pv_power_W")
    pv: Floats = np.round(np.where(np.isnan(sun), 0.0, np.maximum(sun, 0.0))).astype(np.float64)
    battery, charge = _battery(household, pv)
    return Minutes(
        is_measured, household, pv, battery, household - pv - battery, charge, _with_gaps(_TEMPERATURE) / 100
    )


def _with_gaps(column: str) -> Floats:
    values = by_minute(column).astype(np.float64)
    values[values == MISSING] = np.nan
    return values


def _battery(household: Floats, pv: Floats) -> tuple[Floats, Floats]:
    """Power and charge: what the sun leaves over is stored, what the house lacks is taken, within the bounds."""
    power, charge = np.zeros(len(household)), np.zeros(len(household))
    held = CAPACITY_WH / 2
    for minute, lack in enumerate((household - pv).tolist()):
        wanted = min(max(lack, -POWER_W), POWER_W)
        given = round(min(max(wanted, (held - CAPACITY_WH) * 60), held * 60))
        held = min(max(held - given / 60, 0.0), CAPACITY_WH)
        power[minute], charge[minute] = given, held
    return power, np.round(charge / CAPACITY_WH, 6)
