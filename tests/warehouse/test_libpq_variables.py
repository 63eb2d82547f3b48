"""What libpq finds in the environment changes neither whom we ask nor how."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.settings import Settings
from tests.fakes.points import load, table
from warehouse.connections import Address
from warehouse.embedded import EmbeddedWarehouse
from warehouse.libpq import FILES_OF_LIBPQ, IGNORED_VARIABLES, UNANSWERABLE
from warehouse.server import libpq_environment
from warehouse.sessions import libpq_words
from warehouse.store import open_warehouse

HOSTILE: Final = {
    **dict.fromkeys(IGNORED_VARIABLES, "nonsense"),
    "PGSSLMODE": "require",
    "PGREQUIRESSL": "1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGOPTIONS": "-cfoo=bar",
    "PGHOSTADDR": "203.0.113.1",
    "PGPORT": "1",
    "PGCONNECT_TIMEOUT": "soon",
    "PGCLIENTENCODING": "LATIN1",
    "PGREQUIREAUTH": "none",
    "PGCHANNELBINDING": "require",
    "PGSSLNEGOTIATION": "direct",
    "PGGSSENCMODE": "require",
    "PGREQUIREPEER": "nobody",
    "PGMINPROTOCOLVERSION": "3.2",
}


def test_every_variable_of_this_libpq_is_said_to_count_or_to_be_ignored() -> None:
    known = {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    assert known - IGNORED_VARIABLES - FILES_OF_LIBPQ.keys() == set()
    assert not IGNORED_VARIABLES & FILES_OF_LIBPQ.keys()


@pytest.mark.parametrize("variable", sorted(HOSTILE))
def test_a_variable_of_libpq_changes_no_session(
    empty_database: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, HOSTILE[variable])
    with Address.of(empty_database).connect() as session:
        assert session.info.dbname == conninfo_to_dict(empty_database)["dbname"]
        assert session.execute("SHOW application_name").fetchone() == ("joulehouse",)


@pytest.mark.parametrize("said", ["German", "default", "SQL, DMY", "no style"])
def test_dates_are_read_whatever_style_the_environment_asks_for(
    database: str, tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATESTYLE", said)
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    texts = {("Wärmepumpe/mode", 5): "höher 30 °C"}
    with open_warehouse(database, tmp_path) as warehouse:
        assert [load(warehouse, texts).n_written for _ in range(3)] == [1, 0, 0]
        assert table(warehouse) == texts


def test_a_service_that_exists_leads_nobody_elsewhere(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text("[mine]\nhostaddr=203.0.113.1\noptions=-cfoo=bar\nsslmode=require\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "mine")
    Address.of(empty_database).connect().close()


def test_a_service_that_the_address_itself_names_is_found(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{key}={value}" for key, value in conninfo_to_dict(empty_database).items()]
    (tmp_path / "services").write_text("\n".join(["[mine]", *lines]))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with Address.of("postgresql:///?service=mine").connect() as session:
        assert session.info.dbname == conninfo_to_dict(empty_database)["dbname"]


def test_all_variables_at_once_change_nothing_of_a_command_over_the_embedded_warehouse(
    warehouse_server: EmbeddedWarehouse, tmp_path: Path
) -> None:
    """In a process of its own: some are read when libpq is loaded, and by psycopg beside it."""
    code = "from warehouse.server import check_server; import sys; print(check_server(sys.argv[1]).postgres)"
    files = dict.fromkeys(FILES_OF_LIBPQ, str(tmp_path / "missing")) | {"PGSSLROOTCERT": "system"}
    done = subprocess.run(
        [sys.executable, "-c", code, warehouse_server.url],
        env={**os.environ, **HOSTILE, **files},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_password_file_counts_with_an_address_of_yours(empty_database: str, tmp_path: Path) -> None:
    parts = conninfo_to_dict(empty_database)
    file = tmp_path / "pass words"
    file.write_text(f"*:*:*:*:{parts['password']}\n")
    file.chmod(0o600)
    url = f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    told = Settings({"WAREHOUSE_URL": url, "PGPASSFILE": str(file)}).warehouse_url
    assert told is not None
    Address.of(told).connect().close()
    assert libpq_environment(told)["PGPASSFILE"] == str(file)


def test_files_that_prove_an_identity_go_into_an_address_that_does_not_name_its_own() -> None:
    files = {name: f"/etc/a file of {name}" for name in FILES_OF_LIBPQ}
    url = "postgresql://me@host/db?sslrootcert=own"
    told = Settings({"WAREHOUSE_URL": url, "WAREHOUSE_PASSWORD": "p/w", **files}).warehouse_url
    assert told is not None
    expected = {word: files[name] for name, word in FILES_OF_LIBPQ.items()} | {"sslrootcert": "own"}
    found = conninfo_to_dict(told)
    assert {word: found[word] for word in expected} == expected
    assert found["password"] == "p/w"
    assert Settings(files).warehouse_url is None


def test_the_systems_certificates_are_believed_with_the_hosts_name_alone() -> None:
    words = libpq_words({"sslrootcert": "system"}, version=psycopg.pq.version())
    assert words["sslmode"] == "verify-full"
    assert make_conninfo("", **words)


def test_children_inherit_no_variable_that_would_lead_libpq_elsewhere() -> None:
    settings = Settings({**HOSTILE, "PATH": "/bin", "PGPASSFILE": "/a", "DAGSTER_PG_HOST": "b"})
    assert settings.inherited == {"PATH": "/bin", "PGPASSFILE": "/a", "DAGSTER_PG_HOST": "b"}
    assert settings.ignored_variables == sorted(HOSTILE)
    assert set(UNANSWERABLE) < set(HOSTILE)


def test_the_runbook_lists_every_variable() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/runbook.md").read_text("utf-8")
    assert {name for name in IGNORED_VARIABLES | FILES_OF_LIBPQ.keys() if f"`{name}`" not in text} == set()
