"""The database ends sessions: those that rest while a provider takes its time, or all of them at a restart."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg
import pytest

from assets.ingest import ingest_days
from tests.providers.export_service.harness import MIDNIGHT, hub
from warehouse.embedded import EmbeddedWarehouse
from warehouse.store import open_warehouse

DAYS = [date(2025, 6, day) for day in range(1, 7)]
A_DOCUMENT_AN_HOUR = [{"P_kW": 1 + n % 7, "timestamp": MIDNIGHT + n * 3_600_000} for n in range(24 * len(DAYS))]


def failed(
    url: str, folder: Path, days: list[date], *, latency: float = 0.0, after: Callable[[date], None] = lambda _: None
) -> list[date]:
    """Load the days, one after the other; those that failed, or were not tried. `after` is told of each."""
    found = []
    with open_warehouse(url, folder) as warehouse, hub(A_DOCUMENT_AN_HOUR, page_rows=50, reads_ahead=False) as made:
        if latency:
            made.twin.fault("latency", seconds=latency)
        for outcome in ingest_days(days, made.provider, warehouse, "hub"):
            found += [] if outcome.load else [outcome.day]
            after(outcome.day)
    return found


def end_sessions(server: EmbeddedWarehouse, url: str) -> int:
    """End every session of the database but our own, as a restart does; how many they were."""
    with psycopg.connect(server.admin_url, autocommit=True) as admin, psycopg.connect(url) as own:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [own.info.dbname, own.info.backend_pid],
        ).fetchone()
    assert ended is not None
    return int(ended[0])


def test_a_session_may_rest_for_as_long_as_a_provider_takes(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {owner.info.dbname} SET idle_session_timeout = '100ms'".encode())
    assert failed(database, tmp_path, DAYS[:2], latency=0.3) == []


def test_a_restart_between_two_days_costs_none(
    database: str, warehouse_server: EmbeddedWarehouse, tmp_path: Path
) -> None:
    n_ended = []

    def after(day: date) -> None:
        if day == DAYS[1]:
            n_ended.append(end_sessions(warehouse_server, database))

    found = failed(database, tmp_path, DAYS, after=after)
    if n_ended == [0]:
        pytest.fail("no session was ended")  # which is no AssertionError
    assert found == []
