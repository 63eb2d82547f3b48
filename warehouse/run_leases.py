"""Which process works on which run: a lease that it renews, by the clock of the server.

A row and no lock: it outlives the session that wrote it, hence a restart or a fail-over of the database, and a pooler
may lend that session to whomever it wants.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import dict_row, scalar_row

from warehouse.connections import Address, Connections
from warehouse.sqlstates import translated
from warehouse.statements import statement

FORGOTTEN_AFTER: Final = timedelta(days=30)

_PLACE: Final = "table run_lease"


@dataclass(frozen=True, slots=True)
class Lease:
    """What is known of a run.

    Attributes:
        holder: The process that has claimed it; empty where it was given up before anybody had.
        renewed_at: When that process last said that it is at work.
        lost_at: When it was given up; None while it is not.
    """

    holder: str
    renewed_at: datetime
    lost_at: datetime | None


@dataclass(frozen=True, slots=True)
class Leases:
    """What one look at the table has found.

    Attributes:
        seen_at: What time it was, by the server.
        by_run: Run → its lease; runs without one are missing.
    """

    seen_at: datetime
    by_run: dict[str, Lease]


def hold(address: Address, run_id: str, holder: str) -> bool:
    """Claim `run_id` for `holder`, or renew its claim; whether `holder` has it.

    Each time in a session of its own: one that has rested may have lost its server, and would find out too late.

    Raises:
        WarehouseError: The database cannot be asked. It may have been written all the same.
    """
    with translated(_PLACE), address.connect(as_loader=True) as session:
        values = {"run_id": run_id, "holder": holder}
        return session.execute(statement("run_lease/hold"), values).fetchone() is not None


class RunLeases:
    """The table `run_lease`, for whoever judges."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of_runs(self, run_ids: Collection[str]) -> Leases:
        """The leases of these runs.

        Raises:
            WarehouseError: The database cannot be asked.
        """
        rows = self._connections.rows(_PLACE, "run_lease/of_runs", {"run_ids": [*run_ids]}, dict_row)
        by_run = {
            row["run_id"]: Lease(row["holder"], row["renewed_at"], row["lost_at"])
            for row in rows
            if row["run_id"] is not None
        }
        return Leases(rows[0]["seen_at"], by_run)

    def give_up(self, run_id: str, seen: Lease | None) -> bool:
        """Give `run_id` up, unless its process has claimed or renewed it since it was `seen`; whether it is given up.

        Raises:
            WarehouseError: The database cannot be asked.
        """
        values = {"run_id": run_id, "renewed_at": seen.renewed_at if seen else None}
        return bool(self._connections.rows(_PLACE, "run_lease/give_up", values, scalar_row))

    def forget_old(self) -> None:
        """Delete leases that nobody has renewed for a month.

        Raises:
            WarehouseError: The database cannot be asked.
        """
        self._connections.rows(_PLACE, "run_lease/forget", {"after": FORGOTTEN_AFTER}, scalar_row)
