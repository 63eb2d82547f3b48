from datetime import date
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from assets.ingest import ingest_days
from domain.errors import ConfigurationError, WarehouseUnavailableError, WarehouseUnsuitableError
from domain.window import Window
from resources.settings import Settings
from resources.step_resources import WarehouseOpener, warehouse_resource
from resources.warehouse import opened_warehouse, warehouse_address
from tests.fakes.days import FIRST, days, provider_of
from warehouse.connections import Address
from warehouse.embedded import EmbeddedWarehouse
from warehouse.store import open_warehouse


def opener(url: str, folder: Path) -> WarehouseOpener:
    return WarehouseOpener(Settings({"WAREHOUSE_URL": url, "LANDING_URL": str(folder / "landing")}))


def test_a_warehouse_url_without_the_schema_is_refused_and_left_as_it_is(empty_database: str) -> None:
    for _ in range(2):
        with pytest.raises(WarehouseUnsuitableError):
            warehouse_address(Settings({"WAREHOUSE_URL": empty_database}))


def test_a_warehouse_url_with_the_schema_is_taken_as_it_is(database: str) -> None:
    assert warehouse_address(Settings({"WAREHOUSE_URL": database})) == database


def test_it_is_looked_at_in_one_session(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    connect = Address.connect

    def counted(address: Address, **how: bool) -> psycopg.Connection:
        opened.append(address.place)
        return connect(address, **how)

    monkeypatch.setattr(Address, "connect", counted)
    warehouse_address(Settings({"WAREHOUSE_URL": database}))
    assert len(opened) == 1, "each is a process of the server, and sensors look all the time"


def test_nothing_is_opened_before_a_step_asks_for_it_and_a_failure_keeps_its_class(tmp_path: Path) -> None:
    away = opener("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)
    with dg.build_resources({"warehouse": warehouse_resource}):
        pass
    with pytest.raises(WarehouseUnavailableError), away.open():
        pass


def test_a_failure_is_not_hidden_by_a_ledger_that_is_away(tmp_path: Path) -> None:
    error = ConfigurationError("a setting is missing", place="here", fix="set it")
    with open_warehouse("postgresql://nobody@127.0.0.1:1/nothing", tmp_path) as warehouse:
        warehouse.record_failure("roof", Window.of_day(FIRST), error)
    assert any("The ledger could not be told" in note for note in error.__notes__)


def test_the_ledger_says_what_the_loads_reported(database: str, tmp_path: Path) -> None:
    provider = provider_of(3)
    with opener(database, tmp_path).open() as warehouse:
        for _ in range(2):
            outcomes = list(ingest_days(days(3), provider, warehouse, "roof"))
        reported = [outcome.load for outcome in outcomes if outcome.load]
        assert warehouse.ledger.newest_loads("roof", FIRST, date(2026, 12, 31)) == reported
        assert [load.n_unchanged for load in reported] == [24, 24, 24]
        assert warehouse.ledger.newest_loads("shed", FIRST, date(2026, 12, 31)) == []


def test_a_step_with_another_landing_zone_asks_nobody_and_says_so(database: str, tmp_path: Path) -> None:
    with opener(database, tmp_path).open() as warehouse:
        list(ingest_days(days(1), provider_of(1), warehouse, "roof"))
    provider = provider_of(3)
    with opener(database, tmp_path / "without the volume").open() as warehouse:
        first, *others = ingest_days(days(3), provider, warehouse, "roof")
    assert isinstance(first.error, ConfigurationError)
    assert "it shows no id, and the warehouse's is" in str(first.error)
    assert f"(LANDING_URL, {tmp_path}/without the volume/landing)" in str(first.error)
    assert [other.was_tried for other in others] == [False, False]
    assert provider.n_requests == 0


def test_a_failed_attempt_does_not_hide_the_load_that_stands(database: str, tmp_path: Path) -> None:
    provider = provider_of(1)
    with opener(database, tmp_path).open() as warehouse:
        list(ingest_days(days(1), provider, warehouse, "roof"))
        provider.points[FIRST] = {}
        [outcome] = ingest_days(days(1), provider, warehouse, "roof")
        assert outcome.error is not None
        assert [load.n_points for load in warehouse.ledger.newest_loads("roof", FIRST, FIRST)] == [24]
        assert [(day.day, day.load_id is None, day.reason) for day in warehouse.ledger.days("roof")] == [
            (FIRST, False, "shrink_refused")
        ]


def test_without_a_url_the_embedded_warehouse_is_started_and_given_its_schema(
    tmp_path: Path, package_cache: Path
) -> None:
    settings = Settings({"JOULEHOUSE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(package_cache.parent)})
    try:
        first = warehouse_address(settings)
        assert warehouse_address(settings) == first
        with opened_warehouse(settings) as warehouse:
            assert warehouse.ledger.newest_id() == 0
    finally:
        EmbeddedWarehouse(settings.home, cache=settings.cache).remove()
