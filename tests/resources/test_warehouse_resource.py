from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from assets.ledger import LedgeredWarehouse
from assets.walk import go_through
from domain.errors import ConfigurationError, IngestError, WarehouseUnsuitableError
from domain.window import Window
from resources.on_demand import OnDemandProvider, OnDemandWarehouse
from resources.settings import Settings
from resources.warehouse import opened_warehouse, warehouse_address
from tests.fakes.days import FIRST, days, provider_of
from tests.fakes.provider import FakeProvider
from warehouse.embedded import EmbeddedWarehouse


def on_demand(url: str, folder: Path) -> OnDemandWarehouse:
    settings = Settings({"WAREHOUSE_URL": url, "LANDING_URL": str(folder / "landing")})
    return OnDemandWarehouse(lambda: opened_warehouse(settings))


def test_a_warehouse_url_without_the_schema_is_refused_and_left_as_it_is(empty_database: str) -> None:
    for _ in range(2):
        with pytest.raises(WarehouseUnsuitableError):
            warehouse_address(Settings({"WAREHOUSE_URL": empty_database}))


def test_a_warehouse_url_with_the_schema_is_taken_as_it_is(database: str) -> None:
    assert warehouse_address(Settings({"WAREHOUSE_URL": database})) == database


def test_nothing_is_opened_before_the_first_question(tmp_path: Path) -> None:
    with closing(on_demand("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)) as warehouse:
        with pytest.raises(IngestError) as raised:
            warehouse.catalogue("roof", [])
        assert raised.value.code == "warehouse_unavailable"


def test_a_failure_is_not_hidden_by_a_ledger_that_is_away(tmp_path: Path) -> None:
    error = ConfigurationError("a setting is missing", place="here", fix="set it")
    with closing(on_demand("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)) as warehouse:
        warehouse.record_failure("roof", Window.of_day(FIRST), error)
    assert any("The ledger could not be told" in note for note in error.__notes__)


def test_the_ledger_says_what_the_loads_reported(database: str, tmp_path: Path) -> None:
    provider = provider_of(3)
    with closing(on_demand(database, tmp_path)) as warehouse:
        for _ in range(2):
            outcomes = list(go_through(days(3), provider, warehouse, "roof"))
        reported = [outcome.load for outcome in outcomes if outcome.load]
        assert list(warehouse.loads("roof", FIRST, date(2026, 12, 31))) == reported
        assert [load.n_unchanged for load in reported] == [24, 24, 24]
        assert list(warehouse.loads("shed", FIRST, date(2026, 12, 31))) == []


def test_a_failed_attempt_does_not_hide_the_load_that_stands(database: str, tmp_path: Path) -> None:
    provider = provider_of(1)
    with closing(on_demand(database, tmp_path)) as warehouse:
        list(go_through(days(1), provider, warehouse, "roof"))
        provider.points[FIRST] = {}
        [outcome] = go_through(days(1), provider, warehouse, "roof")
        assert outcome.error is not None
        assert [load.n_points for load in warehouse.loads("roof", FIRST, FIRST)] == [24]
        told: LedgeredWarehouse = warehouse
        assert [(day.day, day.load_id is None, day.reason) for day in told.days("roof")] == [
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


def test_a_provider_is_opened_once_and_closed_if_it_was_opened() -> None:
    provider = provider_of(1)
    opened: list[int] = []

    def open_it() -> FakeProvider:
        opened.append(1)
        return provider

    with closing(OnDemandProvider(open_it, provider.normalize, provider.normalize_each)) as lazy:
        assert lazy.n_requests == 0
        list(lazy.fetch(Window.of_day(FIRST), {}))
        list(lazy.discover())
        assert (lazy.n_requests, len(opened)) == (2, 1)
    assert provider.is_closed
    OnDemandProvider(open_it, provider.normalize, provider.normalize_each).close()
    assert len(opened) == 1
