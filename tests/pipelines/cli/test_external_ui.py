"""The UI over a warehouse of yours: Dagster's own history is on the embedded server, or where its variables say."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from domain.errors import ConfigurationError
from pipelines.local.dagster_storage import dagster_storage
from pipelines.local.project import Project
from resources.settings import Settings
from tests.fakes.demo import clean_home
from tests.fakes.open_ui import open_ui
from warehouse.embedded import EmbeddedWarehouse
from warehouse.server import ensure_database, with_database

pytestmark = pytest.mark.timeout(300)  # real processes, on a machine where everything runs at once


def n_tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'event_logs'").fetchone()
        return int(row[0]) if row else 0


@pytest.mark.long
def test_over_a_warehouse_of_yours_dagster_keeps_its_history_on_the_embedded_server(
    tmp_path: Path, package_cache: Path, database: str
) -> None:
    with clean_home(tmp_path / "home", package_cache) as home:
        with open_ui(home, database) as ui:
            assert "Warehouse: the one that WAREHOUSE_URL names\n" in ui.lines
            assert any(line.startswith("The asset graph: ") for line in ui.lines), ui.lines
            embedded = EmbeddedWarehouse(home, cache=package_cache)
            assert n_tables(with_database(embedded.admin_url, "dagster")) == 1
            assert n_tables(database) == 0
        assert not EmbeddedWarehouse(home, cache=package_cache).status().is_running


def test_with_variables_for_dagster_too_nothing_is_started_but_dagster(
    tmp_path: Path, package_cache: Path, database: str, warehouse_server: EmbeddedWarehouse
) -> None:
    password = "a password of yours"
    url = ensure_database(warehouse_server.admin_url, "dagster_of_yours", "dagster_of_yours", password)
    at = urlsplit(url)
    storage = {
        "DAGSTER_PG_HOST": at.hostname or "",
        "DAGSTER_PG_PORT": str(at.port),
        "DAGSTER_PG_USER": "dagster_of_yours",
        "DAGSTER_PG_PASSWORD": password,
        "DAGSTER_PG_DB": "dagster_of_yours",
    }
    with clean_home(tmp_path / "home", package_cache) as home, open_ui(home, database, **storage) as ui:
        assert any(line.startswith("The asset graph: ") for line in ui.lines), ui.lines
        assert not (home / "warehouse" / "server").exists()
        assert n_tables(url) == 1


def test_half_of_the_variables_is_refused_by_the_name_of_what_lacks() -> None:
    settings = Settings({"DAGSTER_PG_HOST": "127.0.0.1", "DAGSTER_PG_USER": "me", "DAGSTER_PG_DB": "mine"})
    with pytest.raises(ConfigurationError, match="DAGSTER_PG_PASSWORD is not set"):
        _ = settings.dagster_storage
    assert Settings({"DAGSTER_PG_PORT": "5432"}).dagster_storage is None


def test_where_the_embedded_server_cannot_be_had_the_sentence_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For root: its server is where the user who runs it cannot go. For others: there is no program to fetch it with.
    place, noted = tmp_path / "closed" / "server", tmp_path / "home" / "warehouse" / "location"
    place.mkdir(parents=True)
    place.parent.chmod(0o700)
    noted.parent.mkdir(parents=True)
    noted.write_text(f"{place}\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = {
        "JOULEHOUSE_HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path),
        "WAREHOUSE_URL": "postgresql://",
    }
    with pytest.raises(ConfigurationError, match=r"Dagster has nowhere to keep its own history.*set DAGSTER_PG_HOST, "):
        dagster_storage(Project(Settings(mine)))
