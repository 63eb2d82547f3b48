"""The whole way: the sandbox over HTTP, the provider, the landing zone, the database, and a real Dagster backfill."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.source import measurements_key, payloads_key
from domain.window import Window
from sandbox.running import Sandbox, running_sandbox
from tests.fakes import leaks
from tests.fakes.dagster_stack import DagsterStack, clone_of_the_house, running_dagster
from tests.fakes.hub import FIRST, GRID, PRODUCT, days, environment, hub
from warehouse.store import TimescaleWarehouse, open_warehouse

# Dagster 1.13.27 calls functions that it has deprecated itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster.*"),
    pytest.mark.timeout(400),  # real processes: under a minute on an idle machine, several on a busy one
]

N_DAYS = 60
DAYS = days(N_DAYS)
BAD = DAYS[17]


@dataclass
class House:
    sandbox: Sandbox
    dagster: DagsterStack
    warehouse: TimescaleWarehouse
    database: str
    folder: Path

    def asked_days(self) -> list[str]:
        """The first days of the windows that the provider was queried for, in order and without repetition."""
        asked = [entry for entry in self.sandbox.control.requests() if entry["path"].endswith("/query")]
        return list(dict.fromkeys(self._day(entry) for entry in asked))

    @staticmethod
    def _day(entry: dict[str, Any]) -> str:
        query = entry["query"]
        return str(query["startDate"])[:10] if isinstance(query, dict) else query.split("startDate=")[1][:10]


@pytest.fixture
def house(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    clone = clone_of_the_house(
        tmp_path / "house",
        {name: hub(name) for name in ("north", "south")},
    )
    monkeypatch.chdir(clone)  # a code server reads the .env of the folder it is started in
    # What a real secret would hold: characters that base64 and URL-encoding change.
    with running_sandbox(client_id="canary/id+1", client_secret="canary/secret+?&=%7") as sandbox:
        for name, value in {
            **environment(clone, tmp_path, database, sandbox),
            "SOUTH_CLIENT_ID": sandbox.client_id,
        }.items():
            monkeypatch.setenv(name, value)
        with (
            running_dagster(clone, tmp_path / "dagster") as stack,
            open_warehouse(database, str(tmp_path / "landing")) as warehouse,
        ):
            yield House(sandbox, stack, warehouse, database, tmp_path)


@pytest.mark.long
def test_one_bad_day_of_sixty(house: House) -> None:
    hub, both = house.sandbox.control.export_service, [payloads_key("north"), measurements_key("north")]
    hub.fault("status", code=422, day=BAD)

    failed = house.dagster.backfill(both, DAYS)

    # The run fails naming that day; 59 days are materialized in Dagster and committed in the ledger.
    runs = house.dagster.runs_of(failed)
    assert len(runs) == 2
    assert sorted(run.status.name for run in runs) == ["FAILURE", "SUCCESS"]
    assert f"1 of 31 days of north failed: {BAD}." in _failure_of(house, runs)
    expected = {day: "FAILED" if day == BAD else "MATERIALIZED" for day in DAYS}
    for key in both:
        assert house.dagster.statuses(key, DAYS, GRID) == expected
    entries = house.warehouse.ledger.last_loads("north", FIRST, FIRST + timedelta(days=N_DAYS - 1))
    assert {str(entry.window.day): entry.status for entry in entries} == {
        day: "failed" if day == BAD else "committed" for day in DAYS
    }

    # What is loaded is what the sandbox serves.
    for day in (DAYS[0], DAYS[-1]):
        window = Window.of_day(date.fromisoformat(day))
        assert _loaded(house, window) == _served(house, window)

    # Re-executing from failure asks for that day alone.
    hub.clear_faults()
    house.sandbox.control.clear_requests()
    again = house.dagster.backfill_again(failed)
    assert [run.status.name for run in house.dagster.runs_of(again)] == ["SUCCESS"]
    assert house.asked_days() == [BAD]
    assert set(house.dagster.statuses(both[1], DAYS, GRID).values()) == {"MATERIALIZED"}

    # The same days again write nothing.
    newest = house.warehouse.ledger.newest_id()
    house.dagster.backfill(both, DAYS[:10])
    [totals] = house.warehouse.ledger.totals("north", after_load_id=newest)
    assert (totals.n_windows, totals.n_written) == (10, 0)

    _nothing_leaks(house)


@pytest.mark.prove
@pytest.mark.parametrize("strategy", ["FROM_FAILURE", "FROM_ASSET_FAILURE"])
def test_a_failed_run_that_is_executed_again_by_the_menu_asks_for_its_failed_day_only(
    house: House, strategy: str
) -> None:
    hub, both = house.sandbox.control.export_service, [payloads_key("north"), measurements_key("north")]
    hub.fault("status", code=422, day=DAYS[2])
    [failed] = house.dagster.runs_of(house.dagster.backfill(both, DAYS[:5]))
    house.sandbox.control.clear_requests()
    still = house.dagster.run_again(failed.run_id, strategy)
    assert (still.status.name, house.asked_days()) == ("FAILURE", [DAYS[2]])
    expected = {day: "FAILED" if day == DAYS[2] else "MATERIALIZED" for day in DAYS[:5]}
    for key in both:
        assert house.dagster.statuses(key, DAYS[:5], GRID) == expected

    hub.clear_faults()
    house.sandbox.control.clear_requests()
    again = house.dagster.run_again(still.run_id, strategy)
    assert (again.status.name, house.asked_days()) == ("SUCCESS", [DAYS[2]])
    for key in both:
        assert set(house.dagster.statuses(key, DAYS[:5], GRID).values()) == {"MATERIALIZED"}


@pytest.mark.long
def test_one_changed_value_and_one_removed_row(house: House) -> None:
    hub, key = house.sandbox.control.export_service, measurements_key("north")
    day = date.fromisoformat(DAYS[3])
    both = [payloads_key("north"), key]
    house.dagster.backfill(both, [DAYS[3]])
    documents = hub.documents(PRODUCT, *_span(day))
    changed, removed = documents[100], documents[200]
    hub.change(PRODUCT, changed["timestamp"], {"P_kW": changed["P_kW"] + 1})
    hub.remove(PRODUCT, removed["timestamp"])

    house.dagster.backfill(both, [DAYS[3]])

    [entry] = house.warehouse.ledger.last_loads("north", day, day)
    n_values = len(removed) - 1
    assert (entry.n_inserted, entry.n_changed, entry.n_removed) == (0, 1, n_values)
    revisions = house.warehouse.reading.revisions("north", Window.of_day(day))
    assert sorted(revisions["change"]) == ["changed", *["removed"] * n_values]
    assert set(revisions["load_id"]) == {entry.load_id}

    # Replayed from the landing zone: not one request.
    house.sandbox.control.clear_requests()
    assert [run.status.name for run in house.dagster.runs_of(house.dagster.backfill([key], [DAYS[3]]))] == ["SUCCESS"]
    assert house.sandbox.control.requests() == []


def test_a_source_without_its_secret_fails_by_name_and_leaves_the_other_alone(house: House) -> None:
    keys = [measurements_key("north"), payloads_key("north"), measurements_key("south"), payloads_key("south")]
    backfill = house.dagster.backfill(keys, DAYS[:3])
    runs = house.dagster.runs_of(backfill)
    assert "the environment variable SOUTH_CLIENT_SECRET is not set" in _failure_of(house, runs)
    assert set(house.dagster.statuses(keys[0], DAYS[:3], GRID).values()) == {"MATERIALIZED"}
    assert set(house.dagster.statuses(keys[2], DAYS[:3], GRID).values()) == {"FAILED"}
    assert house.warehouse.ledger.totals("south") == []


def _span(day: date) -> tuple[datetime, datetime]:
    window = Window.of_day(day)
    return window.start, window.end


def _failure_of(house: House, runs: list[dg.DagsterRun]) -> str:
    said: list[str] = []
    for run in runs:
        for record in house.dagster.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            data = record.get_dagster_event().step_failure_data.user_failure_data
            said.append(data.description if data and data.description else "")
    return "\n".join(said)


def _loaded(house: House, window: Window) -> dict[tuple[str, int], float]:
    frame = house.warehouse.reading.measurements("north", window)
    instants = frame["measured_at"].astype("int64") // 1000
    return {
        (str(key).rsplit("/", 1)[-1], int(ms)): float(value)
        for key, ms, value in zip(frame["series"], instants, frame["value"], strict=True)
    }


def _served(house: House, window: Window) -> dict[tuple[str, int], float]:
    documents = house.sandbox.control.export_service.documents(PRODUCT, window.start, window.end)
    return {
        (name, document["timestamp"]): value * 1000.0
        for document in documents
        for name, value in document.items()
        if name.endswith("_kW") and value is not None
    }


def _nothing_leaks(house: House) -> None:
    """The credentials and the database's password are in no log, event, metadata, answer, table or payload."""
    password = psycopg.conninfo.conninfo_to_dict(house.database)["password"]
    secrets = [house.sandbox.client_secret, house.sandbox.client_id, str(password)]
    seen: dict[str, int] = dict.fromkeys((BAD, "the provider answered 422", '"P_kW"'), 0)
    sinks = list(_sinks(house))
    assert list(leaks.found(secrets, sinks)) == []
    for _, text in sinks:
        for word in seen:
            seen[word] += word.encode() in text
    # The search is worth something only if it looks where such words are.
    assert all(seen.values()), seen


def _sinks(house: House) -> Iterator[tuple[str, bytes]]:
    for place, text in leaks.files_below(house.folder):
        if "house" not in Path(place).relative_to(house.folder).parts[:1]:
            yield place, text
    for file in (house.folder / "dagster").rglob("*.db"):
        with sqlite3.connect(file) as connection:
            yield str(file), "\n".join(connection.iterdump()).encode()
    for day in DAYS[:1]:
        for payload in house.warehouse.payloads("north", Window.of_day(date.fromisoformat(day))):
            yield "a payload", payload.body
    with psycopg.connect(house.database) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()
            yield table, "\n".join(row[0] for row in rows).encode()
    answers = house.dagster.ask(
        "{ runsOrError { ... on Runs { results { runId runConfigYaml tags { key value } eventConnection { events {"
        " __typename ... on MessageEvent { message } } } } } }"
        " repositoriesOrError { ... on RepositoryConnection { nodes { name allTopLevelResourceDetails {"
        " name configuredValues { key value } } } } } }"
    )
    yield "GraphQL", json.dumps(answers).encode()
