"""Sensors that write to the daemon's log: which days of a failed run failed, and which sources are retired."""

import json
from collections.abc import Iterable
from typing import Final

import dagster as dg

from assets.keys import measurements_key
from assets.source import SourceFacts

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
