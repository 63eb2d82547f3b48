"""The composition root: every source below `assets/`, and what they share."""

import gc
import warnings
from functools import cache

import dagster as dg

from domain.errors import ConfigurationError
from pipelines.executor import leased_executor
from pipelines.lost_runs import lost_runs_sensor
from pipelines.notifications.sensor import notifications_sensor
from pipelines.postponed import postponed_days_sensor
from pipelines.schedules import checks_job, checks_schedule
from pipelines.sensors import failed_days, ledger_sensor, retirement_sensor
from pipelines.sources import ASSETS, read_sources
from resources.step_resources import warehouse_resource

# backfill_policy and others are beta in 1.13.27; one warning for each asset would hide what matters.
for _category in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning):
    warnings.filterwarnings("ignore", category=_category)


@dg.definitions
def defs() -> dg.Definitions:
    """Everything in this code location.

    Raises:
        ConfigurationError: A `defs.yaml` is wrong; the sentence says where and how.
    """
    return _read_once()


@cache
def _read_once() -> dg.Definitions:
    """Dagster asks up to six times in the process of a run, and all files would be read each time."""
    gc.freeze()  # ADR 0042: what has been imported stays, and so do the definitions
    try:
        sources = [source.facts for source in read_sources(ASSETS)]
    except ConfigurationError as error:
        # The sentence says it all; frames of ours would only bury it.
        raise error.with_traceback(None) from None
    shared = dg.Definitions(
        resources={"warehouse": warehouse_resource},
        jobs=[checks_job()] if sources else [],
        schedules=[checks_schedule()] if sources else [],
        sensors=[
            failed_days,
            lost_runs_sensor(),
            retirement_sensor(sources),
            notifications_sensor(sources),
            *([ledger_sensor(sources), postponed_days_sensor(sources)] if sources else []),
        ],
        executor=leased_executor,
    )
    whole = dg.Definitions.merge(dg.load_from_defs_folder(path_within_project=ASSETS), shared)
    gc.freeze()
    return whole
