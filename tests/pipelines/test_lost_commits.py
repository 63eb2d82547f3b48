"""A server that takes over without the last commits: what Dagster was told of them is found, and told anew."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from assets.ledger_reports import lost_days
from assets.source import measurements_key
from pipelines.cli.application import application
from resources.settings import PROJECT
from tests.fakes.days import House, Opener, days, facts, provider_of
from tests.pipelines.test_sensors_ledger import Both
from warehouse.store import open_warehouse

SLUG = "charging_hub"
MEASUREMENTS = measurements_key(SLUG)
DAYS = days(5)


@pytest.fixture
def both(database: str, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    """A shipped source's name over a provider of fakes; the history is in a database of its own, on PostgreSQL."""
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WAREHOUSE_URL", database)
    parts = conninfo_to_dict(empty_database)
    for variable, part in {
        "HOST": "host",
        "PORT": "port",
        "USER": "user",
        "PASSWORD": "password",
        "DB": "dbname",
    }.items():
        monkeypatch.setenv(f"DAGSTER_PG_{variable}", str(parts[part]))
    settings = yaml.safe_load((PROJECT / "pipelines/instance/dagster.yaml").read_text("utf-8"))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": settings["storage"]}))
    with (
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
        open_warehouse(database, tmp_path / "landing") as warehouse,
    ):
        opener = Opener(warehouse)
        house = House(instance, provider_of(len(DAYS)), facts=facts(SLUG), opener=opener)
        yield Both(house, opener)


def lose(database: str, load_id: int) -> None:
    """What a standby has not received: every load from `load_id` on, with its points; numbers are given anew."""
    with psycopg.connect(database) as owner:
        lost = owner.execute("DELETE FROM load WHERE load_id >= %s RETURNING window_start, window_end", [load_id])
        for start, end in lost.fetchall():
            owner.execute("DELETE FROM measurement WHERE measured_at >= %s AND measured_at < %s", [start, end])
        owner.execute(f"ALTER TABLE load ALTER load_id RESTART WITH {load_id}".encode())


def doctor(*words: str) -> str:
    return " ".join(CliRunner().invoke(application, ["doctor", *words]).stdout.split())


def test_days_that_dagster_calls_loaded_and_the_ledger_lacks_are_found_and_mended_by_the_command(
    both: Both, database: str
) -> None:
    both.house.run(DAYS[0], DAYS[-1])
    both.look()
    assert "good Dagster's history The ledger has every day that Dagster calls loaded." in doctor()

    with psycopg.connect(database) as owner:
        (third,) = owner.execute("SELECT load_id FROM load WHERE window_start::date = %s", [DAYS[2]]).fetchone() or (0,)
    lose(database, third)
    sentence = (
        f"wrong Dagster's history Dagster calls 3 days of {SLUG} loaded by loads that the ledger lacks, as after a"
        f" fail-over that lost commits: joulehouse backfill {SLUG} --from {DAYS[2]} --to {DAYS[4]}."
    )
    assert sentence in doctor()
    assert sentence in doctor("--deep")

    both.look()
    both.command(*reversed(DAYS[2:]))  # each under the number of another
    assert "The ledger has every day that Dagster calls loaded." in doctor()
    both.look()
    with psycopg.connect(database) as owner:
        rows = owner.execute("SELECT window_start::date, max(load_id) FROM load GROUP BY 1").fetchall()
    told = both.house.figures(MEASUREMENTS)
    assert {day: int(figures["load_id"]) for day, figures in told.items()} == {str(day): newest for day, newest in rows}


def test_a_day_whose_newest_load_alone_was_lost_is_found_too(both: Both, database: str) -> None:
    both.house.run(DAYS[0], DAYS[2])
    with psycopg.connect(database) as owner:
        (newest,) = owner.execute("SELECT max(load_id) FROM load").fetchone() or (0,)
    both.house.run(DAYS[1], DAYS[1])
    lose(database, newest + 1)
    storage, ledger = both.house.instance.event_log_storage, both.opener.warehouse.ledger
    assert lost_days(both.house.facts, storage, ledger, is_deep=False) == [DAYS[1]]
    both.command(DAYS[1])
    assert lost_days(both.house.facts, storage, ledger, is_deep=True) == []
