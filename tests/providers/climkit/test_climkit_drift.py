"""How Climkit changed over the years and between two answers: names, shapes, and the last digits of numbers."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from assets.steps import land, load
from domain.measurement import concat
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.normalize import normalize
from providers.climkit.requests import requests_of
from providers.climkit.wire import Site, parse_meters, parse_site
from sandbox.climkit.house import PRODUCER, SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, apartments, values
from warehouse.store import open_warehouse

FEW = replace(ACCOUNT, meters=(FLAT, PRODUCER), has_sensors=False, has_registers=False)
OF_2022 = {"street_name": "Rue", "street_number": "1", "city_name": "Lausanne", "city_ref": 5586}
OF_TODAY = {"street_name": "Rue", "street_number": "1", "city": "Lausanne", "postal_code": 1000}


@pytest.mark.parametrize("address", [OF_2022, OF_TODAY, None, "Rue 1, Lausanne"])
def test_a_site_is_read_whatever_its_address_looks_like(address: object) -> None:
    said = {"name": "House", "timezone": "Europe/Zurich", "address": address}
    site = parse_site(json.dumps(said).encode(), place="")
    assert (site.name, site.zone) == ("House", "Europe/Zurich")


@pytest.mark.parametrize(
    "said",
    [
        {"id": FLAT, "type": "electricity", "prim_ad": "10", "virtual": True},  # as in 2022
        {"id": FLAT, "type": "electricity", "name": "x", "mode": "consumption", "prim_ad": 1, "is_rule_meter": True},
    ],
)
def test_a_meter_that_is_computed_is_known_by_its_old_name_and_by_its_new_one(said: dict[str, Any]) -> None:
    meters = parse_meters(json.dumps([said]).encode(), place="")
    assert meters[FLAT].is_rule
    site = Site(SITE, "House", "UTC", meters, {})
    asked = [request.endpoint for request in requests_of(site, DAY, AccountConfig(has_site_totals=False))]
    assert asked == [f"meter_data/{SITE}/{FLAT}"]  # and no registers


def test_quarters_are_asked_for_by_their_name_and_not_by_being_the_default() -> None:
    with apartments(account=FEW) as made:
        made.fetch()
        asked = [request.get("sampling_frequency") for request in made.asked("meter_data")]
    assert asked == ["15T", "15T"]


def test_float_dust_corrects_nothing_in_the_warehouse(database: str, tmp_path: Path) -> None:
    with apartments(account=FEW) as made, open_warehouse(database, tmp_path) as warehouse:
        for has_dust in (True, False):
            made.twin.configure(has_dust=has_dust)
            land(made.provider, warehouse, "house", DAY)
            report = load(made.provider, warehouse, "house", DAY)
    assert report.n_unchanged == report.n_received > 1_000
    assert report.n_written == 0


def test_what_a_rule_restates_is_corrected_and_what_was_said_before_is_kept(database: str, tmp_path: Path) -> None:
    with apartments(account=replace(FEW, has_site_totals=False)) as made, open_warehouse(database, tmp_path) as house:
        land(made.provider, house, "house", DAY)
        load(made.provider, house, "house", DAY)
        rule = {"meter": PRODUCER, "start": "2025-06-01T12:00:00", "end": "2025-06-01T13:00:00", "percent": 200}
        made.twin.restate(rule)
        land(made.provider, house, "house", DAY)
        report = load(made.provider, house, "house", DAY)
    of_the_roof = "JOIN series USING (series_id) WHERE key = %s AND measured_at >= '2025-06-01T12:00Z'"
    until = " AND measured_at < '2025-06-01T13:00Z' ORDER BY measured_at"
    with psycopg.connect(database) as connection:
        key = [f"{SITE}/{PRODUCER}/total"]
        now = connection.execute(f"SELECT value FROM measurement {of_the_roof}{until}", key).fetchall()  # noqa: S608
        before = connection.execute(f"SELECT value FROM measurement_revision {of_the_roof}{until}", key).fetchall()  # noqa: S608
    assert len(now) == 4
    assert [value for (value,) in now] == pytest.approx([2 * value for (value,) in before], abs=1)
    assert report.n_changed >= 4


def test_negative_nights_are_flagged_where_energy_is_asked_for(database: str, tmp_path: Path) -> None:
    with apartments(account=FEW) as made, open_warehouse(database, tmp_path) as warehouse:
        land(made.provider, warehouse, "house", DAY)
        load(made.provider, warehouse, "house", DAY)
    with psycopg.connect(database) as connection:
        counts = connection.execute(
            "SELECT flag, count(*), max(amount) < 0 FROM interval_energy JOIN series USING (series_id)"
            " WHERE key = %s GROUP BY flag ORDER BY flag",
            [f"{SITE}/{PRODUCER}/total"],
        ).fetchall()
    flags = {flag: (count, is_below_zero) for flag, count, is_below_zero in counts}
    assert flags["negative"][1] is True
    assert flags["negative"][0] > 10
    assert sum(count for count, _ in flags.values()) == 96


def test_an_hour_that_is_doubled_in_spring_is_the_same_instant_twice() -> None:
    """The wall clock skips from two to three; a row for half past two says the instant of half past three."""
    window = Window.of_day(date(2026, 3, 29))
    rows = [
        {"timestamp": "2026-03-29 02:30:00+01:00", "total": 0.5},
        {"timestamp": "2026-03-29 03:30:00+02:00", "total": 0.5},
    ]
    with apartments(account=replace(FEW, has_site_totals=False)) as made:
        *lists, flat, _ = made.fetch()
        answer = replace(
            flat, window=window, body=json.dumps(rows).encode(), received_at=datetime(2026, 4, 10, tzinfo=UTC)
        )
        whole = concat(normalize([*lists, answer], window, FEW))
    assert values(whole, f"{SITE}/{FLAT}/total") == {datetime(2026, 3, 29, 1, 15, tzinfo=UTC): 500.0}
    assert (whole.n_duplicates, len(whole.rejected)) == (1, 0)
