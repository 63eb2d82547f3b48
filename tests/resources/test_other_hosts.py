"""The embedded warehouse is no warehouse of workers elsewhere."""

from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from resources.other_hosts import refuse_embedded_warehouse
from resources.settings import Settings
from warehouse.embedded import EmbeddedWarehouse


def test_runs_on_other_hosts_are_refused_where_no_warehouse_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"embedded warehouse serves this host alone.*\(WAREHOUSE_URL\)"):
        refuse_embedded_warehouse(Settings({"JOULEHOUSE_HOME": str(tmp_path)}))
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_warehouse_is_refused_by_its_own_address_too(warehouse_server: EmbeddedWarehouse) -> None:
    home = warehouse_server.status().folder.parents[1]
    named = Settings({"JOULEHOUSE_HOME": str(home), "WAREHOUSE_URL": warehouse_server.url})
    with pytest.raises(ConfigurationError) as refused:
        refuse_embedded_warehouse(named)
    assert warehouse_server.url not in str(refused.value)


def test_a_warehouse_that_others_reach_is_let_through(tmp_path: Path) -> None:
    url = "postgresql://joulehouse@warehouse:5432/joulehouse"
    refuse_embedded_warehouse(Settings({"JOULEHOUSE_HOME": str(tmp_path), "WAREHOUSE_URL": url}))
