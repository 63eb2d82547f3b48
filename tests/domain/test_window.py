"""Windows are half-open, in UTC, and lose nothing when they are cut."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.window import Window

INSTANTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis wants naive bounds
SPANS = st.timedeltas(min_value=timedelta(milliseconds=2), max_value=timedelta(days=800))


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window.of_day(date(2026, 3, 29))
    assert window.start in window
    assert window.end not in window
    assert window.end - timedelta(microseconds=1) in window


@pytest.mark.parametrize("bound", [0, 1])
def test_a_naive_bound_is_refused(bound: int) -> None:
    bounds = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]
    bounds[bound] = bounds[bound].replace(tzinfo=None)
    with pytest.raises(ValueError, match="needs a time zone"):
        Window(*bounds)


def test_an_empty_or_backward_window_is_refused() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for end in (noon, noon - timedelta(hours=1)):
        with pytest.raises(ValueError, match="must end after it starts"):
            Window(noon, end)


def test_local_bounds_are_held_in_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = Window(datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 30, tzinfo=berlin))
    assert window.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert window.start.tzinfo is UTC
    assert window.seconds == 23 * 3600


@given(INSTANTS, SPANS)
def test_the_halves_of_a_window_are_the_window(start: datetime, span: timedelta) -> None:
    window = Window(start, start + span)
    left, right = window.halves()
    assert (left.start, left.end, right.end) == (window.start, right.start, window.end)


def test_a_window_too_short_to_cut_says_so() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="must end after it starts"):
        Window(start, start + timedelta(milliseconds=1)).halves()


@given(INSTANTS, SPANS)
def test_the_days_of_a_window_touch_all_of_it_and_nothing_else(start: datetime, span: timedelta) -> None:
    window = Window(start, start + span)
    days = [Window.of_day(day) for day in window.days()]
    assert days[0].start <= window.start < days[0].end
    assert days[-1].start < window.end <= days[-1].end
    assert all(left.end == right.start for left, right in itertools.pairwise(days))


def test_a_whole_day_reads_as_its_date() -> None:
    assert str(Window.of_day(date(2026, 10, 25))) == "2026-10-25"
    assert str(Window.of_days(date(2026, 10, 25), date(2026, 10, 26))) == "[2026-10-25T00:00:00Z, 2026-10-27T00:00:00Z)"
