"""Each detector on days that are written down here."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from domain.plausibility.balance import unlike_sum
from domain.plausibility.flag import Flag
from domain.plausibility.judge import judge
from domain.plausibility.profile import is_held
from domain.plausibility.shape import DAY, SETTLED_HISTORY, SLOTS, DayShape, shape_of
from domain.plausibility.siblings import moved, siblings_of

FIRST = 20_000
CHANCE = np.random.default_rng(13)


def day_of(number: int, values: npt.ArrayLike) -> DayShape:
    """A day of quarters of an hour."""
    found = shape_of(number, number * DAY + np.arange(SLOTS) * 900, np.asarray(values, dtype=np.float64))
    assert found is not None
    return found


def drawn(n_days: int, least: int = 100, most: int = 2000) -> list[DayShape]:
    """Days of whole numbers without a pattern."""
    return [day_of(FIRST + n, CHANCE.integers(least, most, SLOTS)) for n in range(n_days)]


def sunny(number: int, shift: int = 0) -> DayShape:
    """A day of a roof: dark before quarter 24 and behind quarter 71, more or less cloudy."""
    values = np.zeros(SLOTS)
    values[24 + shift : 72 + shift] = CHANCE.integers(1, 900, 48)
    return day_of(number, values)


def kinds(flags: Sequence[Flag]) -> list[str]:
    return sorted(flag.kind for flag in flags)


PAST = drawn(40)
TODAY = FIRST + 40


def test_a_day_like_the_others_raises_no_flag() -> None:
    assert judge(day_of(TODAY, CHANCE.integers(100, 2000, SLOTS)), PAST) == ()


def test_a_day_with_little_history_is_judged_by_its_limits_alone() -> None:
    impossible = day_of(TODAY, np.full(SLOTS, 1e9))
    assert judge(impossible, PAST[-9:]) == ()
    [flag] = judge(impossible, PAST[-9:], limits=(None, 5_000.0))
    assert (flag.kind, flag.evidence) == ("limit", "up to 1e+09; 5000 is the most that is possible")
    assert kinds(judge(day_of(TODAY, np.full(SLOTS, -5.0)), PAST[-9:], limits=(0.0, None))) == ["limit"]


@pytest.mark.parametrize("n_days", [12, 40])
def test_a_young_series_may_rise_fall_and_turn_where_an_old_one_may_not(n_days: int) -> None:
    young = n_days < SETTLED_HISTORY
    # An empty house into which people come back, a dull day, the first export, an empty battery.
    away = [day_of(FIRST + n, CHANCE.random(SLOTS) + 100) for n in range(n_days)]
    assert kinds(judge(day_of(FIRST + n_days, CHANCE.random(SLOTS) + 800), away)) == ([] if young else ["factor"])
    assert kinds(judge(day_of(FIRST + n_days, CHANCE.random(SLOTS)), away)) == ([] if young else ["factor"])
    bought = [day_of(FIRST + n, CHANCE.random(SLOTS) - 0.1) for n in range(n_days)]
    sold = CHANCE.random(SLOTS) - 0.5
    assert kinds(judge(day_of(FIRST + n_days, sold), bought)) == ([] if young else ["sign"])
    charged = [day_of(FIRST + n, CHANCE.random(SLOTS) + 0.001) for n in range(n_days)]
    emptied = np.where(np.arange(SLOTS) < 24, 0.0, CHANCE.random(SLOTS))
    assert kinds(judge(day_of(FIRST + n_days, emptied), charged)) == ([] if young else ["zeros"])


def test_a_young_series_that_never_came_near_to_zero_has_none() -> None:
    values = CHANCE.integers(22_500, 23_500, SLOTS)
    values[30:34] = 0
    past = [day_of(FIRST + n, CHANCE.integers(22_500, 23_500, SLOTS)) for n in range(12)]
    assert kinds(judge(day_of(FIRST + 12, values), past)) == ["zeros"]


@pytest.mark.parametrize("factor", [10, 1000, 3600, 1 / 10, 1 / 1000, 1 / 3600])
def test_another_unit_is_seen_in_the_step_of_the_values_even_where_the_level_says_nothing(factor: float) -> None:
    dull = CHANCE.integers(100, 210, SLOTS) if factor > 1 else CHANCE.integers(1900, 2000, SLOTS)
    assert "factor" in kinds(judge(day_of(TODAY, dull * factor), PAST))


def test_values_that_have_no_step_are_judged_by_their_level() -> None:
    past = [day_of(FIRST + n, CHANCE.random(SLOTS) + 1) for n in range(40)]
    assert kinds(judge(day_of(TODAY, (CHANCE.random(SLOTS) + 1) * 1000), past)) == ["factor"]
    assert kinds(judge(day_of(TODAY, (CHANCE.random(SLOTS) + 1) / 1000), past)) == ["factor"]
    assert judge(day_of(TODAY, (CHANCE.random(SLOTS) + 1) * 2), past) == ()


def test_a_turned_sign_is_seen_in_series_of_one_sign_and_of_both() -> None:
    assert "sign" in kinds(judge(day_of(TODAY, -CHANCE.integers(100, 2000, SLOTS)), PAST))
    wave = 100 * np.sin(np.arange(SLOTS) / SLOTS * 2 * np.pi)
    past = [day_of(FIRST + n, np.rint(wave + CHANCE.normal(0, 20, SLOTS))) for n in range(40)]
    assert judge(day_of(TODAY, np.rint(wave + CHANCE.normal(0, 20, SLOTS))), past) == ()
    assert kinds(judge(day_of(TODAY, -np.rint(wave + CHANCE.normal(0, 20, SLOTS))), past)) == ["sign"]


def test_the_day_before_once_more_is_seen_and_two_days_of_one_value_are_not() -> None:
    assert kinds(judge(day_of(TODAY, PAST[-1].values), PAST)) == ["yesterday"]
    idle = [day_of(FIRST + n, np.zeros(SLOTS)) for n in range(40)]
    assert judge(day_of(TODAY, np.zeros(SLOTS)), idle) == ()


def test_three_hours_of_zeros_are_seen_where_none_have_been() -> None:
    values = CHANCE.integers(100, 2000, SLOTS)
    values[30:42] = 0
    assert "zeros" in kinds(judge(day_of(TODAY, values), PAST))


def test_zeros_at_noon_are_seen_and_those_of_the_night_are_not() -> None:
    past = [sunny(FIRST + n) for n in range(40)]
    assert judge(sunny(TODAY), past) == ()
    values = sunny(TODAY).values.copy()
    values[40:56] = 0
    assert "zeros" in kinds(judge(day_of(TODAY, values), past))


def test_a_stuck_value_is_said_once_and_not_on_each_day_that_it_lasts() -> None:
    # From noon on: on each of the two days behind it the run is much longer than it was the day before.
    begun = np.where(np.arange(SLOTS) < SLOTS // 2, PAST[-1].values, 777.0)
    stuck = [day_of(TODAY, begun), *(day_of(TODAY + n, np.full(SLOTS, 777.0)) for n in range(1, 7))]
    said = [kinds(judge(day, [*PAST, *stuck[:n]])) for n, day in enumerate(stuck)]
    assert [one.count("stuck") for one in said] == [1, 0, 0, 0, 0, 0, 0]


def test_a_value_that_was_stuck_before_there_was_a_history_is_said_when_there_is_one() -> None:
    short = PAST[-9:]
    stuck = [day_of(TODAY + n, np.full(SLOTS, 777.0)) for n in range(4)]
    said = [kinds(judge(day, [*short, *stuck[:n]])) for n, day in enumerate(stuck)]
    assert [one.count("stuck") for one in said] == [0, 1, 0, 0]


def test_a_clock_that_is_off_by_one_quarter_is_seen_on_the_third_day_and_said_once() -> None:
    past = [sunny(FIRST + n) for n in range(50)]
    late = [sunny(FIRST + 50 + n, shift=1) for n in range(5)]
    said = [kinds(judge(day, [*past, *late[:n]])) for n, day in enumerate(late)]
    assert said == [[], [], ["shift"], [], []]


def test_a_clock_that_was_changed_three_weeks_ago_hides_no_other_change() -> None:
    past = [sunny(FIRST + n, shift=4 * (n >= 30)) for n in range(52)]
    late = [sunny(FIRST + 52 + n, shift=8) for n in range(5)]
    said = [kinds(judge(day, [*past, *late[:n]])) for n, day in enumerate(late)]
    assert said == [[], [], ["shift"], [], []]
    # The change itself is said once.
    assert [kinds(judge(past[n], past[:n])).count("shift") for n in range(45, 52)] == [0] * 7


def test_a_hole_at_sunset_is_no_clock() -> None:
    past = [sunny(FIRST + n) for n in range(50)]
    for n in range(3):
        values = sunny(FIRST + 50 + n).values.copy()
        values[64:] = np.nan
        known = ~np.isnan(values)
        cut = shape_of(FIRST + 50 + n, ((FIRST + 50 + n) * DAY + np.arange(SLOTS) * 900)[known], values[known])
        assert cut is not None
        assert "shift" not in kinds(judge(cut, past))
        past.append(cut)


def warm(number: int, shift: int = 0, hole: int = 0, of: int = 0) -> DayShape:
    """A day of a temperature: never zero, warmer or colder than others, and it rises and falls with the sun."""
    chance = np.random.default_rng([number, of])
    day = np.clip(np.sin((np.arange(SLOTS) - 24 - shift) / 48 * np.pi), 0, None)
    noise = chance.normal(0, 0.6, SLOTS) * (day > 0) + chance.normal(0, 0.1, SLOTS)
    values = 300 + chance.normal(0, 2) + chance.uniform(15, 25) * day + noise
    found = shape_of(number, (number * DAY + np.arange(SLOTS) * 900)[hole:], values[hole:])
    assert found is not None
    return found


@pytest.mark.parametrize("quarters", [6, -6])
def test_a_clock_that_is_off_is_seen_in_a_profile_without_a_night_and_said_once(quarters: int) -> None:
    past = [warm(FIRST + n) for n in range(58)]
    assert [judge(past[n], past[:n]) for n in range(50, 58)] == [()] * 8
    late = [warm(FIRST + 58 + n, quarters) for n in range(5)]
    said = [judge(day, [*past, *late[:n]]) for n, day in enumerate(late)]
    [flag] = [flag for flags in said for flag in flags]
    assert flag.kind == "shift"
    assert flag in {*said[1], *said[2]}
    assert re.search(f" as (75|90|105) minutes {'late' if quarters > 0 else 'early'}; other days by", flag.evidence)


def test_behind_a_hole_of_as_much_less_is_needed() -> None:
    past = [warm(FIRST + n) for n in range(58)]
    said = {}
    for hole in (0, 1, 2):
        late = [warm(FIRST + 58, 1, hole), warm(FIRST + 59, 1), warm(FIRST + 60, 1)]
        said[hole] = [flag.evidence for n, day in enumerate(late) for flag in judge(day, [*past, *late[:n]])]
    assert said[0] == said[2] == []
    [evidence] = said[1]
    assert "as 15 minutes late, behind a hole of 15 minutes" in evidence


@pytest.mark.parametrize("whole_device", [False, True])
def test_a_sibling_that_goes_with_a_series_as_it_did_holds_it_unless_both_have_moved(whole_device: bool) -> None:
    days, other = [], []
    for n in range(61):
        clouds = np.random.default_rng(n).normal(0, 1, SLOTS)
        moved = 8 * (n >= 58)
        days.append(day_of(FIRST + n, warm(FIRST + n, moved).means + clouds))
        other.append(day_of(FIRST + n, warm(FIRST + n, moved * whole_device, of=1).means + clouds))
    siblings = siblings_of(days[:58], [("other", other)], FIRST + 58)
    assert siblings[0].tells_lags
    assert is_held(days[60], days[:60], siblings, 8) == (not whole_device)


def test_a_series_that_is_off_beside_its_sibling_is_seen_and_named() -> None:
    base = [CHANCE.integers(100, 2000, SLOTS).astype(np.float64) for _ in range(53)]
    power = [day_of(FIRST + n, values) for n, values in enumerate(base)]
    current = [day_of(FIRST + n, np.rint(values / 23)) for n, values in enumerate(base)]
    late = [day_of(FIRST + n, np.rint(np.roll(base[n], 4) / 23)) for n in range(50, 53)]
    siblings = siblings_of(current[:50], [("power", power)], FIRST + 50)
    said = [judge(day, [*current[:50], *late[:n]], siblings) for n, day in enumerate(late)]
    assert [flag.evidence for flag in said[2]] == ["60 minutes late beside power"]
    turned = judge(
        day_of(FIRST + 50, 4000 - power[50].values), power[:50], siblings_of(power, [("current", current)], FIRST + 50)
    )
    assert kinds(turned) == ["sign"]


@pytest.mark.parametrize("n_days", [20, 40])
def test_a_sibling_says_nothing_of_a_young_series(n_days: int) -> None:
    power = drawn(n_days + 1)
    current = [day_of(day.day, np.rint(day.values / 23)) for day in power]
    siblings = siblings_of(power[:-1], [("current", current)], FIRST + n_days)
    turned = judge(day_of(FIRST + n_days, 4000 - power[-1].values), power[:-1], siblings)
    assert siblings
    assert kinds(turned) == (["sign"] if n_days >= SETTLED_HISTORY else [])


def test_zeros_that_do_not_fit_to_a_sibling_are_seen_where_zeros_are_nothing_new() -> None:
    on = [CHANCE.random(SLOTS) < 0.5 for _ in range(41)]
    power = [day_of(FIRST + n, np.where(is_on, CHANCE.integers(500, 900, SLOTS), 0)) for n, is_on in enumerate(on)]
    heat = [day_of(FIRST + n, np.where(is_on, CHANCE.integers(40, 60, SLOTS), 5)) for n, is_on in enumerate(on)]
    siblings = siblings_of(power[:40], [("heat", heat)], FIRST + 40)
    assert judge(power[40], power[:40], siblings) == ()
    off = power[40].values.copy()
    off[:48] = 0
    evidence = {flag.kind: flag.evidence for flag in judge(day_of(FIRST + 40, off), power[:40], siblings)}
    assert "heat" in evidence["zeros"]


def test_zeros_into_which_the_values_dwindle_are_a_dull_day_and_those_into_which_they_fall_are_not() -> None:
    past = [sunny(FIRST + n) for n in range(56)]
    for edge, is_said in ((2.0, False), (300.0, True)):
        values = np.where(np.arange(SLOTS) < 44, past[-1].values, 0.0)
        values[43] = edge
        assert ("zeros" in kinds(judge(day_of(FIRST + 56, values), past))) == is_said


@pytest.mark.parametrize(("every", "is_new"), [(2, False), (4, True)])
def test_zeros_into_which_the_values_fall_are_nothing_new_at_a_time_of_day_that_often_has_them(
    every: int, is_new: bool
) -> None:
    past = []
    for n in range(56):
        values = CHANCE.integers(100, 900, SLOTS)
        if n % every == 0:
            values[39:57] = [1, *[0] * 16, 1]
        past.append(day_of(FIRST + n, values))
    values = CHANCE.integers(500, 900, SLOTS)
    values[40:56] = 0
    assert ("zeros" in kinds(judge(day_of(FIRST + 56, values), past))) == is_new


def of_a_home(number: int) -> dict[str, npt.NDArray[np.float64]]:
    """A house, its roof and its battery, and what is left for the grid; the charge that the battery leaves behind."""
    house, roof = CHANCE.integers(200, 900, SLOTS).astype(np.float64), sunny(number).values
    battery = np.repeat(np.rint(np.cumsum(CHANCE.normal(0, 200, SLOTS // 4))), 4) * (roof > 0)
    return {"house": house, "roof": roof, "battery": battery, "grid": house - roof - battery}


def test_zeros_and_a_turned_sign_are_seen_where_the_siblings_add_up_to_something_else() -> None:
    homes = [of_a_home(FIRST + n) for n in range(50)]
    days = {name: [day_of(FIRST + n, home[name]) for n, home in enumerate(homes)] for name in homes[0]}
    others = [(name, some) for name, some in days.items() if name != "grid"]
    siblings = siblings_of(days["grid"][:49], others, FIRST + 48)
    today, past = homes[-1]["grid"], days["grid"][:-1]
    assert unlike_sum(days["grid"][-1], past, siblings) is None
    zeros = unlike_sum(day_of(FIRST + 49, np.where(np.arange(SLOTS) < 12, 0.0, today)), past, siblings)
    turned = unlike_sum(day_of(FIRST + 49, -today), past, siblings)
    assert zeros is not None
    assert turned is not None
    assert (zeros.kind, turned.kind) == ("zeros", "sign")
    assert all(name in zeros.evidence for name in ("house", "roof", "battery"))
    # A sibling that is wrong spoils the sum, and is no fault of this series.
    broken = [one._replace(days=[*one.days[:-1], day_of(FIRST + 49, -one.days[-1].values)]) for one in siblings]
    assert unlike_sum(days["grid"][-1], past, broken[:1] + list(siblings[1:])) is None


def test_a_charge_that_is_off_beside_the_power_that_fills_it_is_seen() -> None:
    power = [np.rint(CHANCE.normal(0, 300, SLOTS)).repeat(3)[:SLOTS] for _ in range(53)]
    full = np.cumsum(np.concatenate(power))
    charge = ((full + np.roll(full, 1)) / 2).reshape(53, SLOTS)  # as means of quarters have it
    late = [*charge[:50], *np.roll(charge, 2)[50:]]
    of_power = [day_of(FIRST + n, values) for n, values in enumerate(power)]
    days = [day_of(FIRST + n, values) for n, values in enumerate(late)]
    siblings = siblings_of(days[:50], [("power", of_power)], FIRST + 50)
    assert siblings[0].is_between
    said = [moved(day, days[: 50 + n], siblings) for n, day in enumerate(days[50:])]
    assert [flag.evidence for flag in said if flag] == ["30 minutes late beside power"]


@pytest.mark.parametrize("times", [2, 1 / 2])
def test_a_total_far_from_those_of_steady_weeks_is_seen_and_of_weeks_that_are_not_steady_is_none(times: float) -> None:
    today, past = CHANCE.integers(100, 2000, SLOTS), drawn(50)
    [flag] = judge(day_of(FIRST + 50, np.rint(today * times)), past)
    assert flag.kind == "total"
    assert "times the usual one; those of 50 days were 0." in flag.evidence
    # Sun and rain by turns; and half of a day is no total.
    weather = [day_of(day.day, np.rint(day.values / (1 + n % 2 * 1.5))) for n, day in enumerate(past)]
    assert judge(day_of(FIRST + 50, today * 4), weather) == ()
    half = shape_of(FIRST + 50, (FIRST + 50) * DAY + np.arange(48) * 900, np.rint(today[:48] * times))
    assert half is not None
    assert judge(half, past) == ()


def test_a_total_is_said_once_and_not_beside_a_flag_that_explains_it() -> None:
    past = drawn(50)
    days = [day_of(FIRST + 50 + n, CHANCE.integers(100, 2000, SLOTS) * 2) for n in range(3)]
    assert [kinds(judge(day, [*past, *days[:n]])) for n, day in enumerate(days)] == [["total"], [], []]
    assert kinds(judge(day_of(FIRST + 50, CHANCE.integers(100, 2000, SLOTS) * 1000), past)) == ["factor"]
