"""What commands load is in Dagster, too: the ledger is the memory, and a real instance is told from a real one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.checks import CHECKS
from assets.ingest import ingest_days
from domain.errors import PayloadUnreadableError, WarehouseUnavailableError
from pipelines.sensors import ledger_sensor
from tests.fakes.days import FIRST, MEASUREMENTS, PAYLOADS, House, Opener, days, provider_of
from warehouse.store import open_warehouse

LAST = days(3)[-1]
SECOND = days(3)[1]


@dataclass
class Both:
    """Dagster, and the command line beside it, over one warehouse."""

    house: House
    opener: Opener
    cursor: str | None = None

    def command(self, *wanted: date, asks: bool = True) -> None:
        """What `joulehouse backfill` does, or `joulehouse replay`."""
        slug = self.house.facts.slug
        list(ingest_days(wanted, self.house.provider, self.opener.warehouse, slug, lands=asks))

    def look(self) -> int:
        """One tick of the sensor, as the daemon does it; how many events it told."""
        context = dg.build_sensor_context(
            instance=self.house.instance, cursor=self.cursor, resources={"warehouse": self.opener}
        )
        told = ledger_sensor([self.house.facts]).evaluate_tick(context)
        for event in told.asset_events:
            self.house.instance.report_runless_asset_event(event)
        self.cursor = told.cursor
        return len(told.asset_events)

    def check(self, name: str) -> str:
        key = dg.AssetCheckKey(MEASUREMENTS, name)
        found = self.house.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
        return found[key].status.name


@pytest.fixture
def both(database: str, tmp_path: Path) -> Iterator[Both]:
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        open_warehouse(database, tmp_path / "landing") as warehouse,
    ):
        opener = Opener(warehouse)
        yield Both(House(instance, provider_of(3), opener=opener), opener)


def test_what_a_command_loads_has_the_status_and_the_figures_of_a_run(both: Both) -> None:
    both.house.run(FIRST, FIRST)
    by_run = {key: both.house.figures(key)[str(FIRST)] for key in (PAYLOADS, MEASUREMENTS)}
    both.command(SECOND)
    assert str(SECOND) not in both.house.statuses(MEASUREMENTS, FIRST, LAST)
    both.look()
    for key in (PAYLOADS, MEASUREMENTS):
        assert both.house.statuses(key, FIRST, LAST) == {str(FIRST): "MATERIALIZED", str(SECOND): "MATERIALIZED"}
        figures = both.house.figures(key)[str(SECOND)]
        assert figures.keys() == by_run[key].keys() - {"plot", "dagster/column_schema"}
        for name in figures.keys() - {"window", "load_id", "pull_id", "seconds"}:
            assert figures[name] == by_run[key][name], name


def test_a_day_is_told_once_and_what_a_run_has_said_is_not_told_again(both: Both) -> None:
    both.house.run(FIRST, LAST)
    assert both.look() == 0
    both.command(SECOND)
    assert both.look() == 2 + len(CHECKS)
    assert both.look() == 0


def test_a_replay_by_a_command_is_told_as_one(both: Both) -> None:
    both.house.run(FIRST, FIRST)
    both.command(FIRST, asks=False)
    both.look()
    figures = both.house.figures(MEASUREMENTS)[str(FIRST)]
    assert (figures["was_replayed"], figures["requests"], figures["unchanged"]) == (True, 0, 24)


def test_a_day_that_a_command_could_not_load_turns_a_check_red_and_the_next_good_one_green(both: Both) -> None:
    both.house.provider.failures[SECOND] = PayloadUnreadableError("they changed", place="roof", fix="look")
    both.command(FIRST, SECOND)
    both.look()
    assert both.house.statuses(MEASUREMENTS, FIRST, LAST) == {str(FIRST): "MATERIALIZED"}
    assert both.check("nothing_failed") == "FAILED"
    both.house.provider.failures.clear()
    both.command(SECOND)
    both.look()
    assert both.check("nothing_failed") == "SUCCEEDED"


def test_a_source_is_left_alone_while_a_run_of_it_is_at_work(both: Both) -> None:
    both.command(FIRST)
    instance = both.house.instance
    run = dg.DagsterRun(job_name="roof", run_id=dg.DagsterRun("x").run_id, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    assert both.look() == 0
    instance.report_run_failed(run)
    assert both.look() == 2 + len(CHECKS)


def test_the_ledger_remembers_while_nobody_looks_or_the_warehouse_is_away(both: Both) -> None:
    both.opener.away = WarehouseUnavailableError("no answer", place="localhost", fix="wait")
    both.command(*days(3))
    assert both.look() == 0
    both.opener.away = None
    both.look()
    assert both.house.statuses(MEASUREMENTS, FIRST, LAST) == {str(day): "MATERIALIZED" for day in days(3)}
