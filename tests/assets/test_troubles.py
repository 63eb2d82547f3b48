"""Which troubles there are, from facts alone and on any clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.expected import due_at, last_expected_day
from assets.source import SourceFacts
from assets.troubles import DiskSpace, SourceState, troubles
from domain.troubles import Severity, TroubleKind
from tests.fakes.days import facts
from warehouse.completeness import SilentDevice
from warehouse.ledger import DayStatus

DAY = date(2026, 1, 9)
TICK = datetime(2026, 1, 10, 4, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def failed(day: date, reason: str = "request_rejected", since: datetime = TICK) -> DayStatus:
    return DayStatus(day, None, None, None, 0, 0, reason, "they refuse (roof): ask them.", None, since)


def kinds(state: SourceState, now: datetime) -> list[TroubleKind]:
    return [trouble.kind for trouble in troubles([state], now)]


def test_a_night_that_never_ran_is_a_trouble_two_hours_after_its_hour_and_not_before() -> None:
    state = SourceState(facts(), last_ended=DAY - timedelta(days=1))
    assert troubles([state], TICK + timedelta(hours=2) - MINUTE) == []
    [trouble] = troubles([state], TICK + timedelta(hours=2, minutes=1))
    assert (trouble.kind, trouble.severity) == (TroubleKind.OVERDUE_LOAD, Severity.CRITICAL)
    assert trouble.since == TICK + timedelta(hours=2)
    assert trouble.culprit == "roof: no load of 2026-01-09 has ended, well or not."
    assert "joulehouse backfill roof --from 2026-01-09 --to 2026-01-09" in trouble.fix


def test_a_source_that_says_another_time_is_late_at_that_time() -> None:
    state = SourceState(facts(due_after=timedelta(hours=5)), last_ended=DAY - timedelta(days=1))
    assert kinds(state, TICK + timedelta(hours=4)) == []
    assert kinds(state, TICK + timedelta(hours=5, minutes=1)) == [TroubleKind.OVERDUE_LOAD]


@pytest.mark.parametrize("cron", ["30 4 * * *", "0 0 * * *", "0 * * * *", "59 23 * * *", "15 */6 * * *"])
def test_a_day_is_due_from_the_moment_on_at_which_it_becomes_the_newest_expected_one(cron: str) -> None:
    source = facts(schedule=cron)
    due = due_at(source, DAY)
    assert due is not None
    assert last_expected_day(source, due + MINUTE) == DAY
    before = last_expected_day(source, due - MINUTE)
    assert before is not None
    assert before < DAY


def test_a_trouble_keeps_its_key_and_its_since_while_it_lasts() -> None:
    state = SourceState(facts(), last_ended=DAY - timedelta(days=1))
    [first] = troubles([state], TICK + timedelta(hours=3))
    [later] = troubles([state], TICK + timedelta(days=2, hours=3))
    assert (first.key, first.since) == (later.key, later.since)
    assert "the days from 2026-01-09 to 2026-01-11" in later.culprit


@pytest.mark.parametrize("source", [facts(schedule=None), facts(was_retired=True)])
def test_where_no_schedule_asks_nothing_is_overdue(source: SourceFacts) -> None:
    assert kinds(SourceState(source), TICK + timedelta(days=9)) == []


def test_a_load_that_has_ended_badly_is_told_as_what_it_is_and_not_as_late() -> None:
    now = TICK + timedelta(hours=3)
    state = SourceState(facts(), [failed(DAY)], last_ended=DAY)
    assert kinds(state, now) == [TroubleKind.FAILED_DAYS]
    # Behind rejected credentials later days are not tried: no entry in the ledger, and ended all the same.
    early = [failed(DAY - timedelta(days=2), "credentials_rejected")]
    state = SourceState(facts(), early, last_ended=DAY - timedelta(days=2), failed_at=TICK + MINUTE)
    assert kinds(state, now) == [TroubleKind.REJECTED_CREDENTIALS]
    # A failure of the night before excuses no night that never ran.
    state = SourceState(facts(), early, last_ended=DAY - timedelta(days=2), failed_at=TICK - timedelta(hours=20))
    assert kinds(state, now) == [TroubleKind.OVERDUE_LOAD, TroubleKind.REJECTED_CREDENTIALS]


def test_five_hundred_failed_days_of_a_source_are_one_trouble() -> None:
    days = [failed(date(2024, 6, 1) + timedelta(days=n), since=TICK + n * MINUTE) for n in range(500)]
    [trouble] = troubles([SourceState(facts(), days, last_ended=DAY)], TICK)
    assert trouble.since == TICK
    assert trouble.culprit.startswith(
        "roof: 500 days from 2024-06-01 to 2025-10-13 failed. RequestRejectedError: they "
    )
    assert trouble.fix == "joulehouse backfill roof --from 2024-06-01 --to 2025-10-13"
    assert trouble.tried.endswith("the schedule asks again at 2026-01-10 04:30 UTC.")


def test_nights_that_fail_are_told_although_an_old_day_has_failed_for_good() -> None:
    old, newest = failed(date(2025, 6, 1)), [failed(DAY - timedelta(days=n)) for n in (1, 0)]
    lasting, again = troubles([SourceState(facts(), [old, *newest], last_ended=DAY)], TICK + timedelta(hours=3))
    assert (lasting.key, again.key) == ("failed_days:roof", "failed_days:roof:newest")
    assert again.culprit.startswith("roof: 2 days from 2026-01-08 to 2026-01-09 failed. ")
    # The days of one outage are one trouble, and so is an old day beside nights that do not fail.
    for days in ([*newest], [old]):
        assert len(troubles([SourceState(facts(), days, last_ended=DAY)], TICK + timedelta(hours=3))) == 1


def test_a_retired_source_has_no_failed_days() -> None:
    assert kinds(SourceState(facts(was_retired=True), [failed(DAY)]), TICK) == []


def test_each_silent_device_is_a_trouble_of_its_own() -> None:
    silent = [SilentDevice("inverter 1", "", 5, 5, TICK), SilentDevice("inverter 2", "Home 7", 1, 5, TICK)]
    first, second = troubles([SourceState(facts(), last_ended=DAY, silent=silent)], TICK)
    assert first.key == "silent_device:roof:inverter 1"
    assert (first.culprit, first.since) == ("roof: inverter 1 is silent.", TICK)
    assert second.culprit == "roof: inverter 2 in Home 7 has 1 of 5 series silent."


def test_two_devices_that_are_called_alike_are_one_trouble() -> None:
    silent = [SilentDevice("meter", "", 5, 5, TICK), SilentDevice("meter", "meter", 5, 5, TICK)]
    assert len(troubles([SourceState(facts(), last_ended=DAY, silent=silent)], TICK)) == 1


def test_a_disk_that_has_become_full_is_another_trouble_than_one_that_is_nearly_full() -> None:
    [nearly], [full] = (troubles([], TICK, disks=[DiskSpace("/somewhere", n, 2**41)]) for n in (5 * 2**30, 2**20))
    assert nearly.key != full.key


@pytest.mark.parametrize(
    ("n_free", "severity"), [(2**29, Severity.CRITICAL), (5 * 2**30, Severity.WARNING), (2**40, None)]
)
def test_a_disk_is_nearly_full_before_it_is_full(n_free: int, severity: Severity | None) -> None:
    found = troubles([], TICK, disks=[DiskSpace("/somewhere", n_free, 2**41)])
    assert [trouble.severity for trouble in found] == ([severity] if severity else [])


def test_the_daemon_is_down_when_its_sensor_has_not_run_for_five_minutes() -> None:
    assert troubles([], TICK, last_beat=TICK - 5 * MINUTE) == []
    [trouble] = troubles([], TICK, last_beat=TICK - 6 * MINUTE)
    assert (trouble.kind, trouble.since) == (TroubleKind.DAEMON, TICK - 6 * MINUTE)
