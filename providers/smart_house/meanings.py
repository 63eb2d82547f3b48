"""What an entity's numbers are: by the unit and the classes in its attributes, or by what the account says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import ConfigurationError
from domain.quantities import QUANTITY_OF_UNIT, Conversion, conversion
from providers.smart_house.account import AccountConfig, column

# Only where a unit leaves no choice. Wh and m³ are registers where the attributes say that they count up; % is a charge
# where they say that it is a battery's. K may be a colour, km/h a car, s a date: those need `fields`.
_QUANTITIES: Final[Mapping[str, str]] = {
    unit: quantity for unit, quantity in QUANTITY_OF_UNIT.items() if unit not in ("K", "km/h", "m/s")
}
_REGISTERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Wh", "kWh", "MWh", "GWh", "kJ", "MJ", "GJ"), "energy_register"),
    **dict.fromkeys(("m³", "L"), "volume_register"),
}
_COUNTS_UP: Final = "total_increasing"
_MANGLED: Final = re.compile(r"[.<>*#%&+?/]")
# `_` for `%`, `W_m²` for `W/m²`: what only one of the known units can have become.
_RESTORED: Final[Mapping[str, str]] = {
    _MANGLED.sub("_", unit): unit for unit in (*_QUANTITIES, *_REGISTERS) if _MANGLED.search(unit)
}
_NAMES: Final = ("unit_of_measurement", "device_class", "state_class")
# The map's text escapes nothing, so a name counts only where an entry can begin, and ends where the next one does.
_ENTRY: Final = re.compile(r"(?:^\{|, )([A-Za-z_][A-Za-z0-9_ ]*)=")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the attributes of a change say about its number; empty texts for what they do not say.

    Attributes:
        unit: The unit, restored.
        device_class: Home Assistant's word for what is measured.
        state_class: Home Assistant's word for how it behaves in time.
    """

    unit: str = ""
    device_class: str = ""
    state_class: str = ""


def attributes_of(attributes: object) -> Attributes | None:
    """Read a map or its text; None where it says a name twice, or is neither.

    Raises nothing: a text without the names has none.
    """
    if attributes is None or attributes == "":
        return Attributes()
    if isinstance(attributes, dict):
        entries = [(name, value) for name, value in attributes.items() if isinstance(value, str)]
    elif isinstance(attributes, str):
        entries = _entries(attributes)
    else:
        return None
    found: dict[str, str] = {}
    for name, value in entries:
        if name in _NAMES and found.setdefault(name, value) != value:
            return None  # a value that looks like an entry: nobody can tell which one is true
    unit, device_class, state_class = (found.get(name, "") for name in _NAMES)
    return Attributes(_RESTORED.get(unit, unit), device_class, state_class)


def meaning_of(account: AccountConfig, entity: str, attributes: Attributes) -> tuple[str, Conversion] | None:
    """The unit and the conversion of an entity's numbers; None if nobody knows what they are."""
    place = f"field {entity} of the smart house account"
    sent = {column(name): meaning for name, meaning in account.fields.items()}.get(entity)
    if sent is not None:
        unit = attributes.unit or sent.unit
        try:
            return (unit, conversion(sent.quantity, unit, place=place)) if unit else None
        except ConfigurationError:
            return None  # a unit that does not fit what the account says: unmapped, by name, until somebody looks
    quantity = _QUANTITIES.get(attributes.unit)
    if attributes.unit == "%" and attributes.device_class == "battery":
        quantity = "state_of_charge"
    if attributes.unit in _REGISTERS and attributes.state_class == _COUNTS_UP:
        quantity = _REGISTERS[attributes.unit]
    return (attributes.unit, conversion(quantity, attributes.unit, place=place)) if quantity else None


def _entries(text: str) -> list[tuple[str, str]]:
    if not (text.startswith("{") and text.endswith("}")):
        return []
    marks = list(_ENTRY.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text) - 1]
    return [
        (mark[1], text[mark.end() : end]) for mark, end in zip(marks, ends, strict=False)
    ]  # an empty map has an end
