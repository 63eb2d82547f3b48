"""What VoltStorage says: what its fields mean, and JSON read strictly (UTF-8, no key twice, bounded depth)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from domain.errors import PayloadUnreadableError
from domain.quantities import Conversion, conversion
from domain.records import Json
from domain.texts import clipped
from providers._json import kind_of, read_json
from providers._zones import named_zone
from providers.voltstorage.account import AccountConfig, FieldMeaning

TIME_COLUMN: Final = "Time"
"""The first column of every export."""

MEANINGS: Final[Mapping[str, FieldMeaning]] = {
    # As exported. Grid: drawn is positive. Battery, under both of its names: charging is negative.
    "Power_Grid": FieldMeaning("power", "W"),
    "Power_Household": FieldMeaning("power", "W"),
    "Power_PV": FieldMeaning("power", "W"),
    "inverterPower": FieldMeaning("power", "W"),
    "Power_Power Electronics": FieldMeaning("power", "W"),
    "SOC_State of Charge": FieldMeaning("state_of_charge", "1"),
    # Seen in the stream's example alone.
    "dcVoltage": FieldMeaning("voltage", "V"),
}
"""Field of an export or of the stream → what its numbers are, where the account does not say."""

EXPORT_NAMES: Final[Mapping[str, str]] = {
    # `pvPower` is documented; the others are named after it, and an account may name others.
    "pvPower": "Power_PV",
    "gridPower": "Power_Grid",
    "householdPower": "Power_Household",
    "powerElectronicsPower": "Power_Power Electronics",
    "stateOfCharge": "SOC_State of Charge",
    "status": "Status",
}
"""Name in the live stream and in the latest values → name of the same in an export."""

STATISTICS: Final[Mapping[str, tuple[str, str]]] = {
    # Energies have no documented unit. Watt-seconds is inferred: as watt-hours, the documented day would be 22 MWh.
    "pv-total": ("energy", "Ws"),
    "consumption-total": ("energy", "Ws"),
    "storage-total-released": ("energy", "Ws"),
    "storage-total-stored": ("energy", "Ws"),
    "dc-capacity": ("storage_capacity", "Ws"),
    "ac-capacity": ("storage_capacity", "Ws"),
    "max-temperature": ("temperature", "°C"),
    "electrolyte-temp": ("temperature", "°C"),
    "pump-temp": ("temperature", "°C"),
    "dc-efficiency": ("ratio", "1"),
    "ac-efficiency": ("ratio", "1"),
    "self-sufficiency": ("ratio", "1"),
}
"""Statistic → quantity and unit. `pv-activity` and `own-consumption` are not here: nobody says what they are."""

INFERRED_UNIT: Final = "Ws (inferred)"
"""The label `unit` of every statistic whose unit no document states."""

COMPARE: Final = "compare the landed answer with providers/voltstorage/wire.py"


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the list, as far as it is of use.

    Attributes:
        id: Its number.
        time_zone: IANA name; `UTC` if it is not said, or if what is said is none.
        refused_zone: What was said of it that is no IANA name; empty if that was one, or nothing.
        group: The name of its group; empty if it has none.
    """

    id: int
    time_zone: str = "UTC"
    group: str = ""
    refused_zone: str = ""


def meaning_of(account: AccountConfig, name: str) -> tuple[str, Conversion] | None:
    """The unit and the conversion of the numbers of field `name`; None if nobody knows what they are."""
    meaning = account.fields.get(name) or MEANINGS.get(name)
    if meaning is None:
        return None
    return meaning.unit, conversion(meaning.quantity, meaning.unit, place=f"field {name} of the voltstorage account")


def export_name(account: AccountConfig, live_name: str) -> str:
    """The name under which an export says what the stream calls `live_name`."""
    return account.live_names.get(live_name) or EXPORT_NAMES.get(live_name, live_name)


def parse_products(body: bytes, *, place: str, zones: Mapping[str, str] = MappingProxyType({})) -> list[Product]:
    """Read one page of the list of products.

    Args:
        body: The answer.
        place: Which one, for messages.
        zones: What the provider says of a zone → the IANA name that is meant.

    Raises:
        PayloadUnreadableError: It is no JSON list of objects with an `id`.
    """
    document = parse_json(body, place=place)
    if not isinstance(document, list):
        raise unreadable(f"the list of products is a JSON {kind_of(document)}", place)
    return [_product(one, place, zones) for one in document]


def parse_latest(body: bytes, *, place: str) -> tuple[float | None, dict[str, Any]]:
    """Read the latest values: epoch seconds, if the answer has them, and live name → value.

    Raises:
        PayloadUnreadableError: It is not what is documented.
    """
    document = parse_json(body, place=place)
    if not isinstance(document, dict):
        raise unreadable(f"the latest values are a JSON {kind_of(document)}", place)
    if isinstance(document.get("data"), dict) and "time" in document:
        time = document["time"]
        if isinstance(time, bool) or not isinstance(time, int | float):
            raise unreadable(f"the time of the latest values is a JSON {kind_of(time)}", place)
        return time, document["data"]
    return None, document


def parse_json(body: bytes | str, *, place: str) -> Json:
    """The document in `body`: an answer's bytes, or a message's text.

    Raises:
        PayloadUnreadableError: It is not one JSON document in UTF-8, has a key twice, or is nested too deep.
    """
    return read_json(body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body, place=place, fix=COMPARE)


def unreadable(culprit: str, place: str) -> PayloadUnreadableError:
    """The error for an answer outside the vocabulary."""
    return PayloadUnreadableError(culprit, place=place, fix=COMPARE)


def _product(row: object, place: str, zones: Mapping[str, str]) -> Product:
    number = row.get("id") if isinstance(row, dict) else None
    if not isinstance(row, dict) or isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise unreadable(f"the list of products holds {clipped(row)}, which has no id", place)
    zone, group = row.get("timezone"), row.get("group")
    name = group.get("name") if isinstance(group, dict) else None
    known, refused = named_zone(zone, zones)
    return Product(
        number,
        time_zone=known,
        group=name if isinstance(name, str) and name.isprintable() else "",
        refused_zone=refused,
    )
