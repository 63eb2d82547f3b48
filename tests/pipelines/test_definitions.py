"""The code location as it ships: what is in it, and that a fresh clone without any variable can load it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

import pipelines.definitions
from assets.source import days_of
from pipelines.sources import read_sources
from resources.settings import PROJECT

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"
PACKAGES = ("assets", "domain", "pipelines", "providers", "resources", "sandbox", "warehouse")


@pytest.fixture(scope="module")
def known() -> dg.Definitions:
    return pipelines.definitions.defs()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code somewhere else, without anything that was made in the checkout."""
    top = tmp_path_factory.mktemp("clone")
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, top / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for file in ("pyproject.toml", "workspace.yaml", "README.md"):
        shutil.copy(PROJECT / file, top / file)
    return top


def dg_command(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`dg …` in the clone, with no variable of ours set."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone), "PYTHONPATH": str(clone), "COLUMNS": "200"}
    command = [str(Path(sys.executable).parent / "dg"), *words]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_asset_graph_is_the_reviewed_one(known: dg.Definitions) -> None:
    """After a change on purpose, write what this prints into `asset_graph.txt`."""
    graph = known.resolve_asset_graph()
    lines: list[str] = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys)) or "-"
        partitions = node.partitions_def
        grid = f"daily from {partitions.get_first_partition_key()}" if partitions else "whole"
        policy = node.backfill_policy.max_partitions_per_run if node.backfill_policy else None
        lines.append(
            f"{key.to_user_string()} <- {parents}; {grid}; {policy or '-'} days a run; pools {sorted(node.pools or [])}"
        )
    lines += [f"check {check.to_user_string()}" for check in sorted(graph.asset_check_keys)]
    lines += [f"job {job.name}" for job in sorted(known.jobs or [], key=lambda job: job.name)]
    lines += [
        f"schedule {one.name} {one.cron_schedule}"
        for one in sorted(known.get_repository_def().schedule_defs, key=lambda one: one.name)
    ]
    lines += [f"sensor {one.name}" for one in known.sensors or []]
    assert "\n".join(lines) + "\n" == SNAPSHOT.read_text("utf-8")


def test_a_fresh_clone_without_any_variable_passes_dg_check(clone: Path) -> None:
    checked = dg_command(clone, "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All component YAML validated successfully." in checked.stdout
    assert "All definitions loaded successfully." in checked.stdout


def test_a_new_source_is_scaffolded_commented_and_sound(clone: Path) -> None:
    scaffolded = dg_command(clone, "scaffold", "defs", "pipelines.components.ExportServiceSource", "north_hub")
    assert scaffolded.returncode == 0, scaffolded.stderr
    file = clone / "assets" / "north_hub" / "defs.yaml"
    assert "client_secret_env: NORTH_HUB_CLIENT_SECRET" in file.read_text("utf-8")
    [source] = read_sources(file.parent)
    assert source.facts.slug == "north_hub"
    listed = dg_command(clone, "list", "defs", "--json")
    assert "north_hub/measurements" in listed.stdout, listed.stderr
    shutil.rmtree(file.parent)


def test_dg_check_says_the_sentence_of_a_wrong_source(clone: Path) -> None:
    folder = clone / "assets" / "wrong"
    folder.mkdir()
    text = (clone / "assets/charging_hub/defs.yaml").read_text("utf-8")
    (folder / "defs.yaml").write_text(text.replace("2025-01-01", "2125-01-01"), "utf-8")
    checked = dg_command(clone, "check", "defs")
    shutil.rmtree(folder)
    assert checked.returncode == 1
    assert (
        "first_day 2125-01-01 is in the future (assets/wrong/defs.yaml:6): name the first UTC day that has data."
        in checked.stdout + checked.stderr
    )


def test_definitions_are_made_once_in_a_process(known: dg.Definitions) -> None:
    """Dagster asks six times in one run."""
    assert pipelines.definitions.defs() is known


def test_looking_at_definitions_imports_nothing_heavy() -> None:
    """Each of these costs a third of a second or more, in every process that Dagster starts."""
    script = (
        "import sys, pipelines.definitions as d; d.defs(); "
        "print(sorted({'pandas', 'matplotlib', 'httpx', 'psycopg', 'alembic', 'upath'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.strip() == "[]", ran.stderr


def test_the_location_has_one_name_everywhere() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["dg"]["project"]
    for file in ("workspace.yaml", "pipelines/instance/workspace.yaml"):
        [[location]] = [list(entry.values()) for entry in yaml.safe_load((PROJECT / file).read_text())["load_from"]]
        assert location["location_name"] == project["code_location_name"]


def test_the_instance_neither_calls_home_nor_holds_a_slot_for_ever() -> None:
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    assert settings["telemetry"] == {"enabled": False}
    assert settings["nux"] == {"enabled": False}
    assert settings["concurrency"]["pools"]["default_limit"] == 1
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    assert settings["run_monitoring"]["max_runtime_seconds"] == 7200
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_every_source_has_days_until_yesterday() -> None:
    for source in read_sources():
        assert days_of(source.facts).get_first_partition_key() == str(source.facts.first_day)
        assert days_of(source.facts).end_offset == 0
