"""What happens to a counter in the house is what the warehouse says of it: from the twin to the view.

How Climkit changed over the years and between two answers: names, shapes, and the last digits of numbers.
"""

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

NOON = "2025-06-01T12:00:00"
REGISTERS = replace(ACCOUNT, meters=(FLAT,), has_site_totals=False, has_sensors=False)


def flagged(database: str, folder: Path, *events: dict[str, Any]) -> tuple[dict[str, int], float, float]:
    """How often each flag comes, the energy of the registers, and that of the validated quarters between them."""
    with apartments(account=REGISTERS) as made, open_warehouse(database, folder) as warehouse:
        for event in events:
            made.twin.happen({"meter": FLAT, "at": NOON, **event})
        land(made.provider, warehouse, "house", DAY)
        load(made.provider, warehouse, "house", DAY)
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT flag, count(*), sum(amount) FROM register_energy INNER JOIN series USING (series_id)"
            " WHERE key = %s GROUP BY flag",
            [f"{SITE}/{FLAT}/en_im"],
        ).fetchall()
        validated = connection.execute(
            "SELECT sum(amount) FROM interval_energy INNER JOIN series USING (series_id)"
            " WHERE key = %s AND measured_at < %s",
            [f"{SITE}/{FLAT}/total", DAY.end.replace(hour=23, minute=45, day=1)],
        ).fetchone()
    assert validated is not None
    return {flag: count for flag, count, _ in rows}, sum(amount for _, _, amount in rows), float(validated[0])


@pytest.mark.parametrize(
    ("events", "flags"),
    [
        ([], {"measured": 95}),
        ([{"event": "missing", "until": "2025-06-01T14:00:00"}], {"measured": 86, "gap": 1}),
        ([{"event": "jitter", "by": 0.5}], {"measured": 94, "jitter": 1}),
        ([{"event": "duplicate"}], {"measured": 95}),
        (
            [
                {"event": "replace", "at": "2025-05-31T00:00:00", "to": 9_975},
                {"event": "rollover", "at": "2025-05-31T00:15:00", "digits": 4},
            ],
            {"measured": 94, "rollover": 1},
        ),
    ],
)
def test_no_energy_is_lost_whatever_happens_to_a_reading(
    database: str, tmp_path: Path, events: list[dict[str, Any]], flags: dict[str, int]
) -> None:
    found, registered, validated = flagged(database, tmp_path, *events)

    assert found == flags
    assert registered == pytest.approx(validated, rel=1e-6)


@pytest.mark.parametrize(
    ("event", "flag"),
    [({"event": "replace", "to": 0}, "reset"), ({"event": "replace", "to": 250}, "replacement")],
)
def test_another_counter_is_named_and_invents_nothing(
    database: str, tmp_path: Path, event: dict[str, Any], flag: str
) -> None:
    found, registered, validated = flagged(database, tmp_path, event)

    assert found == {"measured": 94, flag: 1}
    assert registered <= validated + 1e-6
    assert registered > validated * 0.9


def test_readings_that_swap_directions_are_told_by_their_register(database: str, tmp_path: Path) -> None:
    found, _, _ = flagged(database, tmp_path, {"event": "swap"})

    assert found["reset"] == 1  # the import register goes on as the export one, which stood at zero


def test_a_gateway_whose_clock_is_off_shifts_readings_and_loses_none(database: str, tmp_path: Path) -> None:
    found, registered, validated = flagged(database, tmp_path, {"event": "skew", "seconds": 37})

    assert sum(found.values()) == 95
    assert registered == pytest.approx(validated, rel=1e-6)


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
        now = connection.execute(f"SELECT value FROM measurement {of_the_roof}{until}", key).fetchall()
        before = connection.execute(f"SELECT value FROM measurement_revision {of_the_roof}{until}", key).fetchall()
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
