"""What a person is told of the comparison: that every row is equal, or which one is not."""

import time
from datetime import date
from typing import TYPE_CHECKING

from pipelines.console import fail, say
from pipelines.local.environment import OpenHouse
from pipelines.local.sandbox_process import Account

if TYPE_CHECKING:
    from warehouse.store import TimescaleWarehouse


def verified(running: OpenHouse, warehouse: "TimescaleWarehouse", account: Account, days: list[date]) -> None:
    """Hold what the twin of a source means for `days` against what the warehouse holds; fails where they differ."""
    if running.twin is None:
        return
    from pipelines.local.verification import verify  # noqa: PLC0415 — brings pandas, which no other command needs

    begun, source = time.monotonic(), account.source
    outcome = verify(running.twin, warehouse.reading, account, days)
    both = outcome.both
    if not both.n_served:
        fail(
            f"the twin of {source} has nothing for these {len(days)} days: clear its faults (joulehouse sandbox clear)."
        )
    if not both.is_equal:
        fail(
            f"the warehouse is not what the sandbox serves: of {both.n_served:,} rows served and {both.n_loaded:,} "
            f"rows loaded of {source}, {both.n_equal:,} are equal; the first that differs is {both.difference}."
        )
    say(
        f"Row for row: {source}, {both.n_served:,} served by its twin, {both.n_loaded:,} in the warehouse, all equal: "
        f"{outcome.numbers.n_equal:,} numbers and {outcome.texts.n_equal:,} texts "
        f"({time.monotonic() - begun:.0f} s to compare)."
    )
    # A series that got lost would look like a field without a quantity; the ledger knows those that really have none.
    n_unmapped = sum(outcome.unmapped.values())
    n_known = sum(sum(load.unmapped.values()) for load in warehouse.ledger.last_loads(source, days[0], days[-1]))
    if n_unmapped > n_known:
        fail(f"the catalogue has no series for {n_unmapped:,} values of {source}; the ledger knows of {n_known:,}.")
    if n_unmapped:
        names = ", ".join(f"{name} ({n:,})" for name, n in sorted(outcome.unmapped.items()))
        say(f"Left out on both sides, since no quantity is known for them: {names}.")
