"""Faults put into series that have none, by a generator that knows where. It was written before the detectors.

Of each kind as many as are asked for, at random places: a column at random, one of its copies at random, an instant at
random, at least eight weeks after the series began and ten days before it ends. A place where the fault would change no
value, or where its kind cannot be told by anybody (see `Kind`), is drawn again.

The kinds and their magnitudes:

- `stuck`: 24 to 168 hours at the value with which it began, in series with at least 20 different values a day;
- `factor`: by 10, 1,000, 3,600 or one of them inverted, from an instant on and for good;
- `sign`: turned, from an instant on and for good;
- `zeros`: for 3 to 24 hours, where the least value of these hours is above zero;
- `yesterday`: a whole UTC day shows the values of the day before, at the same times of day;
- `shift`: by 1 to 8 quarters of an hour, earlier or later, from a midnight on and for good, in series with a daily
  profile;
- `total`: a whole UTC day times 2, 3, 5 or one of them inverted, rounded to the series' step, in series whose totals of
  the eight weeks before lie within a factor of two, and to a total that none of these days had.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tests.domain.plausibility.measured_series import DAY, QUARTER, Floats, Series

Kind = Literal["stuck", "factor", "sign", "zeros", "yesterday", "shift", "total"]

KINDS: Final[tuple[Kind, ...]] = ("stuck", "factor", "sign", "zeros", "yesterday", "shift", "total")
FACTORS: Final = (10.0, 1000.0, 3600.0, 1 / 10, 1 / 1000, 1 / 3600)
TIMES: Final = (2.0, 3.0, 5.0, 1 / 2, 1 / 3, 1 / 5)
STEADY: Final = 2.0
LEAST_DIFFERENT: Final = 20
LEAST_PROFILE: Final = 0.3
HISTORY_DAYS: Final = 56
LAST_DAYS: Final = 10

_HOUR: Final = 3600
_PROFILE_DAYS: Final = 28
_TRIES: Final = 10_000
_COMPLETE: Final = 0.9  # of the points of a day: totals of less are no totals


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in one series.

    Attributes:
        kind: What it is.
        magnitude: Hours of `stuck` and `zeros`, the factor (of a `total`, too), minutes of a shift (negative:
            earlier); 0 otherwise.
        series: The series as it was measured.
        begin: The first second that is wrong.
        end: The second after the last that is wrong; the series' end where the fault stays.
        values: What the series shows with the fault, at `times`.
        times: Seconds since 1970-01-01 UTC; those of the series except for a shift.
    """

    kind: Kind
    magnitude: float
    series: Series
    begin: int
    end: int
    times: np.ndarray[tuple[int], np.dtype[np.int64]]
    values: Floats

    @property
    def found_by(self) -> int:
        """When it has to be found at the latest: at the end of the day after it began; a shift, of the third day."""
        return (self.begin // DAY + (3 if self.kind == "shift" else 2)) * DAY


def faults(kind: Kind, n_faults: int, series: Sequence[Series], seed: int) -> Iterator[Fault]:
    """`n_faults` of a kind, the same for the same seed.

    Raises:
        LookupError: No place was found in ten thousand tries.
    """
    chance = np.random.default_rng([KINDS.index(kind), seed])
    columns = sorted({one.column for one in series})
    copies = {column: [one for one in series if one.column == column] for column in columns}
    for _ in range(n_faults):
        for _ in range(_TRIES):
            candidates = copies[columns[chance.integers(len(columns))]]
            found = _put(kind, candidates[chance.integers(len(candidates))], chance)
            if found is not None:
                yield found
                break
        else:
            raise LookupError(f"no place for a fault of the kind {kind} in {len(series)} series")


def _put(kind: Kind, series: Series, chance: np.random.Generator) -> Fault | None:
    first, last = int(series.times[0]) + HISTORY_DAYS * DAY, int(series.times[-1]) - LAST_DAYS * DAY
    begin = int(series.times[np.searchsorted(series.times, chance.integers(first, last))])
    return _WAYS[kind](series, begin, chance)


def _stuck(series: Series, begin: int, chance: np.random.Generator) -> Fault | None:
    hours = int(chance.integers(24, 168, endpoint=True))
    where = _span(series, begin, begin + hours * _HOUR)
    days = [_span(series, begin - (n + 1) * DAY, begin - n * DAY) for n in range(7)]
    different = [len(np.unique(series.values[day])) for day in days if day.stop > day.start]
    if not different or np.median(different) < LEAST_DIFFERENT:
        return None
    return _replaced(series, "stuck", hours, where, np.full(where.stop - where.start, series.values[where.start]))


def _factor(series: Series, begin: int, chance: np.random.Generator) -> Fault | None:
    factor = FACTORS[chance.integers(len(FACTORS))]
    where = slice(int(np.searchsorted(series.times, begin)), len(series.times))
    return _replaced(series, "factor", factor, where, series.values[where] * factor)


def _sign(series: Series, begin: int, _: np.random.Generator) -> Fault | None:
    where = slice(int(np.searchsorted(series.times, begin)), len(series.times))
    return _replaced(series, "sign", 0, where, -series.values[where])


def _zeros(series: Series, begin: int, chance: np.random.Generator) -> Fault | None:
    hours = int(chance.integers(3, 24, endpoint=True))
    where = _span(series, begin, begin + hours * _HOUR)
    if where.stop == where.start or series.values[where].min() <= 0:
        return None
    return _replaced(series, "zeros", hours, where, np.zeros(where.stop - where.start))


def _yesterday(series: Series, begin: int, _: np.random.Generator) -> Fault | None:
    midnight = begin // DAY * DAY
    before, day = _span(series, midnight - DAY, midnight), _span(series, midnight, midnight + DAY)
    if before.stop == before.start or day.stop == day.start:
        return None
    times = np.concatenate([series.times[: day.start], series.times[before] + DAY, series.times[day.stop :]])
    values = np.concatenate([series.values[: day.start], series.values[before], series.values[day.stop :]])
    if np.array_equal(times, series.times) and np.array_equal(values, series.values):
        return None
    return Fault("yesterday", 0, series, midnight, midnight + DAY, times, values)


def _shift(series: Series, begin: int, chance: np.random.Generator) -> Fault | None:
    midnight = begin // DAY * DAY
    quarters = int(chance.integers(1, 8, endpoint=True)) * (1 if chance.integers(2) else -1)
    if _profile_share(series, midnight) < LEAST_PROFILE:
        return None
    at = int(np.searchsorted(series.times, midnight))
    moved = series.times[at:] + quarters * QUARTER
    keep = moved >= midnight  # What would lie before the first wrong day was said already, rightly.
    times = np.concatenate([series.times[:at], moved[keep]])
    values = np.concatenate([series.values[:at], series.values[at:][keep]])
    fault = Fault("shift", quarters * QUARTER / 60, series, midnight, int(series.times[-1]) + 1, times, values)
    soon, as_measured = (slice(at, int(np.searchsorted(of, fault.found_by))) for of in (times, series.times))
    is_same = np.array_equal(times[soon], series.times[as_measured])
    return None if is_same and np.array_equal(values[soon], series.values[as_measured]) else fault


def _total(series: Series, begin: int, chance: np.random.Generator) -> Fault | None:
    times = TIMES[chance.integers(len(TIMES))]
    midnight = begin // DAY * DAY
    day = _span(series, midnight, midnight + DAY)
    spans = [_span(series, midnight - (n + 1) * DAY, midnight - n * DAY) for n in range(HISTORY_DAYS)]
    before = [series.values[one].mean() for one in spans if one.stop - one.start >= _COMPLETE * (day.stop - day.start)]
    if day.stop - day.start < _COMPLETE * np.median([one.stop - one.start for one in spans]) or not before:
        return None
    least, most = min(before), max(before)
    wrong = _rounded(series, series.values[day] * times)
    if least <= 0 or most > STEADY * least or least <= wrong.mean() <= most:
        return None
    return _replaced(series, "total", times, day, wrong)


def _rounded(series: Series, values: Floats) -> Floats:
    return np.rint(values) if np.array_equal(series.values, np.rint(series.values)) else values


def _profile_share(series: Series, midnight: int) -> float:
    """How much of the variance of the last four weeks, by quarters of an hour, their mean day explains."""
    past = _span(series, midnight - _PROFILE_DAYS * DAY, midnight)
    slots = series.times[past] % DAY // QUARTER
    counts = np.bincount(slots, minlength=DAY // QUARTER)
    if (counts == 0).any():
        return 0.0
    values = series.values[past]
    mean_day = np.bincount(slots, weights=values, minlength=DAY // QUARTER) / counts
    variance = float(values.var())
    return float(1 - ((values - mean_day[slots]) ** 2).mean() / variance) if variance else 0.0


def _span(series: Series, begin: int, end: int) -> slice:
    first, last = np.searchsorted(series.times, (begin, end))
    return slice(int(first), int(last))


def _replaced(series: Series, kind: Kind, magnitude: float, where: slice, values: Floats) -> Fault | None:
    """The fault, or none where nothing becomes wrong before the end of the day after it began."""
    begin = int(series.times[where.start])
    soon = slice(where.start, min(where.stop, int(np.searchsorted(series.times, (begin // DAY + 2) * DAY))))
    if np.array_equal(values[: soon.stop - soon.start], series.values[soon]):
        return None
    wrong = np.concatenate([series.values[: where.start], values, series.values[where.stop :]])
    return Fault(kind, magnitude, series, begin, int(series.times[where.stop - 1]) + 1, series.times, wrong)


_WAYS: Final[dict[Kind, Callable[[Series, int, np.random.Generator], Fault | None]]] = {
    "stuck": _stuck,
    "factor": _factor,
    "sign": _sign,
    "zeros": _zeros,
    "yesterday": _yesterday,
    "shift": _shift,
    "total": _total,
}
