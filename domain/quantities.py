"""Every physical quantity the warehouse knows: its canonical unit, its kind, and what is physically possible.

Units are converted once, in a provider's `normalize`, with `convert`. A unit or a quantity that is not in these tables
is refused by name; nothing is guessed from a number's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import ConfigurationError


class Kind(StrEnum):
    """How a series behaves in time."""

    GAUGE = "gauge"  # the value at an instant
    INTERVAL = "interval"  # an amount over the interval that starts at `measured_at`
    REGISTER = "register"  # a counter's reading, cumulative
    STATE = "state"  # text: a mode, a flag, a name


Kinds = Mapping[str, Kind]
"""What the catalogue knows of a source's series: key → kind."""

NO_KINDS: Final[Kinds] = MappingProxyType({})
"""Nothing has been loaded: `normalize` has the payloads alone to go by."""


ABSENT: Final = "(absent)"
"""The name among the unmapped under which the ledger counts `Normalized.n_absent`; no check waits for a quantity."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One physical quantity.

    Attributes:
        name: The word the catalogue uses.
        unit: The canonical unit: the only one the warehouse stores for this quantity.
        kind: Gauge, interval, register or state.
        low: The smallest value that is physically possible, in `unit`.
        high: The largest.
    """

    name: str
    unit: str
    kind: Kind
    low: float
    high: float


_TERA: Final = 1e12

QUANTITIES: Final[dict[str, Quantity]] = {
    quantity.name: quantity
    for quantity in (
        Quantity("power", "W", Kind.GAUGE, -10e9, 10e9),
        Quantity("apparent_power", "VA", Kind.GAUGE, -10e9, 10e9),
        Quantity("reactive_power", "var", Kind.GAUGE, -10e9, 10e9),
        Quantity("energy", "Wh", Kind.INTERVAL, -10e9, 10e9),
        Quantity("energy_register", "Wh", Kind.REGISTER, 0, 1000 * _TERA),
        # A counter that counts both ways: it falls by what flowed back, and may stand below zero.
        Quantity("net_energy_register", "Wh", Kind.REGISTER, -1000 * _TERA, 1000 * _TERA),
        Quantity("storage_capacity", "Wh", Kind.GAUGE, 0, _TERA),
        Quantity("volume", "m³", Kind.INTERVAL, -1e6, 1e6),
        Quantity("volume_register", "m³", Kind.REGISTER, 0, _TERA),
        Quantity("voltage", "V", Kind.GAUGE, -1.5e6, 1.5e6),
        Quantity("current", "A", Kind.GAUGE, -1e6, 1e6),
        Quantity("frequency", "Hz", Kind.GAUGE, 0, 1e6),
        Quantity("temperature", "°C", Kind.GAUGE, -273.15, 2000),
        Quantity("irradiance", "W/m²", Kind.GAUGE, -50, 2500),
        Quantity("wind_speed", "m/s", Kind.GAUGE, 0, 150),
        Quantity("pressure", "Pa", Kind.GAUGE, 0, 1e9),
        Quantity("flow", "m³/h", Kind.GAUGE, -1e6, 1e6),
        Quantity("ratio", "1", Kind.GAUGE, -10, 10),
        Quantity("state_of_charge", "1", Kind.GAUGE, -0.05, 1.05),
        Quantity("concentration", "ppm", Kind.GAUGE, 0, 1e6),
        Quantity("duration", "s", Kind.GAUGE, 0, 1e11),
        Quantity("count", "1", Kind.GAUGE, 0, 1e15),
        Quantity("state", "text", Kind.STATE, 0, 0),
    )
}
"""Quantity name → quantity."""

_UNITS: Final[dict[str, tuple[str, float, float]]] = {
    # unit: (canonical unit, factor, offset), value_canonical = value * factor + offset
    "mW": ("W", 1e-3, 0), "W": ("W", 1, 0), "kW": ("W", 1e3, 0), "MW": ("W", 1e6, 0), "GW": ("W", 1e9, 0),
    "VA": ("VA", 1, 0), "kVA": ("VA", 1e3, 0), "MVA": ("VA", 1e6, 0),
    "var": ("var", 1, 0), "kvar": ("var", 1e3, 0), "Mvar": ("var", 1e6, 0),
    "Wh": ("Wh", 1, 0), "kWh": ("Wh", 1e3, 0), "MWh": ("Wh", 1e6, 0), "GWh": ("Wh", 1e9, 0),
    "Ws": ("Wh", 1 / 3600, 0), "J": ("Wh", 1 / 3600, 0), "kJ": ("Wh", 1 / 3.6, 0), "MJ": ("Wh", 1e3 / 3.6, 0),
    "GJ": ("Wh", 1e6 / 3.6, 0),
    "mV": ("V", 1e-3, 0), "V": ("V", 1, 0), "kV": ("V", 1e3, 0),
    "mA": ("A", 1e-3, 0), "A": ("A", 1, 0), "kA": ("A", 1e3, 0),
    "Hz": ("Hz", 1, 0), "kHz": ("Hz", 1e3, 0),
    "°C": ("°C", 1, 0), "degC": ("°C", 1, 0), "K": ("°C", 1, -273.15), "°F": ("°C", 5 / 9, -160 / 9),
    "W/m²": ("W/m²", 1, 0), "W/m2": ("W/m²", 1, 0), "kW/m²": ("W/m²", 1e3, 0),
    "m/s": ("m/s", 1, 0), "km/h": ("m/s", 1 / 3.6, 0),
    "Pa": ("Pa", 1, 0), "hPa": ("Pa", 100, 0), "mbar": ("Pa", 100, 0), "kPa": ("Pa", 1e3, 0), "bar": ("Pa", 1e5, 0),
    "m³": ("m³", 1, 0), "m3": ("m³", 1, 0), "l": ("m³", 1e-3, 0), "L": ("m³", 1e-3, 0),
    "m³/h": ("m³/h", 1, 0), "m3/h": ("m³/h", 1, 0), "l/min": ("m³/h", 0.06, 0), "l/h": ("m³/h", 1e-3, 0),
    "1": ("1", 1, 0), "%": ("1", 1e-2, 0), "pct": ("1", 1e-2, 0), "percent": ("1", 1e-2, 0),
    "ppm": ("ppm", 1, 0), "ppb": ("ppm", 1e-3, 0),
    "ms": ("s", 1e-3, 0), "s": ("s", 1, 0), "min": ("s", 60, 0), "h": ("s", 3600, 0), "d": ("s", 86400, 0),
    "text": ("text", 1, 0),
}  # fmt: skip

UNITS: Final = frozenset(_UNITS) - {"1", "text"}
"""Every unit that is written behind a number."""

QUANTITY_OF_UNIT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("mW", "W", "kW", "MW", "GW"), "power"),
    **dict.fromkeys(("VA", "kVA"), "apparent_power"),
    **dict.fromkeys(("var", "kvar"), "reactive_power"),
    **dict.fromkeys(("mV", "V", "kV"), "voltage"),
    **dict.fromkeys(("mA", "A"), "current"),
    **dict.fromkeys(("Hz", "kHz"), "frequency"),
    **dict.fromkeys(("°C", "degC", "K", "°F"), "temperature"),
    **dict.fromkeys(("W/m²", "W/m2"), "irradiance"),
    **dict.fromkeys(("Pa", "hPa", "mbar", "kPa", "bar"), "pressure"),
    **dict.fromkeys(("m³/h", "m3/h", "l/min", "l/h"), "flow"),
    **dict.fromkeys(("m/s", "km/h"), "wind_speed"),
    **dict.fromkeys(("ppm", "ppb"), "concentration"),
    "%": "ratio",
}
"""Unit → the one quantity that a provider means by it. kWh and m³ are not here: an amount, or a counter's reading."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a provider's number becomes the canonical one: `value * factor + offset`."""

    quantity: Quantity
    factor: float
    offset: float


def conversion(quantity: str, unit: str, *, place: str) -> Conversion:
    """How values of `quantity`, given in `unit`, become canonical.

    Args:
        quantity: A key of `QUANTITIES`.
        unit: The provider's unit, spelled as in the table of units (`kW`, `Wh`, `%`, `degC` …).
        place: Where the pair was written, for the message.

    Raises:
        ConfigurationError: The quantity or the unit is unknown, or they do not fit each other.
    """
    known = QUANTITIES.get(quantity)
    if known is None:
        raise ConfigurationError(
            f"the quantity {quantity!r} is unknown",
            place=place,
            fix=f"use one of {', '.join(sorted(QUANTITIES))}, or add it to domain/quantities.py",
        )
    canonical, factor, offset = _UNITS.get(unit, ("", 1.0, 0.0))
    if not canonical:
        raise ConfigurationError(
            f"the unit {unit!r} is unknown",
            place=place,
            fix=f"use one that becomes {known.unit} ({', '.join(units_of(known))}), or add it to domain/quantities.py",
        )
    if canonical != known.unit:
        raise ConfigurationError(
            f"the unit {unit!r} does not measure {quantity}",
            place=place,
            fix=f"use one that becomes {known.unit} ({', '.join(units_of(known))}), or choose another quantity",
        )
    return Conversion(known, factor, offset)


def units_of(quantity: Quantity) -> list[str]:
    """Every unit that converts to the canonical unit of `quantity`."""
    return [unit for unit, (canonical, _, _) in _UNITS.items() if canonical == quantity.unit]
