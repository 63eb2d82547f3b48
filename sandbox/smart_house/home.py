"""The changes of state of the homes' entities, from the shipped measurements.

Measured (`sandbox/data/ORIGIN.md`): mains power, voltage and current, the energy of sub-meters, the roof's power and
the module's temperature, each taken at some of its minutes. Derived: whether a machine runs (its sub-meter counts),
whether the sun is up (there is irradiance), the roof's power as a share of its largest. The day that is k days after
2025-01-01 shows the source's day k mod 364, later by the home's own shift.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE
from sandbox.measured import (
    FIRST_DAY,
    MINUTES,
    MISSING,
    QUARTER_MINUTES,
    accumulated,
    by_minute,
    rows_of_day,
    scattered,
    source_day,
)

_OFFSET_MS: Final = 198
_RUNS_ABOVE: Final = 5  # Wh in a minute, which is 300 W

States = Callable[[int], Sequence[str | None]]
"""The state of each minute of a day of the source; None where nobody measured."""


class StateChange(NamedTuple):
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
    """One entity of a home. One without a unit changes only when its state differs from the one before.

    Attributes:
        column: Its name in a file.
        name: Its friendly name.
        states: The state of each minute of a day of the source.
        every: Minutes between two samples.
        unit: Its unit; empty for texts.
        device_class: Home Assistant's word for what it measures; empty for none.
        state_class: Home Assistant's word for how it counts; empty for none.
    """

    column: str
    name: str
    states: States
    every: int
    unit: str = ""
    device_class: str = ""
    state_class: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """One home.

    Attributes:
        name: A person's name for it, unknown to the provider.
        entities: Its entities.
        shift_days: The shift of its source against the others'.
    """

    name: str
    entities: tuple[Entity, ...]
    shift_days: int


@lru_cache(maxsize=4096)
def changes_of(home: Home, entity: Entity, number: int, *, is_kilo: bool = False) -> tuple[StateChange, ...]:
    """The changes of `entity` on the day `number` (days since 1970-01-01), in order.

    Args:
        home: Its home.
        entity: The entity.
        number: The UTC day; none before 2025-01-01 has anything.
        is_kilo: Whether its values are thousands of its unit.
    """
    if number < FIRST_DAY:
        return ()
    states = entity.states(source_day(number, home.shift_days))
    found: list[StateChange] = []
    before: str | None = None
    unit = f"k{entity.unit}" if is_kilo else entity.unit
    for minute in range(0, MINUTES, entity.every):
        state = states[minute]
        if state is None or (not entity.unit and state == before):
            continue
        before = state
        at = number * MS_PER_DAY + minute * MS_PER_MINUTE + _OFFSET_MS + scattered(minute) % 7
        found.append(StateChange(at, f"{int(state) / 1000:g}" if is_kilo else state, unit))
    return tuple(found)


def _measured(column: str, scale: int = 1) -> States:
    def states(day: int) -> list[str | None]:
        return [
            None if value == MISSING else str(value) if scale == 1 else f"{value / scale:g}"
            for value in _minutes(column, day)
        ]

    return states


def _machine(column: str, on: str, off: str) -> States:
    """Whether a sub-meter runs."""

    def states(day: int) -> list[str | None]:
        return [None if value == MISSING else on if value > _RUNS_ABOVE else off for value in _minutes(column, day)]

    return states


def _counted(column: str) -> States:
    """The sub-meter's energy since the source's first minute, in kWh."""

    def states(day: int) -> list[str | None]:
        totals = accumulated(column)[rows_of_day(day)].tolist()
        return [
            None if value == MISSING else f"{total / 1000:.3f}"
            for value, total in zip(_minutes(column, day), totals, strict=True)
        ]

    return states


def _sun(day: int) -> list[str]:
    return ["above_horizon" if light > 0 else "below_horizon" for light in _minutes("poa_irradiance_dW_m2", day)]


def _share(day: int) -> list[str | None]:
    most = int(by_minute("pv_power_W").max())
    return [None if power == MISSING else f"{max(power, 0) / most * 100:.1f}" for power in _minutes("pv_power_W", day)]


def _minutes(column: str, day: int) -> list[int]:
    """A day of the source."""
    minutes: list[int] = by_minute(column)[rows_of_day(day)].tolist()
    return minutes


_TOTAL: Final = "total_increasing"
_MAINS: Final = (
    Entity("sensor_mains_power", "Mains power", _measured("active_power_W"), 5, "W", "power", "measurement"),
    Entity("sensor_mains_voltage", "Mains voltage", _measured("voltage_cV", 100), 15, "V", "voltage", "measurement"),
    Entity("sun_sun", "Sun", _sun, QUARTER_MINUTES),
)
_KITCHEN: Final = "Kitchen, all of it"  # the comma breaks the server's own reading of attributes
_TEMPERATURE: Final = _measured("module_temperature_cdegC", 100)
ROOF: Final = Entity("sensor_roof_power", "Roof", _measured("pv_power_W"), QUARTER_MINUTES, "W", "power", "measurement")
"""The entity whose unit changes."""

HOMES: Final = (
    Home(
        "aveiro",
        (
            *_MAINS,
            Entity("sensor_mains_current", "Mains", _measured("current_dA", 10), 15, "A", "current", "measurement"),
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
"""The shipped source tells them apart by `sensor_kitchen_energy`, `sensor_roof_power` and `sensor_heater_energy`."""

LODGERS: Final = (Home("lodger-1", _MAINS, 84), Home("lodger-2", _MAINS, 112))
"""Homes with nothing of their own."""
