"""A register: how fast it can count, and in which unit it rolls over."""

from dataclasses import dataclass
from typing import Final

from domain.errors import ConfigurationError
from domain.quantities import conversion

_FASTEST: Final = {"Wh": 1e5 / 3600, "m³": 100.0 / 3600}
"""Canonical unit → what no meter of a house exceeds, a second: 100 kW, or 100 m³ an hour."""


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of a counter before anything is read.

    Attributes:
        scale: Canonical units in one unit of the provider: its digits are of this unit, and so is where it rolls over.
        fastest: Canonical units a second that it can count at most.
        is_net: It counts both ways: what it falls by was counted backwards.
    """

    scale: float = 1.0
    fastest: float = _FASTEST["Wh"]
    is_net: bool = False


def register_of(quantity: str, provider_unit: str) -> Register:
    """The register that a row of the catalogue describes; an unknown unit of the provider counts as the canonical one.

    Args:
        quantity: A key of `domain.quantities.QUANTITIES` whose kind is register.
        provider_unit: As the catalogue has it.
    """
    try:
        scale = conversion(quantity, provider_unit, place="register").factor
    except ConfigurationError:
        scale = 1.0
    fastest = _FASTEST["m³" if "volume" in quantity else "Wh"]
    return Register(scale, fastest, is_net=quantity.startswith("net_"))
