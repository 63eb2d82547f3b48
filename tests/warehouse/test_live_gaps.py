"""Gaps of a live stream in the warehouse: marked a day at a time, grown, filled by name, and what is certain."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from domain.live import Gap, LivePoint
from domain.records import Series
from domain.window import Window
from warehouse.store import TimescaleWarehouse

DAY = Window.of_day(date(2025, 6, 1))
SOURCE = "home"
LATER = DAY.end + timedelta(days=2)


def at(second: float) -> datetime:
    return DAY.start + timedelta(seconds=second)


def marked(warehouse: TimescaleWarehouse, *gaps: Gap) -> list[tuple[float, float]]:
    """Mark gaps one by one; all that are open then, in seconds of the day."""
    for gap in gaps:
        warehouse.live.put(SOURCE, [], gaps=[gap])
    found = [one.gap for one in warehouse.live.open_gaps(SOURCE, LATER)]
    return [((gap.start - DAY.start).total_seconds(), (gap.end - DAY.start).total_seconds()) for gap in found]


def test_gaps_are_marked_with_the_points_behind_them_and_filled_by_name(warehouse: TimescaleWarehouse) -> None:
    gap = Gap("77", at(10), at(20), "disconnected")
    point = LivePoint(Series("77/Power_PV", "power", "77"), at(21), 1.0)
    warehouse.live.put(SOURCE, [point], gaps=[gap], watermarks={"77": at(21)})
    assert warehouse.live.watermarks(SOURCE) == {"77": at(21)}
    [found] = warehouse.live.open_gaps(SOURCE, LATER)
    assert found.gap == gap
    assert warehouse.live.open_gaps(SOURCE, at(19)) == []
    assert warehouse.live.open_gaps("another", LATER) == []
    warehouse.live.fill([found], 7)
    assert warehouse.live.open_gaps(SOURCE, LATER) == []
    assert [row["load_id"] for row in warehouse.live.gaps(SOURCE, DAY)] == [7]


def test_a_gap_over_midnight_is_one_gap_for_each_day(warehouse: TimescaleWarehouse) -> None:
    noon = DAY.start + timedelta(hours=12)
    found = marked(warehouse, Gap("77", noon, noon + timedelta(days=2), "restarted"))
    assert found == [(43_200, 86_400), (86_400, 172_800), (172_800, 216_000)]


def test_what_repeats_lets_the_open_gap_grow_up_to_a_minute(warehouse: TimescaleWarehouse) -> None:
    found = marked(warehouse, *(Gap("77", at(second), at(second + 10), "unreadable") for second in range(0, 120, 5)))
    assert found == [(0, 60), (55, 115), (110, 125)]


@pytest.mark.parametrize(
    "other",
    [
        Gap("78", at(5), at(15), "unreadable"),
        Gap("77", at(5), at(15), "disconnected"),
        Gap("77", at(11), at(15), "unreadable"),
    ],
)
def test_a_gap_of_another_part_or_reason_or_time_is_another_gap(warehouse: TimescaleWarehouse, other: Gap) -> None:
    assert len(marked(warehouse, Gap("77", at(0), at(10), "unreadable"), other)) == 2


def test_a_gap_that_has_grown_since_it_was_read_is_not_filled(warehouse: TimescaleWarehouse) -> None:
    marked(warehouse, Gap("77", at(0), at(10), "unreadable"))
    [read] = warehouse.live.open_gaps(SOURCE, LATER)
    marked(warehouse, Gap("77", at(5), at(15), "unreadable"))
    warehouse.live.fill([read], 7)
    [grown] = warehouse.live.open_gaps(SOURCE, LATER)
    assert (grown.gap_id, grown.gap.end) == (read.gap_id, at(15))


def test_a_gap_that_could_not_be_filled_says_why_and_rests(warehouse: TimescaleWarehouse) -> None:
    marked(warehouse, Gap("77", at(0), at(10), "disconnected"))
    [read] = warehouse.live.open_gaps(SOURCE, LATER)
    warehouse.live.back_off([read], "shrink_refused", at(100))
    assert warehouse.live.open_gaps(SOURCE, LATER, at=at(99)) == []
    [rested] = warehouse.live.open_gaps(SOURCE, LATER, at=at(100))
    assert (rested.n_failed, rested.failure) == (1, "shrink_refused")
    assert warehouse.live.open_gaps(SOURCE, LATER) == [rested]
    # A span that comes later must not wait with it.
    assert len(marked(warehouse, Gap("77", at(5), at(15), "disconnected"))) == 2


def test_what_is_certain_never_goes_back(warehouse: TimescaleWarehouse) -> None:
    warehouse.live.put(SOURCE, [], watermarks={"77": at(20)})
    warehouse.live.put(SOURCE, [], watermarks={"77": at(10), "78": at(1)})
    assert warehouse.live.watermarks(SOURCE) == {"77": at(20), "78": at(1)}


def test_nothing_is_certain_ahead_of_time_whatever_is_said_or_was_kept(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=15)
    warehouse.live.put(SOURCE, [], watermarks={"77": ahead})
    assert warehouse.live.watermarks(SOURCE)["77"] < ahead - timedelta(minutes=10)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE live_cover SET covered_until = %s", [ahead])
    warehouse.live.put(SOURCE, [], watermarks={"77": at(20)})
    assert warehouse.live.watermarks(SOURCE)["77"] < ahead - timedelta(minutes=10)
