"""The daemon's sensor that tells people of troubles, and the `watch` that it is at work."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from assets.failures import named
from assets.source import SourceFacts
from assets.troubles import DAEMON, troubles
from domain.errors import IngestError
from domain.troubles import TroubleKind
from pipelines.notifications.notifier import LOOKED_FOR, project_notifier
from pipelines.notifications.states import disks, source_states
from resources.recipients import digest_instant
from resources.settings import Settings
from resources.step_resources import WarehouseOpener

NOTIFICATIONS: Final = "notifications"
"""The sensor's name."""

_SECONDS: Final = 60


def notifications_sensor(
    sources: Iterable[SourceFacts],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: Callable[[], Settings] = Settings,
) -> dg.SensorDefinition:
    """Says every minute that the daemon is at work, and tells whoever is to be told what is wrong.

    Without a recipient it says no more than that.
    """
    known = list(sources)

    @dg.sensor(
        name=NOTIFICATIONS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS,
        required_resource_keys={"warehouse"},
        description="Tells people what is wrong, and once more when it is over (docs/operate/notifications.md).",
    )
    def notifications(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now, chosen = clock(), settings()
        opener: WarehouseOpener = context.resources.warehouse
        try:
            with opener.open() as warehouse:
                warehouse.notifications.beat(DAEMON, now)
                notifier = project_notifier(chosen, known)
                if not notifier.recipients.known:
                    return dg.SkipReason("Nobody is told: NOTIFY_URLS is not set.")
                states = source_states(known, warehouse, now)
                found = troubles(states, now, disks=disks(chosen))
                complaints = notifier.tell(
                    warehouse.notifications,
                    found,
                    now,
                    judged=LOOKED_FOR - {TroubleKind.DAEMON},
                    states=states,
                    digest_at=digest_instant(chosen, now),
                )
        except IngestError as error:
            return dg.SkipReason(named(error))
        for complaint in complaints:
            context.log.error("A message was not sent. %s", complaint)
        return dg.SkipReason(f"{len(found)} troubles last.")

    return notifications
