"""`flags`: what is implausible is named with what was seen, by the command and by the check; no value is changed."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from typer.testing import CliRunner

from assets.checks import evaluations
from domain.records import Series
from domain.window import Window
from pipelines.cli.application import application
from pipelines.local.project import Project
from sandbox.export_service.twin import ExportService
from tests.fakes.points import Said, batch, load
from warehouse.plausibility import Limits
from warehouse.store import TimescaleWarehouse, open_warehouse

SOURCE = "charging_hub"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
HUB = "audicharginghub_batteriedaten_analysis_batteriedaten"
Flags = list[tuple[str, str, str]]


@pytest.fixture
def warehouse(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimescaleWarehouse]:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    with open_warehouse(database, tmp_path) as opened:
        yield opened


def ask(*words: str) -> str:
    answer = CliRunner().invoke(application, list(words))
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def day(n: int) -> date:
    """The day `n` days before yesterday."""
    return YESTERDAY - timedelta(days=n)


def flags() -> Flags:
    """Device, day and kind of every flag."""
    (said,) = json.loads(ask("flags", SOURCE, "--json"))
    return [(one["device"], one["day"], one["kind"]) for one in said["flags"]]


def check() -> dg.AssetCheckEvaluation:
    project = Project()
    with project.warehouse() as warehouse:
        said = evaluations(project.source(SOURCE).component.facts, warehouse)
    return next(one for one in said if one.check_name == "series_plausible")


def watts(name: str, n: int, step: int = 15) -> Said:
    """A day of whole watts that differ from day to day."""
    return {
        (name, minute): float(round(2000 + 900 * math.sin(minute / 229) + (minute * 7919 + n * 104729) % 397))
        for minute in range(0, 1440, step)
    }


def put(warehouse: TimescaleWarehouse, n: int, *said: Said, **quantities: str) -> None:
    whole = {key: value for one in said for key, value in one.items()}
    load(warehouse, batch(whole, Window.of_day(day(n)), quantities=quantities), SOURCE, Window.of_day(day(n)))


def scaled(said: Said, factor: float) -> Said:
    return {key: float(value) * factor for key, value in said.items()}


def test_kw_that_became_w_is_named_until_the_day_is_mended_and_judging_again_changes_nothing(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    for n in range(13, 0, -1):
        put(warehouse, n, watts("a", n), watts("b", n))
    put(warehouse, 0, watts("a", 0), scaled(watts("b", 0), 1000))
    assert "nothing is judged yet" in ask("flags", SOURCE)

    assert "1 flag changed" in ask("assess", SOURCE)

    assert flags() == [("b", str(day(0)), "factor")]
    assert "all values are multiples of 1e3" in " ".join(ask("flags", SOURCE).split())
    said = check()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"1 device with implausible values within 7 days: b: factor on {day(0)} of b (all values" in str(
        said.description
    )
    assert "nothing is implausible" in ask("flags", SOURCE, "--to", str(day(1)))
    written = "SELECT array_agg(xmin::text || ctid::text) FROM series_flag"
    with psycopg.connect(database, autocommit=True) as observer:
        before = observer.execute(written).fetchone()
        assert "0 flags changed" in ask("assess", SOURCE, "--all")
        assert observer.execute(written).fetchone() == before
        observer.execute("DELETE FROM series_flag")
        assert "1 flag changed" in ask("assess", SOURCE, "--all")

    put(warehouse, 0, watts("a", 0), watts("b", 0))
    ask("assess", SOURCE)
    assert flags() == []
    assert check().passed


def test_loading_in_any_order_and_judging_once_raises_the_same_flags_and_what_waits_is_judged_later(
    warehouse: TimescaleWarehouse,
) -> None:
    for n in range(14):
        put(warehouse, n, watts("a", n) if n else watts("a", 1))
    warehouse.completeness.assess(SOURCE, None)  # as a load does: points of eight weeks are not read for it
    assert flags() == []
    assert "nothing is implausible. 14 days wait: `joulehouse assess charging_hub`." in ask("flags", SOURCE)
    assert not check().passed
    assert "7 days wait" in ask("flags", SOURCE)
    ask("assess", SOURCE)
    assert "wait" not in ask("flags", SOURCE)
    assert flags() == [("a", str(day(0)), "yesterday")]


def test_registers_and_days_of_fewer_than_24_points_are_not_judged(warehouse: TimescaleWarehouse) -> None:
    for n in range(12, -1, -1):
        factor = 1 if n else 1000
        register, hourly, sparse = watts("register", n), watts("hourly", n, 60), watts("sparse", n, 72)
        put(warehouse, n, *(scaled(one, factor) for one in (register, hourly, sparse)), register="energy_register")
    ask("assess", SOURCE)
    assert flags() == [("hourly", str(day(0)), "factor")]


def test_a_value_beyond_its_declared_limit_is_flagged_with_the_limit_on_its_first_day(
    warehouse: TimescaleWarehouse,
) -> None:
    put(warehouse, 0, watts("roof/P", 0), watts("cellar/P", 0))
    limits: Any = {"roof/*": (0.0, 2500.0), "*": (None, 1e6)}
    warehouse.completeness.assess(SOURCE, None, limits=limits)
    (raised,) = warehouse.completeness.flags(SOURCE, day(0), day(0))
    assert (raised.key, raised.kind) == ("roof/P", "limit")
    assert raised.evidence.endswith("2500 is the most that is possible")


def test_changed_limits_are_applied_to_every_day_by_the_next_judging_whatever_has_changed_else(
    warehouse: TimescaleWarehouse,
) -> None:
    for n in (60, 1, 0):
        put(warehouse, n, watts("roof/P", n), watts("cellar/P", n))

    def judged(limits: Limits) -> tuple[int, list[tuple[str, date, str]]]:
        n_flags = warehouse.completeness.assess(SOURCE, None, limits=limits).n_flags
        raised = warehouse.completeness.flags(SOURCE, day(60), day(0))
        return n_flags, sorted((one.key, one.day, one.kind) for one in raised)

    assert judged({}) == (0, [])
    every = [("roof/P", day(n), "limit") for n in (60, 1, 0)]
    assert judged({"roof/*": (0.0, 2500.0)}) == (3, every)
    assert judged({"roof/*": (0.0, 2500.0)}) == (0, every)
    assert judged({"roof/*": (0.0, 2600.0)}) == (3, every)  # the evidence names the limit
    assert warehouse.completeness.flags(SOURCE, day(60), day(60))[0].evidence.endswith(
        "2600 is the most that is possible"
    )
    assert judged({"roof/*": (0.0, 2600.0), "*": (3000.0, None)})[1] == sorted(
        [*every, *(("cellar/P", day(n), "limit") for n in (60, 1, 0))]
    )
    assert judged({"*": (None, 1e6), "roof/*": (0.0, 2500.0)})[1] == [], "the first that fits counts"


def copies(database: str) -> dict[str, str]:
    """Series → the one it is a copy of."""
    with psycopg.connect(database) as connection:
        return dict(
            connection.execute(
                "SELECT one.key, original.key FROM series AS one"
                " JOIN series AS original ON original.series_id = one.copy_of"
            ).fetchall()
        )


def also(name: str, said: Said) -> Said:
    return {(name, minute): value for (_, minute), value in said.items()}


def test_a_series_that_says_what_another_says_is_its_copy_whose_flags_count_once_until_they_differ(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    constant: Said = {(key, minute): 5.0 for key in ("idle", "still") for minute in range(0, 1440, 15)}
    for n in range(13, 0, -1):
        same = watts("first", n)
        switched = {(key, minute): float(minute > 700) for key in ("lamp", "fan") for minute in range(0, 1440, 15)}
        put(warehouse, n, same, also("total", same), also("twin", same), watts("other", n + 50), constant, switched)
    wrong = scaled(watts("first", 0), 1000)
    put(warehouse, 0, wrong, also("total", wrong), also("twin", wrong), watts("other", 50))
    assert copies(database) == {}
    ask("assess", SOURCE)

    # Neither what never changes nor what is the same every day says that two are one.
    assert copies(database) == {"total": "first", "twin": "first"}
    assert flags() == [("first", str(day(0)), "factor")]
    assert "first (and its copies: total, twin)" in " ".join(ask("flags", SOURCE).split())
    [implausible] = warehouse.completeness.implausible(SOURCE, 7)
    assert implausible.key == "first"

    # The copy alone is wrong: it is none, and its flag is its own.
    put(warehouse, 0, watts("first", 0), also("twin", watts("first", 0)), also("total", wrong), watts("other", 50))
    ask("assess", SOURCE)
    assert copies(database) == {"twin": "first"}
    assert flags() == [("total", str(day(0)), "factor")]


def test_the_one_that_its_provider_calls_a_copy_is_the_copy_and_a_gap_of_it_says_so(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    described = [
        Series("total", "power", device="total", labels={"copy_of": "meter"}),
        Series("meter", "power", "meter"),
    ]
    warehouse.catalogue(SOURCE, described[:1])
    for n in range(12, -1, -1):
        said = watts("meter", n)
        part = {key: value for key, value in said.items() if n or key[1] < 600}
        put(warehouse, n, part, also("total", part))
    warehouse.catalogue(SOURCE, described)
    ask("assess", SOURCE)
    assert copies(database) == {"total": "meter"}
    (said,) = json.loads(ask("gaps", SOURCE, "--json"))
    assert {(one["series"], one["copy_of"]) for one in said["gaps"]} == {("meter", None), ("total", "meter")}
    assert "total (a copy of meter)" in " ".join(ask("gaps", SOURCE).split())


@pytest.mark.prove
def test_a_sensor_that_is_stuck_for_a_week_and_kw_that_became_w_at_the_provider_are_named(twin: ExportService) -> None:
    for part, n_days, edited in (("grid", 7, lambda _: 42.0), ("battall", 1, lambda value: value * 1000)):
        product = f"{HUB}_{part}"
        for one in twin.documents(product, day(n_days - 1), day(-1)):
            twin.change(product, one["timestamp"], {"P_kW": edited(one["P_kW"])})
    ask("backfill", SOURCE, "--from", str(day(18)), "--to", str(day(0)))

    ask("assess", SOURCE)

    said = flags()
    assert (f"{HUB}_grid", str(day(6)), "stuck") in said
    assert (f"{HUB}_battall", str(day(0)), "factor") in said
    found = check()
    assert not found.passed
    assert f"{HUB}_battall: factor on {day(0)}" in str(found.description)
    assert "42000 for 24.0 hours" in str(found.metadata["flags"].value)
