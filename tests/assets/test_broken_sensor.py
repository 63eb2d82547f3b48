"""One broken sensor is quarantined, named and counted, and the rest of the day is loaded."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.steps import land, load
from domain.errors import TooManyRejectedError
from domain.records import LoadReport
from providers.export_service.account import FieldMeaning
from tests.providers.climkit import harness as house
from tests.providers.export_service.harness import ACCOUNT, DAY, MIDNIGHT, PRODUCT, hub
from warehouse.store import open_warehouse

BATTERIES = replace(ACCOUNT, identity={PRODUCT: ("device",)})
AS_RATIO = {"temperature_degC": FieldMeaning("ratio", "1")}


def documents(broken: Mapping[int, float]) -> list[dict[str, Any]]:
    """Twelve batteries, every five minutes; `broken` ones say one temperature all day."""
    return [
        {
            "device": f"b{device}",
            "P_kW": 1.0 + device,
            "temperature_degC": broken.get(device, 21.5),
            "timestamp": MIDNIGHT + minute * 60_000,
        }
        for minute in range(0, 1440, 5)
        for device in range(12)
    ]


def loaded(database: str, folder: Path, said: list[dict[str, Any]], fields: Mapping[str, FieldMeaning]) -> LoadReport:
    with (
        hub(said, account=replace(BATTERIES, fields=dict(fields)), page_rows=10_000) as made,
        open_warehouse(database, folder) as warehouse,
    ):
        land(made.provider, warehouse, "batteries", DAY)
        return load(made.provider, warehouse, "batteries", DAY)


@pytest.mark.parametrize(
    ("said", "fields", "n_rejected"),
    [
        (documents({7: -3276.8}), {}, 288),
        (documents({}), AS_RATIO, 3456),
    ],
    ids=["a stuck sensor", "a column that is mapped wrong"],
)
def test_what_is_broken_is_quarantined_and_the_rest_of_the_day_is_loaded(
    database: str,
    tmp_path: Path,
    said: list[dict[str, Any]],
    fields: Mapping[str, FieldMeaning],
    n_rejected: int,
) -> None:
    report = loaded(database, tmp_path, said, fields)
    assert (report.n_inserted, report.n_rejected) == (6912 - n_rejected, n_rejected)
    with open_warehouse(database, tmp_path) as warehouse:
        found = warehouse.reading.rejected_series("batteries", DAY)
    assert found["n_rows"].sum() == n_rejected
    assert all(key.startswith("grid/b") for key in found["series_key"])


def test_a_source_of_which_most_series_are_broken_is_refused_by_name(database: str, tmp_path: Path) -> None:
    said = documents({7: -3276.8})
    for document in said:
        document["P_kW"] = 1e12
    with pytest.raises(TooManyRejectedError, match=r"3744 of 6912 rows .* 13 of 24 series"):
        loaded(database, tmp_path, said, {})


@pytest.mark.parametrize(("value", "n_rejected"), [(float("nan"), 0), (float("inf"), 120)])
def test_one_meter_that_says_no_numbers_for_ten_hours_costs_no_other_one_its_day(
    database: str, tmp_path: Path, value: float, n_rejected: int
) -> None:
    rows = [
        dict.fromkeys(("total", "self", "ext"), value if 30 <= n < 70 else 0.1)
        | {"timestamp": f"{house.DAY.start + n * timedelta(minutes=15):%Y-%m-%d %H:%M:%S}+00:00"}
        for n in range(1, 97)
    ]
    with house.apartments() as made, open_warehouse(database, tmp_path) as warehouse:
        made.twin.fault("answer", endpoint="data", product=house.FLAT, body=json.dumps(rows))
        land(made.provider, warehouse, "house", house.DAY)
        report = load(made.provider, warehouse, "house", house.DAY)
    assert report.n_rejected == n_rejected
    assert report.n_inserted > 1000
