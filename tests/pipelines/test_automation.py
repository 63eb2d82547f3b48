"""What must tick and was switched off is named by the doctor, with the way back."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

import pipelines.definitions
from pipelines.automation import required
from pipelines.cli.application import application
from pipelines.sources import ASSETS, read_sources
from resources.settings import PROJECT


@pytest.fixture
def history(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's history on PostgreSQL, and no warehouse at all."""
    parts = conninfo_to_dict(empty_database)
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "DB": "dbname"}
    for variable, part in names.items():
        monkeypatch.setenv(f"DAGSTER_PG_{variable}", str(parts[part]))
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": settings["storage"]}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_what_must_tick_is_all_that_is_switched_on_by_default() -> None:
    known = pipelines.definitions.defs().get_repository_def()
    on = (dg.DefaultSensorStatus.RUNNING, dg.DefaultScheduleStatus.RUNNING)
    names = required(source.facts for source in read_sources(ASSETS))
    assert names["sensor"] == {one.name for one in known.sensor_defs if one.default_status in on}
    assert names["schedule"] == {one.name for one in known.schedule_defs if one.default_status in on}
    assert len(names["schedule"]) == 1 + 5


def doctor() -> list[str]:
    said = CliRunner().invoke(application, ["doctor"], env={"COLUMNS": "400"}).stdout
    return [" ".join(line.split()) for line in said.splitlines() if " automation " in line]


def switch(instance: dg.DagsterInstance, kind: InstigatorType, name: str, *, on: bool, location: str) -> None:
    """As the UI and `dagster sensor stop` leave it in the history."""
    at = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name=location)
    origin = RemoteRepositoryOrigin(at, "__repository__").get_instigator_origin(name)
    is_sensor = kind is InstigatorType.SENSOR
    data = SensorInstigatorData(min_interval=20) if is_sensor else ScheduleInstigatorData("0 4 * * *", 0.0)
    known = instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id())
    write = instance.update_instigator_state if known else instance.add_instigator_state
    write(InstigatorState(origin, kind, InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED, data))


def test_the_doctor_names_what_was_switched_off_and_how_it_is_switched_on(history: dg.DagsterInstance) -> None:
    assert doctor() == ["good automation No sensor and no schedule that must tick is switched off."]

    switch(history, InstigatorType.SENSOR, "lost_runs", on=False, location="joulehouse")
    assert doctor() == [
        (
            "wrong automation Switched off: the sensor lost_runs. Switch it on in the UI, under Automation, or where"
            " the daemon runs: dagster sensor start lost_runs."
        )
    ]
    for name in ("home_batteries", "checks", "a_source_that_is_gone"):
        switch(history, InstigatorType.SCHEDULE, name, on=False, location="joulehouse")
    switch(history, InstigatorType.SENSOR, "ledger", on=False, location="another location's")
    assert doctor()[1:] == [
        (
            "wrong automation Switched off: the schedules checks, home_batteries. Switch each on in the UI, under"
            " Automation, or where the daemon runs: dagster schedule start checks."
        )
    ]
    for kind, name in (("SENSOR", "lost_runs"), ("SCHEDULE", "home_batteries"), ("SCHEDULE", "checks")):
        switch(history, InstigatorType(kind), name, on=True, location="joulehouse")
    assert doctor()[0].startswith("good ")
