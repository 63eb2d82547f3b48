import dataclasses
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from assets.factory import source_assets
from assets.ingest import ingest_days
from assets.source import SourceFacts
from domain.errors import WarehouseUnavailableError
from pipelines.schedules import (
    RANGE_END,
    RANGE_START,
    SOURCE_TAG,
    due_ranges,
    is_cron,
    is_daily_or_oftener,
    nightly,
    source_job,
    trailing_schedule,
)
from resources.step_resources import warehouse_resource
from tests.fakes.days import days, facts
from tests.fakes.provider import FAKE_SPEC, FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse
from warehouse.store import open_warehouse

TICK = datetime(2026, 2, 10, 4, 30, tzinfo=UTC)


def day(n: int) -> date:
    return date(2026, 2, n)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # a schedule opens it anew, so it must be on disk
        yield instance


def requests(
    instance: dg.DagsterInstance,
    tick: datetime,
    of: SourceFacts,
    warehouse: FakeWarehouse | dg.ResourceDefinition | None = None,
) -> list[dg.RunRequest]:
    schedule = trailing_schedule(of, source_job(of))
    assert schedule is not None
    held = warehouse or FakeWarehouse()
    known = dg.Definitions(
        assets=source_assets(of),
        schedules=[schedule],
        resources={of.slug: dg.ResourceDefinition.hardcoded_resource(FakeProvider()), "warehouse": held},
    )
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=tick,
        repository_def=known.get_repository_def(),
        resources={"warehouse": held},
    ) as context:
        return list(schedule.evaluate_tick(context).run_requests or [])


def ranges(found: list[dg.RunRequest]) -> list[tuple[str, str]]:
    """The days of every request."""
    return [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in found]


def having(*loaded: date) -> FakeWarehouse:
    """A warehouse in which these days are loaded."""
    warehouse = FakeWarehouse()
    list(ingest_days(loaded, FakeProvider({one: hourly(one) for one in loaded}), warehouse, "roof"))
    return warehouse


def test_each_tick_asks_for_the_trailing_days_in_one_run(instance: dg.DagsterInstance) -> None:
    [trailing] = requests(instance, TICK, facts(first_day=day(7)))
    assert (trailing.tags[RANGE_START], trailing.tags[RANGE_END]) == ("2026-02-07", "2026-02-09")
    assert assets_of(trailing) == ["roof/catalogue", "roof/measurements", "roof/payloads"]


def test_the_catalogue_rides_along_with_the_trailing_days_alone(instance: dg.DagsterInstance) -> None:
    _, *due = requests(instance, TICK, facts(), having(*days(30), *days(3, day(3))))
    assert due
    assert {tuple(assets_of(one)) for one in due} == {("roof/measurements", "roof/payloads")}


def assets_of(request: dg.RunRequest) -> list[str]:
    return sorted(key.to_user_string() for key in request.asset_selection or ())


def test_a_source_without_a_schedule_of_its_own_has_a_minute_of_its_own() -> None:
    assert nightly("charging_hub") == nightly("charging_hub") == "35 4 * * *"
    minutes = Counter(nightly(f"hub_{n}").split()[0] for n in range(200))
    assert sorted(minutes) == [str(minute) for minute in range(30, 40)]
    assert max(minutes.values()) < 40


@pytest.mark.parametrize("day_of_change", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_days_are_utc_days_on_the_days_the_clocks_change(instance: dg.DagsterInstance, day_of_change: date) -> None:
    tick = datetime.combine(day_of_change + timedelta(days=1), TICK.time(), tzinfo=UTC)
    assert requests(instance, tick, facts())[0].tags[RANGE_END] == str(day_of_change)


def test_a_source_in_its_first_days_is_not_asked_for_earlier_ones() -> None:
    assert due_ranges(facts(first_day=day(9)), TICK, set()) == [(day(9), day(9))]
    assert due_ranges(facts(first_day=day(10)), TICK, set()) == []


def test_days_that_are_due_come_behind_the_trailing_ones() -> None:
    due = {day(3), day(4), day(6)}
    assert due_ranges(facts(), TICK, due) == [(day(7), day(9)), (day(6), day(6)), (day(3), day(4))]


def test_many_days_are_asked_for_in_runs_of_bounded_length() -> None:
    found = due_ranges(facts(), datetime(2026, 12, 1, 4, 30, tzinfo=UTC), days(70))
    assert [(last - first).days + 1 for first, last in found[1:]] == [10, 30, FAKE_SPEC.max_days_per_run]


def test_days_that_an_outage_left_out_come_back_by_themselves(instance: dg.DagsterInstance) -> None:
    warehouse = having(*days(30), *days(3, day(3)))
    assert ranges(requests(instance, TICK, facts(), warehouse)) == [
        ("2026-02-07", "2026-02-09"),
        ("2026-02-06", "2026-02-06"),
        ("2026-01-31", "2026-02-02"),
    ]


def test_a_day_that_fell_out_of_the_trailing_ones_before_it_had_settled_is_asked_for_again(
    instance: dg.DagsterInstance, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded the morning after, then an outage of four days; its values moved until noon, and nobody saw them."""
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "landing"))
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    slow = dataclasses.replace(FAKE_SPEC, finalization_lag=timedelta(hours=36))
    of = facts(first_day=yesterday, spec=slow)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        list(
            ingest_days(
                [yesterday],
                FakeProvider({yesterday: hourly(yesterday)}),
                warehouse,
                "roof",
            )
        )
    tick = datetime.combine(yesterday + timedelta(days=6), TICK.time(), tzinfo=UTC)

    def asked(of: SourceFacts) -> list[tuple[str, str]]:
        return ranges(requests(instance, tick, of, warehouse_resource))

    missed = [str(yesterday + timedelta(days=n)) for n in range(6)]
    assert asked(of) == [(missed[3], missed[5]), (missed[0], missed[2])]
    quick = dataclasses.replace(FAKE_SPEC, finalization_lag=timedelta(0))
    assert asked(facts(first_day=yesterday, spec=quick)) == [(missed[3], missed[5]), (missed[1], missed[2])]


def test_the_day_of_a_months_value_is_asked_for_when_the_month_is_over_and_old_days_once_a_month(
    instance: dg.DagsterInstance, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day before this month is held, and has settled; the schedule is looked at in the middle of the next month."""
    monkeypatch.setenv("WAREHOUSE_URL", database)
    monkeypatch.setenv("LANDING_URL", str(tmp_path / "landing"))
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    this_month = datetime.now(UTC).date().replace(day=1)
    eve = this_month - timedelta(days=1)
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        provider = FakeProvider({eve: hourly(eve)})
        list(ingest_days([eve], provider, warehouse, "roof"))
    tick = datetime.combine(this_month + timedelta(days=45), TICK.time(), tzinfo=UTC)
    quick = dataclasses.replace(FAKE_SPEC, finalization_lag=timedelta(0))

    def asks(of: SourceFacts) -> bool:
        return any(
            first <= str(eve) <= last for first, last in ranges(requests(instance, tick, of, warehouse_resource))
        )

    assert not asks(facts(first_day=eve, spec=quick))
    assert asks(facts(first_day=eve, spec=quick, spans=("month",)))
    assert asks(facts(first_day=eve, spec=dataclasses.replace(quick, deep_refetch_days=60)))


def test_a_warehouse_that_is_away_keeps_no_trailing_day_from_being_asked_for(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    away = WarehouseUnavailableError("the database does not answer", place="localhost", fix="start it")
    assert ranges(requests(instance, TICK, facts(), FakeWarehouse(unavailable=away))) == [("2026-02-07", "2026-02-09")]
    assert "are not asked for by this tick. the database does not answer (localhost)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (dg.DagsterRunStatus.QUEUED, ["2026-02-05", "2026-02-01"]),
        (dg.DagsterRunStatus.STARTED, ["2026-02-05", "2026-02-01"]),
        (dg.DagsterRunStatus.FAILURE, ["2026-02-01"]),
        (dg.DagsterRunStatus.NOT_STARTED, ["2026-02-01"]),  # it may stay so for ever
    ],
)
def test_days_that_wait_in_the_queue_are_not_asked_for_twice(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, found: list[str]
) -> None:
    tags = {RANGE_START: "2026-02-02", RANGE_END: "2026-02-04"}
    for slug, its in (("roof", status), ("yard", dg.DagsterRunStatus.QUEUED)):
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), slug)
        create_run_for_test(
            instance, job_name=slug, status=its, tags=tags | {SOURCE_TAG: slug}, remote_job_origin=origin
        )
    asked = ranges(requests(instance, TICK, facts(first_day=day(1)), FakeWarehouse()))
    assert [first for first, _ in asked] == ["2026-02-07", *found]


def test_one_tick_is_evaluated_twice_with_the_same_run_keys(instance: dg.DagsterInstance) -> None:
    first, second = (requests(instance, TICK, facts()) for _ in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len({request.run_key for request in first}) == len(first)


def test_a_source_without_a_schedule_is_asked_by_hand_alone() -> None:
    by_hand = facts(schedule=None)
    assert trailing_schedule(by_hand, source_job(by_hand)) is None


def test_a_retired_source_has_no_schedule() -> None:
    for retired in (facts(was_retired=True), facts(spec=dataclasses.replace(FAKE_SPEC, is_retired=True))):
        assert trailing_schedule(retired, source_job(retired)) is None


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
def test_a_schedule_must_come_every_day(cron: str, is_sound: bool, is_daily: bool) -> None:
    assert is_cron(cron) is is_sound
    assert is_sound is False or is_daily_or_oftener(cron) is is_daily


def test_the_ticks_of_a_schedule_for_every_day_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("pipelines.schedules.cron_string_iterator")  # 200 sources took a second of each run with it
    assert is_daily_or_oftener("37 */6 * * *")
    with pytest.raises(NameError):
        is_daily_or_oftener("37 4 * * 1-5")
