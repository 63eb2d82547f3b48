"""Whether an entity says numbers or texts: by its unit and its class, and by what the catalogue knows; never by order.

Home Assistant writes numbers as texts, and `unavailable` where there is none, whatever the entity. A sensor that has a
unit, a state class or a device class of numbers says numbers, whatever one of its texts looks like. What looks like a
number is no text of the others either, unless the account says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.quantities import Kind, Kinds
from providers._numbers import is_absent as says_nothing
from providers._numbers import proves_comma
from providers.smart_house import naming
from providers.smart_house.account import AccountConfig, column
from providers.smart_house.meanings import Attributes
from providers.smart_house.wire import REDACTED, Changes

# In a map's text and in Python's text of a map: an entry can begin behind a brace or a comma, and has a value.
_EVIDENCE: Final = re.compile(
    r"(?:\{|, ?)['\"]?(?:unit_of_measurement|state_class)['\"]?(?:=(?! *(?:,|\}|None))|: ?(?!None|null|''|\"\"))"
)
_NAMES: Final = ("unit_of_measurement", "state_class")
# Home Assistant's classes of sensors whose states are numbers; a class of its own (`moon__phase`) may name texts. Of a
# binary sensor the same word (`battery`, `gas`, `power`) means on or off.
_NUMERIC: Final = frozenset(
    {
        "absolute_humidity", "apparent_power", "aqi", "area", "atmospheric_pressure", "battery",
        "blood_glucose_concentration", "carbon_dioxide", "carbon_monoxide", "conductivity", "current",
        "data_rate", "data_size", "distance", "duration", "energy", "energy_distance", "energy_storage",
        "frequency", "gas", "humidity", "illuminance", "irradiance", "moisture", "monetary", "nitrogen_dioxide",
        "nitrogen_monoxide", "nitrous_oxide", "ozone", "ph", "pm1", "pm10", "pm25", "pm4", "power",
        "power_factor", "precipitation", "precipitation_intensity", "pressure", "reactive_energy",
        "reactive_power", "signal_strength", "sound_pressure", "speed", "sulphur_dioxide", "temperature",
        "temperature_delta", "volatile_organic_compounds", "volatile_organic_compounds_parts", "voltage",
        "volume", "volume_flow_rate", "volume_storage", "water", "weight", "wind_direction", "wind_speed",
    }
)  # fmt: skip
_CLASS: Final = re.compile(
    rf"(?:\{{|, ?)['\"]?device_class['\"]?(?:=|: ?)['\"]?(?:{'|'.join(sorted(_NUMERIC))})['\"]? *(?:,|\}})"
)
_MISSING: Final = frozenset({"", "unavailable", "unknown"})
_LONGEST_WORD: Final = 32
_MEASURING: Final = ("sensor_", "number_", "input_number_", "counter_")
# What a number has that may prove a decimal comma: a comma between digits, or several groups of thousands.
_GROUPED: Final = re.compile(r"[0-9],[0-9]|[0-9]\.[0-9]{3}\.[0-9]{3}")


def is_absent(state: str) -> bool:
    """Whether a text says of a number that there is none."""
    return says_nothing(state) or (len(state) <= _LONGEST_WORD and state.strip().upper() == REDACTED)


def is_missing(state: str) -> bool:
    """Whether a text says of any entity, in Home Assistant's own words, that it has no state."""
    return len(state) <= _LONGEST_WORD and state.strip().casefold() in _MISSING


@dataclass(slots=True)
class EntityKinds:
    """Which entities of one answer say numbers, and which say texts.

    Args:
        account: What it says of an entity counts first.
        kinds: What the catalogue knows.
    """

    account: AccountConfig
    kinds: Kinds
    _of_fields: dict[str, str] = field(init=False)
    _measured: set[tuple[str, str]] = field(init=False)
    _with_unit: set[tuple[str, str]] = field(default_factory=set)
    _with_text: set[tuple[str, str]] = field(default_factory=set)
    _with_comma: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look through what is known, once."""
        self._of_fields = {column(name): meaning.quantity for name, meaning in self.account.fields.items()}
        self._measured = {naming.entity_of(key) for key, kind in self.kinds.items() if kind is not Kind.STATE}

    def note(self, number: str, entity: str, cell: object, changes: Changes | None) -> None:
        """Take in a cell before any change of the answer is looked at.

        Args:
            number: The home's number in the file.
            entity: Its column.
            cell: As the format holds it.
            changes: What it is read as.
        """
        place = (number, entity)
        if place not in self._with_unit and _shows_a_number(entity, cell):
            self._with_unit.add(place)
        if changes is not None and place not in self._with_comma and _proves_a_comma(changes.states):
            self._with_comma.add(place)

    def writes_commas(self, number: str, entity: str) -> bool:
        """Whether an entity of a home of the file writes its decimals behind a comma, as one of its states proves."""
        return (number, entity) in self._with_comma

    def note_text(self, home: str, entity: str) -> None:
        """An entity of a home of the file, which shows no unit, has said a text that is no number."""
        self._with_text.add((home, entity))

    def is_number(self, home: str, number: str, entity: str, attributes: Attributes) -> bool | None:
        """Whether an entity says numbers; None if what else it says in the answer decides (`says_text`).

        Args:
            home: Its name.
            number: The home's number in the file.
            entity: Its column.
            attributes: Of one change.
        """
        if quantity := self._of_fields.get(entity):
            return quantity != "state"
        if attributes.unit or attributes.state_class or (number, entity) in self._with_unit:
            return True
        if naming.entity_of(naming.of_entity(home, entity)) in self._measured:
            return True
        return False if self.kinds.get(naming.stated(home, entity).key) is Kind.STATE else None

    def is_declared_text(self, entity: str) -> bool:
        """Whether the account says that an entity says texts, whatever they look like."""
        return self._of_fields.get(entity) == "state"

    def says_text(self, number: str, entity: str) -> bool:
        """Whether what looks like the lack of a number (`none`) is an entity's text."""
        return (number, entity) in self._with_text or not entity.startswith(_MEASURING)


def _shows_a_number(entity: str, cell: object) -> bool:
    is_measuring = entity.startswith(_MEASURING)
    if isinstance(cell, str):
        return _EVIDENCE.search(cell) is not None or (is_measuring and _CLASS.search(cell) is not None)
    if not isinstance(cell, list):
        return False
    known: set[str] = set()
    for attributes in map(_attributes_of, cell):
        if isinstance(attributes, str):
            if attributes in known:
                continue
            known.add(attributes)
        if _has_evidence(attributes, is_measuring=is_measuring):
            return True
    return False


def _proves_a_comma(states: list[Any]) -> bool:
    if not set(map(type, states)) <= {str}:
        states = [state for state in states if isinstance(state, str)]
    return _GROUPED.search("\n".join(states)) is not None and any(
        len(state) <= _LONGEST_WORD and _GROUPED.search(state) is not None and proves_comma(state) for state in states
    )


def _attributes_of(change: object) -> object:
    if isinstance(change, Mapping):
        return change.get("attributes")
    return change[-1] if isinstance(change, list) and change else None


def _has_evidence(attributes: object, *, is_measuring: bool) -> bool:
    if isinstance(attributes, Mapping):
        known = attributes.get("device_class")
        is_numeric = is_measuring and isinstance(known, str) and known in _NUMERIC
        return is_numeric or any(attributes.get(name) for name in _NAMES)
    if not isinstance(attributes, str):
        return False
    return _EVIDENCE.search(attributes) is not None or (is_measuring and _CLASS.search(attributes) is not None)
