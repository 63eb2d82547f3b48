"""A failed run that is executed again, "from failure" or "from asset failure": it asks for its failed days alone.

Dagster repeats the whole step with all of its days. What its parent did is read from the parent's own events, and is
said once more with the same figures: a day that is planned and not said would show as failed.
"""

from collections.abc import Collection
from typing import Any, Final

import dagster as dg
from dagster._core.storage.tags import (  # no public names in 1.13.27
    ASSET_RESUME_RETRY_TAG,
    PARENT_RUN_ID_TAG,
    RESUME_RETRY_TAG,
)

_EVERY_DAY: Final = "every_day_done"  # no check that anybody sees: only the run's own log has it

DoneDays = dict[str, dict[dg.AssetKey, dict[str, Any]]]
"""Day → the figures of each asset that was done."""


def done_by_parent(context: dg.AssetExecutionContext, keys: Collection[dg.AssetKey]) -> DoneDays:
    """The days of the run's range of which the failed run that it continues has done all of `keys`.

    Empty where no failed run is continued.
    """
    tags = context.run.tags
    parent_id = tags.get(PARENT_RUN_ID_TAG)
    if parent_id is None or not {RESUME_RETRY_TAG, ASSET_RESUME_RETRY_TAG} & tags.keys():
        return {}
    planned = set(context.partition_keys)
    done: DoneDays = {}
    for entry in context.instance.all_logs(parent_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.asset_materialization
        if event is not None and event.partition in planned and event.asset_key in keys:
            done.setdefault(event.partition, {})[event.asset_key] = dict(event.metadata)
    return {day: figures for day, figures in done.items() if figures.keys() == set(keys)}


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
