"""Which troubles there are, from facts alone and on any clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.expected import due_at, last_expected_day
from assets.source import SourceFacts
from assets.troubles import DiskSpace, SourceState, troubles
from domain.troubles import Severity, TroubleKind
from tests.fakes.days import facts
from warehouse.completeness import ImplausibleSeries, SilentDevice
from warehouse.ledger import DayStatus
from warehouse.suspects import SuspectDay

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


def loaded(day: date, at: datetime = TICK) -> DayStatus:
    return DayStatus(day, 1, 1, at, 24, 0, None, None)


def january(*numbers: int) -> list[date]:
    return [date(2026, 1, n) for n in numbers]


def test_suspect_days_are_one_trouble_with_the_reason_of_the_newest_until_none_is_suspect() -> None:
    asked = [TICK - timedelta(days=1)]
    suspect = [SuspectDay(day, "12 points where 96 are usual", asked) for day in january(3, 4)]
    [trouble] = troubles([SourceState(facts(), last_ended=DAY, suspect=suspect)], TICK)
    assert (trouble.key, trouble.severity) == ("suspect_days:roof", Severity.WARNING)
    assert trouble.culprit == (
        "roof: 2 days from 2026-01-03 to 2026-01-04 are suspect. 2026-01-04: 12 points where 96 are usual."
    )
    assert trouble.fix.endswith("if it is right: joulehouse confirm roof 2026-01-04")
    # One whose values are not final yet is asked for anyway, and a retired source stays as it is.
    young = [SuspectDay(DAY, "12 points where 96 are usual", [datetime(2026, 1, 9, 23, tzinfo=UTC)])]
    assert kinds(SourceState(facts(), last_ended=DAY, suspect=young), TICK) == []
    assert kinds(SourceState(facts(was_retired=True), suspect=suspect), TICK) == []


def test_days_missing_in_the_middle_are_a_trouble_when_the_schedule_has_asked_for_them_in_vain() -> None:
    days = [loaded(day) for day in january(2, 3, 6, 7, 8, 9)]
    source = facts()
    due = TICK + source.due_after  # the tick behind the load that made it a hole
    assert kinds(SourceState(source, days, last_ended=DAY), due - MINUTE) == []
    [trouble] = troubles([SourceState(source, days, last_ended=DAY)], due)
    assert (trouble.key, trouble.severity) == ("missing_days:roof", Severity.WARNING)
    assert trouble.culprit == "roof: 2 days from 2026-01-04 to 2026-01-05 are missing between days that are loaded."
    assert trouble.fix == "joulehouse backfill roof --from 2026-01-04 --to 2026-01-05"


def test_days_missing_in_the_middle_that_no_schedule_asks_for_are_told_after_a_day_by_hand() -> None:
    days = [loaded(day) for day in january(2, 4)]
    by_hand = facts(schedule=None)
    assert kinds(SourceState(by_hand, days), TICK + timedelta(hours=23)) == []
    [trouble] = troubles([SourceState(by_hand, days)], TICK + timedelta(days=1))
    assert (trouble.kind, trouble.tried) == (TroubleKind.MISSING_DAYS, "No schedule asks for them.")


def test_days_behind_the_newest_loaded_one_and_days_that_failed_are_not_missing_in_the_middle() -> None:
    days = [loaded(day) for day in january(2, 4)]
    later = TICK + timedelta(days=3)
    assert TroubleKind.MISSING_DAYS not in kinds(SourceState(facts(), days[:1], last_ended=date(2026, 1, 2)), later)
    state = SourceState(facts(), [days[0], failed(january(3)[0]), days[1]], last_ended=date(2026, 1, 12))
    assert kinds(state, later) == [TroubleKind.FAILED_DAYS]
    retired = SourceState(facts(was_retired=True), days)
    assert kinds(retired, later) == []


def test_as_many_missing_days_as_fill_many_runs_have_as_many_nights_to_come() -> None:
    source = facts()
    first = DAY - timedelta(days=source.spec.max_days_per_run * 2 + 1)
    days = [loaded(first), loaded(DAY)]
    soon, then = (TICK + source.due_after + timedelta(days=n) for n in (1, 2))
    assert kinds(SourceState(source, days, last_ended=DAY + timedelta(days=9)), soon) == []
    assert kinds(SourceState(source, days, last_ended=DAY + timedelta(days=9)), then) == [TroubleKind.MISSING_DAYS]


def test_implausible_series_are_a_trouble_by_the_day_they_became_so_with_the_evidence_of_the_worst() -> None:
    old = ImplausibleSeries("roof/P", "inverter 1", DAY - timedelta(days=4), 9, "stuck", "42 for 90 hours")
    new = [ImplausibleSeries(f"{n}/P", "", DAY, 1, "factor", f"up to {n}") for n in range(5)]
    before = troubles([SourceState(facts(), last_ended=DAY, implausible=[old])], TICK)
    first, second = troubles([SourceState(facts(), last_ended=DAY, implausible=[old, *new])], TICK)
    assert [first] == before
    assert (first.key, first.severity) == ("implausible_values:roof:2026-01-05", Severity.WARNING)
    assert first.culprit == (
        "roof: 1 series is implausible since 2026-01-05: inverter 1, roof/P: stuck (42 for 90 hours)."
    )
    assert second.culprit == (
        "roof: 5 series are implausible since 2026-01-09: 0/P: factor (up to 0); 1/P: factor (up to 1);"
        " 2/P: factor (up to 2); and 2 more."
    )
    assert second.fix == "joulehouse flags roof --from 2026-01-09"
    assert kinds(SourceState(facts(was_retired=True), implausible=[old]), TICK) == []
