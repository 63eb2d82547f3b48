"""Sensors: which days of a failed run failed, which sources are retired, and what only the ledger knows so far."""

import json
from collections.abc import Iterable
from typing import Final

import dagster as dg

from assets.checks import evaluations
from assets.failures import named
from assets.ledger_reports import MOST, ledger_report
from assets.source import SourceFacts, measurements_key, payloads_key
from domain.errors import IngestError
from resources.step_resources import WarehouseOpener

LEDGER: Final = "ledger"
"""The sensor that tells Dagster what was loaded without it."""

_AT_WORK: Final = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)

RETIREMENTS: Final = "retirements"
"""The sensor that names the sources that are retired."""


@dg.run_failure_sensor(
    name="failed_days",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Says which days of a failed run failed, and why.",
)
def failed_days(context: dg.RunFailureSensorContext) -> None:
    """Log the sentence of every failed step of the run."""
    for event in context.get_step_failure_events():
        failure = event.step_failure_data
        description = failure.user_failure_data.description if failure.user_failure_data else None
        context.log.error("run %s: %s", context.dagster_run.run_id, description or failure.error_display_string)
    if not context.get_step_failure_events():
        context.log.error("run %s: %s", context.dagster_run.run_id, context.failure_event.message)


def retirement_sensor(sources: Iterable[SourceFacts]) -> dg.SensorDefinition:
    """Alerts once for each source that is retired: a warning in the log, and an observation on its measurements.

    A source that comes back and retires again is announced again.
    """
    retired = {facts.slug: facts for facts in sources if facts.is_retired}

    @dg.sensor(
        name=RETIREMENTS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=300,
        description="Says once of each retired source that no schedule asks it any more.",
    )
    def retirements(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        announced: list[str] = json.loads(context.cursor) if context.cursor else []
        newly_retired = sorted(retired.keys() - set(announced))
        observations = []
        for slug in newly_retired:
            sentence = (
                f"{slug} is retired: no schedule asks {retired[slug].spec.title} for it any more. "
                "What is loaded stays, and can be replayed."
            )
            context.log.warning(sentence)
            observations.append(dg.AssetObservation(measurements_key(slug), description=sentence))
        return dg.SensorResult(
            skip_reason=f"Newly retired: {', '.join(newly_retired) or 'none'}.",
            cursor=json.dumps(sorted(retired)),
            asset_events=observations,
        )

    return retirements


def ledger_sensor(sources: Iterable[SourceFacts]) -> dg.SensorDefinition:
    """Tells Dagster what the ledger holds and it does not know: days that commands have loaded, or failed to load.

    A source with a run at work is left for the next look: the run says itself what it has done.
    """
    described = {facts.slug: facts for facts in sources}

    @dg.sensor(
        name=LEDGER,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        required_resource_keys={"warehouse"},
        description="Tells Dagster of days that commands have loaded, or failed to load.",
    )
    def ledger(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        reported: dict[str, int] = json.loads(context.cursor) if context.cursor else {}
        events: list[dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation] = []
        opener: WarehouseOpener = context.resources.warehouse
        busy = _at_work(context.instance, described)
        try:
            with opener.open() as warehouse:
                newest_id = warehouse.ledger.newest_id()
                for slug, facts in described.items():
                    if reported.get(slug, 0) > newest_id:  # commits were lost, and its numbers are given anew
                        reported[slug] = max(0, newest_id - MOST)
                    entries = [] if slug in busy else warehouse.ledger.entries_after(slug, reported.get(slug, 0), MOST)
                    report = ledger_report(facts, entries, context.instance.event_log_storage)
                    if report.materializations or report.has_failures:
                        events += [*report.materializations, *evaluations(facts, warehouse)]
                    reported[slug] = max((entry.load.load_id or 0 for entry in entries), default=reported.get(slug, 0))
        except IngestError as error:
            # The cursor stays where it was: the ledger remembers, and the next look is in half a minute.
            return dg.SensorResult(skip_reason=named(error), cursor=context.cursor)
        return dg.SensorResult(
            skip_reason=f"{len(events)} events of the ledger are told.",
            cursor=json.dumps(reported),
            asset_events=events,
        )

    return ledger


def _at_work(instance: dg.DagsterInstance, slugs: Iterable[str]) -> set[str]:
    """The sources of which a run is at work."""
    runs = instance.get_runs(dg.RunsFilter(statuses=list(_AT_WORK)))
    keys = {key for run in runs for key in run.asset_selection or ()}
    jobs = {run.job_name for run in runs}
    return {slug for slug in slugs if slug in jobs or measurements_key(slug) in keys or payloads_key(slug) in keys}
