"""Which days are asked for again although they had settled: a month's first when it is over, old ones once a month."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.refetch import refetch_after
from assets.source import SourceFacts, Span
from tests.fakes.days import facts
from tests.fakes.provider import FAKE_SPEC

SETTLES = FAKE_SPEC.finalization_lag
REFETCHED = FAKE_SPEC.refetch_days


def of(*spans: Span, deep: int = 0, first_day: date = date(2025, 6, 1)) -> SourceFacts:
    return facts(spans=spans, first_day=first_day, spec=dataclasses.replace(FAKE_SPEC, deep_refetch_days=deep))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_source_without_long_values_is_asked_for_nothing_twice() -> None:
    assert refetch_after(of(), at("2026-03-15T04:30")) == {}
    assert refetch_after(of("day"), at("2026-03-15T04:30")) == {}


def test_a_months_value_is_asked_for_when_the_month_is_over_everywhere_and_has_settled() -> None:
    over = at("2026-03-01T12:00") + SETTLES
    assert date(2026, 2, 1) not in refetch_after(of("month"), over - timedelta(seconds=1))
    again = refetch_after(of("month"), over)
    assert again[date(2026, 1, 31)] == again[date(2026, 2, 1)] == over  # east and west of Greenwich
    assert date(2026, 2, 2) not in again


def test_a_months_value_is_asked_for_once_more_with_the_last_pull_of_its_last_day() -> None:
    leaving = at("2026-02-28T00:00") + REFETCHED * timedelta(days=1)
    assert of("month").trailing_days(leaving) == (date(2026, 2, 28), date(2026, 3, 2))
    assert refetch_after(of("month"), leaving + timedelta(hours=4))[date(2026, 1, 31)] == leaving
    assert refetch_after(of("month"), leaving + timedelta(days=200))[date(2026, 1, 31)] == leaving


def test_a_years_value_is_asked_for_when_the_year_is_over() -> None:
    source = of("year", first_day=date(2024, 12, 31))
    assert refetch_after(source, at("2025-12-31T23:59")) == {}
    again = refetch_after(source, at("2026-06-01T04:30"))
    assert set(again) == {date(2024, 12, 31), date(2025, 1, 1)}
    assert again[date(2025, 1, 1)] == at("2026-01-03T00:00")  # when the 31st of December leaves the trailing days


def test_nothing_before_a_sources_first_day_is_asked_for() -> None:
    assert min(refetch_after(of("month", "year", deep=400), at("2026-03-15T04:30"))) == date(2025, 6, 1)


def test_old_days_are_asked_for_from_the_first_of_each_month_on() -> None:
    source = of(deep=30)
    assert set(refetch_after(source, at("2026-03-31T23:59")).values()) == {at("2026-03-01T00:00")}
    again = refetch_after(source, at("2026-04-01T00:00"))
    assert (min(again), max(again), len(again)) == (date(2026, 3, 2), date(2026, 3, 31), 30)
    assert set(again.values()) == {at("2026-04-01T00:00")}


def test_a_months_value_is_asked_for_as_long_as_its_last_day_is() -> None:
    """A deep pull asks for the end of February, so also for what February amounts to, wherever that stands."""
    again = refetch_after(of("month", deep=40), at("2026-04-02T04:30"))
    assert again[date(2026, 1, 31)] == again[date(2026, 2, 20)] == at("2026-04-01T00:00")
    assert again[date(2025, 12, 31)] == at("2026-01-31T00:00") + REFETCHED * timedelta(
        days=1
    )  # January's end is too old


@pytest.mark.parametrize(("spans", "more"), [((), timedelta(0)), (("day",), timedelta(hours=25))])
def test_a_day_of_the_sites_own_settles_after_it_has_ended(spans: tuple[Span, ...], more: timedelta) -> None:
    """It may begin in the last minute of the UTC day at which its value stands, and be the longest of the year."""
    assert of(*spans).finalization_lag == SETTLES + more
