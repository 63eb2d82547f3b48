"""Where a validated interval ends: by the calendar of its series, in whatever zone the question is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from domain import zones
from domain.errors import NormalizationError
from domain.records import Series
from warehouse.schema import migrate
from warehouse.statements import script
from warehouse.store import open_warehouse

ZURICH = "Europe/Zurich"
DAY = timedelta(days=1)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def described(
    connection: psycopg.Connection, resolution: timedelta | None, labels: dict[str, str], zone: str = ZURICH
) -> int:
    """The number of a new series of intervals."""
    made = connection.execute(
        "INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, resolution, time_zone,"
        " labels) VALUES ('house', gen_random_uuid()::text, 'energy', 'Wh', 'interval', 'd', '', 'kWh', %s, %s, %s)"
        " RETURNING series_id",
        [resolution, zone, json.dumps(labels)],
    ).fetchone()
    assert made is not None
    return int(made[0])


def at(text: str, zone: str = ZURICH) -> datetime:
    """An instant that clocks in `zone` show as `text`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize("session", ["UTC", ZURICH, "America/New_York"])
@pytest.mark.parametrize(
    ("span", "begins", "ends", "hours"),
    [
        (DAY, "2025-03-30", "2025-03-31", 23),
        (DAY, "2025-10-26", "2025-10-27", 25),
        (DAY, "2025-06-01", "2025-06-02", 24),
        ("month", "2025-03-01", "2025-04-01", 31 * 24 - 1),
        ("month", "2024-02-01", "2024-03-01", 29 * 24),
        ("month", "2025-10-01", "2025-11-01", 31 * 24 + 1),
        ("year", "2024-01-01", "2025-01-01", 366 * 24),
        ("year", "2025-01-01", "2026-01-01", 365 * 24),
        (timedelta(hours=1), "2025-10-26 02:00", None, 1),
        (timedelta(minutes=15), "2025-03-30 01:45", None, 0.25),
    ],
)
def test_an_interval_ends_by_the_calendar_of_its_series_whoever_asks(
    connection: psycopg.Connection, *, session: str, span: timedelta | str, begins: str, ends: str | None, hours: float
) -> None:
    series = described(connection, None, {"span": span}) if isinstance(span, str) else described(connection, span, {})
    connection.execute("INSERT INTO measurement VALUES (%s, %s, 5)", [series, at(begins)])
    connection.execute("SELECT set_config('timezone', %s, false)", [session])
    [(begun, ended, amount, unit, flag)] = connection.execute(
        "SELECT measured_at, ended_at, amount, unit, flag FROM interval_energy WHERE series_id = %s", [series]
    ).fetchall()
    # In UTC: two times that clocks show twice are equal to nothing else.
    begun, ended = begun.astimezone(UTC), ended.astimezone(UTC)
    assert (begun, amount, unit, flag) == (at(begins), 5, "Wh", "measured")
    assert ended - begun == timedelta(hours=hours)
    assert ends is None or ended == at(ends)


def test_a_day_of_a_series_in_utc_has_24_hours_wherever_clocks_change(connection: psycopg.Connection) -> None:
    series = described(connection, DAY, {}, "UTC")
    connection.execute("INSERT INTO measurement VALUES (%s, '2025-03-30 00:00+00', 5)", [series])
    connection.execute("SELECT set_config('timezone', %s, false)", [ZURICH])
    [(ended,)] = connection.execute("SELECT ended_at FROM interval_energy WHERE series_id = %s", [series]).fetchall()
    assert ended == at("2025-03-31", "UTC")


def test_a_zone_that_the_server_does_not_know_costs_no_other_series_its_answer(connection: psycopg.Connection) -> None:
    for zone in (ZURICH, "Mars/Olympus_Mons"):
        series = described(connection, DAY, {}, zone)
        connection.execute("INSERT INTO measurement VALUES (%s, '2025-06-01 22:00+00', 5)", [series])
    rows = connection.execute("SELECT ended_at, flag FROM interval_energy ORDER BY series_id").fetchall()
    assert [(ended.astimezone(UTC), flag) for ended, flag in rows] == [
        (datetime(2025, 6, 2, 22, tzinfo=UTC), "measured"),
        (datetime(2025, 6, 2, 22, tzinfo=UTC), "unknown_zone"),
    ]


@pytest.mark.parametrize("name", ["CET", "MET", "EET", "WET", "EST", "EST5EDT", "Europe/Zurich"])
@pytest.mark.parametrize("session", ["UTC", "CET"])
def test_a_zone_whose_name_is_an_abbreviation_too_has_its_summer(
    connection: psycopg.Connection, session: str, name: str
) -> None:
    day, month = described(connection, DAY, {}, name), described(connection, None, {"span": "month"}, name)
    for series, begins in ((day, "2025-10-26"), (day, "2025-07-31"), (month, "2025-07-01")):
        connection.execute("INSERT INTO measurement VALUES (%s, %s, 5)", [series, at(begins, name)])
    connection.execute("SELECT set_config('timezone', %s, false)", [session])
    rows = connection.execute("SELECT ended_at, flag FROM interval_energy ORDER BY series_id, measured_at").fetchall()
    assert [(ended.astimezone(UTC), flag) for ended, flag in rows] == [
        (at(ends, name), "measured") for ends in ("2025-08-01", "2025-10-27", "2025-08-01")
    ]


def test_no_zone_is_asked_for_by_a_name_that_is_an_abbreviation_with_another_meaning(
    connection: psycopg.Connection,
) -> None:
    abbreviations = {name for (name,) in connection.execute("SELECT abbrev FROM pg_timezone_abbrevs")}
    names = [name for name in sorted(zones.zone_names()) if name.upper() in abbreviations]
    assert "CET" in names
    noons = [datetime(2025, month, 15, 12, tzinfo=UTC) for month in (1, 7)]
    for name in names:
        rows = connection.execute(
            "SELECT noon AT TIME ZONE zone_in_full(%s) FROM unnest(%s::timestamptz []) AS noon ORDER BY noon",
            [name, noons],
        ).fetchall()
        assert [shown for (shown,) in rows] == [
            noon.astimezone(zones.zone(name)).replace(tzinfo=None) for noon in noons
        ], name


def test_what_is_no_zone_leaves_the_catalogue_of_before(database: str, connection: psycopg.Connection) -> None:
    zones = [ZURICH, "UTC", "US/Pacific", "W. Europe Standard Time", "GMT+02:00", "CEST"]
    made = {described(connection, DAY, {"timespan": "day"}, zone): zone for zone in zones}
    connection.execute("UPDATE alembic_version SET version_num = '0010'")
    migrate(database, step="0011")
    held = connection.execute("SELECT series_id, time_zone, labels ->> 'refused_zone' FROM series").fetchall()
    assert {made[series]: (zone, refused) for series, zone, refused in held} == {
        **{zone: (zone, None) for zone in zones[:3]},
        **{zone: ("UTC", zone) for zone in zones[3:]},
    }


def test_the_catalogue_takes_no_zone_that_is_none(database: str, tmp_path: Path) -> None:
    wrong = Series("a", "energy", "d", resolution=DAY, time_zone="CEST")
    with (
        open_warehouse(database, tmp_path) as warehouse,
        pytest.raises(NormalizationError, match="the time zone 'CEST' is no IANA name"),
    ):
        warehouse.catalogue("house", [wrong])


def test_series_that_were_described_before_are_of_months_and_years_too(connection: psycopg.Connection) -> None:
    said = {
        "month": ({"sampling_frequency": "M"}, {"timespan": "month"}),
        "year": ({"sampling_frequency": "Y"}, {"timespan": "year"}),
        None: ({"timespan": "lifetime"}, {"field": "total"}),
    }
    made = [(described(connection, None, labels), labels, span) for span, several in said.items() for labels in several]
    day = described(connection, DAY, {"timespan": "day"})
    connection.execute(script("step_0008/interval_energy"))  # what step 0008 does
    held: dict[int, dict[str, str]] = dict(connection.execute("SELECT series_id, labels FROM series").fetchall())
    assert [held[series] for series, _, _ in made] == [
        {**labels, **({"span": span} if span else {})} for _, labels, span in made
    ]
    assert held[day] == {"timespan": "day"}
