"""What happens when a run fails: the days are said once more, where whoever reads the daemon's log will see them."""

import dagster as dg


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
        said = failure.user_failure_data.description if failure.user_failure_data else None
        context.log.error("run %s: %s", context.dagster_run.run_id, said or failure.error_display_string)
    if not context.get_step_failure_events():
        context.log.error("run %s: %s", context.dagster_run.run_id, context.failure_event.message)
