"""What Climkit says: lists of sites, meters, sensors and rows, and what their names mean.

Of the lists only what is needed is read, and read tolerantly: an id may be a text or a number, alone or in an object,
and a key that nobody knows is left aside.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from domain.errors import AnswerTooLargeError, PayloadUnreadableError
from domain.quantities import QUANTITY_OF_UNIT
from domain.texts import clipped, is_storable
from providers._json import kind_of, nan_as_null, read_json
from providers._zones import named_zone
from providers.climkit.spec import MAX_DEVICES, MAX_ROWS, MAX_SITES

FIX: Final = "compare the landed answer with providers/climkit/wire.py"

VALIDATED_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    # a meter's type: (quantity, unit). Of water no unit is documented; m³ is that of its register.
    "electricity": ("energy", "kWh"),
    "charge_point": ("energy", "kWh"),
    "heating": ("energy", "kWh"),
    "cooling": ("energy", "kWh"),
    "cold_water": ("volume", "m³"),
    "hot_water": ("volume", "m³"),
}
"""Type of meter → what an interval's validated values are."""

REGISTER_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "en_im": ("energy_register", "kWh"),
    "en_ex": ("energy_register", "kWh"),
    "heat_energy_kwh": ("energy_register", "kWh"),
    "vol_m3": ("volume_register", "m³"),
}
"""Field of a raw row → what its counter's readings are."""

REGISTERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "electricity": ("en_im", "en_ex"),
    "charge_point": ("en_im",),
    "heating": ("heat_energy_kwh",),
    "cooling": ("heat_energy_kwh",),
    "cold_water": ("vol_m3",),
    "hot_water": ("vol_m3",),
}
"""Type of meter → its registers, as documented."""

SENSOR_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    # No kWh and no m³: nobody says whether that counts up.
    **{unit: (quantity, unit) for unit, quantity in QUANTITY_OF_UNIT.items()},
    "C": ("temperature", "°C"),
}
"""Unit of a sensor → what its values are."""

SITE_FIELDS: Final = (
    "conso_total",
    "prod_total",
    "from_ext",
    "self",
    "to_ext",
    # not documented, and sent:
    "storage_charging_total",
    "storage_charging_self",
    "storage_discharging_total",
)
"""Fields of the site's data."""

METER_FIELDS: Final = ("total", "self", "ext")
"""Fields of a meter's validated data; in the site's data they come again as `total_<meter>` and so on."""

_OF_METER: Final = re.compile(rf"({'|'.join(METER_FIELDS)})_([0-9a-f]{{24}}|\d{{1,24}})")
_MAX_NAME: Final = 256

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, as a site's list says."""

    id: str
    type: str
    mode: str = ""
    name: str = ""
    is_rule: bool = False


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor, as a site's list says."""

    id: str
    type: str = ""
    unit: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """What the lists of one site say; what has not been read yet is None.

    A zone that is no IANA name is `refused_zone`, and `zone` is UTC then: what follows a calendar is not asked for.
    """

    id: str
    name: str | None = None
    zone: str | None = None
    meters: Mapping[str, Meter] | None = None
    sensors: Mapping[str, Sensor] | None = None
    refused_zone: str = ""


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """The parameters of a site."""

    name: str
    zone: str
    refused_zone: str = ""


def parse_installations(body: bytes, *, place: str) -> tuple[str, ...]:
    """The ids of all sites, each once, in order; they are listed as texts or as objects.

    Raises:
        PayloadUnreadableError: It is no list of sites.
        AnswerTooLargeError: It lists more sites than anybody has.
    """
    listed = _listed(body, place, MAX_SITES, "sites")
    found = [_id_of(one, place) for one in listed]
    return tuple(sorted(set(found)))


def parse_site(body: bytes, *, place: str, zones: Mapping[str, str] = MappingProxyType({})) -> SiteInfo:
    """A site's name and time zone; the zone is UTC where the answer names none, or one that is no IANA name.

    Args:
        body: The answer.
        place: Which one, for messages.
        zones: What the provider says of a zone → the IANA name that is meant.

    Raises:
        PayloadUnreadableError: It is no object.
    """
    document = read_json(body, place=place, fix=FIX)
    if not isinstance(document, dict):
        raise unreadable(f"the parameters of the site are a JSON {kind_of(document)}, not an object", place)
    return SiteInfo(_text(document.get("name"), place), *named_zone(document.get("timezone"), zones))


def parse_meters(body: bytes, *, place: str) -> dict[str, Meter]:
    """A site's meters by id.

    Raises:
        PayloadUnreadableError: It is no list of meters.
        AnswerTooLargeError: It lists more meters than a site has.
    """
    meters: dict[str, Meter] = {}
    for one in _listed(body, place, MAX_DEVICES, "meters"):
        meter = Meter(
            _id_of(one, place),
            _text(one.get("type"), place),
            _text(one.get("mode"), place),
            _text(one.get("name"), place),
            one.get("is_rule_meter") is True or one.get("virtual") is True,
        )
        if meters.get(meter.id, meter).type != meter.type:
            raise unreadable(f"the list has the meter {meter.id} twice, as two types", place)
        meters[meter.id] = meter
    return meters


def parse_sensors(body: bytes, *, place: str) -> dict[str, Sensor]:
    """A site's sensors by id.

    Raises:
        PayloadUnreadableError: It is no list of sensors.
        AnswerTooLargeError: It lists more sensors than a site has.
    """
    sensors: dict[str, Sensor] = {}
    for one in _listed(body, place, MAX_DEVICES, "sensors"):
        texts = [_text(one.get(name), place) for name in ("type", "unit", "name")]
        sensor = Sensor(_id_of(one, place), *texts)
        if sensors.get(sensor.id, sensor).unit != sensor.unit:
            raise unreadable(f"the list has the sensor {sensor.id} twice, in two units", place)
        sensors[sensor.id] = sensor
    return sensors


def parse_rows(body: bytes, *, place: str) -> list[Any]:
    """The rows of an answer, as sent but for texts that are not-a-number; elements that are no objects included.

    Raises:
        PayloadUnreadableError: It is no JSON list.
        AnswerTooLargeError: It has more rows than any request can have.
    """
    document = nan_as_null(read_json(body, place=place, fix=FIX), body)
    if not isinstance(document, list):
        raise unreadable(f"the answer is a JSON {kind_of(document)}, not a list of rows", place)
    if len(document) > MAX_ROWS:
        raise _too_many(len(document), MAX_ROWS, "rows", place)
    return document


def meter_of(name: str) -> tuple[str, str] | None:
    """Field and meter of a key such as `self_<meter>` in the site's data; None if it is another key."""
    found = _OF_METER.fullmatch(name)
    return (found[1], found[2]) if found else None


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """The error for an answer outside the vocabulary."""
    return PayloadUnreadableError(culprit, place=place, fix=FIX)


def _listed(body: bytes, place: str, most: int, what: str) -> list[Any]:
    document = read_json(body, place=place, fix=FIX)
    if not isinstance(document, list):
        raise unreadable(f"the list of {what} is a JSON {kind_of(document)}", place)
    if len(document) > most:
        raise _too_many(len(document), most, what, place)
    if what != "sites" and not all(isinstance(one, dict) for one in document):
        raise unreadable(f"the list of {what} holds what is no object", place)
    return document


def _id_of(value: object, place: str) -> str:
    """An id, which is a text or a number, alone or in an object, there perhaps as `{"$oid": …}`."""
    if isinstance(value, dict):
        known = [value[name] for name in ("id", "_id", "site_id", "$oid") if name in value]
        if not known:
            raise unreadable("a list holds an object without an id", place)
        return _id_of(known[0], place)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]{1,64}", value):
        raise unreadable(f"a list holds {clipped(value)}, which is no id", place)
    return value


def _text(value: object, place: str) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if len(text) > _MAX_NAME or not is_storable(text):
        raise unreadable(f"a list holds the name {clipped(value)}, which cannot be kept", place)
    return text


def _too_many(count: int, most: int, what: str, place: str) -> AnswerTooLargeError:
    return AnswerTooLargeError(
        f"the answer has {count:,} {what}, and {most:,} are allowed", place=place, fix="ask the provider"
    )
