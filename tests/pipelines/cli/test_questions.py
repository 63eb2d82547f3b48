"""What the command line says to a question that makes no sense, before it touches anything."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli.application import application
from pipelines.sources import read_sources
from resources.settings import Settings

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    for name in ("WAREHOUSE_URL", "CHARGING_HUB_URL", "CHARGING_HUB_CLIENT_ID", "CHARGING_HUB_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


@pytest.mark.parametrize("command", ["backfill", "replay"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--from", "yesterday"],
            f"--from 'yesterday' is not a day: write it as {YESTERDAY}.",
        ),
        (["--from", "2026-02-30"], f"--from '2026-02-30' is not a day: write it as {YESTERDAY}."),
        (["--from", "2026-01-01", "--to", "x"], f"--to 'x' is not a day: write it as {YESTERDAY}."),
        (
            ["--from", "2026-02-01", "--to", "2026-01-01"],
            "--to 2026-01-01 lies before --from 2026-02-01: name the earlier day first.",
        ),
        (
            ["--from", "2024-12-31", "--to", "2025-01-02"],
            "--from 2024-12-31 lies before charging_hub's first day: begin at 2025-01-01 or later.",
        ),
        (
            ["--from", "2026-01-01", "--to", "2999-01-01"],
            f"--to 2999-01-01 is not over yet in UTC: end at {YESTERDAY} or earlier.",
        ),
    ],
)
def test_days_that_make_no_sense_are_refused_in_one_sentence(
    command: str, options: list[str], sentence: str, home: Path
) -> None:
    answer = ask(command, "charging_hub", *options)
    assert answer.exit_code == 2
    assert answer.stderr == f"joulehouse: {sentence}\n"
    assert not home.exists(), "nothing is started for a question that makes no sense"


@pytest.mark.parametrize("command", [["backfill", "nobody", "--from", "2026-01-01"], ["status", "nobody"]])
def test_an_unknown_source_is_answered_with_those_that_are_known(command: list[str]) -> None:
    answer = ask(*command)
    assert answer.exit_code == 2
    known = ", ".join(source.facts.slug for source in read_sources())
    assert answer.stderr == f"joulehouse: there is no source 'nobody': use one of {known}.\n"


def test_a_missing_option_is_named() -> None:
    answer = ask("backfill", "charging_hub")
    assert answer.exit_code == 2
    assert answer.stderr == "joulehouse: say which days: --from DAY, --days DAY,DAY… or --missing.\n"


def test_the_demo_never_mixes_into_a_real_account(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CHARGING_HUB_URL", "https://example.org")
    answer = ask("demo", "--once")
    assert answer.exit_code == 2
    assert answer.stderr == (
        "joulehouse: charging_hub points at a real account here, and the demo would mix into it: "
        "unset CHARGING_HUB_URL.\n"
    )
    assert not home.exists()


def test_the_demo_never_loads_into_a_warehouse_of_yours(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:canary@db.example.org/energy")
    answer = ask("demo", "--once")
    assert answer.exit_code == 2
    assert "unset WAREHOUSE_URL" in answer.stderr
    assert "canary" not in answer.output
    assert not home.exists()


def test_a_failure_is_its_own_sentence_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:canary@127.0.0.1:1/energy")
    answer = ask("status", "charging_hub")
    assert answer.exit_code == 1
    assert answer.stderr.startswith("joulehouse: WarehouseUnavailableError: the database does not answer")
    assert len(answer.stderr.splitlines()) == 1
    assert "canary" not in answer.output


def test_verbose_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:canary@127.0.0.1:1/energy")
    answer = ask("--verbose", "status", "charging_hub")
    assert answer.exit_code == 1
    assert type(answer.exception).__name__ == "WarehouseUnavailableError"


def test_a_sandbox_that_does_not_run_is_said() -> None:
    answer = ask("sandbox", "status")
    assert answer.exit_code == 1
    assert answer.stderr == "joulehouse: the sandbox is not running (joulehouse sandbox start).\n"


def test_a_warehouse_that_does_not_run_is_said() -> None:
    answer = ask("warehouse", "status")
    assert answer.exit_code == 1
    assert answer.stderr == "joulehouse: the embedded warehouse is not running (joulehouse warehouse start).\n"


def test_the_doctor_names_every_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGING_HUB_URL", "http://127.0.0.1:1")
    answer = ask("doctor")
    assert answer.exit_code == 1
    assert "Not set: CHARGING_HUB_CLIENT_ID, CHARGING_HUB_CLIENT_SECRET (assets/charging_hub/defs.yaml" in answer.stdout
    assert re.fullmatch(r"joulehouse: \d+ things? above (is|are) wrong.\n", answer.stderr)


def test_the_doctor_names_the_variables_of_libpq_that_are_set_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPASSFILE", "/a/file")
    said = " ".join(ask("doctor").stdout.split())
    assert "Without effect here: PGHOST, PGSSLMODE. What they should change belongs into WAREHOUSE_URL." in said


def test_the_doctor_names_the_proxy_without_its_password_and_the_variables_that_lead_no_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in Settings({"JOULEHOUSE_PROXY": "direct"}).proxy_variables:
        monkeypatch.setenv(name, "")  # and so afterwards: a command sets them in its process
    monkeypatch.setenv("JOULEHOUSE_PROXY", "http://me:hunter2@proxy.example:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@other.example")
    said = " ".join(ask("doctor").stdout.split())
    assert "The outside is asked through proxy.example:3128, as JOULEHOUSE_PROXY says." in said
    sentence = "No provider is asked by HTTPS_PROXY: the way to them is JOULEHOUSE_PROXY alone."
    assert sentence in said
    assert "hunter2" not in said
    monkeypatch.setenv("JOULEHOUSE_PROXY", "hunter2.example:3128")
    said = " ".join(ask("doctor").stdout.split())
    assert "the proxy's address is not one of an HTTP proxy (JOULEHOUSE_PROXY): write http://host:port" in said
    assert "hunter2" not in said


def test_the_doctor_starts_nothing(home: Path) -> None:
    assert "It was never started" in ask("doctor").stdout
    assert not (home / "warehouse").exists()


@pytest.mark.parametrize(
    "command", ["demo", "ui", "doctor", "sources", "status", "rejected", "backfill", "replay", "warehouse", "sandbox"]
)
def test_every_command_says_what_it_does(command: str) -> None:
    answer = ask(command, "--help")
    assert answer.exit_code == 0
    assert command in ask("--help").stdout
