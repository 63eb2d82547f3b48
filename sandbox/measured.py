"""The shipped measurements, re-based onto recent days, as the Export Service's products.

`sandbox/data/ORIGIN.md` says where every column comes from and which field is measured, scaled, split or derived. The
source spans 364 days, so the day that is k days after 2025-01-01 shows the source's day k mod 364: weekdays fit
exactly, and the season drifts by a day and a quarter a year.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import orjson

from sandbox.days import MS_PER_DAY, Tally, Times, day_number, tally_of

if TYPE_CHECKING:
    import pandas as pd

FIRST_DAY: Final = date(2025, 1, 1)

_PREFIX: Final = "audicharginghub_batteriedaten_analysis_batteriedaten_"
GRID_PRODUCT: Final = _PREFIX + "grid"
BATTERY_PRODUCT: Final = _PREFIX + "battall"
VEHICLES_PRODUCT: Final = _PREFIX + "evs"
PREDICTION_PRODUCT: Final = "audicharginghub_ladedaten_analysis_prediction"

_SOURCE_DAYS: Final = 364
_MINUTES: Final = 1440
_QUARTERS: Final = 96
_MISSING: Final = -(2**31)
_VEHICLE_EVERY: Final = 3  # minutes between two documents of a vehicle
_GRID_SCALE: Final = 20  # a household's meter as a charging hub's
_PACK_KWH: Final = 40
_QUARTER_MINUTES: Final = 15


@dataclass(frozen=True, slots=True)
class MeasuredDay:
    """One re-based day of one product. Its documents are rendered when they are first asked for.

    Attributes:
        product: One of the products of this module.
        number: Days since 1970-01-01, not before `FIRST_DAY`.
    """

    product: str
    number: int

    @property
    def n_documents(self) -> int:
        """How many documents the day has; minutes that nobody measured have none."""
        return len(_instants(self.product, self.number))

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """The positions `[i, j)` of the documents with `start <= time < end`."""
        i, j = np.searchsorted(_instants(self.product, self.number), (start, end))
        return int(i), max(int(i), int(j))

    def times(self, i: int, j: int) -> Times:
        """The times of the documents at `[i, j)`."""
        return _instants(self.product, self.number)[i:j]

    def documents(self, i: int, j: int) -> Sequence[bytes]:
        """The documents at `[i, j)`."""
        return _rendered(self.product, self.number)[i:j]

    def joined(self, i: int, j: int) -> bytes:
        """The same documents with commas between them."""
        return b",".join(_rendered(self.product, self.number)[i:j])

    def tally(self, i: int, j: int) -> Tally:
        """What the documents at `[i, j)` hold."""
        return tally_of(_rendered(self.product, self.number)[i:j])


@cache
def _household() -> dict[str, npt.NDArray[np.int64]]:
    """One column a quantity, one row a minute of the source's 364 days; `_MISSING` where nobody measured."""
    frame = _read("household_minutes.csv.zst").set_index("minute")
    whole = frame.reindex(range(_SOURCE_DAYS * _MINUTES), fill_value=_MISSING)
    return {str(name): column.to_numpy(dtype=np.int64) for name, column in whole.items()}


@cache
def _solar() -> dict[str, npt.NDArray[np.int64]]:
    """One column a quantity, one row a quarter of an hour; `_MISSING` where nobody measured."""
    frame = _read("solar_quarters.csv.zst").set_index("quarter").fillna(_MISSING)
    return {str(name): column.to_numpy(dtype=np.int64) for name, column in frame.items()}


def _read(name: str) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - most of the start-up time, and a sandbox of volume rows needs none

    with as_file(files("sandbox") / "data" / name) as path:
        return pd.read_csv(path, compression="zstd")


def measured_column(table: str, column: str) -> npt.NDArray[np.int64]:
    """A whole column of `household` (a row a minute) or `solar` (a row a quarter); -(2**31) where nobody measured."""
    return (_household() if table == "household" else _solar())[column]


def _source_day(number: int) -> int:
    return (number - day_number(FIRST_DAY)) % _SOURCE_DAYS


def _minutes(column: str, number: int) -> npt.NDArray[np.int64]:
    """A day's 1440 minutes of a household column."""
    at = _source_day(number) * _MINUTES
    return _household()[column][at : at + _MINUTES]


def _quarters(column: str, number: int) -> list[int | None]:
    """A day's 96 quarters of a solar column, None where nobody measured."""
    at = _source_day(number) * _QUARTERS
    return [None if value == _MISSING else value for value in _solar()[column][at : at + _QUARTERS].tolist()]


def _stamps(number: int, slots: npt.NDArray[np.int64], slot_ms: int, offset_ms: int) -> Times:
    """When a producer wrote: a constant offset and the jitter of a millisecond that the real service shows."""
    jitter = ((slots + number * _MINUTES) * 2654435761 >> 16) % 7 == 0
    stamps: Times = number * MS_PER_DAY + slots * slot_ms + offset_ms + jitter
    return stamps


def _measured_minutes(number: int, every: int = 1) -> npt.NDArray[np.int64]:
    known = np.flatnonzero(_minutes("active_power_W", number) != _MISSING)
    chosen: npt.NDArray[np.int64] = known[known % every == 0]
    return chosen


@lru_cache(maxsize=1024)
def _instants(product: str, number: int) -> Times:
    if product == VEHICLES_PRODUCT:
        minutes = _measured_minutes(number, _VEHICLE_EVERY)
        return np.repeat(_stamps(number, minutes, 60_000, 1600), len(_VEHICLES))
    if product == PREDICTION_PRODUCT:
        return _stamps(number, np.arange(_QUARTERS), 900_000, 2000)
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
        temperature = temperatures[minute // _QUARTER_MINUTES]
        if minute % _QUARTER_MINUTES == 0 and temperature is not None:
            document["temperature_degC"] = temperature / 100
        yield orjson.dumps({**document, "mode": _mode(power), "timestamp": stamp})


def _mode(power: int) -> str:
    if power >= 2000:  # noqa: PLR2004 - watts; ORIGIN.md names both thresholds
        return "charging"
    return "discharging" if power >= 300 else "idle"  # noqa: PLR2004 - watts


_VEHICLES: Final = tuple(
    (f"EV-{number:02d}", column, tenths)
    for number, (column, tenths) in enumerate(
        ((column, tenths) for column in ("kitchen_Wh", "laundry_Wh", "heater_Wh") for tenths in (6, 4)), start=1
    )
)
"""Vehicle, the sub-meter it is a share of, and that share in tenths."""


@cache
def _register(column: str) -> npt.NDArray[np.int64]:
    """The watt-hours counted up to and including each minute of the source."""
    return np.cumsum(np.maximum(_household()[column], 0))


def _vehicles(number: int, stamps: list[int]) -> Iterator[bytes]:
    minutes = _measured_minutes(number, _VEHICLE_EVERY)
    at, turns = _source_day(number) * _MINUTES, (number - day_number(FIRST_DAY)) // _SOURCE_DAYS
    columns: list[list[tuple[str, int, int]]] = []
    for vehicle, column, tenths in _VEHICLES:
        watts = _minutes(column, number)[minutes] * 6 * tenths  # Wh a minute to W, and the share
        tenth_wh = (_register(column)[at + minutes] + turns * _register(column)[-1]) * tenths
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
