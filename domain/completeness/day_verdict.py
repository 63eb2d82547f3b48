"""What became of a series on a day: complete, or what it lacks, and since when."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.completeness.shown import LOOK_AHEAD, LOOK_BACK, shown_around

DAY_SECONDS: Final = 86_400.0
SHOWN_TOLERANCE: Final = 0.15
"""Share of what a series has shown that a day may lack and be complete."""

_STEPS_OF_SILENCE: Final = 3.0  # a day that ends so many points early is silent, and not partial
_LEAST_SILENCE: Final = 3_600.0

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class DayVerdict(IntEnum):
    """What became of a series on a UTC day. The names, with spaces, are what tables and commands say."""

    NOT_EXPECTED = 0  # before it began, after it ended, a day on which it never says anything
    COMPLETE = 1
    PARTIAL = 2  # some of what is expected is missing
    SILENT = 3  # it has said nothing since, to this day
    LATE = 4  # incomplete, and not later than its device usually is, or about a span that is not over
    ABSENT = 5  # nothing, and it has spoken since
    UNKNOWN = 6  # never loaded, or too little is known of the series

    @property
    def word(self) -> str:
        """As a table says it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Days:
    """Facts of some series on days one after the other: arrays of series by days; instants in seconds since 1970.

    Attributes:
        start: Midnight of the first day.
        found: Points.
        first: Of the first one; NaN where there is none.
        last: Of the last one.
        longest_gap: Seconds.
        is_loaded: Per day: whether a load has covered it.
        expected_before: What was expected when it was judged before; NaN where it was not judged.
    """

    start: float
    found: Ints
    first: Floats
    last: Floats
    longest_gap: Floats
    is_loaded: Bools
    expected_before: Floats


@dataclass(frozen=True, slots=True)
class Lives:
    """What is known of series beyond these days, one element each; instants in seconds since 1970.

    Attributes:
        begun: The first point of all; infinity where there is none.
        last: The last point of all.
        ended: When it was known to be dead; infinity where it is alive.
        lateness: How long after the end of a day its points usually come, seconds; 0 where they are not late.
    """

    begun: Floats
    last: Floats
    ended: Floats
    lateness: Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts: arrays of series by days.

    Attributes:
        expected: Points; NaN where no count is expected.
        verdict: Values of `DayVerdict`.
        since: Seconds since 1970 from which on something is missing; NaN where nothing is, or nothing is known of it.
    """

    expected: Floats
    verdict: Ints
    since: Floats


def judge(days: Days, stated: Floats, lives: Lives, now: float, is_open: Bools | None = None) -> Judged:
    """Judge the days between the first `LOOK_BACK` and the last `LOOK_AHEAD`, which are only looked at.

    Args:
        days: Facts.
        stated: Points expected by resolution, for every series and day; NaN where nothing is stated.
        lives: What is known of the series.
        now: Seconds since 1970.
        is_open: For every series and day, whether its value is about a span that is not over; None: none is.
    """
    n_series, n_days = days.found.shape
    expected = np.where(np.isnan(days.expected_before), np.nan, days.expected_before)
    verdict = np.zeros((n_series, n_days), dtype=np.int64)
    since = np.full((n_series, n_days), np.nan)
    last_known = _last_known(days)
    silences = np.fmax(days.longest_gap, days.first - last_known[:, :-1])
    silent_for = np.full(n_series, np.nan)
    judged = range(LOOK_BACK, n_days - LOOK_AHEAD)
    for day in judged:
        begin = days.start + day * DAY_SECONDS
        end = begin + DAY_SECONDS
        before = slice(day - LOOK_BACK, day)
        is_known = days.is_loaded[before] & (
            days.start + np.arange(n_days)[before] * DAY_SECONDS >= lives.begun[:, None]
        )
        behind = days.found[:, day + 1 : day + 1 + LOOK_AHEAD]
        shown = shown_around(days.found[:, before], behind, silences[:, before], is_known=is_known)
        is_stated = ~np.isnan(stated[:, day])
        # A series that has fallen silent is measured by what it was when it spoke.
        fell_silent = lives.last < begin - 7 * DAY_SECONDS
        by_weeks = np.where(fell_silent, expected[:, day - 7], shown.expected)
        silent_for = np.where(np.isnan(shown.longest_silence), silent_for, shown.longest_silence)
        # Nothing of a series' first day says that it should have been whole.
        by_weeks[(begin <= lives.begun) & (lives.begun < end)] = np.nan
        wanted = np.where(is_stated, stated[:, day], by_weeks)
        alive = np.clip((end - np.maximum(begin, lives.begun)) / DAY_SECONDS, 0, 1)
        wanted = np.where(alive < 1, np.floor(wanted * alive), wanted)
        quiet = np.fmax(silences[:, day], end - last_known[:, day + 1])
        is_broken = (days.found[:, day] * 2 < shown.rough) & (quiet > shown.rough_silence)
        wanted = np.where(is_broken & ~is_stated & (alive == 1), shown.rough, wanted)
        expected[:, day] = wanted
        waits, until = now < end + lives.lateness, last_known[:, day + 1]
        if is_open is not None:
            waits |= is_open[:, day]
        one = _Day(days, lives, day, begin, end, waits, wanted, is_stated, silent_for, shown.is_familiar, until)
        verdict[:, day], since[:, day] = one.judged()
    kept = slice(judged.start, judged.stop)
    return Judged(expected[:, kept], verdict[:, kept], since[:, kept])


@dataclass(frozen=True, slots=True)
class _Day:
    """One day of all series on its way to a verdict."""

    days: Days
    lives: Lives
    day: int
    begin: float
    end: float
    waits: Bools  # for points that cannot be there yet, or usually are not
    wanted: Floats
    is_stated: Bools
    silent_for: Floats
    is_familiar: Bools
    last_known: Floats  # at its end

    def judged(self) -> tuple[Ints, Floats]:
        lives, found = self.lives, self.days.found[:, self.day]
        n_wanted = np.where(np.isnan(self.wanted), 0.0, self.wanted)
        is_counted = ~np.isnan(self.wanted)
        enough = np.where(self.is_stated, n_wanted, n_wanted * (1 - SHOWN_TOLERANCE))
        # What lies before the days that are looked at is known where nothing has come since.
        last = np.fmax(self.last_known, np.where(lives.last < self.end, lives.last, np.nan))
        quiet = self.end - last
        is_unusual = quiet > self.silent_for  # False where nothing is known of it
        has_nothing = found == 0
        lacks = np.where(is_counted, found < enough, is_unusual)
        step = DAY_SECONDS / np.maximum(n_wanted, 1)
        step = np.where(is_counted & (n_wanted > 0), step, 0.0)
        ends_early = quiet > np.maximum(_STEPS_OF_SILENCE * step, _LEAST_SILENCE)
        is_last_word = lives.last < self.end
        is_alive = (lives.begun < self.end) & (self.begin < lives.ended)
        is_loaded = bool(self.days.is_loaded[self.day])

        verdict = np.full(len(found), DayVerdict.COMPLETE)
        verdict[lacks] = DayVerdict.PARTIAL
        verdict[lacks & has_nothing] = DayVerdict.ABSENT
        verdict[lacks & is_last_word & ends_early] = DayVerdict.SILENT
        verdict[lacks & self.waits] = DayVerdict.LATE
        verdict[~lacks & has_nothing] = DayVerdict.NOT_EXPECTED
        verdict[~is_counted & ~has_nothing & ~self.is_familiar] = DayVerdict.UNKNOWN
        if not is_loaded:
            verdict[has_nothing & (verdict != DayVerdict.NOT_EXPECTED)] = DayVerdict.UNKNOWN
        verdict[~is_alive] = np.where(has_nothing, DayVerdict.NOT_EXPECTED, DayVerdict.COMPLETE)[~is_alive]

        since = np.full(len(found), np.nan)
        missing = np.isin(verdict, [DayVerdict.SILENT, DayVerdict.ABSENT, DayVerdict.LATE])
        since[missing] = (last + step)[missing]
        starts_late = (verdict == DayVerdict.PARTIAL) & (self.days.first[:, self.day] - self.begin > step + 1)
        since[starts_late] = np.fmax(self.begin, lives.begun)[starts_late]
        stops_early = (verdict == DayVerdict.PARTIAL) & ends_early & ~starts_late
        since[stops_early] = (last + step)[stops_early]
        return verdict, since


def _last_known(days: Days) -> Floats:
    """The last point before each day, and behind the last day: series by days and one; NaN where there is none."""
    n_series = len(days.found)
    known = np.concatenate([np.full((n_series, 1), -np.inf), np.where(np.isnan(days.last), -np.inf, days.last)], axis=1)
    known = np.maximum.accumulate(known, axis=1)
    return np.where(np.isinf(known), np.nan, known)
