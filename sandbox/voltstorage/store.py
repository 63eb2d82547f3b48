"""The rows that the twin holds: which product said what at which millisecond, edits included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final

import numpy as np

from sandbox.instants import MS_PER_DAY, MS_PER_MINUTE, capped_at_day_end, now_ms
from sandbox.measured import FIRST_MS, MINUTES, Counts, scattered
from sandbox.voltstorage.home import Floats, minutes_of
from sandbox.voltstorage.settings import Settings

Cells = Mapping[str, float | str]
"""Field → what a row says of it; a field that is not there has an empty cell."""

GRID: Final = "Power_Grid"
HOUSEHOLD: Final = "Power_Household"
INVERTER: Final = "inverterPower"
PV: Final = "Power_PV"
ELECTRONICS: Final = "Power_Power Electronics"
CHARGE: Final = "SOC_State of Charge"
STATUS: Final = "Status"
COLUMNS: Final = (GRID, HOUSEHOLD, INVERTER, PV, ELECTRONICS, CHARGE)
"""In the order of the document's example."""

_EMPTY_EVERY: Final = 97  # minutes between two rows that say nothing
_EMPTY_AT_MS: Final = 30_858
_OFFSET_MS: Final = 562  # the example's rows come half a second after the second
_HOUR: Final = 60
_PIECE_MS: Final = 600_000  # rows by the second are made so many milliseconds at a time


@dataclass(frozen=True, slots=True)
class Home:
    """One product.

    Attributes:
        number: Its id.
        serial: Its serial number.
        time_zone: Where it stands.
        columns: What an export of it has.
        shift_days: By how much its source is shifted against the others'.
        components: The ids of its parts, and the columns that are theirs.
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
    """The rows of every product. The caller holds the twin's lock."""

    def __init__(self) -> None:
        self._edits: dict[int, dict[int, dict[str, float | str] | None]] = {}

    def homes(self, settings: Settings) -> list[Home]:
        """The products there are."""
        return [*HOMES[:1], *([SECONDS] if settings.has_seconds else []), *HOMES[1:]]

    def rows(self, home: Home, start: int, end: int, settings: Settings) -> list[tuple[int, Cells]]:
        """The rows with `start <= time < end`, in epoch milliseconds, and not later than now, by time."""
        end = min(end, capped_at_day_end(now_ms() + 1, settings.last_day))
        found: list[tuple[int, Cells]] = []
        edits = self._edits.get(home.number, {})
        start = max(start, FIRST_MS)
        spacing_ms, size = (settings.spacing_ms, _PIECE_MS) if home is SECONDS else (0, MS_PER_DAY)
        for number in range(start // size, -(-end // size)):
            times, cells = _piece(home, number, spacing_ms)
            first, last = np.searchsorted(times, (start, end))
            found += zip(times[first:last].tolist(), cells[first:last], strict=True)
        if edits:
            kept = {at: cells for at, cells in found if at not in edits}
            kept |= {at: cells for at, cells in edits.items() if cells is not None and start <= at < end}
            return sorted(kept.items())
        return found

    def put(self, product: int, at: int, cells: Cells) -> None:
        """Let a row say exactly this, whether or not there was one."""
        self._edits.setdefault(product, {})[at] = dict(cells)

    def remove(self, product: int, at: int) -> None:
        """Take a row away."""
        self._edits.setdefault(product, {})[at] = None

    def reset(self) -> None:
        """Forget every edit."""
        self._edits.clear()


@lru_cache(maxsize=256)
def _piece(home: Home, number: int, spacing_ms: int) -> tuple[Counts, list[Cells]]:
    """A day of a row a minute, or some minutes of a row a second; `number` of them after 1970."""
    rows = sorted(_by_second(home, number, spacing_ms) if spacing_ms else _by_minute(home, number), key=itemgetter(0))
    return np.array([at for at, _ in rows], dtype=np.int64), [cells for _, cells in rows]


def _by_minute(home: Home, number: int) -> Iterator[tuple[int, Cells]]:
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
        said = {
            name: columns[name][minute]
            for name in home.columns
            if minute % _HOUR == 0 or columns[name][minute] != columns[name][minute - 1]
        }
        at = midnight + minute * MS_PER_MINUTE + _OFFSET_MS + scattered(minute) % 7
        yield at, said
        if minute % _EMPTY_EVERY == 0:
            yield midnight + minute * MS_PER_MINUTE + _EMPTY_AT_MS, {}


def _by_second(home: Home, number: int, spacing_ms: int) -> Iterator[tuple[int, Cells]]:
    """A row every `spacing_ms`; the n-th column says something in every n-th row."""
    midnight = number * _PIECE_MS // MS_PER_DAY * MS_PER_DAY
    day = minutes_of(home.shift_days, midnight // MS_PER_DAY)
    first = (number * _PIECE_MS - midnight) // spacing_ms
    steps = first + np.arange(_PIECE_MS // spacing_ms, dtype=np.int64)
    at_minute = steps * spacing_ms / MS_PER_MINUTE
    known = np.arange(MINUTES, dtype=np.float64)

    def line(values: Floats) -> list[float]:
        return [round(value, 3) for value in np.interp(at_minute, known, values).tolist()]

    battery = line(day.battery)
    columns = {
        GRID: line(day.grid),
        HOUSEHOLD: line(day.household),
        INVERTER: battery,
        PV: line(day.pv),
        ELECTRONICS: battery,
        CHARGE: np.round(np.interp(at_minute, known, day.charge), 6).tolist(),
    }
    jitter = (scattered(steps) % max(spacing_ms // 20, 1)).tolist()
    is_measured = day.is_measured[at_minute.astype(np.int64)].tolist()
    for index, step in enumerate(steps.tolist()):
        if is_measured[index]:
            said = {name: columns[name][index] for every, name in enumerate(home.columns, 1) if step % every == 0}
            yield midnight + step * spacing_ms + jitter[index], said
