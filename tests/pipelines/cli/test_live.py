"""`joulehouse live`, from a process of its own: it says what it does, and a signal ends it with everything put."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from domain.window import Window
from pipelines.cli.application import application
from resources.settings import PROJECT
from tests.fakes.live_house import eventually
from tests.providers.voltstorage.harness import battery
from warehouse.store import open_warehouse


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))


def ask(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


def test_a_source_without_a_stream_is_refused_in_one_sentence() -> None:
    said = ask("live", "charging_hub")
    assert said.exit_code == 2
    assert "charging_hub has no live stream" in said.output


def test_an_unknown_source_is_refused() -> None:
    assert ask("live", "nowhere").exit_code == 2


@pytest.mark.timeout(120)
def test_it_listens_until_it_is_told_to_stop(database: str, tmp_path: Path) -> None:
    with battery(live_time="fraction") as home:
        settings = home.twin.settings
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "JOULEHOUSE_HOME": str(tmp_path / "home"),
            "WAREHOUSE_URL": database,
            "LANDING_URL": str(tmp_path / "landing"),
            "HOME_BATTERIES_URL": home.sandbox.url_of("voltstorage"),
            "HOME_BATTERIES_USERNAME": settings.username,
            "HOME_BATTERIES_PASSWORD": settings.password,
        }
        command = [str(Path(sys.executable).with_name("joulehouse")), "live", "home_batteries"]
        running = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert eventually(lambda: home.twin.streams.n_open == 2, seconds=60)
            now = datetime.now(UTC)
            with open_warehouse(database, tmp_path / "landing") as warehouse:
                window = Window(now - timedelta(days=1), now + timedelta(days=1))
                assert eventually(lambda: len(warehouse.live.gaps("home_batteries", window)) == 2, seconds=30)
            time.sleep(0.2)
        finally:
            running.send_signal(signal.SIGTERM)
            said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "home_batteries: listening; Ctrl-C ends it." in said
    assert "2 gaps marked" in said
    assert settings.password not in said
