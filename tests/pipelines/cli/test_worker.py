"""`worker`: what it refuses before it takes a run, and which settings it goes by."""

import importlib
import sys
from pathlib import Path

import pytest
import yaml
from dagster._core.test_utils import instance_for_test
from typer.testing import CliRunner

from domain.errors import ConfigurationError
from pipelines.cli.application import application
from pipelines.local.dagster_processes import DagsterProcesses
from resources.settings import DAGSTER_VARIABLES, PROJECT

INSTANCE = PROJECT / "pipelines" / "instance"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))


def test_a_worker_without_a_broker_names_the_variable() -> None:
    refused = CliRunner().invoke(application, ["worker"])
    assert refused.exit_code == 1
    assert "the environment variable BROKER_URL is not set" in refused.output


def test_a_worker_has_no_use_for_the_embedded_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://:secret@127.0.0.1:1/0")
    refused = CliRunner().invoke(application, ["worker"])
    assert refused.exit_code == 1
    assert "the embedded warehouse serves this host alone" in refused.output
    assert "secret" not in refused.output


@pytest.mark.parametrize(
    "url",
    [
        "http://broker",
        "foo://me@broker/0",
        "127.0.0.1:6379",
        "redis:/broker",
        "redis://",
        "redis:///0",
        "redis+socket://",
        "redis+socket:///",
        "redis://:s3cret/p@broker/0",
        "redis://:s3cret@p@broker/0",
        "redis://:s3cret#p@broker/0",
        "redis://:s3cret;p@broker/0",
    ],
)
def test_what_is_no_address_of_a_broker_is_refused_before_anything_is_asked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", url)
    for command in (["worker"], ["ui"]):
        refused = CliRunner().invoke(application, command)
        assert refused.exit_code == 1
        assert "it is no address of a Redis or a RabbitMQ" in refused.output
        assert "s3cret" not in refused.output


def test_a_worker_or_a_ui_for_workers_names_what_its_runs_would_lack_elsewhere(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(command: str) -> str:
        refused = CliRunner().invoke(application, [command])
        assert refused.exit_code == 1
        return refused.output

    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    assert "the embedded warehouse serves this host alone" in refusal("ui")
    monkeypatch.setenv("WAREHOUSE_URL", database)
    for command in ("ui", "worker"):
        assert "the environment variable DAGSTER_PG_HOST is not set (Dagster's history" in refusal(command)
    for name in DAGSTER_VARIABLES:
        monkeypatch.setenv(name, "x")
    assert "the environment variable WORKER_PLACES is not set" in refusal("ui")
    for places in ("0", "two", "-1"):
        monkeypatch.setenv("WORKER_PLACES", places)
        assert f"'{places}' is no number of runs (WORKER_PLACES)" in refusal("ui")


def test_a_worker_refuses_settings_by_which_dagster_launches_nothing_for_it(tmp_path: Path) -> None:
    settings = yaml.safe_load((INSTANCE / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    with (
        instance_for_test(temp_dir=str(tmp_path), overrides=settings),
        pytest.raises(ConfigurationError, match=r"Dagster launches no runs for workers.*workers/dagster\.yaml"),
    ):
        importlib.import_module("pipelines.workers.app")
    assert "pipelines.workers.app" not in sys.modules


@pytest.mark.parametrize(("broker", "folder"), [("", "."), ("redis://127.0.0.1:1/0", "workers")])
def test_a_ui_launches_for_workers_where_there_is_a_broker(broker: str, folder: str, tmp_path: Path) -> None:
    written = DagsterProcesses(tmp_path, {"BROKER_URL": broker}).write_instance() / "dagster.yaml"
    assert written.read_text("utf-8") == (INSTANCE / folder / "dagster.yaml").read_text("utf-8")
