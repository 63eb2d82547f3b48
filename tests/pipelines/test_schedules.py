from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.factory import measurements_key, source_assets
from assets.source import SourceFacts
from pipelines.schedules import (
    RANGE_END,
    RANGE_START,
    due_ranges,
    is_cron,
    is_daily_or_oftener,
    source_job,
    trailing_schedule,
)
from tests.fakes.days import FIRST, days, facts
from tests.fakes.provider import FAKE_SPEC, FakeProvider
from tests.fakes.warehouse import FakeWarehouse

TICK = datetime(2026, 2, 10, 4, 30, tzinfo=UTC)


def day(n: int) -> date:
    return date(2026, 2, n)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # a schedule opens it anew, so it must be on disk
        yield instance


def requests(instance: dg.DagsterInstance, tick: datetime, of: SourceFacts) -> list[dg.RunRequest]:
    schedule = trailing_schedule(of, source_job(of))
    assert schedule is not None
    known = dg.Definitions(
        assets=source_assets(of),
        schedules=[schedule],
        resources={of.slug: dg.ResourceDefinition.hardcoded_resource(FakeProvider()), "warehouse": FakeWarehouse()},
    )
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=tick, repository_def=known.get_repository_def()
    )
    return list(schedule.evaluate_tick(context).run_requests or [])


def test_each_tick_asks_for_the_trailing_days_in_one_run(instance: dg.DagsterInstance) -> None:
    catalogue, trailing = requests(instance, TICK, facts())
    assert (trailing.tags[RANGE_START], trailing.tags[RANGE_END]) == ("2026-02-07", "2026-02-09")
    assert {key.to_user_string() for key in trailing.asset_selection or ()} == {"roof/payloads", "roof/measurements"}
    assert [key.to_user_string() for key in catalogue.asset_selection or ()] == ["roof/catalogue"]


@pytest.mark.parametrize("day_of_change", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_days_are_utc_days_on_the_days_the_clocks_change(instance: dg.DagsterInstance, day_of_change: date) -> None:
    tick = datetime.combine(day_of_change + timedelta(days=1), TICK.time(), tzinfo=UTC)
    assert requests(instance, tick, facts())[1].tags[RANGE_END] == str(day_of_change)


def test_a_source_in_its_first_days_is_not_asked_for_earlier_ones() -> None:
    assert due_ranges(facts(first_day=day(9)), TICK, set()) == [(day(9), day(9))]
    assert due_ranges(facts(first_day=day(10)), TICK, set()) == []


def test_days_that_an_outage_left_out_come_back_by_themselves() -> None:
    loaded = {day(1), day(2), day(5), day(7)}
    assert due_ranges(facts(), TICK, loaded) == [(day(7), day(9)), (day(6), day(6)), (day(3), day(4))]


def test_days_before_the_first_loaded_one_are_left_to_a_backfill() -> None:
    assert due_ranges(facts(), TICK, {day(6)}) == [(day(7), day(9))]


def test_a_long_outage_is_asked_for_in_runs_of_bounded_length() -> None:
    ranges = due_ranges(facts(), datetime(2026, 12, 1, 4, 30, tzinfo=UTC), {FIRST})
    assert len(ranges) == 4
    assert {(last - first).days + 1 for first, last in ranges[2:]} == {FAKE_SPEC.max_days_per_run}


def test_gaps_are_read_from_what_dagster_has_materialized(instance: dg.DagsterInstance) -> None:
    for loaded in (*days(30), *days(3, day(3))):
        instance.report_runless_asset_event(dg.AssetMaterialization(measurements_key("roof"), partition=str(loaded)))
    found = [
        (request.tags.get(RANGE_START), request.tags.get(RANGE_END)) for request in requests(instance, TICK, facts())
    ]
    assert found[1:] == [("2026-02-07", "2026-02-09"), ("2026-02-06", "2026-02-06"), ("2026-01-31", "2026-02-02")]


def test_one_tick_is_evaluated_twice_with_the_same_run_keys(instance: dg.DagsterInstance) -> None:
    first, second = (requests(instance, TICK, facts()) for _ in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len({request.run_key for request in first}) == len(first)


def test_a_source_without_a_schedule_is_asked_by_hand_alone() -> None:
    by_hand = facts(schedule=None)
    assert trailing_schedule(by_hand, source_job(by_hand)) is None


@pytest.mark.parametrize(
    ("cron", "is_sound", "is_daily"),
    [
        ("30 4 * * *", True, True),
        ("*/15 * * * *", True, True),
        ("@daily", True, True),
        ("@hourly", True, True),
        ("0 4 */1 * 0-6", True, True),
        ("0 4 1-15 * 0-6", True, True),  # either of the two is enough to cron
        ("0 4 * * 1", True, False),
        ("0 4 * * 1-6", True, False),
        ("@weekly", True, False),
        ("@yearly", True, False),
        ("30 4 * 1-3 *", True, False),
        ("30 4 * 1-11 *", True, False),
        ("0 4 31 * *", True, False),
        ("0 4 1-30 * *", True, False),
        ("0 4 1-28,30,31 * *", True, False),
        ("0 4 29 2 *", True, False),
        ("0 4 L * *", True, False),
        ("0 4 31 2 *", False, False),  # never
        ("R 4 * * *", False, False),
        ("every day", False, False),
    ],
)
def test_a_schedule_must_come_every_day(cron: str, is_sound: bool, is_daily: bool) -> None:  # noqa: FBT001  # a table
    assert is_cron(cron) is is_sound
    assert is_sound is False or is_daily_or_oftener(cron) is is_daily
