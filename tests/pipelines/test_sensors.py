from pathlib import Path

import dagster as dg
import pytest

from domain.errors import PayloadUnreadableError
from pipelines.sensors import failed_days
from tests.fakes.days import FIRST, House, days, provider_of


def test_the_days_of_a_failed_run_are_said_once_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        house = House(instance, provider_of(3))
        house.provider.failures[days(3)[1]] = PayloadUnreadableError("they changed", place="roof", fix="look")
        result = house.run(FIRST, days(3)[-1])
        [event] = [event for event in result.all_events if event.is_failure and event.is_job_event]
        context = dg.build_run_status_sensor_context(
            sensor_name=failed_days.name, dagster_event=event, dagster_instance=instance, dagster_run=result.dagster_run
        ).for_run_failure()
        capsys.readouterr()
        failed_days(context)
    said = capsys.readouterr().err
    assert f"run {result.run_id}: 1 of 3 days of roof failed: 2026-01-02. they changed (roof): look." in said
