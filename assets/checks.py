"""What is asked of every source after every run, and four times a day if none ran.

They look at the ledger and not at the run: a run over days has no single partition, and a source that has stopped
running altogether must be noticed first. None of them blocks: the load itself refuses what may not stand.

Dagster skips what comes after a failed step, checks included. So a step that fails evaluates them itself, first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from assets.completeness import Coverage, coverage, series_complete, series_fresh, series_plausible
from assets.expected import last_expected_day, missing_days
from assets.failures import as_single_failure, error_name, named
from assets.source import SourceFacts, measurements_key
from domain.errors import IngestError
from domain.quantities import ABSENT
from domain.records import EXEMPT, LoadReport

if TYPE_CHECKING:
    from warehouse.ledger import DayStatus, RejectedSeries, Restatement
    from warehouse.store import TimescaleWarehouse
    from warehouse.suspects import SuspectDay

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
_WORST: Final = 3  # series named in a check's sentence
_RESTATED: Final = timedelta(days=7)  # how long a restatement is news
_SUMMED: Final = 3  # days whose summaries are compared with their points after every run
_NAMED: Final = 50  # days named in the metadata of a check


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
    return [_evaluation(_result(facts, "nothing_failed", named(failure), passed=False, is_grave=True), facts)]


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
    recent = _newest(loads)
    yield _fresh(facts, by_day, now)
    yield _complete(facts, by_day, now, unread)
    yield _nothing_failed(facts, days)
    for name, check in (
        ("series_complete", series_complete),
        ("series_fresh", series_fresh),
        ("series_plausible", series_plausible),
    ):
        one = check(facts, found or Coverage())
        drawn = found.picture if found and name == "series_complete" else None
        picture = {"coverage": dg.MetadataValue.md(drawn)} if drawn else {}
        yield _result(facts, name, one.sentence, passed=one.passed, is_grave=one.is_grave, **one.figures, **picture)
    yield _nothing_suspect(facts, days)
    yield _nothing_rejected(facts, recent, broken)
    yield _counted(facts, "nothing_unmapped", recent, lambda load: _waited_for(facts, load.unmapped))
    yield _accounted_for(facts, loads)
    yield _restated(facts, restated)
    yield _summaries_agree(facts, wrong)


def _result(
    facts: SourceFacts,
    name: str,
    sentence: str,
    *,
    passed: bool,
    is_grave: bool = False,
    **figures: Any,  # noqa: ANN401  # metadata of any kind
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=measurements_key(facts.slug),
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if is_grave else dg.AssetCheckSeverity.WARN,
        description=sentence,
        metadata=figures,
    )


def _fresh(facts: SourceFacts, by_day: dict[date, LoadReport], now: datetime) -> dg.AssetCheckResult:
    newest = max(by_day, default=None)
    if facts.is_asked_by_hand:
        sentence = f"{_why_by_hand(facts)}: not expected. The newest loaded day is {newest or 'none'}."
        return _result(facts, "fresh", sentence, passed=True)
    due = last_expected_day(facts, now)
    if due is None:
        return _result(facts, "fresh", "Nothing is due.", passed=True)
    passed = newest is not None and newest >= due
    sentence = f"The newest loaded day is {newest or 'none'}; {due} is due."
    return _result(facts, "fresh", sentence, passed=passed, is_grave=True, newest_day=str(newest), due_day=str(due))


def _complete(
    facts: SourceFacts, by_day: dict[date, LoadReport], now: datetime, unread: Sequence[date]
) -> dg.AssetCheckResult:
    landed = ""
    if unread:
        days = f"{unread[0]}" if len(unread) == 1 else f"{len(unread)} days from {unread[0]} to {unread[-1]}"
        landed = f" Landed and not loaded: {days}; materialize `measurements` alone to load what is there."
    named = [str(day) for day in unread[:_NAMED]]
    if not by_day:
        sentence = f"No day is loaded yet.{landed}"
        return _result(facts, "complete", sentence, passed=True, missing=0, landed_not_loaded=named)
    first, missing = min(by_day), missing_days(facts, by_day, now)
    end = max([*by_day, *missing])
    sentence = f"{len(missing)} of {(end - first).days + 1} days from {first} to {end} are missing."
    if facts.is_asked_by_hand:
        sentence = f"{_why_by_hand(facts)}: not expected. {sentence}"
    return _result(
        facts, "complete", sentence + landed, passed=facts.is_asked_by_hand or not missing, is_grave=True,
        missing=len(missing), missing_days=[str(day) for day in missing[:_NAMED]],
        landed_not_loaded=named,
    )  # fmt: skip


def _why_by_hand(facts: SourceFacts) -> str:
    return "Retired" if facts.is_retired else "No schedule"


def _nothing_failed(facts: SourceFacts, days: "Sequence[DayStatus]") -> dg.AssetCheckResult:
    failed = [(day, day.reason) for day in days if day.reason]
    if not failed:
        return _result(facts, "nothing_failed", "The newest load of every day went well.", passed=True, failed=0)
    newest, reason = failed[-1]
    stored = "nothing of it is loaded" if newest.load_id is None else "what was loaded before stands"
    n_others = len(failed) - 1
    others = f" {n_others} more {'day' if n_others == 1 else 'days'} failed before." if n_others else ""
    sentence = f"{error_name(reason)}: the newest load of {newest.day} failed, and {stored}.{others} {newest.sentence}"
    if facts.is_retired:
        sentence = f"Retired: it stays as it is. {sentence}"
    return _result(
        facts, "nothing_failed", sentence, passed=facts.is_retired, is_grave=True,
        failed=len(failed), days={str(day.day): error_name(why) for day, why in failed[-_NAMED:]},
    )  # fmt: skip


def _nothing_suspect(facts: SourceFacts, days: "Sequence[DayStatus]") -> dg.AssetCheckResult:
    found = suspect_days(facts, days)
    if not found:
        sentence = "No day has far fewer points than is usual, but for those that were confirmed."
        return _result(facts, "nothing_suspect", sentence, passed=True, suspect=0)
    newest = found[-1]
    n_others = len(found) - 1
    others = f" {n_others} more {'day is' if n_others == 1 else 'days are'} suspect." if n_others else ""
    again = "" if facts.is_asked_by_hand else f" It is asked for again from {newest.next_day} on."
    sentence = (
        f"{newest.day} is suspect: {newest.reason}.{again}{others}"
        f" If it is right: `joulehouse confirm {facts.slug} {newest.day}`."
    )
    return _result(
        facts, "nothing_suspect", sentence, passed=facts.is_retired,
        suspect=len(found), days={str(one.day): one.reason for one in found[-_NAMED:]},
    )  # fmt: skip


def suspect_days(facts: SourceFacts, days: "Sequence[DayStatus]") -> "list[SuspectDay]":
    """Those of `days` that are suspect although they were asked for when their values were final, in order."""
    return [day.suspect for day in days if day.suspect and day.suspect.has_settled(facts.finalization_lag)]


def _newest(loads: Sequence[LoadReport]) -> list[LoadReport]:
    by_day = {load.window.day: load for load in loads}
    return [by_day[day] for day in sorted(by_day)[-_RECENT:]]


def _nothing_rejected(
    facts: SourceFacts, loads: Sequence[LoadReport], broken: "Sequence[RejectedSeries]"
) -> dg.AssetCheckResult:
    """A series whose values are quarantined costs no other one its day, and is never silent: it is named."""
    result = _counted(facts, "nothing_rejected", loads, _faults)
    named = {f"{one.series_key or 'no series'} ({one.reason})": one.n_rows for one in broken}
    if not named or result.passed:
        return result
    worst = ", ".join(f"{name} {n:,}" for name, n in list(named.items())[:_WORST])
    sentence = f"{result.description} Most of them: {worst}. `joulehouse rejected {facts.slug}` shows them."
    return result._replace(
        description=sentence, metadata={**result.metadata, "by_series": dg.MetadataValue.json(named)}
    )


def _counted(
    facts: SourceFacts, name: str, loads: Sequence[LoadReport], counts_of: Callable[[LoadReport], Mapping[str, int]]
) -> dg.AssetCheckResult:
    totals: dict[str, int] = {}
    days: list[str] = []
    for load in loads:
        counts = counts_of(load)
        if any(counts.values()):
            days.append(str(load.window.day))
        for what, count in counts.items():
            totals[what] = totals.get(what, 0) + count
    n_total = sum(totals.values())
    word = "rows were quarantined" if name == "nothing_rejected" else "values have no quantity"
    sentence = f"{n_total} {word} in the last {len(loads)} loaded days."
    return _result(facts, name, sentence, passed=n_total == 0, total=n_total, by_name=totals, days=days)


def _faults(load: LoadReport) -> dict[str, int]:
    """What was rejected, but for rows that were only sent along; the ledger counts both."""
    return {reason: count for reason, count in load.rejected_by_reason.items() if reason not in EXEMPT}


def _summaries_agree(facts: SourceFacts, wrong: Sequence[tuple[date, str]]) -> dg.AssetCheckResult:
    sentence = "Every summary is what its points amount to."
    if wrong:
        first, last = min(day for day, _ in wrong), max(day for day, _ in wrong)
        sentence = (
            f"{len(wrong)} summaries are not what their points amount to, the first {wrong[0][1]}: run"
            f" `joulehouse warehouse recompute {facts.slug} --from {first} --to {last}`."
        )
    return _result(
        facts, "summaries_agree", sentence, passed=not wrong, is_grave=True,
        wrong=len(wrong), buckets=[one for _, one in wrong[:_NAMED]],
    )  # fmt: skip


def _restated(facts: SourceFacts, restated: "Sequence[Restatement]") -> dg.AssetCheckResult:
    shares: dict[date, float] = {}
    for one in restated:
        shares[one.day] = max(shares.get(one.day, 0.0), one.share)
    above = {day: share for day, share in sorted(shares.items()) if share > facts.restated_share}
    if not above:
        sentence = f"No final day was changed by more than {facts.restated_share:.1%} in the last 7 days."
        return _result(facts, "restated", sentence, passed=True, days={})
    first, last, worst = min(above), max(above), max(above, key=lambda day: above[day])
    which = f"{first} was" if len(above) == 1 else f"{len(above)} days from {first} to {last} were"
    sentence = (
        f"{which} restated in the last 7 days, {worst} by {above[worst]:.1%} of its points:"
        f" `joulehouse changes {facts.slug} --from {first} --to {last}` says what changed."
    )
    named = {str(day): round(share, 4) for day, share in list(above.items())[:_NAMED]}
    return _result(facts, "restated", sentence, passed=False, days=named)


def _waited_for(facts: SourceFacts, unmapped: Mapping[str, int]) -> dict[str, int]:
    """What has no quantity, but for what the source ignores on purpose; the ledger counts both."""
    return {
        name: count
        for name, count in unmapped.items()
        if name != ABSENT and not any(fnmatchcase(name, pattern) for pattern in facts.ignored)
    }


def _accounted_for(facts: SourceFacts, loads: Sequence[LoadReport]) -> dg.AssetCheckResult:
    wrong = [
        str(load.window.day)
        for load in loads
        if load.n_received != load.n_inserted + load.n_changed + load.n_unchanged + load.n_rejected + load.n_duplicate
    ]
    sentence = f"{len(wrong)} of {len(loads)} loads do not add up."
    return _result(facts, "accounted_for", sentence, passed=not wrong, is_grave=True, days=wrong[:_NAMED])
