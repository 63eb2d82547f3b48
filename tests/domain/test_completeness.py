"""Series and days are judged from facts alone: what is expected, what is missing, and since when."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.completeness.day_verdict import DAY_SECONDS, Days, DayVerdict, Judged, Lives, judge
from domain.completeness.expected import expected_points, points_within, span_ends
from domain.completeness.shown import LOOK_AHEAD, LOOK_BACK

QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(("day", "n"), [(date(2026, 3, 29), 92), (date(2026, 3, 30), 96), (date(2026, 10, 25), 100)])
def test_a_local_day_of_quarters_has_92_96_or_100(day: date, n: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    assert points_within(start.astimezone(UTC), end.astimezone(UTC), QUARTER) == n


def test_a_day_a_month_and_a_year_stand_where_their_zone_begins_them() -> None:
    days = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1)]
    whole = timedelta(days=1)
    assert expected_points(days, QUARTER, "Europe/Berlin").tolist() == [96.0] * 5
    assert expected_points(days, whole, "Europe/Berlin").tolist() == [1.0] * 5
    # London's midnight moves from one UTC day into the one before.
    assert expected_points(days, whole, "Europe/London").tolist() == [1.0, 2.0, 1.0, 1.0, 1.0]
    assert expected_points([date(2026, 10, 25)], whole, "Europe/London").tolist() == [0.0]
    assert expected_points(days, None, "Europe/Berlin", "month").tolist() == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert np.isnan(expected_points(days, None, "UTC")).all()


def test_a_value_about_a_day_a_month_or_a_year_is_over_when_its_span_is() -> None:
    days = [date(2026, 1, 30), date(2026, 1, 31), date(2025, 12, 31)]
    whole, never = timedelta(days=1), -np.inf

    def at(year: int, month: int, day: int, hour: int = 0) -> float:
        return datetime(year, month, day, hour, tzinfo=UTC).timestamp()

    assert span_ends(days[:2], whole, "Europe/Zurich").tolist() == [at(2026, 1, 31, 23), at(2026, 2, 1, 23)]
    assert span_ends(days[:2], whole, "America/New_York").tolist() == [at(2026, 1, 31, 5), at(2026, 2, 1, 5)]
    assert span_ends(days[:2], whole, "UTC").tolist() == [at(2026, 1, 31), at(2026, 2, 1)]
    assert span_ends(days, None, "Europe/Zurich", "month").tolist() == [never, at(2026, 2, 28, 23), at(2026, 1, 31, 23)]
    assert span_ends(days, None, "Europe/Zurich", "year").tolist() == [never, never, at(2026, 12, 31, 23)]
    assert span_ends(days, QUARTER, "Europe/Zurich").tolist() == [never] * 3


def judged(
    counts: list[int],
    *,
    resolution: timedelta | None = None,
    last_at: dict[int, float] | None = None,
    unloaded: tuple[int, ...] = (),
    ended: float = np.inf,
    lateness: float = 0.0,
    longest_gap: float = 900.0,
) -> list[tuple[str, int | None, float | None]]:
    """DayVerdict, expected points and hours since day 0 from which on something is missing, of one series.

    Args:
        counts: Points of each day.
        resolution: As the provider states it.
        last_at: Day → the hour of its last point, 24 otherwise.
        unloaded: Days that were never loaded.
        ended: The day from which on it is known to be dead.
        lateness: Days.
        longest_gap: Seconds.
    """
    n = len(counts)
    found = np.array([[0] * LOOK_BACK + counts + [0] * LOOK_AHEAD])
    begin = np.arange(LOOK_BACK + n + LOOK_AHEAD) * DAY_SECONDS
    hours = np.array([0] * LOOK_BACK + [(last_at or {}).get(day, 23.75) for day in range(n)] + [0] * LOOK_AHEAD)
    last = np.where(found > 0, begin + hours * 3600, np.nan)
    first = np.where(found > 0, begin, np.nan)
    is_loaded = np.array([True] * LOOK_BACK + [day not in unloaded for day in range(n)] + [False] * LOOK_AHEAD)
    days = Days(
        0.0, found, first, last, np.where(found > 0, longest_gap, np.nan), is_loaded, np.full(found.shape, np.nan)
    )
    stated = expected_points([date(2026, 1, 5) + timedelta(days=k) for k in range(found.shape[1])], resolution, "UTC")
    lives = Lives(
        np.array([np.nanmin(first)]),
        np.array([np.nanmax(last)]),
        np.array([(LOOK_BACK + ended) * DAY_SECONDS]),
        np.array([lateness * DAY_SECONDS]),
    )
    answer: Judged = judge(days, stated[None, :], lives, (LOOK_BACK + n) * DAY_SECONDS + 4 * 3600)
    return [
        (
            DayVerdict(verdict).word,
            None if np.isnan(expected) else round(expected),
            None if np.isnan(since) else round((since - LOOK_BACK * DAY_SECONDS) / 3600, 2),
        )
        for verdict, expected, since in zip(answer.verdict[0], answer.expected[0], answer.since[0], strict=True)
    ]


def test_a_device_that_is_silent_from_noon_is_silent_since_noon_and_stays_so() -> None:
    found = judged([96, 96, 48, 0, 0], resolution=QUARTER, last_at={2: 11.75})
    assert found == [
        ("complete", 96, None),
        ("complete", 96, None),
        ("silent", 96, 60.0),
        ("silent", 96, 60.0),
        ("silent", 96, 60.0),
    ]


def test_half_the_quarters_are_partial_and_a_day_without_any_in_between_is_absent() -> None:
    found = judged([96, 48, 0, 96], resolution=QUARTER)
    assert [one[0] for one in found] == ["complete", "partial", "absent", "complete"]
    assert found[2][2] == 48.0  # since the last quarter of the day before


def test_one_missing_quarter_of_a_stated_resolution_is_partial() -> None:
    assert [one[0] for one in judged([96, 95, 97], resolution=QUARTER)] == ["complete", "partial", "complete"]


def test_without_a_stated_resolution_a_series_is_measured_by_what_it_has_shown() -> None:
    found = judged([1440] * 21 + [1300, 700, 1440])
    assert found[0][0] == "unknown"
    assert {one[:2] for one in found[1:21]} == {("complete", 1440)}
    assert [one[0] for one in found[21:]] == ["complete", "partial", "complete"]


def test_a_weekday_without_points_is_not_expected_to_have_any() -> None:
    week = [96, 96, 96, 96, 96, 0, 0]
    found = judged(week * 5 + [96, 0, 96, 96, 96, 0, 0, 96])
    assert [one[0] for one in found[35:]] == [
        *("complete", "absent", "complete", "complete", "complete", "not expected", "not expected", "complete")
    ]


def test_a_series_that_fell_silent_long_ago_is_still_measured_by_what_it_was() -> None:
    found = judged([1440] * 30 + [0] * 60)
    assert {one[:2] for one in found[31:]} == {("silent", 1440)}
    assert len({one[2] for one in found[31:]}) == 1


def test_a_series_of_changes_has_no_count_and_a_longest_silence() -> None:
    random = np.random.default_rng(1)
    counts = [int(one) for one in random.integers(1, 40, 40)]
    found = judged([*counts, 0, 0, 0], longest_gap=18 * 3600.0)
    assert {one[:2] for one in found[20:40]} == {("complete", None)}
    # Two days are more than twice 18 hours.
    assert [one[0] for one in found[40:]] == ["not expected", "silent", "silent"]


def test_a_dead_device_is_expected_until_it_died_and_no_day_longer() -> None:
    found = judged([96, 96, 0, 0, 0], resolution=QUARTER, ended=3)
    assert [one[0] for one in found] == ["complete", "complete", "silent", "not expected", "not expected"]


def test_a_device_begins_with_its_first_point() -> None:
    found = judged([0, 0, 96], resolution=QUARTER)
    assert [one[0] for one in found] == ["not expected", "not expected", "complete"]


def test_a_day_that_was_never_loaded_is_unknown() -> None:
    found = judged([96, 0, 96, 0], resolution=QUARTER, unloaded=(1, 3))
    assert [one[0] for one in found] == ["complete", "unknown", "complete", "unknown"]


def test_a_device_that_usually_comes_late_is_late_and_then_it_is_not() -> None:
    found = judged([96, 96, 0, 0, 0], resolution=QUARTER, lateness=1.5)
    assert [one[0] for one in found] == ["complete", "complete", "silent", "late", "late"]


def test_a_young_series_is_held_against_its_neighbours_on_both_sides_but_not_its_first_day() -> None:
    found = judged([5, 24, 0, 24, 24, 7, 24])
    assert [one[0] for one in found] == [
        *("unknown", "complete", "absent", "complete", "complete", "partial", "complete")
    ]


def test_a_series_whose_polls_are_lost_now_and_then_is_missed_where_half_of_a_day_is_missing_in_one_piece() -> None:
    random = np.random.default_rng(1)
    polls = [int(one) for one in random.normal(1400, 30, 40)]
    found = judged([*polls, 100, *polls[:3], 0, *polls[:3]], last_at={40: 2.0}, longest_gap=300.0)
    assert {one[0] for one in found[10:40]} == {"complete"}
    assert [one[0] for one in found[40:]] == [*("partial", *("complete",) * 3, "absent", *("complete",) * 3)]
    assert found[40][1] is not None
    assert abs(found[40][1] - 1400) < 30
    for broken in (judged([*polls, 100, *polls[:3]], longest_gap=300.0), judged([*polls, 1000], last_at={40: 16.0})):
        assert {one[0] for one in broken[40:]} == {"complete"}, "too few in no one piece, or more than half"
