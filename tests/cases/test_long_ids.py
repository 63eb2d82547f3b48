"""An id of 20 digits stays what it is, whatever else is in the page and whichever parser that needs."""

import json

import pytest

from tests.providers.export_service.harness import EACH_VEHICLE, NOON, meant, points

CARD = 89490200001234567890


@pytest.mark.parametrize("beside", [{}, {"x": float("nan")}, {"x": -0.0}, {"x": 1.0e22}], ids=str)
def test_two_long_ids_are_two_devices_whatever_is_beside_them(beside: dict[str, float]) -> None:
    rows = [{"timestamp": NOON, "vehicle": CARD + n, "P_kW": n} for n in range(2)]
    page = {"numResults": 2, "result": [{**rows[0], **beside}, rows[1]]}
    whole = meant(json.dumps(page).encode(), EACH_VEHICLE)
    power = [point for point in points(whole.measurements) if point[0].endswith("/P_kW")]
    assert power == [(f"grid/{CARD + n}/P_kW", NOON, n * 1000.0) for n in range(2)]
    assert len(whole.rejected) == 0
