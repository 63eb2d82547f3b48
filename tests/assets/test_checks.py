import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.checks import CHECKS, evaluate
from assets.failure_policy import FAILURE_POLICIES
from assets.failures import error_name
from assets.ingest import ingest_days
from assets.source import SourceFacts
from domain.quantities import ABSENT
from domain.records import LoadReport
from domain.window import Window
from tests.fakes.days import FIRST, days, facts, provider_of
from tests.fakes.provider import FAKE_SPEC
from tests.fakes.warehouse import FakeWarehouse, day_status
from warehouse.ledger import DayStatus, RejectedSeries, Restatement
from warehouse.suspects import SuspectDay

DUE_FOR_FIVE = datetime(2026, 1, 6, 4, 30, tzinfo=UTC) + timedelta(hours=2)  # the schedule comes at 4:30


def loaded(*wanted: date, unmapped: dict[str, int] | None = None, rejected: date | None = None) -> list[LoadReport]:
    provider, warehouse = provider_of(10), FakeWarehouse()
    provider.unmapped = unmapped or {}
    if rejected:
        provider.rejected[rejected] = {"a row": "wrong_type"}
    list(ingest_days(wanted, provider, warehouse, "roof"))
    return list(warehouse.newest_loads("roof", wanted[0], wanted[-1]))


def said(
    loads: list[LoadReport],
    now: datetime,
    of: SourceFacts | None = None,
    ledger: Sequence[DayStatus] = (),
    broken: Sequence[RejectedSeries] = (),
    *,
    restated: Sequence[Restatement] = (),
) -> dict[str, dg.AssetCheckResult]:
    results = evaluate(of or facts(), loads, ledger, now, broken, restated=restated)
    return {str(result.check_name): result for result in results}


def test_every_check_has_a_result() -> None:
    assert set(said(loaded(*days(5)), DUE_FOR_FIVE)) == set(CHECKS)


def test_a_source_with_every_due_day_passes_everything() -> None:
    assert all(result.passed for result in said(loaded(*days(5)), DUE_FOR_FIVE).values())


def test_a_day_is_due_two_hours_after_its_scheduled_load() -> None:
    assert said(loaded(*days(4)), DUE_FOR_FIVE - timedelta(seconds=1))["fresh"].passed
    late = said(loaded(*days(4)), DUE_FOR_FIVE)["fresh"]
    assert not late.passed
    assert late.severity is dg.AssetCheckSeverity.ERROR
    assert late.metadata["due_day"].value == "2026-01-05"


def test_a_source_that_never_loaded_anything_is_not_fresh() -> None:
    assert not said([], DUE_FOR_FIVE)["fresh"].passed


def test_a_source_that_begins_tomorrow_is_fresh() -> None:
    begins = facts(first_day=FIRST + timedelta(days=40))
    assert said([], DUE_FOR_FIVE, begins)["fresh"].passed


def test_a_retired_provider_is_not_called_stale() -> None:
    for retired in (facts(spec=dataclasses.replace(FAKE_SPEC, is_retired=True)), facts(was_retired=True)):
        results = said(loaded(*days(5)), DUE_FOR_FIVE + timedelta(days=99), retired)
        assert all(result.passed for result in results.values())
        assert str(results["fresh"].description) == "Retired: not expected. The newest loaded day is 2026-01-05."


def test_no_day_of_a_source_without_a_schedule_is_expected() -> None:
    by_hand, now = facts(schedule=None), DUE_FOR_FIVE + timedelta(days=99)
    for loads in ([], loaded(*days(5)), loaded(FIRST, days(5)[-1])):
        results = said(loads, now, by_hand)
        assert all(result.passed for result in results.values())
        assert str(results["fresh"].description).startswith("No schedule: not expected.")
    assert str(results["complete"].description) == (
        "No schedule: not expected. 3 of 5 days from 2026-01-01 to 2026-01-05 are missing."
    )


def test_a_refused_load_of_a_day_that_has_an_older_one_is_named_until_the_next_good_one() -> None:
    provider, warehouse = provider_of(5), FakeWarehouse()
    second = days(5)[1]

    def failed() -> dg.AssetCheckResult:
        return said(
            list(warehouse.newest_loads("roof", FIRST, days(5)[-1])), DUE_FOR_FIVE, None, warehouse.days("roof")
        )["nothing_failed"]

    list(ingest_days(days(5), provider, warehouse, "roof"))
    assert failed().passed
    good, provider.points[second] = provider.points[second], {}
    list(ingest_days([second], provider, warehouse, "roof"))
    red = failed()
    assert not red.passed
    assert red.severity is dg.AssetCheckSeverity.ERROR
    assert str(red.description).startswith(
        "ShrinkRefusedError: the newest load of 2026-01-02 failed, and what was loaded before stands. rows would be"
    )
    assert red.metadata["days"].value == {"2026-01-02": "ShrinkRefusedError"}
    provider.points[second] = good
    list(ingest_days([second], provider, warehouse, "roof"))
    assert failed().passed


def test_a_day_that_never_came_is_named_with_its_error() -> None:
    ledger = [day_status(FIRST, None, "rate_limited", "no"), day_status(days(2)[1], None, "paging_loop", "they loop")]
    red = said([], DUE_FOR_FIVE, None, ledger)["nothing_failed"]
    assert str(red.description) == (
        "PagingLoopError: the newest load of 2026-01-02 failed, and nothing of it is loaded. "
        "1 more day failed before. they loop"
    )
    assert red.metadata["failed"].value == 2


def test_a_day_that_failed_before_its_source_retired_is_no_news() -> None:
    ledger = [day_status(FIRST, 1, "paging_loop", "they loop")]
    assert said([], DUE_FOR_FIVE, facts(was_retired=True), ledger)["nothing_failed"].passed


def test_an_error_is_called_what_the_runbook_calls_it() -> None:
    for error in FAILURE_POLICIES:
        assert error_name(error("x", place="y", fix="z").code) == error.__name__


def test_a_suspect_day_is_yellow_and_named_once_it_has_settled() -> None:
    def suspect(hours: int) -> DayStatus:
        found = SuspectDay(FIRST, "0 points where 24 are usual", [Window.of_day(FIRST).end + timedelta(hours=hours)])
        return dataclasses.replace(day_status(FIRST, 1), suspect=found)

    settled = facts().finalization_lag // timedelta(hours=1) + 1
    yellow = said(loaded(*days(5)), DUE_FOR_FIVE, None, [suspect(settled)])["nothing_suspect"]
    assert (yellow.passed, yellow.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(yellow.description).startswith(
        "2026-01-01 is suspect: 0 points where 24 are usual. It is asked for again from"
    )
    assert str(yellow.description).endswith("If it is right: `joulehouse confirm roof 2026-01-01`.")
    assert yellow.metadata["days"].value == {"2026-01-01": "0 points where 24 are usual"}
    assert said(loaded(*days(5)), DUE_FOR_FIVE, None, [suspect(settled - 2)])["nothing_suspect"].passed
    assert said(loaded(*days(5)), DUE_FOR_FIVE, facts(was_retired=True), [suspect(settled)])["nothing_suspect"].passed


def test_a_gap_is_named() -> None:
    first, second, _, fourth, fifth = days(5)
    gap = said(loaded(first, second, fourth, fifth), DUE_FOR_FIVE)["complete"]
    assert not gap.passed
    assert gap.metadata["missing_days"].value == ["2026-01-03"]


def test_days_before_the_first_loaded_one_are_no_gap() -> None:
    assert said(loaded(*days(5)[2:]), DUE_FOR_FIVE)["complete"].passed


def test_a_quarantined_row_is_counted_by_its_reason() -> None:
    result = said(loaded(*days(5), rejected=days(5)[1]), DUE_FOR_FIVE)["nothing_rejected"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["by_name"].value == {"wrong_type": 1}
    assert result.metadata["days"].value == ["2026-01-02"]


def test_a_quarantined_series_is_named_with_its_reason_and_its_count() -> None:
    broken = [RejectedSeries("b7/temperature", "out_of_limits", 1288), RejectedSeries("", "malformed_row", 2)]
    result = said(loaded(*days(5), rejected=days(5)[1]), DUE_FOR_FIVE, broken=broken)["nothing_rejected"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["by_series"].value == {
        "b7/temperature (out_of_limits)": 1288,
        "no series (malformed_row)": 2,
    }
    assert "Most of them: b7/temperature (out_of_limits) 1,288, no series" in str(result.description)
    assert "`joulehouse rejected roof`" in str(result.description)


def test_a_row_that_was_only_sent_along_is_no_news() -> None:
    quiet = [dataclasses.replace(load, rejected_by_reason={"outside": 3}) for load in loaded(*days(5))]
    assert said(quiet, DUE_FOR_FIVE)["nothing_rejected"].passed


def test_words_for_nothing_are_counted_and_nobody_is_warned_of_them() -> None:
    assert said(loaded(*days(5), unmapped={ABSENT: 3}), DUE_FOR_FIVE)["nothing_unmapped"].passed


def test_an_unmapped_field_is_counted_by_its_name() -> None:
    result = said(loaded(*days(5), unmapped={"mystery": 3}), DUE_FOR_FIVE)["nothing_unmapped"]
    assert not result.passed
    assert result.metadata["by_name"].value == {"mystery": 15}


def test_a_load_that_does_not_add_up_is_named() -> None:
    loads = loaded(*days(5))
    loads[2] = dataclasses.replace(loads[2], n_received=25)
    result = said(loads, DUE_FOR_FIVE)["accounted_for"]
    assert not result.passed
    assert result.metadata["days"].value == ["2026-01-03"]


def test_what_a_source_leaves_out_on_purpose_is_no_news_and_anything_else_still_is() -> None:
    sparing = dataclasses.replace(facts(), ignored=("*/activity",))
    quiet = said(loaded(*days(5), unmapped={"77/day/activity": 3}), DUE_FOR_FIVE, sparing)["nothing_unmapped"]
    loud = said(loaded(*days(5), unmapped={"77/day/activity": 3, "77/weight": 1}), DUE_FOR_FIVE, sparing)
    assert quiet.passed
    assert not loud["nothing_unmapped"].passed
    assert loud["nothing_unmapped"].metadata["by_name"].value == {"77/weight": 5}


def test_a_summary_that_is_wrong_is_named_with_what_mends_it() -> None:
    wrong = [(date(2026, 1, 2), "meter at 2026-01-02 03:00:00+00"), (date(2026, 1, 4), "meter at 2026-01-04 (local)")]
    [result] = [
        one for one in evaluate(facts(), [], [], DUE_FOR_FIVE, wrong=wrong) if one.check_name == "summaries_agree"
    ]

    assert not result.passed
    assert "joulehouse warehouse recompute roof --from 2026-01-02 --to 2026-01-04" in str(result.description)


def test_a_restatement_above_the_source_s_share_is_a_warning_with_the_command_that_says_more() -> None:
    restated = [Restatement(FIRST, 1, 0, 99), Restatement(days(2)[1], 20, 5, 75), Restatement(days(2)[1], 1, 0, 99)]
    result = said(loaded(*days(5)), DUE_FOR_FIVE, restated=restated)["restated"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.description == (
        "2026-01-02 was restated in the last 7 days, 2026-01-02 by 25.0% of its points:"
        " `joulehouse changes roof --from 2026-01-02 --to 2026-01-02` says what changed."
    )
    bears = facts(restated_share=0.25)
    assert said(loaded(*days(5)), DUE_FOR_FIVE, bears, restated=restated)["restated"].passed
    strict = said(loaded(*days(5)), DUE_FOR_FIVE, facts(restated_share=0.0), restated=restated)["restated"]
    assert strict.metadata["days"].value == {"2026-01-01": 0.01, "2026-01-02": 0.25}
