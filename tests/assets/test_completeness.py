"""The checks on series: which devices are silent and which lack points, by name, and in which colour."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from assets.checks import evaluations
from assets.completeness import Coverage, Finding, known_dead_in_words, series_complete, series_fresh, series_plausible
from assets.source import KnownDead, SourceFacts, Tolerance
from domain.errors import ConfigurationError
from domain.records import Series
from domain.window import Window
from pipelines.sources import read_sources
from tests.fakes.days import facts
from tests.fakes.points import Said, load
from warehouse.completeness import SeriesGap
from warehouse.store import open_warehouse

DAY = date(2026, 3, 2)
END = datetime(2026, 3, 3, tzinfo=UTC)


def gap(verdict: str, device: str = "meter 7", *, hours: float = 12, n_missing: int = 48) -> SeriesGap:
    since = END - timedelta(hours=hours)
    return SeriesGap(1, f"{device}/P", device, "", verdict, since, n_missing, 96, [DAY])


def fresh(*gaps: SeriesGap, **tolerance: float) -> Finding:
    return series_fresh(facts(tolerance=Tolerance(**tolerance)), Coverage(END, gaps))


def complete(*gaps: SeriesGap, **tolerance: float) -> Finding:
    return series_complete(facts(tolerance=Tolerance(**tolerance)), Coverage(END, gaps))


def test_a_device_that_is_silent_from_noon_is_named_with_the_instant_and_red() -> None:
    found = fresh(gap("silent"), gap("silent", "meter 9", hours=3))
    assert not found.passed
    assert found.is_grave
    assert found.sentence == (
        "2 devices are silent: meter 9 since 2026-03-02T21:00Z, meter 7 since 2026-03-02T12:00Z."
        " `joulehouse gaps roof` shows them."
    )
    assert found.figures["silent_since"]["meter 7"] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize(("hours", "colour"), [(2, "green"), (4, "yellow"), (30, "red")])
def test_how_long_a_device_may_be_silent_is_configurable(hours: float, colour: str) -> None:
    found = fresh(gap("silent", hours=hours), silent_yellow_hours=3, silent_red_hours=24)
    assert (found.passed, found.is_grave) == (colour == "green", colour == "red")


@pytest.mark.parametrize(("n_missing", "colour"), [(3, "green"), (20, "yellow"), (96, "red")])
def test_how_many_points_of_a_week_may_be_missing_is_configurable(n_missing: int, colour: str) -> None:
    found = complete(gap("partial", n_missing=n_missing), missing_yellow=0.01, missing_red=0.1)
    assert (found.passed, found.is_grave) == (colour == "green", colour == "red")
    assert ("meter 7" in found.sentence) == (colour != "green")


def test_what_is_late_as_usual_and_what_was_never_loaded_is_no_fault_of_a_series() -> None:
    assert complete(gap("late"), gap("unknown")).passed
    assert "1 device as late as usual" in complete(gap("late")).sentence
    assert fresh(gap("late"), gap("absent")).passed


def test_a_new_device_is_said_and_a_retired_source_is_green() -> None:
    assert "New: meter 8." in series_fresh(facts(), Coverage(END, (), ["meter 8"])).sentence
    assert series_fresh(facts(was_retired=True), Coverage(END, [gap("silent")])).passed
    assert series_complete(facts(was_retired=True), Coverage(END, [gap("partial")])).passed


@pytest.mark.parametrize("check", [series_complete, series_fresh, series_plausible])
def test_where_nothing_was_judged_no_check_says_that_all_is_well(
    check: Callable[[SourceFacts, Coverage], Finding],
) -> None:
    assert check(facts(), Coverage()) == Finding("Nothing is judged yet.", figures={"devices": 0})
    filling = check(facts(), Coverage(is_filling=True))
    assert (filling.passed, filling.is_grave) == (False, False)
    assert filling.sentence.startswith("Nothing is judged yet: facts of older days are being filled")


def test_while_facts_are_being_filled_the_checks_are_yellow(database: str, tmp_path: Path) -> None:
    with open_warehouse(database, tmp_path) as warehouse, psycopg.connect(database, autocommit=True) as owner:
        load(warehouse, {("a", 0): 1.0}, "roof", Window.of_day(DAY))
        owner.execute("UPDATE derived SET complete_at = NULL WHERE name = 'series_days'")
        found = {one.check_name: one for one in evaluations(facts(schedule=None), warehouse)}
    for name in ("series_complete", "series_fresh", "series_plausible"):
        assert not found[name].passed
        assert found[name].severity is dg.AssetCheckSeverity.WARN
        assert "are being filled" in str(found[name].description)


def test_one_load_after_a_device_fell_silent_its_check_is_red_and_shows_the_calendar(
    database: str, tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    known = [Series(one, "power", f"meter {one}", resolution=timedelta(hours=1)) for one in ("a", "b")]
    with open_warehouse(database, tmp_path) as warehouse:
        warehouse.catalogue("roof", known)
        for n in (3, 2, 1):
            hours = {"a": 24, "b": 12 if n == 1 else 24}
            said: Said = {(one, 60 * hour): 1.0 for one, until in hours.items() for hour in range(until)}
            load(warehouse, said, "roof", Window.of_day(today - timedelta(days=n)))
        found = {one.check_name: one for one in evaluations(facts(schedule=None), warehouse)}

    fresh_one, complete_one = found["series_fresh"], found["series_complete"]
    assert not fresh_one.passed
    assert fresh_one.severity is dg.AssetCheckSeverity.ERROR
    assert f"meter b since {today - timedelta(days=1)}T12:00Z" in str(fresh_one.description)
    assert not complete_one.passed
    assert complete_one.severity is dg.AssetCheckSeverity.WARN  # half a day of a week
    assert str(complete_one.metadata["coverage"].value).startswith("![coverage](data:image/png;base64,")


SOURCE = """\
type: pipelines.components.ExportServiceSource
attributes:
  description: "A hub."
  first_day: "2025-01-01"
  organization: audicharginghub
  client_id_env: HUB_CLIENT_ID
  client_secret_env: HUB_CLIENT_SECRET
  completeness: {missing_red: 0.5, silent_red_hours: 24}
  series:
    - {device: meter-7, dead_since: 2026-01-31, reason: taken down, replaced_by: meter-8}
"""


def test_what_a_person_knows_of_a_device_is_said_in_its_defs_yaml(tmp_path: Path) -> None:
    file = tmp_path / "hub" / "defs.yaml"
    file.parent.mkdir()
    file.write_text(SOURCE.replace("2026-01-31", '"2026-01-31"'), "utf-8")
    [source] = read_sources(tmp_path)
    assert source.facts.known_dead == (KnownDead("meter-7", date(2026, 1, 31), "taken down", "meter-8"),)
    assert known_dead_in_words(source.facts) == [
        "meter-7 is known to be dead since 2026-01-31: taken down; meter-8 has taken its place."
    ]
    assert source.facts.dead_since == {"meter-7": date(2026, 1, 31)}
    assert source.facts.tolerance == Tolerance(missing_red=0.5, silent_red_hours=24)

    file.write_text(SOURCE.replace("device: meter-7, dead_since: 2026-01-31", 'dead_since: "2026-01-31"'), "utf-8")
    with pytest.raises(ConfigurationError, match="a note under series names a device or the key of a series"):
        read_sources(tmp_path)


def test_the_calendar_beside_an_asset_is_drawn_without_matplotlib() -> None:
    """It takes half a second to import, in every run."""
    script = (
        "import sys; from datetime import date; from assets.coverage import Calendar;"
        " png = Calendar([date(2026, 1, 1)], {'Größe': ['late']}, {'Σ': [1.0]}).png();"
        " print(png[:8], 'matplotlib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == r"b'\x89PNG\r\n\x1a\n' False"
