"""What is asked of every source after every run, and four times a day if none ran.

They look at the ledger and not at the run: a run over days has no single partition, and a source that has stopped
running altogether must be noticed first. None of them blocks: the load itself refuses what may not stand.

Dagster skips what comes after a failed step, checks included. So a step that fails evaluates them itself, first.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets import day_checks
from assets.completeness import Coverage, Finding, coverage, series_complete, series_fresh, series_plausible
from assets.failures import as_single_failure, named
from assets.source import SourceFacts, measurements_key
from domain.errors import IngestError
from domain.records import LoadReport

if TYPE_CHECKING:
    from warehouse.ledger import DayStatus, RejectedSeries, Restatement
    from warehouse.store import TimescaleWarehouse

CHECKS: Final = {
    "fresh": "The newest day that should be loaded by now is loaded.",
    "complete": "No day is missing between the first loaded one and the newest that should be loaded by now.",
    "nothing_failed": "The newest load of every day went well: none was refused while an older one stands.",
    "series_complete": "Every series has the points that are expected of the last 7 days.",
    "series_fresh": "Every device has spoken until the end of the newest day.",
    "series_plausible": "No series shows values on the last 7 days that are implausible beside its own weeks.",
    "nothing_suspect": "No day has far fewer points than is usual, but for those that were confirmed.",
    "nothing_rejected": "No row of the last 31 loaded days was quarantined.",
    "nothing_unmapped": "No field of the last 31 loaded days lacks a quantity, but for those left out on purpose.",
    "accounted_for": "Received = inserted + changed + unchanged + rejected + duplicate, for every loaded day.",
    "restated": "No load of the last 7 days changed much of a day whose values had been final (`restated_share`).",
    "summaries_agree": "Hours, days and local days of the newest 3 loaded days are what their points amount to.",
}
"""Check name → what it promises."""

_RECENT: Final = 31  # days whose rejected rows and unmapped fields are still news
_RESTATED: Final = timedelta(days=7)  # how long a restatement is news
_SUMMED: Final = 3  # days whose summaries are compared with their points after every run


def source_checks(facts: SourceFacts) -> dg.AssetChecksDefinition:
    """The checks of one source; they need the resource `warehouse`."""
    key = measurements_key(facts.slug)

    @dg.multi_asset_check(
        name=f"{facts.slug}__checks",
        specs=[dg.AssetCheckSpec(name, asset=key, description=promise) for name, promise in CHECKS.items()],
        can_subset=True,
        required_resource_keys={"warehouse"},
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        try:
            with context.resources.warehouse.open() as warehouse:
                results = list(_results(facts, warehouse, datetime.now(UTC)))
        except IngestError as error:
            raise as_single_failure(facts.slug, error) from None
        chosen = {check.name for check in context.selected_asset_check_keys}
        yield from (result for result in results if result.check_name in chosen)

    return checks


def evaluations_of_failed_step(
    facts: SourceFacts, warehouse: "TimescaleWarehouse | None", failure: IngestError
) -> list[dg.AssetCheckEvaluation]:
    """What the checks say where a step failed, for that step to log: they would be skipped.

    Args:
        facts: Whose step.
        warehouse: Where the ledger is; None where it could not be opened.
        failure: Why the step failed. It is what `nothing_failed` says where the ledger cannot be asked.
    """
    if warehouse is not None:
        with suppress(IngestError):  # the step's own failure is the one to act on, and it is said below
            return evaluations(facts, warehouse)
    return [_evaluation(_result(facts, "nothing_failed", Finding(named(failure), passed=False, is_grave=True)), facts)]


def evaluations(facts: SourceFacts, warehouse: "TimescaleWarehouse") -> list[dg.AssetCheckEvaluation]:
    """What the checks say now, for whoever is no check.

    Raises:
        WarehouseError: The ledger cannot be asked.
    """
    return [_evaluation(result, facts) for result in _results(facts, warehouse, datetime.now(UTC))]


def _evaluation(result: dg.AssetCheckResult, facts: SourceFacts) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=measurements_key(facts.slug),
        check_name=str(result.check_name),
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )


def _results(facts: SourceFacts, warehouse: "TimescaleWarehouse", now: datetime) -> Iterator[dg.AssetCheckResult]:
    ledger = warehouse.ledger
    loads = ledger.newest_loads(facts.slug, facts.first_day, now.date())
    broken = ledger.rejected_series(facts.slug, [load.load_id for load in _newest(loads)])
    summed = [load.window for load in loads[-_SUMMED:]]
    wrong = [(window.day, one) for window in summed for one in warehouse.reading.wrong_summaries(facts.slug, window)]
    unread = ledger.landed_not_loaded(facts.slug)
    restated = ledger.restatements(facts.slug, now - _RESTATED, facts.finalization_lag)
    found = coverage(facts, warehouse, now)
    days = ledger.days(facts.slug)
    return evaluate(facts, loads, days, now, broken, wrong=wrong, unread=unread, restated=restated, found=found)


def evaluate(
    facts: SourceFacts,
    loads: Sequence[LoadReport],
    days: "Sequence[DayStatus]",
    now: datetime,
    broken: "Sequence[RejectedSeries]" = (),
    *,
    wrong: Sequence[tuple[date, str]] = (),
    unread: Sequence[date] = (),
    found: Coverage | None = None,
    restated: "Sequence[Restatement]" = (),
) -> Iterator[dg.AssetCheckResult]:
    """What the checks say of a source.

    Args:
        facts: Which.
        loads: The newest committed load of each day.
        days: What the ledger holds of each day.
        now: When it is asked.
        broken: Whose rows the recent loads rejected, worst first.
        wrong: Summaries that are not what their points amount to: the day, and which in words.
        unread: Days that are landed and not loaded.
        found: What was judged of its series.
        restated: Recent loads that changed days whose values had been final.
    """
    by_day = {load.window.day: load for load in loads}
    recent, series = _newest(loads), found or Coverage()
    findings = {
        "fresh": day_checks.fresh(facts, by_day, now),
        "complete": day_checks.complete(facts, by_day, now, unread),
        "nothing_failed": day_checks.nothing_failed(facts, days),
        "series_complete": series_complete(facts, series),
        "series_fresh": series_fresh(facts, series),
        "series_plausible": series_plausible(facts, series),
        "nothing_suspect": day_checks.nothing_suspect(facts, days),
        "nothing_rejected": day_checks.nothing_rejected(facts, recent, broken),
        "nothing_unmapped": day_checks.nothing_unmapped(facts, recent),
        "accounted_for": day_checks.accounted_for(loads),
        "restated": day_checks.restated(facts, restated),
        "summaries_agree": day_checks.summaries_agree(facts, wrong),
    }
    if series.picture:
        findings["series_complete"].figures["coverage"] = dg.MetadataValue.md(series.picture)
    for name, finding in findings.items():
        yield _result(facts, name, finding)


def _result(facts: SourceFacts, name: str, finding: Finding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        asset_key=measurements_key(facts.slug),
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if finding.is_grave else dg.AssetCheckSeverity.WARN,
        description=finding.sentence,
        metadata=finding.figures,
    )


def _newest(loads: Sequence[LoadReport]) -> list[LoadReport]:
    by_day = {load.window.day: load for load in loads}
    return [by_day[day] for day in sorted(by_day)[-_RECENT:]]
