from pathlib import Path

import dagster as dg
import pytest

from assets.source import SourceFacts
from domain.errors import PayloadUnreadableError
from pipelines.sensors import failed_days, retirement_sensor
from tests.fakes.days import FIRST, House, days, facts, provider_of


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
    days_and_why = "1 of 3 days of roof failed: 2026-01-02. PayloadUnreadableError: they changed (roof): look."
    assert f"run {result.run_id}: {days_and_why}" in said


def test_a_retirement_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = [facts("roof"), facts("yard", was_retired=True)]
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def ticks(*sources: SourceFacts, cursor: str | None) -> tuple[list[str], str | None]:
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            told = retirement_sensor(sources).evaluate_tick(context)
            assert not told.run_requests
            return [event.asset_key.to_user_string() for event in told.asset_events], told.cursor

        assert ticks(*here[:1], cursor=None) == ([], "[]")
        said, cursor = ticks(*here, cursor="[]")
        assert said == ["yard/measurements"]
        assert "yard is retired: no schedule asks the fake provider for it any more." in capsys.readouterr().err
        assert ticks(*here, cursor=cursor) == ([], cursor)
        assert "retired" not in capsys.readouterr().err
        _, cursor = ticks(facts("yard"), cursor=cursor)
        assert ticks(*here, cursor=cursor)[0] == ["yard/measurements"]  # it had come back
