"""The homes with a battery: power and charge of every minute, and the rows that an export has.

Measured: the household's power and the module's power and temperature (`sandbox/data/ORIGIN.md`). Derived from them by
plain arithmetic: the charge of a battery of 6 kWh and 1.5 kW, and the remainder for the grid, so that
`grid = household - pv - battery` as in the provider's own example.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sandbox.edits import Cells, Row, RowEdits
from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE, capped_at_day_end, now_ms
from sandbox.measured import FIRST_MS, MINUTES, MISSING, Counts, by_minute, rows_of_day, scattered, source_day
from sandbox.voltstorage.settings import Settings

Floats = npt.NDArray[np.float64]

CAPACITY_WH: Final = 6_000.0
POWER_W: Final = 1_500.0
GRID: Final = "Power_Grid"
HOUSEHOLD: Final = "Power_Household"
INVERTER: Final = "inverterPower"
PV: Final = "Power_PV"
ELECTRONICS: Final = "Power_Power Electronics"
CHARGE: Final = "SOC_State of Charge"
STATUS: Final = "Status"
COLUMNS: Final = (GRID, HOUSEHOLD, INVERTER, PV, ELECTRONICS, CHARGE)
"""In the order of the document's example."""

_EMPTY_EVERY: Final = 97  # minutes between two empty rows
_EMPTY_AT_MS: Final = 30_858
_OFFSET_MS: Final = 562  # the example's rows come half a second after the second
_HOUR: Final = 60
_PIECE_MS: Final = 600_000  # rows by the second are computed ten minutes at a time


@dataclass(frozen=True, slots=True)
class Home:
    """One product.

    Attributes:
        number: Its id.
        serial: Its serial number.
        time_zone: Where it stands.
        columns: The columns of its export.
        shift_days: The shift of its source against the others'.
        components: The ids of its parts, each with its columns.
    """

    number: int
    serial: str
    time_zone: str
    columns: tuple[str, ...]
    shift_days: int
    components: tuple[tuple[int, tuple[str, ...]], ...]


HOMES: Final = (
    Home(77, "AA0024", "Europe/Berlin", COLUMNS, 0, ((501, (INVERTER, ELECTRONICS)), (502, (CHARGE,)))),
    Home(79, "AA0031", "Europe/Vienna", (*COLUMNS, STATUS), 7, ((503, (INVERTER, ELECTRONICS)),)),
)
"""A row a minute each."""

SECONDS: Final = Home(78, "AA0029", "Europe/Berlin", COLUMNS, 3, ())
"""A row a second, between the minutes on the straight line."""


class Store:
    """The rows of every home. The caller holds the twin's lock."""

    def __init__(self) -> None:
        self.edits: Final = RowEdits()

    def homes(self, settings: Settings) -> list[Home]:
        """The homes there are."""
        return [*HOMES[:1], *([SECONDS] if settings.has_seconds else []), *HOMES[1:]]

    def rows(self, home: Home, start: int, end: int, settings: Settings) -> list[Row]:
        """The rows with `start <= time < end`, in epoch milliseconds, and not later than now, by time."""
        start, end = max(start, FIRST_MS), min(end, capped_at_day_end(now_ms() + 1, settings.last_day))
        spacing_ms, size = (settings.spacing_ms, _PIECE_MS) if home is SECONDS else (0, MS_PER_DAY)
        rows: list[Row] = []
        for number in range(start // size, -(-end // size)):
            times, cells = _piece(home, number, spacing_ms)
            first, last = np.searchsorted(times, (start, end))
            rows += zip(times[first:last].tolist(), cells[first:last], strict=True)
        return self.edits.applied(home.number, rows, start, end)


class Minutes(NamedTuple):
    """A day's 1440 minutes of one home.

    Attributes:
        is_measured: Whether anybody measured in that minute.
        household: W, drawn by the house.
        pv: W, from the roof.
        battery: W; negative while charging.
        grid: W; negative while feeding in.
        charge: Fraction of the battery's capacity at the end of the minute.
        temperature: °C of the module; NaN where nobody measured.
    """

    is_measured: npt.NDArray[np.bool_]
    household: Floats
    pv: Floats
    battery: Floats
    grid: Floats
    charge: Floats
    temperature: Floats


def minutes_of(shift_days: int, number: int) -> Minutes:
    """The day `number` (days since 1970-01-01) of the home whose source is shifted by `shift_days`."""
    day = rows_of_day(source_day(number, shift_days))
    return Minutes._make(column[day] for column in _home())


@cache
def _home() -> Minutes:
    """All days of the source, one after another."""
    household = by_minute("active_power_W").astype(np.float64)
    is_measured: npt.NDArray[np.bool_] = household != MISSING
    household[~is_measured] = 0
    sun = _with_gaps("pv_power_W")
    pv: Floats = np.round(np.where(np.isnan(sun), 0.0, np.maximum(sun, 0.0))).astype(np.float64)
    battery, charge = _battery(household, pv)
    grid, temperature = household - pv - battery, _with_gaps("module_temperature_cdegC") / 100
    return Minutes(is_measured, household, pv, battery, grid, charge, temperature)


def _with_gaps(column: str) -> Floats:
    values = by_minute(column).astype(np.float64)
    values[values == MISSING] = np.nan
    return values


def _battery(household: Floats, pv: Floats) -> tuple[Floats, Floats]:
    """Power and charge: surplus sun is stored, missing power is taken, within the bounds."""
    power, charge = np.zeros(len(household)), np.zeros(len(household))
    stored_wh = CAPACITY_WH / 2
    for minute, lack in enumerate((household - pv).tolist()):
        limited = min(max(lack, -POWER_W), POWER_W)
        watts = round(min(max(limited, (stored_wh - CAPACITY_WH) * 60), stored_wh * 60))
        stored_wh = min(max(stored_wh - watts / 60, 0.0), CAPACITY_WH)
        power[minute], charge[minute] = watts, stored_wh
    return power, np.round(charge / CAPACITY_WH, 6)


@lru_cache(maxsize=256)
def _piece(home: Home, number: int, spacing_ms: int) -> tuple[Counts, list[Cells]]:
    """A day of a row a minute, or some minutes of a row a second; `number` of them after 1970."""
    rows = sorted(_by_second(home, number, spacing_ms) if spacing_ms else _by_minute(home, number), key=itemgetter(0))
    return np.array([at for at, _ in rows], dtype=np.int64), [cells for _, cells in rows]


def _by_minute(home: Home, number: int) -> Iterator[Row]:
    """A row for each measured minute; a cell where its value differs from the minute before, or an hour begins."""
    day = minutes_of(home.shift_days, number)
    status = ["charging" if power < 0 else "discharging" if power > 0 else "idle" for power in day.battery.tolist()]
    columns: dict[str, list[float] | list[str]] = {
        GRID: day.grid.tolist(),
        HOUSEHOLD: day.household.tolist(),
        INVERTER: day.battery.tolist(),
        PV: day.pv.tolist(),
        ELECTRONICS: day.battery.tolist(),
        CHARGE: day.charge.tolist(),
        STATUS: status,
    }
    midnight = number * MS_PER_DAY
    for minute in np.flatnonzero(day.is_measured).tolist():
        cells = {
            name: columns[name][minute]
            for name in home.columns
            if minute % _HOUR == 0 or columns[name][minute] != columns[name][minute - 1]
        }
        yield midnight + minute * MS_PER_MINUTE + _OFFSET_MS + scattered(minute) % 7, cells
        if minute % _EMPTY_EVERY == 0:
            yield midnight + minute * MS_PER_MINUTE + _EMPTY_AT_MS, {}


def _by_second(home: Home, number: int, spacing_ms: int) -> Iterator[Row]:
    """A row every `spacing_ms`; the n-th column has a cell in every n-th row."""
    midnight = number * _PIECE_MS // MS_PER_DAY * MS_PER_DAY
    day = minutes_of(home.shift_days, midnight // MS_PER_DAY)
    first = (number * _PIECE_MS - midnight) // spacing_ms
    steps = first + np.arange(_PIECE_MS // spacing_ms, dtype=np.int64)
    at_minute = steps * spacing_ms / MS_PER_MINUTE
    known = np.arange(MINUTES, dtype=np.float64)

    def interpolated(values: Floats) -> list[float]:
        return [round(value, 3) for value in np.interp(at_minute, known, values).tolist()]

    battery = interpolated(day.battery)
    columns = {
        GRID: interpolated(day.grid),
        HOUSEHOLD: interpolated(day.household),
        INVERTER: battery,
        PV: interpolated(day.pv),
        ELECTRONICS: battery,
        CHARGE: np.round(np.interp(at_minute, known, day.charge), 6).tolist(),
    }
    jitter = (scattered(steps) % max(spacing_ms // 20, 1)).tolist()
    is_measured = day.is_measured[at_minute.astype(np.int64)].tolist()
    for index, step in enumerate(steps.tolist()):
        if is_measured[index]:
            cells = {name: columns[name][index] for every, name in enumerate(home.columns, 1) if step % every == 0}
            yield midnight + step * spacing_ms + jitter[index], cells
