"""A provider wants no request for an hour: what was held up by it is asked for when the hour is over, by no human."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from assets.factory import source_assets
from assets.ingest import ingest_days
from domain.errors import RateLimitedError, WarehouseUnavailableError
from pipelines.postponed import postponed_days_sensor
from pipelines.schedules import RANGE_END, RANGE_START, SOURCE_TAG
from tests.fakes.days import Opener, days, facts, provider_of
from warehouse.store import open_warehouse

DAYS = days(5)
NOT_BEFORE = datetime(2026, 1, 6, 10, tzinfo=UTC)


@dataclass
class Watch:
    """The sensor over a real ledger, looked at by the daemon at some moments."""

    instance: dg.DagsterInstance
    opener: Opener
    cursor: str | None = None

    def look(self, now: datetime) -> list[tuple[str, str]]:
        """The ranges of days that one tick asks for."""
        roof = facts()
        sensor = postponed_days_sensor([roof, facts("yard", was_retired=True)], clock=lambda: now)
        resources = {"warehouse": self.opener, "roof": None}
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"warehouse": self.opener},
            definitions=dg.Definitions(assets=source_assets(roof), sensors=[sensor], resources=resources),
        )
        told = sensor.evaluate_tick(context)
        self.cursor = told.cursor
        requests = told.run_requests or []
        assert all(request.tags[SOURCE_TAG] == "roof" for request in requests)
        return [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]


@pytest.fixture
def watch(database: str, tmp_path: Path) -> Iterator[Watch]:
    """The first day is loaded, the provider wants no request at the second, and three are not tried."""
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        open_warehouse(database, tmp_path / "landing") as warehouse,
    ):
        provider = provider_of(5)
        provider.failures[DAYS[1]] = RateLimitedError("429", place="roof", fix="wait", retry_after_seconds=3600.0)
        list(ingest_days(DAYS, provider, warehouse, "roof"))
        wish(database, NOT_BEFORE)
        yield Watch(instance, Opener(warehouse))


def wish(database: str, instant: datetime) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO retry_after VALUES ('client', 'roof', %s)"
            " ON CONFLICT (credential, source) DO UPDATE SET not_before = excluded.not_before",
            [instant],
        )


def test_days_that_were_held_up_are_asked_for_once_when_the_wait_is_over(watch: Watch, database: str) -> None:
    soon, late = NOT_BEFORE - timedelta(seconds=1), NOT_BEFORE + timedelta(minutes=1)
    held_up = [(str(DAYS[1]), str(DAYS[4]))]
    assert watch.look(soon) == []
    assert watch.look(late) == held_up
    assert watch.look(late) == []
    wish(database, NOT_BEFORE + timedelta(hours=1))
    assert watch.look(late) == []
    assert watch.look(late + timedelta(hours=1)) == held_up


def test_days_that_have_come_meanwhile_are_not_asked_for_again(watch: Watch) -> None:
    list(ingest_days(DAYS, provider_of(5), watch.opener.warehouse, "roof"))
    assert watch.look(NOT_BEFORE + timedelta(minutes=1)) == []


def test_a_warehouse_that_is_away_is_asked_at_the_next_look(watch: Watch) -> None:
    watch.opener.away = WarehouseUnavailableError("it is away", place="here", fix="wait")
    assert watch.look(NOT_BEFORE + timedelta(minutes=1)) == []
    watch.opener.away = None
    assert watch.look(NOT_BEFORE + timedelta(minutes=1)) == [(str(DAYS[1]), str(DAYS[4]))]
