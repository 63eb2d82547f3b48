"""A counter that hardly moves shows zero twice, and so looks like a load curve: it stays the register that it is."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.records import LoadReport, Payload
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.normalize import normalize
from warehouse.store import TimescaleWarehouse, open_warehouse

DAY = Window.of_day(date(2026, 3, 22))
SITE, WATER = (f"{number:024x}" for number in (1, 4))
FLATS = [f"{number:024x}" for number in range(100, 112)]
KEY = f"{SITE}/{WATER}/vol_m3"


def landed(page: int, endpoint: str, document: object) -> Payload:
    body, params = json.dumps(document).encode(), {"sampling_frequency": "15T"}
    received_at = DAY.end + timedelta(days=2)
    return Payload(endpoint, params, DAY, SITE, page, received_at, "application/json", body, "content-length")


def rows(field: str, values: list[float]) -> list[dict[str, object]]:
    quarters = (DAY.start + n * timedelta(minutes=15) for n in range(len(values)))
    stamps = (f"{at:%Y-%m-%d %H:%M:%S}+00:00" for at in quarters)
    return [{field: value, "timestamp": stamp} for value, stamp in zip(values, stamps, strict=True)]


def pull(zeros: set[int]) -> Iterator[Payload]:
    """A day of the house's raw readings; the water meter moves thrice a day, and shows zero at `zeros`."""
    water = {"id": WATER, "type": "cold_water", "mode": "consumption", "name": "Water", "prim_ad": 12}
    flats = [{"id": flat, "type": "electricity", "mode": "consumption", "name": flat} for flat in FLATS]
    yield landed(1, f"installation_infos/{SITE}", {"name": "House", "timezone": "UTC"})
    yield landed(2, f"meter_info/{SITE}", [water, *flats])
    yield landed(3, f"{SITE}/sensors_list", [])
    shown = [0.0 if n in zeros else 812.0 + 0.01 * (n // 24) for n in range(96)]
    yield landed(4, f"meter_data_raw/{SITE}/{WATER}", rows("vol_m3", shown))
    for page, flat in enumerate(FLATS, 5):
        yield landed(page, f"meter_data_raw/{SITE}/{flat}", rows("en_im", [5000 + 0.05 * n for n in range(96)]))


def load(warehouse: TimescaleWarehouse, zeros: set[int]) -> LoadReport:
    begun = warehouse.begin_pull("house", DAY)
    for payload in pull(zeros):
        begun.keep(payload)
    begun.finish(n_requests=1)
    kept = warehouse.payloads("house", DAY)
    return warehouse.load("house", DAY, kept, normalize(kept, DAY, AccountConfig(), warehouse.known_kinds("house")))


@pytest.mark.parametrize("zeros", [{40}, {40, 70}], ids=str)
def test_a_day_that_is_asked_for_again_with_zeros_removes_nothing(
    database: str, tmp_path: Path, zeros: set[int]
) -> None:
    with open_warehouse(database, tmp_path) as warehouse:
        first, second = load(warehouse, set()), load(warehouse, zeros)
        held = warehouse.reading.measurements("house", DAY)
    assert (first.n_inserted, first.unmapped) == ((1 + len(FLATS)) * 96, {})
    assert (second.n_inserted, second.n_changed, second.n_removed) == (0, len(zeros), 0)
    assert (second.unmapped, second.n_rejected) == ({}, 0)
    assert int((held["series"] == KEY).sum()) == 96
