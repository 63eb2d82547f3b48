"""Which days have fewer points than is usual, told from counts alone."""

import numpy as np
import pytest

from domain.suspicion import judged

NONE: list[int] = []


def suspects(counts: list[float], *, is_regular: bool = False) -> list[int]:
    """The days of one row that are suspect."""
    row, regular = np.array([counts], dtype=np.float64), np.array([is_regular])
    return [at for at in range(len(counts)) if judged(row, regular, at)]


NAN = float("nan")


def test_a_day_below_half_of_the_same_weekdays_is_suspect_and_one_of_half_is_not() -> None:
    full = [96.0] * 35
    assert suspects([*full, 47.0]) == [35]
    assert suspects([*full, 48.0]) == NONE
    assert suspects(full) == NONE


def test_a_day_is_held_against_its_own_weekday() -> None:
    week = [96.0] * 5 + [24.0] * 2
    assert [at for at in suspects(week * 8, is_regular=True) if at >= 28] == NONE
    assert [at for at in suspects([*week * 5, *[96.0] * 5, 11.0, 24.0], is_regular=True) if at >= 28] == [40]


def test_a_few_days_without_history_are_held_against_their_neighbours() -> None:
    assert suspects([24.0] * 4 + [0.0] * 3 + [24.0] * 7) == [4, 5, 6]
    assert suspects([24.0, 0.0, 24.0]) == [1]
    assert suspects([24.0, NAN, 0.0, NAN, 24.0]) == [2]
    assert suspects([24.0, 0.0]) == NONE


def test_an_outage_of_days_does_not_become_what_is_usual() -> None:
    assert suspects([24.0] * 28 + [0.0] * 10 + [24.0] * 5) == list(range(28, 38))


def test_what_is_new_is_not_suspect() -> None:
    assert suspects([0.0] * 20 + [3.0] + [96.0] * 20) == NONE
    assert suspects([3.0, 96.0, 96.0, 96.0]) == NONE
    assert suspects([0.0] * 40) == NONE
    assert suspects([NAN] * 5 + [96.0]) == NONE


def test_days_before_a_series_began_are_no_history_of_it() -> None:
    assert suspects([0.0] * 26 + [96.0] * 9 + [0.0]) == [35]


def test_a_sum_that_varies_much_by_itself_may_fall() -> None:
    assert suspects([13, 40, 22, 8, 31, 17, 3] * 5 + [0.0], is_regular=True) == NONE


def test_what_is_gone_for_good_is_suspect_for_three_weeks_and_then_usual() -> None:
    assert suspects([96.0] * 40 + [0.0] * 60) == list(range(40, 61))


@pytest.mark.parametrize(
    "counts",
    [
        [13, 40, 22, 8, 31, 17, 3] * 5,
        [2, 1, 0, 3, 1, 2, 1] * 5,
        [646, 631, 394, 638, 30, 241, 713, 58, 598, 735, 24, 410, 127] * 3,
    ],
    ids=["some", "few", "many"],
)
def test_a_series_that_speaks_of_changes_alone_may_be_silent(counts: list[float]) -> None:
    assert suspects([*counts, 0.0]) == NONE


def test_one_value_a_day_is_missed_where_a_resolution_is_stated() -> None:
    assert suspects([1.0] * 30 + [0.0], is_regular=True) == [30]
    assert suspects([1.0] * 30 + [0.0]) == NONE


def test_one_value_a_month_is_not_missed_on_the_other_days() -> None:
    assert suspects(([1.0] + [0.0] * 29) * 4, is_regular=True) == NONE


def test_losses_of_every_day_do_not_hide_a_day_that_is_lost() -> None:
    rng = np.random.default_rng(12)
    counts = [float(one) for one in rng.integers(78, 97, size=40)]
    assert suspects([*counts, 0.0], is_regular=True) == [40]


def test_the_rows_that_miss_most_come_first() -> None:
    counts = np.array([[96.0] * 30 + [40.0], [96.0] * 31, [96.0] * 30 + [0.0]])
    found = judged(counts, np.array([True, True, True]), 30)
    assert [(one.row, one.found, one.usual) for one in found] == [(2, 0, 96.0), (0, 40, 96.0)]


def test_days_further_away_than_four_weeks_and_a_week_do_not_matter() -> None:
    counts = [96.0] * 50 + [30.0] + [96.0] * 20
    part = counts[50 - 28 : 50 + 8]
    assert suspects(counts) == [50]
    assert suspects(part) == [28]
