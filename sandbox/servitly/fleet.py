"""The things of the fleet and their rows: household meters and a solar plant, values stored when they change.

Every number is measured (`sandbox/data/ORIGIN.md`); the mode of a meter is derived from its power. The day that is k
days after 2025-01-01 shows the source's day k mod 364, shifted by a week for the second meter.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sandbox.edits import Row, RowEdits
from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE, capped_at_day_end, now_ms
from sandbox.measured import FIRST_MS, MINUTES, MISSING, Counts, measured_column, rows_of_day, source_day
from sandbox.servitly.settings import Settings

_HOUR: Final = 60
_BUSY_W: Final = 2000
_IDLE_W: Final = 300


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a kind of thing: the measured column, the divisor of its integers, and its unit."""

    id: str
    name: str
    unit: str
    table: str
    column: str
    divisor: int = 1

    @property
    def header(self) -> str:
        """Its name with its unit, if it has one."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing.

    Attributes:
        id: The provider's id.
        serial: Its serial number.
        definition: The name of its kind.
        customer: The id of its customer.
        location: The id of its location.
        metrics: What it measures.
        minutes: Minutes between two samples.
        shift_days: The shift of its source against the others'.
        offset_ms: When within the minute it samples.
    """

    id: str
    serial: str
    definition: str
    customer: str
    location: str
    metrics: tuple[Metric, ...]
    minutes: int = 1
    shift_days: int = 0
    offset_ms: int = 0


_METER: Final = (
    Metric("66a000000000000000000001", "Active power", "W", "household", "active_power_W"),
    Metric("66a000000000000000000002", "Voltage", "V", "household", "voltage_cV", 100),
    Metric("66a000000000000000000003", "Current", "A", "household", "current_dA", 10),
    Metric("66a000000000000000000004", "Water heater", "Wh", "household", "heater_Wh"),
    Metric("66a000000000000000000005", "Mode", "", "household", ""),
)
_PLANT: Final = (
    Metric("66a000000000000000000011", "Active power", "W", "solar", "pv_power_W"),
    Metric("66a000000000000000000012", "Irradiance", "W/m²", "solar", "poa_irradiance_dW_m2", 10),
    Metric("66a000000000000000000013", "Module temperature", "°C", "solar", "module_temperature_cdegC", 100),
)

THINGS: Final = (
    Thing("66b000000000000000000001", "HM-1001", "Household meter", "customer-1", "paris", _METER, offset_ms=137),
    Thing(
        "66b000000000000000000002",
        "HM-1002",
        "Household meter",
        "customer-2",
        "paris",
        _METER[:4],
        shift_days=7,
        offset_ms=542,
    ),
    Thing("66b000000000000000000003", "PV-2001", "Solar plant", "customer-1", "golden", _PLANT, minutes=15),
)


class Fleet:
    """The rows of every thing, by the ids of metrics. The caller holds the twin's lock."""

    def __init__(self) -> None:
        self.edits: Final = RowEdits()

    def rows(self, thing: Thing, start: int, end: int, settings: Settings) -> list[Row]:
        """The rows with `start <= time < end`, in epoch milliseconds, and not later than now, by time."""
        start, end = max(start, FIRST_MS), min(end, capped_at_day_end(now_ms() + 1, settings.last_day))
        days = range(start // MS_PER_DAY, -(-end // MS_PER_DAY))
        rows = [row for number in days for row in _day(thing, number) if start <= row[0] < end]
        return self.edits.applied(thing.id, rows, start, end)


@lru_cache(maxsize=256)
def _day(thing: Thing, number: int) -> tuple[Row, ...]:
    """A day: a row where anything differs from the sample before; all that is measured at the beginning of an hour."""
    columns = [(metric, _values(thing, metric, number).tolist()) for metric in thing.metrics]
    rows: list[Row] = []
    before: dict[str, float | str] = {}
    for index in range(MINUTES // thing.minutes):
        if (index * thing.minutes) % _HOUR == 0:
            before = {}
        now = {metric.id: _value(metric, values[index]) for metric, values in columns if values[index] != MISSING}
        cells = {name: value for name, value in now.items() if before.get(name) != value}
        before |= now
        if cells:
            rows.append((number * MS_PER_DAY + index * thing.minutes * MS_PER_MINUTE + thing.offset_ms, cells))
    return tuple(rows)


def _values(thing: Thing, metric: Metric, number: int) -> Counts:
    column = measured_column(metric.table, metric.column or "active_power_W")
    return column[rows_of_day(source_day(number, thing.shift_days), MINUTES // thing.minutes)]


def _value(metric: Metric, value: int) -> float | str:
    if not metric.column:
        return "heavy load" if value >= _BUSY_W else "normal" if value >= _IDLE_W else "idle"
    return value if metric.divisor == 1 else value / metric.divisor
