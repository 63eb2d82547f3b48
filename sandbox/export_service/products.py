"""The measured products of the Export Service, made from the shipped measurements (`sandbox/data/ORIGIN.md`)."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Final

import numpy as np
import orjson

from sandbox.export_service.days import ListedDay, Times
from sandbox.instants import MS_PER_DAY
from sandbox.measured import (
    FIRST_DAY,
    MINUTES,
    MISSING,
    QUARTER_MINUTES,
    QUARTERS,
    SOURCE_DAYS,
    Counts,
    accumulated,
    measured_column,
    rows_of_day,
    scattered,
    source_day,
)

_PREFIX: Final = "audicharginghub_batteriedaten_analysis_batteriedaten_"
GRID_PRODUCT: Final = _PREFIX + "grid"
BATTERY_PRODUCT: Final = _PREFIX + "battall"
VEHICLES_PRODUCT: Final = _PREFIX + "evs"
PREDICTION_PRODUCT: Final = "audicharginghub_ladedaten_analysis_prediction"

_VEHICLE_EVERY: Final = 3  # minutes between two documents of a vehicle
_GRID_SCALE: Final = 20  # a household's meter as a charging hub's
_PACK_KWH: Final = 40
_CHARGES_AT, _DISCHARGES_AT = 2000, 300  # watts; ORIGIN.md names both


def measured_day(product: str, number: int) -> ListedDay:
    """One day of one of the products here, `number` days after 1970-01-01; without the unmeasured minutes.

    Its documents are rendered when they are first needed.
    """
    return ListedDay(_instants(product, number), partial(_rendered, product, number))


def _minutes(column: str, number: int) -> Counts:
    """A day's 1440 minutes of a household column."""
    return measured_column("household", column)[rows_of_day(source_day(number))]


def _quarters(column: str, number: int) -> list[int | None]:
    """A day's 96 quarters of a solar column, None where nobody measured."""
    quarters = measured_column("solar", column)[rows_of_day(source_day(number), QUARTERS)]
    return [None if value == MISSING else value for value in quarters.tolist()]


def _stamps(number: int, slots: Counts, slot_ms: int, offset_ms: int) -> Times:
    """When a producer wrote: a constant offset and the jitter of a millisecond that the real service shows."""
    jitter = scattered(slots + number * MINUTES) % 7 == 0
    stamps: Times = number * MS_PER_DAY + slots * slot_ms + offset_ms + jitter
    return stamps


def _measured_minutes(number: int, every: int = 1) -> Counts:
    known = np.flatnonzero(_minutes("active_power_W", number) != MISSING)
    chosen: Counts = known[known % every == 0]
    return chosen


@lru_cache(maxsize=1024)
def _instants(product: str, number: int) -> Times:
    if product == VEHICLES_PRODUCT:
        minutes = _measured_minutes(number, _VEHICLE_EVERY)
        return np.repeat(_stamps(number, minutes, 60_000, 1600), len(_VEHICLES))
    if product == PREDICTION_PRODUCT:
        return _stamps(number, np.arange(QUARTERS), 900_000, 2000)
    return _stamps(number, _measured_minutes(number), 60_000, 1100 if product == GRID_PRODUCT else 1350)


@lru_cache(maxsize=256)
def _rendered(product: str, number: int) -> tuple[bytes, ...]:
    return tuple(_RENDERERS[product](number, _instants(product, number).tolist()))


def _grid(number: int, stamps: list[int]) -> Iterator[bytes]:
    watts = _minutes("active_power_W", number)[_measured_minutes(number)] * _GRID_SCALE
    for power, stamp in zip(watts.tolist(), stamps, strict=True):
        set_point = round(power / 5000) * 5.0
        yield b'{"Pset_kW":%a,"P_kW":%a,"timestamp":%d}' % (set_point, power / 1000, stamp)


def _battery(number: int, stamps: list[int]) -> Iterator[bytes]:
    minutes = _measured_minutes(number)
    watts = _minutes("active_power_W", number)[minutes]
    left = 100 - 100 * np.cumsum(watts) / max(int(watts.sum()), 1)
    temperatures = _quarters("module_temperature_cdegC", number)
    columns = (
        stamps,
        minutes.tolist(),
        watts.tolist(),
        _minutes("voltage_cV", number)[minutes].tolist(),
        _minutes("current_dA", number)[minutes].tolist(),
        left.round(1).tolist(),
    )
    for stamp, minute, power, voltage, current, charge in zip(*columns, strict=True):
        document = {"P_kW": power / 1000, "U_V": voltage / 100, "I_A": current / 10, "soc_pct": abs(charge)}
        temperature = temperatures[minute // QUARTER_MINUTES]
        if minute % QUARTER_MINUTES == 0 and temperature is not None:
            document["temperature_degC"] = temperature / 100
        yield orjson.dumps({**document, "mode": _mode(power), "timestamp": stamp})


def _mode(power: int) -> str:
    if power >= _CHARGES_AT:
        return "charging"
    return "discharging" if power >= _DISCHARGES_AT else "idle"


_VEHICLES: Final = tuple(
    (f"EV-{number:02d}", column, tenths)
    for number, (column, tenths) in enumerate(
        ((column, tenths) for column in ("kitchen_Wh", "laundry_Wh", "heater_Wh") for tenths in (6, 4)), start=1
    )
)
"""Vehicle, the sub-meter it is a share of, and that share in tenths."""


def _vehicles(number: int, stamps: list[int]) -> Iterator[bytes]:
    minutes = _measured_minutes(number, _VEHICLE_EVERY)
    at, turns = source_day(number) * MINUTES, (number - FIRST_DAY) // SOURCE_DAYS
    columns: list[list[tuple[str, int, int]]] = []
    for vehicle, column, tenths in _VEHICLES:
        watts = _minutes(column, number)[minutes] * 6 * tenths  # Wh a minute to W, and the share
        tenth_wh = (accumulated(column)[at + minutes] + turns * accumulated(column)[-1]) * tenths
        columns.append([(vehicle, *pair) for pair in zip(watts.tolist(), tenth_wh.tolist(), strict=True)])
    rows = (row for moment in zip(*columns, strict=True) for row in moment)
    for (vehicle, power, counted), stamp in zip(rows, stamps, strict=True):
        energy = counted / 10_000
        charge = round(energy % _PACK_KWH / _PACK_KWH * 100, 1)
        yield b'{"vehicleId":"%s","P_kW":%a,"energy_kWh":%a,"soc_pct":%a,"timestamp":%d}' % (
            vehicle.encode(),
            power / 1000,
            energy,
            charge,
            stamp,
        )


def _prediction(number: int, stamps: list[int]) -> Iterator[bytes]:
    yesterday, today = (_quarters("pv_power_W", day) for day in (number - 1, number))
    irradiances = _quarters("poa_irradiance_dW_m2", number)
    temperatures = _quarters("module_temperature_cdegC", number)
    for stamp, before, now, light, heat in zip(stamps, yesterday, today, irradiances, temperatures, strict=True):
        document: dict[str, object] = {"model": "persistence", "P_pred_kW": _kilo(before), "isFinal": now is not None}
        if now is not None:
            document["P_meas_kW"] = _kilo(now)
        if light:
            module = {"temperature_degC": None if heat is None else heat / 100}
            document["weather"] = {"irradiance_W_m2": light / 10, "module": module}
        yield orjson.dumps({**document, "timestamp": stamp})


def _kilo(value: int | None) -> float | None:
    """Thousandths; a whole number is an int, as a schemaless producer writes it."""
    if value is None:
        return None
    return value / 1000 if value % 1000 else value // 1000


_RENDERERS: Final[dict[str, Callable[[int, list[int]], Iterator[bytes]]]] = {
    GRID_PRODUCT: _grid,
    BATTERY_PRODUCT: _battery,
    VEHICLES_PRODUCT: _vehicles,
    PREDICTION_PRODUCT: _prediction,
}

MEASURED_PRODUCTS: Final = (BATTERY_PRODUCT, GRID_PRODUCT, PREDICTION_PRODUCT, VEHICLES_PRODUCT)
"""In the order of the document's example."""
