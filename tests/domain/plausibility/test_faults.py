"""The generator of faults says what it did: the detectors' error rates stand on it."""

from collections import Counter

import numpy as np
import pytest

from tests.domain.plausibility.faults import FACTORS, KINDS, TIMES, Fault, Kind, faults
from tests.domain.plausibility.measured_series import DAY, all_series

N_FAULTS = 12


def drawn(kind: Kind) -> list[Fault]:
    return list(faults(kind, N_FAULTS, all_series(), seed=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_changes_something_soon_and_nothing_before_it_began(kind: Kind) -> None:
    for fault in drawn(kind):
        before = fault.series.times < fault.begin
        n_before = int(before.sum())
        assert np.array_equal(fault.times[:n_before], fault.series.times[before])
        assert np.array_equal(fault.values[:n_before], fault.series.values[before])
        soon = slice(n_before, int(np.searchsorted(fault.times, fault.found_by)))
        as_measured = slice(n_before, int(np.searchsorted(fault.series.times, fault.found_by)))
        assert not np.array_equal(fault.times[soon], fault.series.times[as_measured]) or not np.array_equal(
            fault.values[soon], fault.series.values[as_measured]
        )


@pytest.mark.parametrize("kind", ["stuck", "zeros", "yesterday", "total"])
def test_a_fault_that_ends_changes_nothing_behind_its_end(kind: Kind) -> None:
    for fault in drawn(kind):
        behind, as_measured = fault.times >= fault.end, fault.series.times >= fault.end
        assert np.array_equal(fault.values[behind], fault.series.values[as_measured])


def test_the_same_seed_draws_the_same_faults_and_another_one_others() -> None:
    def places(seed: int) -> list[tuple[str, int]]:
        return [(fault.series.name, fault.begin) for fault in faults("zeros", 5, all_series(), seed)]

    assert places(3) == places(3) != places(4)


def test_a_stuck_series_shows_one_value_for_a_day_to_a_week() -> None:
    for fault in drawn("stuck"):
        inside = (fault.times >= fault.begin) & (fault.times < fault.end)
        assert len(np.unique(fault.values[inside])) == 1
        assert 24 <= fault.magnitude <= 168
        assert fault.end - fault.begin <= fault.magnitude * 3600


def test_zeros_stand_where_no_value_was_zero() -> None:
    for fault in drawn("zeros"):
        inside = (fault.times >= fault.begin) & (fault.times < fault.end)
        assert (fault.values[inside] == 0).all()
        assert (fault.series.values[inside] > 0).all()


def test_factors_and_turned_signs_stay_until_the_end_of_the_series() -> None:
    for fault in [*drawn("factor"), *drawn("sign")]:
        inside = fault.times >= fault.begin
        by = fault.magnitude if fault.kind == "factor" else -1.0
        assert fault.kind == "sign" or fault.magnitude in FACTORS
        assert np.array_equal(fault.values[inside], fault.series.values[inside] * by)


def test_a_day_sent_again_is_the_day_before() -> None:
    for fault in drawn("yesterday"):
        day = (fault.times >= fault.begin) & (fault.times < fault.end)
        before = (fault.series.times >= fault.begin - DAY) & (fault.series.times < fault.begin)
        assert np.array_equal(fault.values[day], fault.series.values[before])
        assert np.array_equal(fault.times[day] - DAY, fault.series.times[before])


def test_a_shift_moves_whole_quarters_and_drops_only_what_would_stand_in_the_day_before() -> None:
    for fault in drawn("shift"):
        wrong, right = fault.values[fault.times >= fault.begin], fault.series.values[fault.series.times >= fault.begin]
        assert 15 <= abs(fault.magnitude) <= 120
        assert np.array_equal(wrong, right[len(right) - len(wrong) :])


def test_copies_of_one_column_are_drawn_as_one() -> None:
    columns = Counter(fault.series.column for fault in faults("factor", 300, all_series(), seed=2))
    assert columns.keys() == {one.column for one in all_series()}
    assert max(columns.values()) < 3 * min(columns.values())


def test_a_wrong_total_is_one_that_no_day_of_eight_steady_weeks_had() -> None:
    for fault in drawn("total"):
        assert fault.magnitude in TIMES
        day = (fault.times >= fault.begin) & (fault.times < fault.end)
        spans = [(fault.begin - (n + 1) * DAY, fault.begin - n * DAY) for n in range(56)]
        before = [fault.values[(fault.times >= first) & (fault.times < last)] for first, last in spans]
        totals = [values.mean() for values in before if len(values) >= 0.9 * day.sum()]
        assert max(totals) <= 2 * min(totals)
        assert not min(totals) <= fault.values[day].mean() <= max(totals)
