"""The demo, whole: a process of its own, from an empty home to the summary.

How many days the demo takes of each source.
"""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.cli.ui import _days_of
from pipelines.console import today
from pipelines.local.project import Project, Source
from tests.fakes.demo import PROGRAM, Demo, addresses, clean_home, environment_of, providers, sources


@pytest.mark.long
@pytest.mark.timeout(600)  # three minutes on a machine where everything runs at once
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param((), id="every source", marks=pytest.mark.prove),
        pytest.param(("boiler_fleet", "charging_hub"), id="two of them"),
    ],
)
def test_the_demo_loads_every_source_row_for_row_and_writes_nothing_the_second_time(
    tmp_path: Path, package_cache: Path, chosen: tuple[str, ...]
) -> None:
    """Each source costs a dozen processes: here one that pages, and one whose orders are carried; in proof all."""
    with clean_home(tmp_path / "home", package_cache) as home:
        run = subprocess.run(
            [PROGRAM, "demo", "--once", "--days", "2", *(word for slug in chosen for word in ("--source", slug))],
            env=environment_of(home),
            capture_output=True,
            text=True,
            check=False,
            timeout=580,
        )
        assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
        said = run.stdout
        table = Demo(home, run.stdout.splitlines(keepends=True)).table()
        assert sorted(table) == (sorted(chosen) or sources())
        for source, row in table.items():
            figures = {name: figure.replace(",", "") for name, figure in row.items() if name != "source"}
            assert figures["days"] == "2", source
            n_accounted = sum(int(figures[name]) for name in ("written", "duplicate", "rejected"))
            assert int(figures["received"]) == n_accounted > 0, source
            assert int(figures["requests"]) > 0
            assert f"Row for row: {source}, " in said
            assert f"The same backfill again: {source}, 2 days loaded, 0 rows written." in said
        assert said.count(", all equal: ") == len(table)
        # Ended whole: nothing of it runs, and nobody else may look at what it keeps.
        ours = ("sandbox", "dagster-daemon", "dagster-webserver", "dagster-code-server")
        assert [pid for name in ours if (pid := _pid(home, name))] == []
        for folder in ("run", "dagster"):
            assert (home / folder).stat().st_mode & 0o077 == 0


def test_of_every_provider_that_is_built_a_source_ships_that_the_demo_can_take() -> None:
    """What the demo shows is held against the sources that ship: none of the five may be missing among them."""
    shipped = providers()
    assert sorted(shipped) == ["climkit", "export_service", "servitly", "smart_house", "voltstorage"]
    assert [name for name, of_it in shipped.items() if not of_it] == []
    assert sorted(set().union(*shipped.values())) == sorted(source for source, _ in addresses()) == sources()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        *((name, "https://example.org", f"{source} points at a real account here") for source, name in addresses()),
        ("CHARGING_HUB_CLIENT_SECRET", "mine", "unset CHARGING_HUB_CLIENT_SECRET."),
        ("WAREHOUSE_URL", "postgresql://me@127.0.0.1:1/mine", "unset WAREHOUSE_URL for it."),
        ("LANDING_URL", "memory://mine", "unset LANDING_URL for it."),
        ("DAGSTER_PG_HOST", "database.example", "unset DAGSTER_PG_HOST for it."),
    ],
)
def test_the_demo_refuses_to_mix_with_what_is_yours_before_anything_starts(
    tmp_path: Path, variable: str, value: str, words: str
) -> None:
    home = tmp_path / "home"
    run = subprocess.run(
        [PROGRAM, "demo", "--once"],
        env=environment_of(home, **{variable: value}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2
    assert words in run.stderr
    assert value not in run.stderr
    assert not home.exists()


def test_the_demo_of_one_source_refuses_to_mix_with_an_account_of_another(tmp_path: Path) -> None:
    """All of the house runs, schedules too, whichever sources are shown."""
    (source, address), *_, (other, _) = addresses()
    run = subprocess.run(
        [PROGRAM, "demo", "--once", "--source", other],
        env=environment_of(tmp_path / "home", **{address: "https://example.org"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2
    assert f"{source} points at a real account here" in " ".join(run.stderr.split())
    assert not (tmp_path / "home").exists()


def test_the_demo_of_a_source_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    run = subprocess.run(
        [PROGRAM, "demo", "--once", "--source", "boilers"],
        env=environment_of(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert f"there is no source 'boilers': use one of {', '.join(sources())}." in " ".join(run.stderr.split())
    assert not (tmp_path / "home").exists()


def _pid(home: Path, name: str) -> str:
    file = home / "run" / f"{name}.pid"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("source", Project().sources(), ids=lambda source: source.slug)
def test_of_a_provider_that_counts_requests_the_demo_takes_one_widest_window_at_most(source: Source) -> None:
    spec = source.component.facts.spec
    days = _days_of(source, 60)
    expected = 60 if spec.requests_per_second is None else min(60, max(1, spec.max_window.days))
    assert len(days) == expected
    assert days[-1] == today() - timedelta(days=1)
    assert len(_days_of(source, 1)) == 1
