"""A provider's word for a time zone is no IANA name: days there are those of UTC, and no query of anybody fails."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from domain.records import Series
from providers.voltstorage.wire import parse_products
from warehouse.store import open_warehouse


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("GMT+02:00", "UTC"),
        ("W. Europe Standard Time", "UTC"),
        ("CEST", "UTC"),
    ],
)
def test_an_interval_of_a_day_is_had_whatever_its_provider_calls_the_zone(
    database: str, tmp_path: Path, said: str, zone: str
) -> None:
    (product,) = parse_products(json.dumps([{"id": 77, "timezone": said}]).encode(), place="test")
    assert (product.time_zone, product.refused_zone) == (zone, "" if zone == said else said)
    series = Series(
        "77/day", "energy", "product 77", provider_unit="Ws", resolution=timedelta(days=1), time_zone=product.time_zone
    )
    with open_warehouse(database, tmp_path) as warehouse:
        warehouse.catalogue("home", [series])
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO measurement SELECT series_id, '2025-06-01+00', 1000 FROM series")
        found = connection.execute("SELECT ended_at, amount FROM interval_energy").fetchall()
    assert found == [(datetime(2025, 6, 2, tzinfo=UTC), 1000.0)]
