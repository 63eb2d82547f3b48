"""The sensor that asks again for days whose provider wanted no request for a while, once it may be asked again.

The instant is the provider's own word (`Retry-After` beyond what a step waits), kept in the warehouse for each
credential. The schedule would ask for the same days, but at its next tick.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

import dagster as dg

from assets.ingest import contiguous_ranges
from assets.source import SourceFacts, measurements_key, payloads_key
from domain.errors import IngestError, ProviderUnavailableError, RateLimitedError
from domain.window import Window
from pipelines.schedules import RANGE_END, RANGE_START, SOURCE_TAG, days_under_way
from resources.step_resources import WarehouseOpener

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse

POSTPONED: Final = "postponed_days"
"""The sensor's name."""

_HELD_UP: Final = frozenset(kind("", place="", fix="").code for kind in (RateLimitedError, ProviderUnavailableError))
_RUNS: Final = 2  # for each source, as the schedule does; whatever is left over waits for its next tick
_SECONDS: Final = 60


def postponed_days_sensor(
    sources: Iterable[SourceFacts], *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dg.SensorDefinition:
    """Starts one run for each range of days that a provider's long wait left unloaded, when the wait is over.

    Once for each wait: if the provider then asks for another, that one has an instant of its own.
    """
    scheduled = {facts.slug: facts for facts in sources if facts.schedule is not None and not facts.is_retired}
    keys = [key(slug) for slug in scheduled for key in (payloads_key, measurements_key)]

    @dg.sensor(
        name=POSTPONED,
        asset_selection=dg.AssetSelection.assets(*keys),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_SECONDS,
        required_resource_keys={"warehouse"},
        description="Asks again for days whose provider wanted no request for a while, once it may be asked.",
    )
    def postponed_days(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        taken_up: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        now = clock()
        opener: WarehouseOpener = context.resources.warehouse
        requests: list[dg.RunRequest] = []
        try:
            with opener.open() as warehouse:
                for slug, facts in scheduled.items():
                    instant = warehouse.ledger.not_before(slug)
                    if instant is None or instant > now or taken_up.get(slug) == instant.isoformat():
                        continue
                    days = _held_up_days(warehouse, facts, now) - days_under_way(context.instance, facts)
                    requests += _requests(facts, days, instant)
                    taken_up[slug] = instant.isoformat()
        except IngestError as error:
            context.log.error("No postponed day is asked for now. %s", error)  # noqa: TRY400  # the sentence says it all
            return dg.SensorResult(skip_reason="The warehouse cannot be asked.", cursor=context.cursor)
        skip = None if requests else "No provider's wait has ended since the last look."
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(taken_up))

    return postponed_days


def _held_up_days(warehouse: "TimescaleWarehouse", facts: SourceFacts, now: datetime) -> set[date]:
    """The days whose last failure was the provider's wait, and those behind them that the run did not try."""
    statuses = warehouse.ledger.days(facts.slug)
    failed = {status.day for status in statuses if status.reason in _HELD_UP}
    trailing = facts.trailing_days(now)
    if not failed or trailing is None:
        return failed
    behind = Window.of_days(min(failed), max(*failed, trailing[1])).days()
    return failed | (set(behind) - {status.day for status in statuses})


def _requests(facts: SourceFacts, days: set[date], instant: datetime) -> Iterator[dg.RunRequest]:
    for piece in islice(contiguous_ranges(sorted(days), facts.spec.max_days_per_run), _RUNS):
        first, last = piece[0], piece[-1]
        yield dg.RunRequest(
            run_key=f"{facts.slug} {first} {last} after {instant:%Y-%m-%dT%H:%M:%S}",
            asset_selection=[payloads_key(facts.slug), measurements_key(facts.slug)],
            tags={SOURCE_TAG: facts.slug, RANGE_START: str(first), RANGE_END: str(last)},
        )
