"""A back-end in pandas writes NaN where one meter of a house measured nothing for ten hours."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from assets.steps import land, load
from domain.records import LoadReport
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, HEATING, WATER, apartments
from warehouse.store import open_warehouse

HOUSE = replace(ACCOUNT, meters=(FLAT, HEATING, WATER), has_sensors=False, has_site_totals=False)
MISSING = range(30, 70)
FIELDS = ("total", "self", "ext")
N_OF_THE_FLAT = (96 - len(MISSING)) * len(FIELDS)


def loaded(database: str, folder: Path, missing: float | None) -> LoadReport:
    """The day of the whole house, in which one flat says `missing` in three fields for ten hours."""
    quarters = {n: DAY.start + n * timedelta(minutes=15) for n in range(1, 97)}
    rows = [
        {**dict.fromkeys(FIELDS, missing if n in MISSING else 0.1), "timestamp": f"{at:%Y-%m-%d %H:%M:%S}+00:00"}
        for n, at in quarters.items()
    ]
    with apartments(account=HOUSE) as made, open_warehouse(database, folder) as warehouse:
        made.twin.fault("answer", endpoint="data", product=FLAT, body=json.dumps(rows))
        land(made.provider, warehouse, "house", DAY)
        return load(made.provider, warehouse, "house", DAY)


def test_ten_hours_of_not_a_number_are_ten_hours_of_nothing(database: str, tmp_path: Path) -> None:
    expected = loaded(database, tmp_path, None)
    report = loaded(database, tmp_path, float("nan"))
    assert expected.n_rejected == report.n_rejected == 0
    assert expected.n_inserted > N_OF_THE_FLAT  # the other meters are loaded, too
    assert (report.n_inserted, report.n_changed, report.n_removed) == (0, 0, 0)


def test_ten_hours_of_infinity_are_rejected_and_cost_no_other_meter_its_day(database: str, tmp_path: Path) -> None:
    report = loaded(database, tmp_path, float("inf"))
    assert report.rejected_by_reason == {"not_finite": len(MISSING) * len(FIELDS)}
    assert report.n_inserted > N_OF_THE_FLAT
