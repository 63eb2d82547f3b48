"""How many requests a backfill is planned to take, and afterwards how many the ledger has counted."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from assets.ingest import contiguous_ranges
from domain.contract import Provider
from domain.errors import IngestError
from domain.window import Window
from pipelines.console import complain, counted, say
from pipelines.local.project import Source
from warehouse.ledger import Ledger


def print_plan(source: Source, provider: Provider, days: Sequence[date]) -> int | None:
    """Print how many requests `days` take, and how long at least; None where that cannot be known before.

    A plan that cannot be made does not stop the backfill: each day then reports its own error.
    """
    spec = source.component.facts.spec
    windows = [Window.of_days(pull_days[0], pull_days[-1]) for pull_days in contiguous_ranges(days, spec.pull_days)]
    try:
        planned = provider.plan(windows)
    except IngestError as error:
        complain(f"no plan can be made ({type(error).__name__}). {error}")
        return None
    if planned is None:
        return None
    span = f"{counted(len(days), 'day')} in {counted(len(windows), 'pull')}"
    at_least = _least_duration(planned, spec.requests_per_second)
    say(f"{source.slug}: {span}, {counted(planned, 'request')} planned{at_least}.")
    return planned


def print_requests(source: Source, ledger: Ledger, planned: int | None, after_load_id: int) -> None:
    """Print how many requests the ledger has of the pulls that were loaded since, beside the planned number.

    Args:
        source: The source.
        ledger: The ledger.
        planned: What `print_plan` returned; nothing is printed without.
        after_load_id: The newest entry when it began.
    """
    totals = ledger.totals(source.slug, after_load_id=after_load_id)
    if planned is None or not totals:
        return
    say(
        f"{source.slug}: {counted(planned, 'request')} planned, {totals[0].n_requests:,} in the ledger; it counts "
        "logins and tries again, nothing of a pull that failed, and all of one that was adopted."
    )


def _least_duration(planned: int, per_second: float | None) -> str:
    """The least duration at the provider's rate, if it has one."""
    if not per_second:
        return ""
    return f", at least {timedelta(seconds=math.ceil(planned / per_second))} at {per_second:g} a second"
