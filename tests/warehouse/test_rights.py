"""What the server's owner may have set in our way is found by name, with the command that mends it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.errors import WarehouseUnsuitableError
from tests.fakes.points import load
from warehouse.embedded import EmbeddedWarehouse
from warehouse.rights import refuse_extension
from warehouse.schema import migrate
from warehouse.server import check_server, with_database
from warehouse.store import open_warehouse

REVOKED: Final = {
    "USAGE from everybody": "REVOKE USAGE ON SCHEMA public FROM PUBLIC, joulehouse_loader, pg_database_owner",
    "USAGE from the role that loads": "REVOKE USAGE ON SCHEMA public FROM PUBLIC, joulehouse_loader",
    "TEMPORARY from everybody": "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, joulehouse_loader, joulehouse",
    "TEMPORARY from the role that loads": "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, joulehouse_loader",
}


def as_superuser(server: EmbeddedWarehouse, url: str, *commands: str) -> None:
    with psycopg.connect(with_database(server.admin_url, name_of(url)), autocommit=True) as admin:
        for command in commands:
            admin.execute(command.format(name_of(url)).encode())


def name_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


@pytest.mark.parametrize("look", [check_server, migrate])
@pytest.mark.parametrize("revoked", REVOKED)
def test_a_right_that_is_missing_is_named_with_the_grant_that_mends_it(
    warehouse_server: EmbeddedWarehouse, database: str, tmp_path: Path, revoked: str, look: Callable[[str], object]
) -> None:
    as_superuser(warehouse_server, database, REVOKED[revoked])
    with pytest.raises(WarehouseUnsuitableError, match=f"lacks {revoked.split(maxsplit=1)[0]}") as refused:
        look(database)
    [grants] = re.findall("`(.*)`", str(refused.value))
    as_superuser(warehouse_server, database, *grants.split("; "))
    look(database)
    with open_warehouse(database, tmp_path) as warehouse:
        assert [load(warehouse, {("a", 1): value}).n_written for value in (1.0, 2.0)] == [1, 1]


def test_a_schema_in_which_no_table_may_be_made_is_named_before_a_step_is_run(
    warehouse_server: EmbeddedWarehouse, empty_database: str
) -> None:
    revoke = "REVOKE CREATE ON SCHEMA public FROM PUBLIC, pg_database_owner"
    as_superuser(warehouse_server, empty_database, "CREATE EXTENSION timescaledb", revoke)
    with pytest.raises(WarehouseUnsuitableError, match="`GRANT CREATE ON SCHEMA") as refused:
        migrate(empty_database)
    [grants] = re.findall("`(.*)`", str(refused.value))
    as_superuser(warehouse_server, empty_database, grants)
    migrate(empty_database)
    as_superuser(warehouse_server, empty_database, revoke, f"REVOKE CREATE ON SCHEMA public FROM {grants.split()[-1]}")
    migrate(empty_database)  # there is no step to be run


def test_an_extension_in_a_schema_of_its_own_is_refused_by_name(
    warehouse_server: EmbeddedWarehouse, empty_database: str
) -> None:
    as_superuser(warehouse_server, empty_database, "CREATE SCHEMA ext", "CREATE EXTENSION timescaledb SCHEMA ext")
    for look in (check_server, migrate):
        with pytest.raises(WarehouseUnsuitableError, match="in the schema ext"):
            look(empty_database)


@pytest.mark.parametrize(
    ("version", "edition", "needed"),
    [("2.12.2", "apache", "2.13"), ("2.17.2", "community", "2.18"), ("2.9", "apache", "2.13")],
)
def test_a_timescaledb_that_is_too_old_is_refused_with_the_release_that_is_needed(
    database: str, version: str, edition: str, needed: str
) -> None:
    with psycopg.connect(database) as session:
        for installed, cure in ((version, "ALTER EXTENSION timescaledb UPDATE"), (None, "install")):
            with pytest.raises(WarehouseUnsuitableError, match=f"needed from {needed} on.*{cure}"):
                refuse_extension(session, "here", installed=installed, version=version, edition=edition)
        for fits in (f"{needed}.0", "2.29.2", "2.23.0-dev", "3.0.1"):
            refuse_extension(session, "here", installed=fits, version=fits, edition=edition)
