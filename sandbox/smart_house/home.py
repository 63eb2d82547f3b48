"""What the entities of the homes said, change by change, from the shipped measurements.

Measured (`sandbox/data/ORIGIN.md`): mains power, voltage and current, the energy of sub-meters, the roof's power and
the module's temperature, each taken at some of its minutes. Derived: whether a machine runs (its sub-meter counts),
whether the sun is up (there is irradiance), the roof's power as a share of its largest. The day that is k days after
2025-01-01 shows the source's day k mod 364, later by the home's own shift.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.days import MS_PER_DAY, day_number
from sandbox.measured import FIRST_DAY, measured_column

MINUTES: Final = 1440
MISSING: Final = -(2**31)
_SOURCE_DAYS: Final = 364
_MS_PER_MINUTE: Final = 60_000
_OFFSET_MS: Final = 198
_QUARTER: Final = 15


class Said(NamedTuple):
    """One change of state.

    Attributes:
        at: Epoch milliseconds.
        state: The state, as Home Assistant has it: a text.
        unit: Its unit; empty for a text.
    """

    at: int
    state: str
    unit: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a home. One without a unit speaks only when its state differs from the one before.

    Attributes:
        column: Its name in a file.
        name: Its friendly name.
        states: Of a day of the source: the state of each minute, None where nobody measured.
        every: Minutes between two looks at it.
        unit: Its unit; empty for texts.
        device_class: Home Assistant's word for what it measures; empty for none.
        state_class: Home Assistant's word for how it counts; empty for none.
    """

    column: str
    name: str
    states: Callable[[int], list[str | None]]
    every: int
    unit: str = ""
    device_class: str = ""
    state_class: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """One home.

    Attributes:
        name: What a person calls it; the provider does not know.
        entities: What is in it.
        shift_days: By how much its source is shifted against the others'.
    """

    name: str
    entities: tuple[Entity, ...]
    shift_days: int


@lru_cache(maxsize=4096)
def changes_of(home: Home, entity: Entity, number: int, *, is_kilo: bool = False) -> tuple[Said, ...]:
    """What `entity` said on the day `number` (days since 1970-01-01), in order.

    Args:
        home: Whose it is.
        entity: Which one.
        number: The UTC day; none before 2025-01-01 has anything.
        is_kilo: Whether it says thousands of its unit.
    """
    if number < day_number(FIRST_DAY):
        return ()
    states = entity.states((number - day_number(FIRST_DAY) + home.shift_days) % _SOURCE_DAYS)
    found: list[Said] = []
    before: str | None = None
    unit = f"k{entity.unit}" if is_kilo else entity.unit
    for minute in range(0, MINUTES, entity.every):
        state = states[minute]
        if state is None or (not entity.unit and state == before):
            continue
        before = state
        at = number * MS_PER_DAY + minute * _MS_PER_MINUTE + _OFFSET_MS + (minute * 2_654_435_761 >> 16) % 7
        found.append(Said(at, f"{int(state) / 1000:g}" if is_kilo else state, unit))
    return tuple(found)


def _household(column: str, scale: int = 1) -> Callable[[int], list[str | None]]:
    def states(day: int) -> list[str | None]:
        return list(_scaled(measured_column("household", column)[day * MINUTES : (day + 1) * MINUTES], scale))

    return states


def _solar(column: str, scale: int = 1) -> Callable[[int], list[str | None]]:
    def states(day: int) -> list[str | None]:
        return list(_scaled(_by_minute(column)[day * MINUTES : (day + 1) * MINUTES], scale))

    return states


def _scaled(values: npt.NDArray[np.int64], scale: int) -> Iterator[str | None]:
    for value in values.tolist():
        yield None if value == MISSING else str(value) if scale == 1 else f"{value / scale:g}"


def _machine(column: str, on: str, off: str) -> Callable[[int], list[str | None]]:
    """Whether a sub-meter counts more than 5 Wh in a minute, which is 300 W."""

    def states(day: int) -> list[str | None]:
        minutes = measured_column("household", column)[day * MINUTES : (day + 1) * MINUTES].tolist()
        return [None if one == MISSING else on if one > 5 else off for one in minutes]  # noqa: PLR2004 - Wh

    return states


def _counted(column: str) -> Callable[[int], list[str | None]]:
    """The sub-meter's energy since the source's first minute, in kWh."""

    def states(day: int) -> list[str | None]:
        part = slice(day * MINUTES, (day + 1) * MINUTES)
        known = measured_column("household", column)[part].tolist()
        total = _register(column)[part].tolist()
        return [None if one == MISSING else f"{at / 1000:.3f}" for one, at in zip(known, total, strict=True)]

    return states


def _sun(day: int) -> list[str | None]:
    light = _by_minute("poa_irradiance_dW_m2")[day * MINUTES : (day + 1) * MINUTES].tolist()
    return ["above_horizon" if one > 0 else "below_horizon" for one in light]


def _share(day: int) -> list[str | None]:
    power = _by_minute("pv_power_W")
    most = int(power.max())
    return [
        None if one == MISSING else f"{max(one, 0) / most * 100:.1f}"
        for one in power[day * MINUTES : (day + 1) * MINUTES].tolist()
    ]


@cache
def _register(column: str) -> npt.NDArray[np.int64]:
    return np.cumsum(np.maximum(measured_column("household", column), 0))


@cache
def _by_minute(column: str) -> npt.NDArray[np.int64]:
    return np.repeat(measured_column("solar", column), _QUARTER)


_TOTAL: Final = "total_increasing"
_MAINS: Final = (
    Entity("sensor_mains_power", "Mains power", _household("active_power_W"), 5, "W", "power", "measurement"),
    Entity("sensor_mains_voltage", "Mains voltage", _household("voltage_cV", 100), 15, "V", "voltage", "measurement"),
    Entity("sun_sun", "Sun", _sun, _QUARTER),
)
_KITCHEN: Final = "Kitchen, all of it"  # the comma breaks the server's own reading of attributes
_TEMPERATURE: Final = _solar("module_temperature_cdegC", 100)
ROOF: Final = Entity("sensor_roof_power", "Roof", _solar("pv_power_W"), _QUARTER, "W", "power", "measurement")
"""The entity whose unit changes."""

HOMES: Final = (
    Home(
        "aveiro",
        (
            *_MAINS,
            Entity("sensor_mains_current", "Mains", _household("current_dA", 10), 15, "A", "current", "measurement"),
            Entity("sensor_kitchen_energy", _KITCHEN, _counted("kitchen_Wh"), 60, "kWh", "energy", _TOTAL),
            Entity("binary_sensor_dishwasher", "Dishwasher", _machine("kitchen_Wh", "on", "off"), 1),
        ),
        0,
    ),
    Home(
        "ilhavo",
        (
            *_MAINS,
            ROOF,
            Entity("sensor_module_temperature", "Module", _TEMPERATURE, 30, "°C", "temperature", "measurement"),
            Entity("sensor_roof_share", "Share of the roof's best", _share, 60, "%", "", "measurement"),
            Entity("switch_boiler", "Boiler", _machine("heater_Wh", "on", "off"), 1),
        ),
        28,
    ),
    Home(
        "vagos",
        (
            *_MAINS,
            Entity("sensor_heater_energy", "Heater", _counted("heater_Wh"), 30, "kWh", "energy", _TOTAL),
            Entity("sensor_washer_state", "Washer", _machine("laundry_Wh", "Running", "Idle"), 1),
        ),
        56,
    ),
)
"""Whom the shipped source tells apart by `sensor_kitchen_energy`, `sensor_roof_power` and `sensor_heater_energy`."""

LODGERS: Final = (Home("lodger-1", _MAINS, 84), Home("lodger-2", _MAINS, 112))
"""Homes with nothing of their own."""
