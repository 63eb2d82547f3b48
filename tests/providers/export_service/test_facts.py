"""What a walk knows of a page: the same, whether it is known at a glance or counted document by document."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.export_service.facts import ASCENDING, DESCENDING, MIXED, UNKNOWN, PageFacts

SPAN = (1_000, 1_020)


def facts(times: Sequence[int]) -> PageFacts:
    rows = [{"timestamp": time, "P_kW": 1.0} for time in times]
    return PageFacts.of(rows, SPAN, token="t", n_bytes=7, time_field="timestamp")


@given(st.sets(st.integers(SPAN[0], SPAN[1]), min_size=2))
def test_a_page_in_order_is_known_as_well_at_a_glance_as_counted(times: set[int]) -> None:
    in_order = sorted(times)
    assert facts(in_order) == replace(facts(in_order[::-1]), order=ASCENDING)


def test_a_document_at_the_end_of_the_span_is_counted_as_such() -> None:
    assert [facts(times).n_at_end for times in ([1_001, 1_020], [1_001, 1_019])] == [1, 0]


@given(st.sets(st.integers(SPAN[0] - 5, SPAN[1] + 5), min_size=2))
def test_a_page_in_order_that_leaves_the_span_has_no_place_outside_of_it(times: set[int]) -> None:
    in_order = sorted(times)
    order = facts(in_order).order
    assert facts(in_order) == replace(facts(in_order[::-1]), order=order)


@pytest.mark.parametrize(
    ("times", "order"),
    [
        ([1_001, 1_001, 1_005], ASCENDING),
        ([1_005, 1_001, 1_001], DESCENDING),
        ([1_001, 1_005, 1_001], MIXED),
        ([1_005, 1_005], UNKNOWN),
        ([1_005], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_a_page_says_in_which_order_of_time_it_stands(times: list[int], order: int) -> None:
    assert facts(times).order == order


def test_halves_and_the_seconds_at_the_edges_are_counted_as_often_as_a_document_comes() -> None:
    times = [9_999, 500, 500, 1_400, 5_000, 9_100, 10_000]
    rows = [{"timestamp": time} for time in times]
    found = PageFacts.of(rows, (0, 10_000), token="", n_bytes=7, time_field="timestamp")
    assert (found.n_early, found.n_late, found.n_first, found.n_last) == (3, 3, 2, 0)
    found = PageFacts.of(rows[:-1], (0, 10_000), token="", n_bytes=7, time_field="timestamp")
    assert (found.n_early, found.n_late, found.n_first, found.n_last) == (3, 3, 2, 2)


def test_a_time_that_is_a_text_has_the_place_of_its_instant() -> None:
    texts = ["1970-01-01T00:00:01.001Z", "1970-01-01T01:00:01.0205+0100", "1970-01-01T00:00:01.005", "1005"]
    rows = [{"timestamp": text, "P_kW": 1.0} for text in texts]
    found = PageFacts.of(rows, SPAN, token="t", n_bytes=7, time_field="timestamp")
    assert (found.low, found.high, found.n_at_end, found.n_rows) == (1_001, 1_020, 1, 4)
