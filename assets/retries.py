"""A failed run that is executed again, "from failure" or "from asset failure": it asks for its failed days alone.

Dagster repeats the whole step with all of its days. What its parent did is read from the parent's own events, and is
said once more with the same figures: a day that is planned and not said would show as failed. A parent that was killed,
or that lost Dagster's history, has said nothing: what it loaded is in the ledger.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from dagster._core.storage.tags import (  # no public names in 1.13.27
    ASSET_RESUME_RETRY_TAG,
    PARENT_RUN_ID_TAG,
    RESUME_RETRY_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    ROOT_RUN_ID_TAG,
)

from assets.ledger_reports import loaded_between
from assets.source import SourceFacts
from domain.window import Window
from warehouse.history_errors import history_was_lost

if TYPE_CHECKING:
    from warehouse.ledger import Ledger

_EVERY_DAY: Final = "every_day_done"  # no check that anybody sees: only the run's own log has it

DoneDays = dict[str, dict[dg.AssetKey, dict[str, Any]]]
"""Day → the figures of each asset that was done."""


def done_by_parent(context: dg.AssetExecutionContext, keys: Collection[dg.AssetKey]) -> DoneDays:
    """The days of the run's range of which the failed run that it continues says that it has done all of `keys`.

    Empty where no failed run is continued.
    """
    parent_id = _parent(context)
    if parent_id is None:
        return {}
    logs = context.instance.all_logs(parent_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return _whole_days(context, keys, (entry.asset_materialization for entry in logs))


def loaded_by_parent(
    context: dg.AssetExecutionContext, facts: SourceFacts, keys: Collection[dg.AssetKey], ledger: "Ledger"
) -> DoneDays:
    """The same by the ledger: days that were loaded from when the first of the failed runs began until the last ended.

    Raises:
        IngestError: The ledger cannot be asked.
    """
    parent_id = _parent(context)
    if parent_id is None:
        return {}
    first, last = (
        context.instance.get_run_record_by_id(run_id)
        for run_id in (context.run.tags.get(ROOT_RUN_ID_TAG, parent_id), parent_id)
    )
    if first is None or first.start_time is None or last is None:
        return {}
    days = sorted(context.partition_keys)
    window = Window.of_days(date.fromisoformat(days[0]), date.fromisoformat(days[-1]))
    since, until = (datetime.fromtimestamp(at, UTC) for at in (first.start_time, last.end_time or time.time()))
    return _whole_days(context, keys, loaded_between(facts, ledger, window, since, until))


@contextmanager
def continued_without_history(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Let the daemon start a run for what is missing where a step is ended by the loss of Dagster's own history.

    For Dagster it is a failed step like others, and those are not repeated.
    """
    try:
        yield
    except Exception as error:
        if history_was_lost(error):
            context.instance.add_run_tags(context.run.run_id, {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"})
        raise


def _parent(context: dg.AssetExecutionContext) -> str | None:
    """The failed run that this one continues."""
    tags = context.run.tags
    return tags.get(PARENT_RUN_ID_TAG) if {RESUME_RETRY_TAG, ASSET_RESUME_RETRY_TAG} & tags.keys() else None


def _whole_days(
    context: dg.AssetExecutionContext,
    keys: Collection[dg.AssetKey],
    events: Iterable[dg.AssetMaterialization | None],
) -> DoneDays:
    planned = set(context.partition_keys)
    done: DoneDays = {}
    for event in events:
        if event is not None and event.partition is not None and event.asset_key in keys:
            done.setdefault(event.partition, {})[event.asset_key] = dict(event.metadata)
    return {day: figures for day, figures in done.items() if day in planned and figures.keys() == set(keys)}


def calls_for_repetition(keys: Collection[dg.AssetKey], slug: str) -> list[dg.AssetCheckEvaluation]:
    """Evaluations that make "from asset failure" take `keys` up again.

    It leaves out every asset that has one good day, and repeats the checks alone; these succeed, and the run with them.
    """
    return [
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=_EVERY_DAY,
            passed=False,
            blocking=True,
            description=f"Some days of {slug} are not done.",
        )
        for key in sorted(keys)
    ]
