"""What the checks say of a source's days, by the ledger alone; `completeness.py` has what they say of its series."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets.completeness import Finding
from assets.expected import last_expected_day, missing_days
from assets.failures import error_name
from assets.source import SourceFacts
from domain.quantities import ABSENT
from domain.records import EXEMPT, LoadReport

if TYPE_CHECKING:
    from warehouse.ledger import DayStatus, RejectedSeries, Restatement
    from warehouse.suspects import SuspectDay

_WORST: Final = 3  # series named in a check's sentence
_NAMED: Final = 50  # days named in the metadata of a check


def fresh(facts: SourceFacts, by_day: Mapping[date, LoadReport], now: datetime) -> Finding:
    """Whether the newest day that is due is loaded."""
    newest = max(by_day, default=None)
    if facts.is_asked_by_hand:
        return Finding(f"{_why_by_hand(facts)}: not expected. The newest loaded day is {newest or 'none'}.")
    due = last_expected_day(facts, now)
    if due is None:
        return Finding("Nothing is due.")
    return Finding(
        f"The newest loaded day is {newest or 'none'}; {due} is due.",
        passed=newest is not None and newest >= due,
        is_grave=True,
        figures={"newest_day": str(newest), "due_day": str(due)},
    )


def complete(facts: SourceFacts, by_day: Mapping[date, LoadReport], now: datetime, unread: Sequence[date]) -> Finding:
    """Whether a day is missing; `unread` are landed and not loaded."""
    landed = ""
    if unread:
        days = f"{unread[0]}" if len(unread) == 1 else f"{len(unread)} days from {unread[0]} to {unread[-1]}"
        landed = f" Landed and not loaded: {days}; materialize `measurements` alone to load what is there."
    figures = {"landed_not_loaded": [str(day) for day in unread[:_NAMED]]}
    if not by_day:
        return Finding(f"No day is loaded yet.{landed}", figures={"missing": 0, **figures})
    first, missing = min(by_day), missing_days(facts, by_day, now)
    end = max([*by_day, *missing])
    sentence = f"{len(missing)} of {(end - first).days + 1} days from {first} to {end} are missing."
    if facts.is_asked_by_hand:
        sentence = f"{_why_by_hand(facts)}: not expected. {sentence}"
    return Finding(
        sentence + landed,
        passed=facts.is_asked_by_hand or not missing,
        is_grave=True,
        figures={"missing": len(missing), "missing_days": [str(day) for day in missing[:_NAMED]], **figures},
    )


def nothing_failed(facts: SourceFacts, days: "Sequence[DayStatus]") -> Finding:
    """Whether the newest load of every day went well."""
    failed = [(day, day.reason) for day in days if day.reason]
    if not failed:
        return Finding("The newest load of every day went well.", figures={"failed": 0})
    newest, reason = failed[-1]
    stored = "nothing of it is loaded" if newest.load_id is None else "what was loaded before stands"
    n_others = len(failed) - 1
    others = f" {n_others} more {'day' if n_others == 1 else 'days'} failed before." if n_others else ""
    sentence = f"{error_name(reason)}: the newest load of {newest.day} failed, and {stored}.{others} {newest.sentence}"
    if facts.is_retired:
        sentence = f"Retired: it stays as it is. {sentence}"
    named = {str(day.day): error_name(why) for day, why in failed[-_NAMED:]}
    return Finding(sentence, facts.is_retired, is_grave=True, figures={"failed": len(failed), "days": named})


def nothing_suspect(facts: SourceFacts, days: "Sequence[DayStatus]") -> Finding:
    """Whether a day has far fewer points than is usual, and nobody has confirmed it."""
    found = suspect_days(facts, days)
    if not found:
        sentence = "No day has far fewer points than is usual, but for those that were confirmed."
        return Finding(sentence, figures={"suspect": 0})
    newest = found[-1]
    n_others = len(found) - 1
    others = f" {n_others} more {'day is' if n_others == 1 else 'days are'} suspect." if n_others else ""
    again = "" if facts.is_asked_by_hand else f" It is asked for again from {newest.next_day} on."
    sentence = (
        f"{newest.day} is suspect: {newest.reason}.{again}{others}"
        f" If it is right: `joulehouse confirm {facts.slug} {newest.day}`."
    )
    named = {str(one.day): one.reason for one in found[-_NAMED:]}
    return Finding(sentence, facts.is_retired, figures={"suspect": len(found), "days": named})


def suspect_days(facts: SourceFacts, days: "Sequence[DayStatus]") -> "list[SuspectDay]":
    """Those of `days` that are suspect although they were asked for when their values were final, in order."""
    return [day.suspect for day in days if day.suspect and day.suspect.has_settled(facts.finalization_lag)]


def nothing_rejected(facts: SourceFacts, loads: Sequence[LoadReport], broken: "Sequence[RejectedSeries]") -> Finding:
    """Whether rows were quarantined: a series that costs no other one its day is never silent, it is named."""
    # Not those that were only sent along; the ledger counts both.
    faults = [
        {reason: count for reason, count in load.rejected_by_reason.items() if reason not in EXEMPT} for load in loads
    ]
    found = _counted(loads, faults, "rows were quarantined")
    named = {f"{one.series_key or 'no series'} ({one.reason})": one.n_rows for one in broken}
    if not named or found.passed:
        return found
    worst = ", ".join(f"{name} {n:,}" for name, n in list(named.items())[:_WORST])
    return replace(
        found,
        sentence=f"{found.sentence} Most of them: {worst}. `joulehouse rejected {facts.slug}` shows them.",
        figures={**found.figures, "by_series": dg.MetadataValue.json(named)},
    )


def nothing_unmapped(facts: SourceFacts, loads: Sequence[LoadReport]) -> Finding:
    """Whether a field lacks a quantity that the source does not ignore on purpose; the ledger counts both."""
    waited_for = [
        {
            name: count
            for name, count in load.unmapped.items()
            if name != ABSENT and not any(fnmatchcase(name, pattern) for pattern in facts.ignored)
        }
        for load in loads
    ]
    return _counted(loads, waited_for, "values have no quantity")


def _counted(loads: Sequence[LoadReport], counts_of_loads: Sequence[Mapping[str, int]], what: str) -> Finding:
    totals: dict[str, int] = {}
    for counts in counts_of_loads:
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + count
    days = [str(load.window.day) for load, counts in zip(loads, counts_of_loads, strict=True) if any(counts.values())]
    n_total = sum(totals.values())
    sentence = f"{n_total} {what} in the last {len(loads)} loaded days."
    return Finding(sentence, n_total == 0, figures={"total": n_total, "by_name": totals, "days": days})


def accounted_for(loads: Sequence[LoadReport]) -> Finding:
    """Whether every load adds up."""
    wrong = [
        str(load.window.day)
        for load in loads
        if load.n_received != load.n_inserted + load.n_changed + load.n_unchanged + load.n_rejected + load.n_duplicate
    ]
    sentence = f"{len(wrong)} of {len(loads)} loads do not add up."
    return Finding(sentence, not wrong, is_grave=True, figures={"days": wrong[:_NAMED]})


def restated(facts: SourceFacts, restatements: "Sequence[Restatement]") -> Finding:
    """Whether a load changed much of a day whose values had been final."""
    shares: dict[date, float] = {}
    for one in restatements:
        shares[one.day] = max(shares.get(one.day, 0.0), one.share)
    above = {day: share for day, share in sorted(shares.items()) if share > facts.restated_share}
    if not above:
        sentence = f"No final day was changed by more than {facts.restated_share:.1%} in the last 7 days."
        return Finding(sentence, figures={"days": {}})
    first, last, worst = min(above), max(above), max(above, key=lambda day: above[day])
    which = f"{first} was" if len(above) == 1 else f"{len(above)} days from {first} to {last} were"
    sentence = (
        f"{which} restated in the last 7 days, {worst} by {above[worst]:.1%} of its points:"
        f" `joulehouse changes {facts.slug} --from {first} --to {last}` says what changed."
    )
    named = {str(day): round(share, 4) for day, share in list(above.items())[:_NAMED]}
    return Finding(sentence, passed=False, figures={"days": named})


def summaries_agree(facts: SourceFacts, wrong: Sequence[tuple[date, str]]) -> Finding:
    """Whether summaries are what their points amount to."""
    sentence = "Every summary is what its points amount to."
    if wrong:
        first, last = min(day for day, _ in wrong), max(day for day, _ in wrong)
        sentence = (
            f"{len(wrong)} summaries are not what their points amount to, the first {wrong[0][1]}: run"
            f" `joulehouse warehouse recompute {facts.slug} --from {first} --to {last}`."
        )
    figures = {"wrong": len(wrong), "buckets": [one for _, one in wrong[:_NAMED]]}
    return Finding(sentence, not wrong, is_grave=True, figures=figures)


def _why_by_hand(facts: SourceFacts) -> str:
    return "Retired" if facts.is_retired else "No schedule"
