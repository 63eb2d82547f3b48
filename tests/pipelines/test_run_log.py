"""What the rooms below say while they work is in the run's log, where the person is who waits."""

import re
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.test_utils import instance_for_test

from assets.factory import source_assets
from assets.source import measurements_key, payloads_key
from resources.settings import PROJECT
from tests.fakes.days import facts
from tests.fakes.warehouse import FakeWarehouse
from tests.providers.servitly.harness import DAY, boilers


def test_a_run_that_waits_for_an_export_shows_the_jobs_state_and_its_age(tmp_path: Path) -> None:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    with (
        boilers(job_seconds=0.5) as made,
        instance_for_test(temp_dir=str(tmp_path), overrides={"python_logs": settings["python_logs"]}) as instance,
    ):
        result = dg.materialize(
            source_assets(facts(first_day=DAY.day)),
            instance=instance,
            resources={"roof": made.provider, "warehouse": FakeWarehouse()},
            selection=dg.AssetSelection.assets(payloads_key("roof"), measurements_key("roof")),
            partition_key=str(DAY.day),
        )
        [job] = made.twin.jobs
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert result.success
    waiting = re.compile(rf"fleet, export {job}: PENDING for \d+ s; asked again in \d+ s")
    assert [line for line in said if waiting.fullmatch(line)] != []
