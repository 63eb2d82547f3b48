"""When a day should be loaded: a stated time after the scheduled load that follows its end."""

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.expected import last_expected_day, missing_days
from assets.source import SourceFacts
from tests.fakes.days import FIRST, days, facts


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("of", "now", "newest"),
    [
        (facts(), "2026-01-06T06:29:59", date(2026, 1, 4)),
        (facts(), "2026-01-06T06:30", date(2026, 1, 5)),
        (facts(due_after=timedelta(hours=6)), "2026-01-06T10:29", date(2026, 1, 4)),
        (facts(due_after=timedelta(hours=6)), "2026-01-06T10:30", date(2026, 1, 5)),
        (facts(schedule="0 */6 * * *"), "2026-01-06T01:59", date(2026, 1, 4)),
        (facts(schedule="0 */6 * * *"), "2026-01-06T02:00", date(2026, 1, 5)),
        (facts(), "2026-01-02T06:29", None),  # the first day's load has not had its time
        (facts(schedule=None), "2026-02-01T00:00", None),
        (facts(was_retired=True), "2026-02-01T00:00", None),
    ],
)
def test_a_day_is_expected_a_stated_time_after_its_scheduled_load(
    of: SourceFacts, now: str, newest: date | None
) -> None:
    assert last_expected_day(of, at(now)) == newest


def test_a_missing_day_is_one_that_is_expected_and_not_loaded() -> None:
    first, second, third, fourth, fifth = days(5)
    assert missing_days(facts(), {first, third}, at("2026-01-06T06:29")) == [second, fourth]
    assert missing_days(facts(), {first, third}, at("2026-01-06T06:30")) == [second, fourth, fifth]
    assert missing_days(facts(schedule=None), {first, third}, at("2026-02-01T00:00")) == [second]
    assert missing_days(facts(), {fifth}, at("2026-01-06T06:30")) == []
    assert missing_days(facts(), set(), at("2026-02-01T00:00")) == []
    assert missing_days(facts(), {FIRST, fifth}, at("2026-01-02T00:00")) == [second, third, fourth]
