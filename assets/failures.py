"""The only translation of our errors into Dagster's: one failure of a step, which names the days."""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from assets.ingest import DayOutcome
from domain.errors import IngestError

_NAMED: Final = 20  # days named in the sentence; the metadata names all
_RUNBOOK: Final = "docs/runbook.md"


def as_failure(slug: str, outcomes: Sequence[DayOutcome]) -> dg.Failure:
    """The failure of a run over days of which at least one failed.

    Its sentence says how many failed, which, and why the first did; its metadata lists every day with its reason. It is
    never retried as a whole: what waiting can heal was retried where it happened, and the schedule asks again.
    """
    failed = [outcome for outcome in outcomes if outcome.error is not None and outcome.was_tried]
    untried = [outcome for outcome in outcomes if not outcome.was_tried]
    [first, *_] = [outcome.error for outcome in failed if outcome.error is not None]
    days = ", ".join(str(outcome.day) for outcome in failed[:_NAMED]) + (" …" if len(failed) > _NAMED else "")
    sentence = f"{len(failed)} of {len(outcomes)} days of {slug} failed: {days}. {named(first)}"
    if untried:
        sentence += f" {len(untried)} later days were not tried, since the same would happen: {_span(untried)}."
    return dg.Failure(
        sentence,
        metadata={
            "failed_days": [str(outcome.day) for outcome in failed],
            "untried_days": [str(outcome.day) for outcome in untried],
            "reasons": dg.MetadataValue.table(
                [
                    dg.TableRecord({"day": str(outcome.day), "reason": outcome.error.code, "what": str(outcome.error)})
                    for outcome in failed
                    if outcome.error is not None
                ],
                schema=dg.TableSchema.from_name_type_dict({"day": "string", "reason": "string", "what": "string"}),
            ),
            "runbook": _RUNBOOK,
        },
        allow_retries=False,
    )


def as_single_failure(slug: str, error: IngestError) -> dg.Failure:
    """The failure of a step that has no days."""
    return dg.Failure(
        f"{slug}: {named(error)}", metadata={"reason": error.code, "runbook": _RUNBOOK}, allow_retries=False
    )


def named(error: IngestError) -> str:
    """Its sentence, after the name of its class: the heading under which the runbook says what to do."""
    return f"{type(error).__name__}: {error}"


def error_name(code: str) -> str:
    """The class, and so the heading in the runbook, of the errors that the ledger knows by `code`."""
    return "".join(word.capitalize() for word in code.split("_")) + "Error"


def _span(outcomes: Sequence[DayOutcome]) -> str:
    first, last = outcomes[0].day, outcomes[-1].day
    return str(first) if first == last else f"{first} to {last}"
