"""What a backfill will ask for, said before it begins; and beside it, when it is over, what the ledger counted."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from assets.walk import stretches
from domain.errors import IngestError
from domain.window import Window
from pipelines.console import complain, counted, say
from pipelines.local.project import Source

if TYPE_CHECKING:
    from domain.contract import Provider
    from warehouse.ledger import Ledger


def say_plan(source: Source, provider: "Provider", days: Sequence[date]) -> int | None:
    """Say how many requests `days` take, and how long at least; None where that cannot be known before.

    A plan that cannot be made keeps nobody from trying: what stands in the way is said by the days themselves.
    """
    spec = source.component.facts.spec
    windows = [Window.of_days(pieces[0], pieces[-1]) for pieces in stretches(days, spec.pull_days)]
    try:
        planned = provider.plan(windows)
    except IngestError as error:
        complain(f"no plan can be made ({error.code}). {error}")
        return None
    if planned is None:
        return None
    span = f"{counted(len(days), 'day')} in {counted(len(windows), 'pull')}"
    say(f"{source.slug}: {span}, {counted(planned, 'request')} planned{_least(planned, spec.requests_per_second)}.")
    return planned


def say_counted(source: Source, ledger: "Ledger", planned: int | None, after_load_id: int) -> None:
    """Say how many requests the ledger has of the pulls that were loaded since, beside what was planned.

    Args:
        source: Whose.
        ledger: Where it stands.
        planned: What `say_plan` had said; nothing is said without.
        after_load_id: The newest entry when it began.
    """
    totals = ledger.totals(source.slug, after_load_id=after_load_id)
    if planned is None or not totals:
        return
    say(
        f"{source.slug}: {counted(planned, 'request')} planned, {totals[0].n_requests:,} in the ledger; it counts "
        "logins and tries again, nothing of a pull that failed, and all of one that was adopted."
    )


def _least(planned: int, per_second: float | None) -> str:
    """The least duration at the provider's rate, if it has one."""
    if not per_second:
        return ""
    return f", at least {timedelta(seconds=math.ceil(planned / per_second))} at {per_second:g} a second"
