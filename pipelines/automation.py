"""What must tick, so that days come and runs are judged without anybody: and which of it somebody has switched off."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

# No public names in 1.13.27.
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from assets.source import SourceFacts
from pipelines.local.dagster_graphql import LOCATION
from pipelines.lost_runs import LOST_RUNS
from pipelines.notifications.sensor import NOTIFICATIONS
from pipelines.postponed import POSTPONED
from pipelines.schedules import CHECKS
from pipelines.sensors import LEDGER, RETIREMENTS, failed_days

if TYPE_CHECKING:
    from dagster._core.storage.schedules import ScheduleStorage

SENSORS: Final = frozenset({failed_days.name, LEDGER, LOST_RUNS, NOTIFICATIONS, POSTPONED, RETIREMENTS})
"""All of them are switched on unless somebody has switched them off."""


def required(sources: Iterable[SourceFacts]) -> dict[str, frozenset[str]]:
    """The names of what must tick, by Dagster's word for its kind, `sensor` or `schedule`."""
    asked = (facts.slug for facts in sources if facts.schedule is not None and not facts.is_retired)
    return {"sensor": SENSORS, "schedule": frozenset({CHECKS, *asked})}


def switched_off(storage: "ScheduleStorage", sources: Iterable[SourceFacts]) -> Iterator[tuple[str, list[str]]]:
    """Which of the required ones are switched off: their kind and their names, for each kind of which some are.

    Args:
        storage: What Dagster remembers of those that were ever switched, or have ticked.
        sources: All sources.
    """
    for kind, names in required(sources).items():
        stopped = storage.all_instigator_state(
            instigator_type=InstigatorType(kind.upper()), instigator_statuses={InstigatorStatus.STOPPED}
        )
        ours = {
            state.instigator_name
            for state in stopped
            if state.origin.repository_origin.code_location_origin.location_name == LOCATION
        }
        if off := sorted(names & ours):
            yield kind, off
