"""`backfill`, `replay`, `status` and `sources` against a real database and the sandbox over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets.steps import land
from domain.window import Window
from pipelines.cli.application import application
from pipelines.local import state
from pipelines.local.project import Project
from pipelines.local.verification import Verified, verify
from sandbox.export_service.twin import ExportService
from sandbox.running import Sandbox, running_sandbox
from tests.fakes.points import Said, load

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
EVE = YESTERDAY - timedelta(days=1)
GRID = "audicharginghub_batteriedaten_analysis_batteriedaten_grid"
SECRET = "canary-5f1d+/=&of the client"


@dataclass(frozen=True)
class Setting:
    """A home, a warehouse and a sandbox, and the environment that names them."""

    sandbox: Sandbox
    home: Path

    @property
    def twin(self) -> ExportService:
        return self.sandbox.control.export_service

    @property
    def n_requests(self) -> int:
        return len(self.sandbox.control.requests())

    def ask(self, *words: str) -> Result:
        answer = CliRunner().invoke(application, list(words))
        assert SECRET not in answer.output
        return answer

    def backfill(self, first: date, last: date, *options: str) -> Result:
        return self.ask("backfill", "charging_hub", "--from", str(first), "--to", str(last), *options)

    def verified(self, *days: date) -> Verified:
        house = Project()
        with house.warehouse() as warehouse:
            return verify(house.sandbox, warehouse.reading, house.source("charging_hub").sandbox_binding, days)


@pytest.fixture
def setting(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    home = tmp_path / "home"
    with running_sandbox(client_id="tests", client_secret=SECRET) as sandbox:
        monkeypatch.setenv("JOULEHOUSE_HOME", str(home))
        monkeypatch.setenv("WAREHOUSE_URL", database)
        monkeypatch.setenv("CHARGING_HUB_URL", sandbox.url)
        monkeypatch.setenv("CHARGING_HUB_CLIENT_ID", "tests")
        monkeypatch.setenv("CHARGING_HUB_CLIENT_SECRET", SECRET)
        port = int(sandbox.url.rpartition(":")[2])
        drawn = {"client_id": "tests", "client_secret": SECRET}
        facts = {"port": port, "paths": {"export_service": ""}, "credentials": {"export_service": drawn}}
        state.write(home / "sandbox.json", facts)
        yield Setting(sandbox, home)


def row(answer: Result, name: str) -> int:
    """The figure of one column of the hub's row."""
    [head] = [line for line in answer.stdout.splitlines() if line.startswith("┃")]
    [line] = [line for line in answer.stdout.splitlines() if line.startswith("│ charging_hub ")]
    names = [cell.strip() for cell in head.strip("┃").split("┃")]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    return int(cells[names.index(name)].replace(",", ""))


def test_a_backfill_in_a_process_of_its_own_loads_what_is_served_row_for_row(setting: Setting) -> None:
    command = [str(Path(sys.executable).with_name("joulehouse")), "backfill", "charging_hub"]
    done = subprocess.run(
        [*command, "--from", str(EVE), "--to", str(YESTERDAY)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:2]] == [
        f"charging_hub {EVE}",
        f"charging_hub {YESTERDAY}",
    ]
    both = setting.verified(EVE, YESTERDAY).total
    assert both.is_equal, both.difference
    assert both.n_served > 10_000
    assert SECRET not in done.stdout + done.stderr


def test_the_same_days_again_write_nothing(setting: Setting) -> None:
    first = setting.backfill(YESTERDAY, YESTERDAY)
    again = setting.backfill(YESTERDAY, YESTERDAY)
    assert row(first, "inserted") == row(first, "received") == row(again, "unchanged")
    assert [row(again, name) for name in ("inserted", "changed", "removed")] == [0, 0, 0]


def test_what_a_killed_run_had_pulled_is_loaded_without_a_request_and_it_is_said(setting: Setting) -> None:
    chosen = Project().source("charging_hub")
    with chosen.project.warehouse() as warehouse, closing(chosen.open()) as provider:
        land(provider, warehouse, "charging_hub", Window.of_day(YESTERDAY))
    before = setting.n_requests
    answer = setting.backfill(YESTERDAY, YESTERDAY)
    assert answer.exit_code == 0, answer.output
    assert setting.n_requests == before > 0
    assert row(answer, "requests") == 0
    assert f"charging_hub: {YESTERDAY} was pulled " in answer.stdout
    assert " ago by a run that has not loaded all of it: pull 1 is loaded as it is" in " ".join(answer.stdout.split())
    assert setting.verified(YESTERDAY).total.is_equal


def test_a_replay_sends_no_request_and_needs_no_credential(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    before = setting.n_requests
    for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"CHARGING_HUB_{name}")
    answer = setting.ask("replay", "charging_hub", "--from", str(YESTERDAY))
    assert answer.exit_code == 0, answer.output
    assert setting.n_requests == before > 0
    assert row(answer, "requests") == 0
    assert row(answer, "received") > 10_000


def test_one_bad_day_fails_alone_and_by_name(setting: Setting) -> None:
    setting.twin.fault("status", code=400, day=EVE.isoformat())
    answer = setting.backfill(EVE, YESTERDAY)
    assert answer.exit_code == 1
    assert f"joulehouse: {EVE} failed (RequestRejectedError)." in answer.stderr
    assert answer.stderr.splitlines()[-1] == f"joulehouse: 1 day of 2 failed: {EVE}."
    assert row(answer, "days") == 1
    assert setting.verified(YESTERDAY).total.is_equal


def test_credentials_that_are_refused_stop_at_once(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGING_HUB_CLIENT_SECRET", "another")
    answer = setting.backfill(YESTERDAY - timedelta(days=4), YESTERDAY)
    assert answer.exit_code == 1
    assert f"not tried, because they would fail the same way: {YESTERDAY - timedelta(days=3)} to" in answer.stderr
    assert f"1 day of 5 failed: {YESTERDAY - timedelta(days=4)}." in answer.stderr
    assert setting.n_requests <= 2


def test_one_changed_value_and_one_removed_row_are_all_that_is_written(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    rows = setting.twin.documents(GRID, YESTERDAY, YESTERDAY + timedelta(days=1))
    setting.twin.change(GRID, rows[10]["timestamp"], {"P_kW": 12.5})
    setting.twin.remove(GRID, rows[20]["timestamp"])
    answer = setting.backfill(YESTERDAY, YESTERDAY)
    n_points_of_the_row = len(rows[20]) - 1
    assert [row(answer, name) for name in ("inserted", "changed", "removed")] == [0, 1, n_points_of_the_row]
    assert setting.verified(YESTERDAY).total.is_equal


def test_a_row_that_differs_is_found_and_named(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    rows = setting.twin.documents(GRID, YESTERDAY, YESTERDAY + timedelta(days=1))
    setting.twin.change(GRID, rows[10]["timestamp"], {"P_kW": 12.5})
    setting.twin.remove(GRID, rows[20]["timestamp"])
    setting.twin.add(GRID, [rows[30] | {"timestamp": rows[30]["timestamp"] + 1}])
    both = setting.verified(YESTERDAY).total
    assert not both.is_equal
    assert both.difference.startswith(f"{GRID}/P_kW at {YESTERDAY}T")
    assert "the sandbox serves 12500.0, the warehouse has" in both.difference


def test_a_day_that_would_vanish_needs_to_be_called_a_correction(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    n_before = setting.verified(YESTERDAY).total.n_loaded
    setting.twin.fault("answer", body='{"continueToken":"","numResults":0,"result":[]}', endpoint="query")
    refused = setting.backfill(YESTERDAY, YESTERDAY)
    assert refused.exit_code == 1
    assert f"{YESTERDAY} failed (ShrinkRefusedError)." in refused.stderr
    assert setting.verified(YESTERDAY).total.n_loaded == n_before
    allowed = setting.backfill(YESTERDAY, YESTERDAY, "--correction")
    assert allowed.exit_code == 0, allowed.output
    assert row(allowed, "removed") == n_before


def test_status_tells_loads_missing_days_and_failures(setting: Setting) -> None:
    setting.backfill(EVE - timedelta(days=2), EVE - timedelta(days=2))
    setting.backfill(YESTERDAY, YESTERDAY)
    answer = setting.ask("status", "charging_hub")
    assert answer.exit_code == 0, answer.output
    assert f"  missing   {EVE - timedelta(days=1)} to {EVE}" in answer.stdout
    assert "  loaded    2 days" in answer.stdout
    assert "  rejected  nothing" in answer.stdout


def test_rejected_tells_what_why_how_much_and_since_when(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    assert "nothing was rejected." in setting.ask("rejected", "charging_hub").stdout
    setting.twin.fault("cell", field="P_kW", raw="1e15", page=1, times=1)
    setting.backfill(YESTERDAY, YESTERDAY)
    answer = setting.ask("rejected", "charging_hub", "--from", YESTERDAY.isoformat())
    assert answer.exit_code == 0, answer.output
    (line,) = [line for line in answer.stdout.splitlines() if "out_of_limits" in line]
    assert "P_kW" in line
    assert f"{YESTERDAY} to {YESTERDAY}" in line
    assert f"{datetime.now(UTC):%Y-%m-%d}" in line
    assert "1 row of 1 series. The runbook says" in answer.stdout


def test_sources_tells_how_far_each_is_loaded(setting: Setting) -> None:
    assert "nothing is loaded yet" in setting.ask("sources").stdout
    setting.backfill(YESTERDAY, YESTERDAY)
    assert row(setting.ask("sources"), "days loaded") == 1
    assert "well" in setting.ask("sources").stdout


def test_the_doctor_finds_everything_well(setting: Setting) -> None:
    answer = setting.ask("doctor", "--online")
    # Whatever other source ships has no credentials here.
    wrong = [line for line in answer.stdout.splitlines() if line.split()[0] == "wrong" and "Not set: " not in line]
    assert wrong == [], answer.output
    assert "It lets us in and offers" in answer.stdout
    assert "Apache: hypertables" in answer.stdout


def test_the_doctor_says_that_a_credential_is_refused(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGING_HUB_CLIENT_SECRET", "another")
    answer = setting.ask("doctor", "--online")
    assert answer.exit_code == 1
    assert "wrong  charging_hub" in answer.stdout


def test_the_variables_of_the_sandbox_are_not_taken_for_a_real_account(setting: Setting) -> None:
    house = Project()
    hub = house.source("charging_hub").sandbox_binding
    assert house.sandbox.is_selected_by(os.environ, hub)
    assert not house.sandbox.is_selected_by(os.environ | {"CHARGING_HUB_URL": "https://example.org"}, hub)
    assert setting.twin.products()


def test_a_shell_without_the_variables_refuses_before_the_first_day_and_records_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    before = setting.n_requests
    monkeypatch.delenv("CHARGING_HUB_CLIENT_SECRET")
    answer = setting.backfill(EVE, YESTERDAY)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("joulehouse: ConfigurationError: not set in this shell: CHARGING_HUB_CLIENT_SECRET")
    assert setting.n_requests == before
    with Project().warehouse() as warehouse:
        assert [(day.day, day.status) for day in warehouse.ledger.days("charging_hub")] == [(YESTERDAY, "loaded")]


def test_status_shows_the_points_that_stand_beside_a_later_failure(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    [good] = json.loads(setting.ask("status", "charging_hub", "--json").stdout)
    setting.twin.fault("answer", body='{"continueToken":"","numResults":0,"result":[]}', endpoint="query")
    setting.backfill(YESTERDAY, YESTERDAY)
    answer = setting.ask("status", "charging_hub")
    n_points = good["points"]
    assert n_points > 10_000
    stands = f"{YESTERDAY} (ShrinkRefusedError; {n_points:,} points of an earlier load stand): "
    assert f"  failed    {stands}" in answer.stdout
    [red] = [line for line in answer.stdout.splitlines() if line.startswith(f"│ {YESTERDAY}")]
    assert red.split("│")[-2].strip() == f"{n_points:,}"
    [same] = json.loads(setting.ask("status", "charging_hub", "--json").stdout)
    [failed] = same["failed_days"]
    assert (failed["day"], failed["error"], failed["points"]) == (str(YESTERDAY), "ShrinkRefusedError", n_points)


def test_status_names_a_suspect_day_until_somebody_confirms_it(setting: Setting) -> None:
    days = [YESTERDAY - timedelta(days=n) for n in range(4, -1, -1)]
    full: Said = {("a", 60 * hour): 1.0 for hour in range(24)}
    with Project().warehouse() as warehouse:
        for day in days:
            load(warehouse, {} if day == days[2] else full, "charging_hub", Window.of_day(day))
        asks_again = datetime.now(UTC).date() + timedelta(days=1)
    said = setting.ask("status", "charging_hub").stdout
    assert f"  suspect   {days[2]}: 0 points where 24 are usual; asked for again from {asks_again} on" in said
    assert "1 day suspect" in said
    [described] = json.loads(setting.ask("status", "charging_hub", "--json").stdout)
    reason = "0 points where 24 are usual"
    assert described["suspect_days"] == [{"day": str(days[2]), "reason": reason, "asked_again_from": str(asks_again)}]
    assert setting.ask("confirm", "charging_hub", str(days[2])).exit_code == 0
    assert "suspect" not in setting.ask("status", "charging_hub").stdout
    again = setting.ask("confirm", "charging_hub", str(days[2]))
    assert (again.exit_code, f"{days[2]} of charging_hub is not suspect" in again.stderr) == (1, True)
    assert setting.ask("confirm", "charging_hub", "yesterday").exit_code == 2
    assert setting.n_requests == 0


def test_a_source_of_which_nothing_is_loaded_shows_why(setting: Setting) -> None:
    setting.twin.fault("status", code=400)
    setting.backfill(YESTERDAY, YESTERDAY)
    answer = setting.ask("status", "charging_hub")
    assert f"  failed    {YESTERDAY} (RequestRejectedError): " in answer.stdout


def test_sources_and_the_doctor_speak_json(setting: Setting) -> None:
    setting.backfill(YESTERDAY, YESTERDAY)
    found = {one["source"]: one for one in json.loads(setting.ask("sources", "--json").stdout)}
    assert (found["charging_hub"]["days_loaded"], found["charging_hub"]["failed_days"]) == (1, [])
    findings = json.loads(setting.ask("doctor", "--json").stdout)
    assert {"good"} == {one["health"] for one in findings if one["what"] == "charging_hub"}


def test_missing_days_are_asked_for_once_and_then_nothing_is_due(setting: Setting) -> None:
    first = YESTERDAY - timedelta(days=3)
    for day in (first, EVE):
        setting.backfill(day, day)
    answer = setting.ask("backfill", "charging_hub", "--missing")
    assert answer.exit_code == 0, answer.output
    found = setting.ask("gaps", "charging_hub", "--json")
    assert not [gap for gap in json.loads(found.stdout)[0]["gaps"] if gap["verdict"] == "unknown"]

    n_requests = setting.n_requests
    again = setting.ask("backfill", "charging_hub", "--missing")

    assert "nothing is due" in again.stdout
    assert setting.n_requests == n_requests
    named = setting.ask("backfill", "charging_hub", "--days", f"{EVE},{first}")
    assert row(named, "days") == 2
