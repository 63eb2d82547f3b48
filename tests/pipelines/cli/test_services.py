"""`warehouse …`, `sandbox …` and `ui` as a person uses them: real processes, and none left behind."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.errors import ConfigurationError
from pipelines.cli.application import application
from pipelines.local.processes import LoopbackServer, Process
from tests.fakes.demo import lines_until
from warehouse.embedded import EmbeddedWarehouse

PROGRAM = str(Path(sys.executable).with_name("joulehouse"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package_cache: Path) -> Iterator[Path]:
    """A home of its own, with nothing left running or lying about afterwards."""
    home = tmp_path / "home"
    monkeypatch.setenv("JOULEHOUSE_HOME", str(home))
    for name in ("WAREHOUSE_URL", "LANDING_URL", "CHARGING_HUB_URL"):
        monkeypatch.delenv(name, raising=False)
    yield home
    for name in ("sandbox", "dagster-daemon", "dagster-webserver", "dagster-code-server"):
        Process(name, home / "run").stop()
    EmbeddedWarehouse(home, cache=package_cache).remove()


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


def test_the_embedded_warehouse_by_name(home: Path) -> None:
    assert "TimescaleDB" in ask("warehouse", "start").stdout
    assert "Its schema is the one that this code knows." in ask("warehouse", "status").stdout
    assert ask("warehouse", "migrate").exit_code == 0
    url = ask("warehouse", "url").stdout.strip()
    assert url.startswith("postgresql://joulehouse:")
    asked = subprocess.run(
        [PROGRAM, "warehouse", "psql"],
        input="SELECT count(*) FROM measurement",
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "0" in asked.stdout
    password = url.partition("://joulehouse:")[2].partition("@")[0]
    assert password not in ask("warehouse", "status").output + ask("doctor").output
    assert ask("warehouse", "stop").stdout == "The embedded warehouse is stopped.\n"
    assert ask("warehouse", "stop").stdout == "The embedded warehouse was not running.\n"
    assert ask("warehouse", "status").exit_code == 1
    assert ask("warehouse", "remove").exit_code == 2
    assert (home / "warehouse" / "pgpass").exists(), "the data stays until it is given up by name"
    assert ask("warehouse", "remove", "--yes").exit_code == 0
    assert not (home / "warehouse" / "pgpass").exists()


def test_the_sandbox_by_name_and_its_faults_on_switches(home: Path) -> None:
    assert ask("sandbox", "start").exit_code == 0
    status = ask("sandbox", "status").stdout
    assert "no fault is on" in status
    assert "twin export_service at http://127.0.0.1:" in status
    assert "html_200" in ask("sandbox", "faults").stdout
    assert ask("sandbox", "fault", "export_service.status", "code=503", "times=2").exit_code == 0
    assert ask("sandbox", "fault", "bom", "--provider", "export_service").exit_code == 0
    assert ask("sandbox", "fault", "token_repeats").stdout.startswith("On: export_service.token_repeats")
    status = ask("sandbox", "status").stdout
    assert [name in status for name in ("export_service.status", "export_service.bom", "token_repeats")] == [True] * 3
    assert ask("sandbox", "clear", "--provider", "export_service").stdout == "Every fault of export_service is off.\n"
    assert ask("sandbox", "clear").stdout == "Every fault is off.\n"
    assert "no fault is on" in ask("sandbox", "status").stdout

    unknown = ask("sandbox", "fault", "boredom")
    assert unknown.exit_code == 2
    assert unknown.stderr.startswith("joulehouse: there is no fault 'boredom': use one of ")
    nobodys = ask("sandbox", "fault", "boiler.status")
    assert (nobodys.exit_code, "there is no twin 'boiler'" in nobodys.stderr) == (2, True)
    assert ask("sandbox", "clear", "--provider", "boiler").exit_code == 2
    assert ask("sandbox", "fault", "export_service.status", "code").exit_code == 2
    assert ask("sandbox", "fault", "export_service.status", "colour=red").exit_code == 1

    variables = dict(line.removeprefix("export ").split("=", 1) for line in ask("sandbox", "env").stdout.splitlines())
    assert {"CHARGING_HUB_CLIENT_ID", "CHARGING_HUB_CLIENT_SECRET", "CHARGING_HUB_URL"} <= set(variables)
    assert (home / "sandbox.json").stat().st_mode & 0o077 == 0
    assert (home / "run").stat().st_mode & 0o077 == 0
    secret = variables["CHARGING_HUB_CLIENT_SECRET"]
    assert secret not in (home / "run" / "sandbox.log").read_text()
    pid = Process("sandbox", home / "run").pid
    assert secret not in Path(f"/proc/{pid}/cmdline").read_text()

    again = ask("sandbox", "start").stdout
    assert variables["CHARGING_HUB_URL"] in again
    assert Process("sandbox", home / "run").pid == pid, "a second start leaves the first running"
    assert ask("sandbox", "stop").stdout == "The sandbox is stopped.\n"
    assert not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text()
    assert ask("sandbox", "stop").stdout == "The sandbox was not running.\n"


@pytest.mark.parametrize("command", ["ui", "demo"])
def test_a_port_that_is_taken_is_refused_before_anything_starts(home: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = ask(command, "--port", str(port))
    assert answer.exit_code == 1
    place = f"the port is taken (127.0.0.1:{port})"
    assert answer.stderr == f"joulehouse: ConfigurationError: {place}: choose another with --port.\n"
    assert not (home / "warehouse").exists()


@pytest.mark.timeout(300)
def test_the_ui_opens_and_ctrl_c_leaves_no_process_behind(home: Path) -> None:
    assert ask("sandbox", "start").exit_code == 0
    # As a shell's `command &` would: with SIGINT ignored, which the UI's processes must not inherit.
    shell = ["sh", "-c", f"trap '' INT; exec {PROGRAM} ui"]
    with subprocess.Popen(shell, env=os.environ, stdout=subprocess.PIPE, text=True, start_new_session=True) as ui:
        try:
            url = lines_until("The asset graph", ui)[-1].split()[-1]
            connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
            connection.request("GET", f"/{url.split('/', 3)[3]}")
            assert connection.getresponse().status == 200
            connection.close()

            second = ask("ui")
            assert second.exit_code == 1
            assert "a demo or a UI is open already" in second.stderr
            pids = [Process(name, home / "run").pid for name in ("sandbox", "dagster-webserver", "dagster-daemon")]
            assert None not in pids
            assert "The UI is open at http://127.0.0.1:" in ask("doctor").stdout
        finally:
            ui.send_signal(signal.SIGINT)
            code = ui.wait(timeout=90)
    assert code == 0
    deadline = time.monotonic() + 10
    while (left := sessions(pids[1:])) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert not EmbeddedWarehouse(home).status().is_running
    assert Process("sandbox", home / "run").pid == pids[0], "what ran before is left running"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_stop_ends_a_ui_with_all_that_it_runs_and_what_a_killed_one_left(home: Path) -> None:
    assert ask("stop").stdout == "Nothing was running.\n"
    for is_killed in (False, True):
        command = [PROGRAM, "ui", *(["--read-only"] if is_killed else [])]
        with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as ui:
            url = lines_until("The asset graph", ui)[-1].split()[-1]
            was_allowed = launching_is_allowed(url)
            pids = [Process(name, home / "run").pid for name in ("dagster-webserver", "dagster-daemon")]
            assert None not in pids
            if is_killed:
                ui.kill()
                ui.wait()
            said = ask("stop").stdout
            assert ui.wait(timeout=60) != 0 or not is_killed
        assert was_allowed is not is_killed, "viewers launch nothing"
        assert ("Dagster is stopped." if is_killed else "The demo or the UI is stopped.") in said
        assert sessions(pids) == []
        assert not EmbeddedWarehouse(home).status().is_running
    assert ask("stop").stdout == "Nothing was running.\n"


def launching_is_allowed(url: str) -> bool:
    """Whether the UI takes a mutation that changes nothing."""
    server = LoopbackServer(int(url.split(":")[2].partition("/")[0]), "the UI", "its log")
    try:
        server.request("POST", "/graphql", {"query": 'mutation { freeConcurrencySlots(runId: "nobody") }'})
    except ConfigurationError as error:
        assert "this UI is read-only" in str(error)  # noqa: PT017 — the other outcome is as right
        return False
    return True


def sessions(leaders: list[int | None]) -> list[str]:
    """The command lines of living processes in the sessions of `leaders`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) in leaders and fields[0] not in "ZX":
                    found.append((entry / "cmdline").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found
