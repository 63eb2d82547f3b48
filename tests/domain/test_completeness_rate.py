"""How many days of the twins' untouched year are suspect, and how many of these have all that was measured."""

from collections import defaultdict
from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from domain.completeness.day_verdict import DAY_SECONDS, Days, DayVerdict, Lives, judge
from domain.completeness.shown import LOOK_AHEAD, LOOK_BACK
from sandbox.running import TWINS
from sandbox.twin import Twin

Facts: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
YEAR: Final = range(364)  # the shipped year repeats after that
START: Final = date(2025, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
MS_PER_DAY: Final = 86_400_000
MOST: Final = 1 / 200

NOT_MEASURED: Final = {59, 351, 353, 354, 355}
"""Days of the shipped year whose `pv_power_W` is empty for most of the day (`sandbox/data/ORIGIN.md`)."""

SHOWN_LATER: Final = {"export_service": (0, 1), "smart_house": (0, -28)}
"""By how many days some of a twin's series are shifted against the shipped year."""


def measured(twin: Twin[Any]) -> Facts:
    """By series and day: numbers, the seconds of the first and the last one, and the longest gap; NaN without any."""
    times: defaultdict[tuple[tuple[tuple[str, str], ...], int], set[int]] = defaultdict(set)
    facts: dict[tuple[tuple[tuple[str, str], ...], int], tuple[float, ...]] = {}
    for at in YEAR:
        for point in twin.truth((START + at) * MS_PER_DAY, (START + at + 1) * MS_PER_DAY, {}):
            if not isinstance(point.value, str):
                # A home whose entity says kW instead of W from July on is one series.
                named = tuple(sorted((name, text) for name, text in point.labels.items() if name != "unit"))
                times[named, at].add(point.at - START * MS_PER_DAY)
        for key, of_day in times.items():
            ordered = np.array(sorted(of_day)) / 1000
            facts[key] = (len(ordered), ordered[0], ordered[-1], max(np.diff(ordered), default=0.0))
        times.clear()
    place = {key: n for n, key in enumerate(sorted({key for key, _ in facts}))}
    found = np.full((4, len(place), len(YEAR)), np.nan)
    found[0] = 0
    for (name, at), of_one in facts.items():
        found[:, place[name], at] = of_one
    return found


def suspect_days(facts: Facts) -> list[int]:
    """Days on which a series, or all of them, have less than half of what is expected; no resolution is stated."""
    around, counts = ((0, 0), (LOOK_BACK, LOOK_AHEAD)), facts[0]
    found = np.pad(counts, around).astype(np.int64)
    begin = np.arange(found.shape[1]) * DAY_SECONDS
    first, last, gaps = (np.pad(fact, around, constant_values=np.nan) for fact in facts[1:])
    first, last = first + begin[LOOK_BACK], last + begin[LOOK_BACK]
    unknown = np.full(found.shape, np.nan)
    days = Days(0.0, found, first, last, gaps, np.ones(found.shape[1], dtype=np.bool_), unknown)
    alive = np.full(len(found), np.inf)
    lives = Lives(np.nanmin(first, axis=1), np.nanmax(last, axis=1), alive, np.zeros(len(found)))
    judged = judge(days, unknown, lives, now=begin[-1] + 40 * DAY_SECONDS)
    is_bad = np.isin(judged.verdict, [DayVerdict.PARTIAL, DayVerdict.SILENT, DayVerdict.ABSENT])
    is_judged = ~np.isin(judged.verdict, [DayVerdict.UNKNOWN, DayVerdict.NOT_EXPECTED]) & ~np.isnan(judged.expected)
    is_low = is_bad & ((counts * 2 < judged.expected) | (np.isnan(judged.expected) & (counts == 0)))
    is_low_at_all = np.where(is_judged, counts, 0).sum(axis=0) * 2 < np.where(is_judged, judged.expected, 0).sum(axis=0)
    return [int(day) for day in np.flatnonzero(is_low.any(axis=0) | is_low_at_all)]


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_at_most_one_day_in_200_of_the_twins_year_is_suspect_without_a_gap_in_what_was_measured() -> None:
    n_suspect = n_without_gap = 0
    for kind in TWINS:
        days = suspect_days(measured(kind(kind.settings_type())))
        gaps = {at + shift for at in NOT_MEASURED for shift in SHOWN_LATER.get(kind.slug, (0,))}
        without_gap = [at for at in days if at not in gaps]
        print(f"{kind.slug}: {len(days)} of {len(YEAR)} days are suspect, without a gap {without_gap}")
        n_suspect += len(days)
        n_without_gap += len(without_gap)
    n_days = len(YEAR) * len(TWINS)
    print(f"{n_suspect} of {n_days} source-days are suspect, {n_without_gap} without a gap")
    assert n_without_gap <= MOST * n_days
