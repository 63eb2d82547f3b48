"""What the values of an answer are, and the series they make."""

from dataclasses import dataclass
from datetime import timedelta

from domain.quantities import Conversion, conversion
from domain.records import Series
from providers._zones import REFUSED_ZONE
from providers.climkit.account import SPANS, AccountConfig
from providers.climkit.buckets import QUARTER, RESOLUTIONS
from providers.climkit.requests import METER_DATA, REGISTERS, SENSOR_DATA, SITE_DATA
from providers.climkit.wire import (
    METER_FIELDS,
    REGISTER_UNITS,
    SENSOR_UNITS,
    SITE_FIELDS,
    VALIDATED_UNITS,
    Meter,
    Sensor,
    Site,
    meter_of,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What one answer about data is about.

    Attributes:
        kind: `site_data`, `meter_data`, `meter_data_raw` or `sensor_data`.
        site: The site.
        subject: The type of meter, the meter, or the sensor.
        frequency: The sampling frequency of validated data; empty for others.
    """

    kind: str
    site: str
    subject: str
    frequency: str = ""

    @classmethod
    def of(cls, endpoint: str, frequency: str) -> "Listing | None":
        """What an answer of `endpoint` is about; None if it is a list of what there is."""
        match endpoint.split("/"):
            case [site, kind, subject] if kind == SENSOR_DATA:
                return cls(kind, site, subject)
            case [kind, site, subject]:
                return cls(kind, site, subject, frequency if kind != REGISTERS else "")
        return None

    def behind(self, account: AccountConfig) -> timedelta:
        """By how much its labels lie behind the starts of intervals: those of quarters and of load curves are ends."""
        if self.kind == REGISTERS:
            return timedelta(minutes=account.load_curves.get(self.subject, 0))
        return QUARTER if self.frequency == "15T" else timedelta(0)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A field's series, and how its numbers become canonical."""

    series: Series
    conversion: Conversion


def meaning_of(name: str, listing: Listing, site: Site, account: AccountConfig) -> Meaning | None:
    """What the field `name` of an answer is; None if nobody knows."""
    if listing.kind == SENSOR_DATA:
        return _of_sensor(name, (site.sensors or {}).get(listing.subject), site, account)
    if listing.kind == SITE_DATA:
        return _of_site(name, listing, site)
    meter = (site.meters or {}).get(listing.subject)
    return None if meter is None else _of_meter(name, listing, meter, site, account)


def _of_site(name: str, listing: Listing, site: Site) -> Meaning | None:
    unit, part = VALIDATED_UNITS.get(listing.subject), meter_of(name)
    if unit is None or not (name in SITE_FIELDS or part):
        return None
    labels = {"type": listing.subject, "field": part[0] if part else name}
    if part:
        field, meter = part
        suffix = "" if listing.frequency == "15T" else f"/{listing.frequency}"
        labels |= {"meter": meter, "copy_of": f"{site.id}/{meter}/{field}{suffix}"}
    return _validated(f"{site.id}/{listing.subject}/{name}", labels, unit, listing, site)


def _of_meter(name: str, listing: Listing, meter: Meter, site: Site, account: AccountConfig) -> Meaning | None:
    labels = {"meter": meter.id, "type": meter.type, "mode": meter.mode, "name": meter.name, "field": name}
    key = f"{site.id}/{meter.id}/{name}"
    if listing.kind == METER_DATA:
        unit = VALIDATED_UNITS.get(meter.type) if name in METER_FIELDS else None
        return None if unit is None else _validated(key, labels, unit, listing, site)
    unit, minutes = REGISTER_UNITS.get(name), account.load_curves.get(meter.id)
    if unit is None:
        return None
    if minutes is None:
        return _build_series(key, {**labels, "endpoint": REGISTERS}, unit, site)
    amount = (unit[0].removesuffix("_register"), unit[1])
    of_curve = {**labels, "endpoint": REGISTERS, "raw": "load curve"}
    return _build_series(f"{key}/{minutes}min", of_curve, amount, site, timedelta(minutes=minutes))


def _of_sensor(name: str, sensor: Sensor | None, site: Site, account: AccountConfig) -> Meaning | None:
    if sensor is None or name != "value":
        return None
    unit = account.sensors.get(sensor.id) or account.sensors.get(sensor.type) or SENSOR_UNITS.get(sensor.unit)
    if unit is None:
        return None
    labels = {"endpoint": SENSOR_DATA, "sensor": sensor.id, "type": sensor.type, "name": sensor.name}
    return _build_series(f"{site.id}/{sensor.id}/value", labels, unit, site)


def _validated(key: str, labels: dict[str, str], unit: tuple[str, str], listing: Listing, site: Site) -> Meaning:
    frequency = listing.frequency
    whole = {**labels, "endpoint": listing.kind, "sampling_frequency": frequency}
    if RESOLUTIONS[frequency] is None:
        whole["span"] = SPANS[frequency]
    return _build_series(key if frequency == "15T" else f"{key}/{frequency}", whole, unit, site, RESOLUTIONS[frequency])


def _build_series(
    key: str, labels: dict[str, str], unit: tuple[str, str], site: Site, resolution: timedelta | None = None
) -> Meaning:
    number = labels.get("meter") or labels.get("sensor")
    series = Series(
        key=key,
        quantity=unit[0],
        device=f"{site.id}/{number}" if number else site.id,
        site=site.name or site.id,
        provider_unit=unit[1],
        resolution=resolution,
        time_zone=site.zone or "UTC",
        labels={**labels, "site": site.id} | ({REFUSED_ZONE: site.refused_zone} if site.refused_zone else {}),
    )
    return Meaning(series, conversion(*unit, place=f"{key} of climkit"))
