"""Whose day a row without a usable time belongs to: exactly one."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.window import Window
from providers._outside import neighbours, untimed_inside
from providers._points import micros_of

FIRST = date(2025, 6, 1)
MONTH = Window.of_days(FIRST, date(2025, 6, 30))
DAYS = [Window.of_day(FIRST + timedelta(days=number)) for number in range(30)]


def at(day: int, hour: int = 0) -> int:
    return micros_of(datetime(2025, 6, day, hour, tzinfo=UTC))


def array(*times: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(times, dtype=np.int64)


def test_a_row_without_a_time_stands_where_the_row_before_it_does() -> None:
    assert neighbours(array(at(3), 0, 0, at(5)), [1, 2], 0) == {1: at(3), 2: at(3)}


def test_in_front_of_all_it_stands_where_the_first_row_after_it_does() -> None:
    assert neighbours(array(0, 0, at(5), at(7)), [1, 0], 0) == {0: at(5), 1: at(5)}


def test_where_no_row_has_a_time_it_stands_at_the_default() -> None:
    assert neighbours(array(1, 2), [0, 1], at(1)) == {0: at(1), 1: at(1)}
    assert neighbours(array(1, 2), [], at(1)) == {}


def test_a_piece_of_an_answer_goes_on_where_the_one_before_ended() -> None:
    times = array(0, at(9), 0)
    assert untimed_inside(times, [0, 2], MONTH, DAYS[8]) == [0, 2]
    assert untimed_inside(times, [0, 2], MONTH, DAYS[8], before=at(4)) == [2]
    assert untimed_inside(times, [0, 2], MONTH, DAYS[3], before=at(4)) == [0]


def test_behind_the_end_that_was_asked_for_it_belongs_to_the_last_day() -> None:
    end = micros_of(MONTH.end)
    assert untimed_inside(array(at(2), end, 0), [2], MONTH, DAYS[-1]) == [2]


@given(
    st.lists(st.one_of(st.none(), st.integers(at(1), at(30, 23))), max_size=40),
    st.one_of(st.none(), st.integers(at(1), at(30, 23))),
)
def test_every_such_row_is_counted_in_exactly_one_day(times: list[int | None], before: int | None) -> None:
    odd = [index for index, time in enumerate(times) if time is None]
    sent = array(*[time or 0 for time in times])
    counted = [index for day in DAYS for index in untimed_inside(sent, odd, MONTH, day, before=before)]
    assert sorted(counted) == odd
