"""A session of ours behaves the same on every server, whatever that has for defaults."""

from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from domain.errors import WarehouseUnsuitableError
from tests.fakes.points import Said, load, table
from warehouse.connections import Address, Connections
from warehouse.embedded import EmbeddedWarehouse
from warehouse.schema import check_schema, migrate
from warehouse.server import check_server, drop_database, with_database
from warehouse.sessions import SETTINGS
from warehouse.sqlstates import translate
from warehouse.store import open_warehouse

HOSTILE: Final = {
    "client_encoding": "LATIN1",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Kathmandu",
    "extra_float_digits": "-5",
    "bytea_output": "escape",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "default_transaction_read_only": "on",
    "row_security": "on",
    "exit_on_error": "on",
    "search_path": "elsewhere",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "3s",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1s",
    "idle_session_timeout": "1s",
    "transaction_timeout": "1s",
    "timescaledb.enable_transparent_decompression": "off",
    "timescaledb.enable_dml_decompression": "off",
}
OTHERS: Final = {"statement_timeout": "30min", "lock_timeout": "10min", "idle_in_transaction_session_timeout": "2min"}
TEXTS: Said = {("Wärmepumpe/mode", 5): "höher 30 °C", ("Wärmepumpe/power", 5): 0.1 + 0.2, ("mode", 6): "€ \\ 日本"}


def _have_for_a_default(database: str, settings: dict[str, str]) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        for name, value in settings.items():
            parts = sql.Identifier(owner.info.dbname), sql.Identifier(*name.split(".")), sql.Literal(value)
            owner.execute(sql.SQL("ALTER DATABASE {} SET {} TO {}").format(*parts))


def _written_thrice(url: str, folder: Path) -> list[int]:
    with open_warehouse(url, folder) as warehouse:
        written = [load(warehouse, TEXTS).n_written for _ in range(3)]
        assert table(warehouse) == TEXTS
    return written


@pytest.mark.parametrize("name", HOSTILE)
def test_a_session_says_each_setting_whatever_the_database_has_for_a_default(database: str, name: str) -> None:
    expected = {key.lower(): value for key, value in (SETTINGS | OTHERS).items()}[name]
    _have_for_a_default(database, {name: HOSTILE[name]})
    with psycopg.connect(database) as stranger:
        assert stranger.execute("SELECT current_setting(%s)", [name]).fetchone() == (HOSTILE[name],)
    with Address.of(database).connect() as session:
        assert session.execute("SELECT current_setting(%s)", [name]).fetchone() == (expected,)


def test_no_setting_is_said_without_a_test() -> None:
    untried = {"timescaledb.enable_direct_compress_copy", "timescaledb.enable_direct_compress_insert"}  # too new for us
    assert HOSTILE.keys() == {name.lower() for name in SETTINGS | OTHERS} - untried


def test_what_is_loaded_under_hostile_defaults_is_as_it_was_sent_and_a_repeat_writes_nothing(
    database: str, tmp_path: Path
) -> None:
    _have_for_a_default(database, HOSTILE)
    assert _written_thrice(database, tmp_path) == [3, 0, 0]
    check_schema(database)


def test_the_schema_is_made_under_hostile_defaults_as_under_any(empty_database: str, tmp_path: Path) -> None:
    _have_for_a_default(empty_database, {name: value for name, value in HOSTILE.items() if "." not in name})
    migrate(empty_database)
    assert _written_thrice(empty_database, tmp_path) == [3, 0, 0]


def test_what_a_role_has_for_defaults_changes_nothing(
    warehouse_server: EmbeddedWarehouse, database: str, tmp_path: Path
) -> None:
    """Set for the role in this database alone: the tests share their roles."""
    with psycopg.connect(warehouse_server.admin_url, autocommit=True) as admin:
        for name in ("client_encoding", "datestyle", "timezone"):
            parts = sql.Identifier(str(conninfo_to_dict(database)["dbname"])), sql.Identifier(name)
            command = sql.SQL("ALTER ROLE joulehouse IN DATABASE {} SET {} TO {}")
            admin.execute(command.format(*parts, sql.Literal(HOSTILE[name])))
    assert _written_thrice(database, tmp_path) == [3, 0, 0]


def test_options_and_an_encoding_in_the_address_change_nothing_that_is_loaded(database: str, tmp_path: Path) -> None:
    options = quote("-c datestyle=German -c extra_float_digits=-5 -c search_path=elsewhere", safe="")
    url = f"{database}?client_encoding=LATIN1&options={options}"
    assert _written_thrice(url, tmp_path) == [3, 0, 0]


def test_a_commit_is_on_the_disk_whatever_a_role_has_for_a_default_and_stronger_promises_are_kept(
    empty_database: str,
) -> None:
    for default, expected in {"off": "on", "local": "local", "remote_apply": "remote_apply"}.items():
        _have_for_a_default(empty_database, {"synchronous_commit": default})
        with Address.of(empty_database).connect() as session:
            assert session.execute("SHOW synchronous_commit").fetchone() == (expected,)


def test_a_role_that_looks_at_no_foreign_key_is_refused_by_the_settings_name_or_set_right(
    warehouse_server: EmbeddedWarehouse, empty_database: str
) -> None:
    name = str(conninfo_to_dict(empty_database)["dbname"])
    with psycopg.connect(warehouse_server.admin_url, autocommit=True) as admin:
        command = sql.SQL("ALTER DATABASE {} SET session_replication_role TO 'replica'")
        admin.execute(command.format(sql.Identifier(name)))
    with Address.of(with_database(warehouse_server.admin_url, name)).connect() as session:
        assert session.execute("SHOW session_replication_role").fetchone() == ("origin",)
    with pytest.raises(WarehouseUnsuitableError, match="session_replication_role"):
        Address.of(empty_database).connect()


def test_a_database_that_is_read_only_by_default_is_written_to_all_the_same(database: str, tmp_path: Path) -> None:
    _have_for_a_default(database, {"default_transaction_read_only": "on"})
    with psycopg.connect(database) as stranger, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        stranger.execute("DELETE FROM load")
    assert _written_thrice(database, tmp_path) == [3, 0, 0]


def test_a_standby_is_named_as_what_it_is() -> None:
    sentence = str(translate(psycopg.errors.ReadOnlySqlTransaction("no"), "here"))
    assert "it is a standby: let the address name all hosts, with target_session_attrs=read-write" in sentence


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_that_does_not_hold_every_text_is_refused_by_its_encoding(
    warehouse_server: EmbeddedWarehouse, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    with psycopg.connect(warehouse_server.admin_url, autocommit=True) as admin:
        parts = sql.Identifier(name), sql.Literal(encoding)
        command = sql.SQL("CREATE DATABASE {} OWNER joulehouse ENCODING {} TEMPLATE template0 LOCALE 'C'")
        admin.execute(command.format(*parts))
    url = with_database(warehouse_server.url, name)
    try:
        for refused in (check_server, check_schema, lambda address: Address.of(address).connect(as_loader=True)):
            with pytest.raises(WarehouseUnsuitableError, match=f"encoded in {encoding}"):
                refused(url)
    finally:
        drop_database(warehouse_server.admin_url, name)


def test_the_isolation_is_ours_whatever_the_database_has_for_a_default(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name))

    for autocommit in (True, False):
        with Address.of(database).connect(autocommit=autocommit) as session, session.transaction():
            assert session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def test_a_session_that_loads_can_drop_no_table_and_one_that_administers_can(database: str) -> None:
    with Address.of(database).connect(as_loader=True) as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse_loader",)
        for forbidden in ("DROP TABLE load", "TRUNCATE measurement", "ALTER TABLE state ADD COLUMN x int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)
    with Address.of(database).connect() as session:
        session.execute("DROP TABLE load")


def test_whatever_the_warehouse_borrows_is_a_loaders_session(database: str) -> None:
    with closing(Connections(Address.of(database))) as connections, connections.borrow("here") as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse_loader",)


def test_a_database_whose_roles_have_no_rights_is_loaded_by_its_owner(empty_database: str) -> None:
    with Address.of(empty_database).connect(as_loader=True) as session:
        assert session.execute("SELECT current_user").fetchone() == ("joulehouse",)
