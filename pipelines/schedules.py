"""When a source is asked: one job and one schedule for each, derived from its facts.

Each tick asks for the trailing days again, since values change until they are final, and for earlier days that the
ledger calls due: never loaded, not since they became final, or not since they are to be asked for again
(`assets.refetch`). So after any outage every day becomes whole without a human.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Final
from zlib import crc32

import dagster as dg

# The type of define_asset_job, and the parser of the scheduler, have no public name in 1.13.27.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_string

from assets.ingest import contiguous_ranges
from assets.refetch import refetch_after
from assets.source import SourceFacts, catalogue_key, measurements_key, payloads_key
from domain.errors import IngestError
from domain.records import ProviderSpec
from domain.window import Window
from resources.step_resources import WarehouseOpener

RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"
SOURCE_TAG: Final = "joulehouse/source"
"""The run tag that names a run's source."""

_BACKOFF: Final = timedelta(hours=20)
"""A due day that was tried is not tried again before; a daily schedule does so at its next tick."""

_UNDER_WAY: Final = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
"""A run cannot stay in any of them: run monitoring ends the last two, and the queue empties."""

_SPREAD_MINUTES: Final = 10
_FIELDS: Final = 5  # minute, hour, day of the month, month, day of the week
_YEARS: Final = 5  # in these, every day of every month that there can be has come, the 29th of February included


def nightly(slug: str) -> str:
    """The cron expression of a source that names none: at 4:30 UTC, or up to nine minutes later.

    The minute follows from its name, and stays: at one minute, 200 sources would start 200 runs at once.
    """
    return f"{30 + crc32(slug.encode()) % _SPREAD_MINUTES} 4 * * *"


def is_cron(cron: str) -> bool:
    """Whether Dagster's scheduler understands `cron`, and understands the same whenever it reads it."""
    # `R` is a number drawn anew by each process that reads the expression.
    return is_valid_cron_string(cron) and not re.search(r"(?<![a-z])r(?![a-z])", cron, re.IGNORECASE)


def is_daily_or_oftener(cron: str) -> bool:
    """Whether no two ticks of a valid `cron` are further apart than a day, on any day there will be."""
    fields = cron.split()
    if len(fields) == _FIELDS:
        if fields[2:] == ["*", "*", "*"]:
            return True  # as nearly all are: two thousand ticks are not looked at for each source in each run
        # Hours and minutes are the same on every day that is chosen, so it is the days alone that may leave a gap.
        cron = " ".join(["0", "0", *fields[2:]])
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026 + _YEARS, 1, 1, tzinfo=UTC)
    ticks = takewhile(lambda tick: tick < end, cron_string_iterator(start.timestamp(), cron, "UTC"))
    newest = start
    for earlier, later in pairwise(ticks):
        if later - earlier > timedelta(days=1):
            return False
        newest = later
    return end - newest <= timedelta(days=1)


def source_job(facts: SourceFacts) -> UnresolvedAssetJobDefinition:
    """The job of one source: its three assets and their checks."""
    keys = (catalogue_key(facts.slug), payloads_key(facts.slug), measurements_key(facts.slug))
    return dg.define_asset_job(
        facts.slug,
        selection=dg.AssetSelection.assets(*keys),
        description=f"Ask {facts.spec.title} for days of {facts.slug}, and load them.",
        tags={SOURCE_TAG: facts.slug},
    )


def trailing_schedule(facts: SourceFacts, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition | None:
    """The schedule of one source; None where it has none, as a retired one has not."""
    if facts.schedule is None or facts.is_retired:
        return None
    keys = [payloads_key(facts.slug), measurements_key(facts.slug)]
    catalogue = catalogue_key(facts.slug)

    @dg.schedule(
        name=facts.slug,
        job=job,
        cron_schedule=facts.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        required_resource_keys={"warehouse"},
        description=_schedule_description(facts.spec),
    )
    def trailing(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        tick = context.scheduled_execution_time.astimezone(UTC)
        ranges = due_ranges(facts, tick, _due_days(context, facts, tick))
        if not ranges:
            yield dg.SkipReason(f"The first day of {facts.slug}, {facts.first_day}, is not over yet.")
            return
        for n, (first, last) in enumerate(ranges):
            yield dg.RunRequest(
                run_key=f"{facts.slug} {first} {last} {tick:%Y-%m-%dT%H:%M}",
                # A run costs seconds of processor time before its first request: the catalogue has none of its own.
                asset_selection=keys if n else [catalogue, *keys],
                tags={RANGE_START: str(first), RANGE_END: str(last)},
            )

    return trailing


def _schedule_description(spec: ProviderSpec) -> str:
    """The description of a schedule in the UI."""
    monthly = f", once a month for {spec.deep_refetch_days} days" if spec.deep_refetch_days else ""
    return f"Ask again for the trailing {spec.refetch_days} days{monthly}, and for days that are still due."


def due_ranges(facts: SourceFacts, tick: datetime, due_days: Collection[date]) -> list[tuple[date, date]]:
    """The days that a tick must ask for, as ranges of first and last, both included.

    Args:
        facts: The source.
        tick: When the schedule fires.
        due_days: Days before the trailing ones.

    Returns:
        The trailing days, and then the due ones, the newest range first; nothing before the first day is over.
    """
    trailing = facts.trailing_days(tick)
    if trailing is None:
        return []
    pieces = list(contiguous_ranges(sorted(due_days), facts.spec.max_days_per_run))
    return [trailing, *((piece[0], piece[-1]) for piece in reversed(pieces))]


def _due_days(context: dg.ScheduleEvaluationContext, facts: SourceFacts, tick: datetime) -> set[date]:
    """Days before the trailing ones that this tick asks for: as many of those due as fill two runs."""
    window = facts.days_before_trailing(tick)
    if window is None:
        return set()
    opener: WarehouseOpener = context.resources.warehouse
    try:
        with opener.open() as warehouse:
            due_days = warehouse.ledger.due_days(
                facts.slug,
                window,
                finalization_lag=facts.finalization_lag,
                refetch_after=refetch_after(facts, tick),
                as_of=tick,
                untried_since=tick - _BACKOFF,
                n_newest=facts.spec.max_days_per_run,
                n_others=facts.spec.max_days_per_run,
            )
    except IngestError as error:
        # The trailing days are asked for all the same: by the time their run begins, the database may be back.
        context.log.error("Days that are due are not asked for by this tick. %s", error)  # noqa: TRY400  # the sentence says it all
        return set()
    return set(due_days) - days_under_way(context.instance, facts)


def days_under_way(instance: dg.DagsterInstance, facts: SourceFacts) -> set[date]:
    """Days that runs of the source's job have been asked for and are not done with: a long queue must not grow."""
    runs = instance.get_runs(dg.RunsFilter(tags={SOURCE_TAG: facts.slug}, statuses=_UNDER_WAY))
    ranges = [
        (run.tags[RANGE_START], run.tags[RANGE_END]) for run in runs if {RANGE_START, RANGE_END} <= run.tags.keys()
    ]
    return {
        day
        for first, last in ranges
        for day in Window.of_days(date.fromisoformat(first), date.fromisoformat(last)).days()
    }


CHECKS: Final = "checks"
"""The job and the schedule that look at every source although none of them ran."""


def checks_job() -> UnresolvedAssetJobDefinition:
    """The job that evaluates every check of every source, and asks no provider."""
    return dg.define_asset_job(
        CHECKS,
        selection=dg.AssetSelection.all_asset_checks(),
        description="Ask the ledger whether every source is fresh, complete and accounted for.",
    )


def checks_schedule() -> dg.ScheduleDefinition:
    """Four times a day: a source that stopped running is noticed by its checks, which would not run with it."""
    return dg.ScheduleDefinition(
        name=CHECKS,
        job_name=CHECKS,
        cron_schedule="10 */6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
