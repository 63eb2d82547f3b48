"""Rows by the million: the same every time, and never in memory."""

import json
import tracemalloc

import numpy as np
import pytest

from sandbox.export_service.days import VOLUME_PRODUCT, VolumeDay
from sandbox.export_service.settings import Settings
from sandbox.export_service.store import Store
from sandbox.instants import MS_PER_DAY
from tests.sandbox.export_service.harness import DAY, ExportCaller, ms

DAY_NUMBER = ms(DAY[0]) // MS_PER_DAY


def test_a_document_depends_on_its_place_the_day_and_the_seed_alone() -> None:
    day = VolumeDay(DAY_NUMBER, 5_000_000, 1)
    page = day.joined(1_000_000, 1_010_000)
    assert page == VolumeDay(DAY_NUMBER, 5_000_000, 1).joined(1_000_000, 1_010_000)
    assert page == b",".join(day.documents(1_000_000, 1_010_000))
    assert page[: len(page) // 10] == day.joined(1_000_000, 1_001_000)[: len(page) // 10]
    assert page != VolumeDay(DAY_NUMBER, 5_000_000, 2).joined(1_000_000, 1_010_000)
    assert page != VolumeDay(DAY_NUMBER + 1, 5_000_000, 1).joined(1_000_000, 1_010_000)


def test_every_document_is_json_with_two_plausible_values() -> None:
    day = VolumeDay(DAY_NUMBER, 86_400, 3)
    documents = json.loads(b"[" + day.joined(0, 86_400) + b"]")
    assert [document["timestamp"] for document in documents] == day.times(0, 86_400).tolist()
    powers, voltages = (np.array([document[name] for document in documents]) for name in ("P_kW", "U_V"))
    assert powers.min() >= 100
    assert powers.max() < 1000
    assert voltages.min() >= 220
    assert voltages.max() < 240
    assert len(np.unique(powers)) > 8000
    assert 540 < powers.mean() < 560


@pytest.mark.parametrize("count", [1, 7, 1440, 5_000_000, 86_400_000])
def test_times_rise_and_bounds_agree_with_them(count: int) -> None:
    day = VolumeDay(DAY_NUMBER, count, 1)
    first = day.times(0, min(count, 1000))
    assert first[0] == ms(DAY[0])
    assert (np.diff(first) > 0).all()
    assert day.times(count - 1, count)[0] < ms(DAY[1])
    for at in {0, count // 3, count - 1}:
        time = int(day.times(at, at + 1)[0])
        assert day.bounds(time, time + 1) == (at, at + 1)
        assert day.bounds(ms(DAY[0]), time) == (0, at)
    assert day.bounds(ms(DAY[0]) - 5 * MS_PER_DAY, ms(DAY[1])) == (0, count)
    assert day.bounds(ms(DAY[1]), ms(DAY[1]) + 1) == (count, count)


def test_a_day_of_ten_million_points_costs_the_memory_of_a_page() -> None:
    store = Store(Settings(volume_documents=5_000_000))
    tracemalloc.start()
    view = store.view(VOLUME_PRODUCT, ms(DAY[0]), ms(DAY[1]))
    pages = [len(view.joined(at, at + 10_000)) for at in range(0, 500_000, 10_000)]
    tally = view.tally()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(view), tally.numbers) == (5_000_000, 10_000_000)
    assert len(set(pages)) == 1
    assert peak < 16 * 2**20


def test_volume_is_served_on_request_and_page_by_page(caller: ExportCaller) -> None:
    twin = caller.sandbox.control.export_service
    assert caller.query(VOLUME_PRODUCT).status_code == 404
    twin.configure(volume_documents=30_000)
    pages = caller.pages(VOLUME_PRODUCT)
    assert [page["numResults"] for page in pages] == [10_000, 10_000, 10_000, 1, 0]
    assert pages[3]["result"][0]["timestamp"] == ms(DAY[1])
    served = [row for page in pages[:3] for row in page["result"]]
    assert served == twin.documents(VOLUME_PRODUCT, *DAY)
    twin.change(VOLUME_PRODUCT, served[1]["timestamp"], {"P_kW": -1.0})
    assert caller.page(VOLUME_PRODUCT)["result"][1]["P_kW"] == -1.0


def test_a_volume_day_too_large_to_hold_is_not_edited(caller: ExportCaller) -> None:
    caller.sandbox.control.export_service.configure(volume_documents=5_000_000)
    edit = {"product": VOLUME_PRODUCT, "remove": [{"timestamp": ms(DAY[0])}]}
    answer = caller.http.post("/_sandbox/export_service/rows", json=edit)
    assert answer.status_code == 400
    assert "too many documents to edit" in answer.json()["error"]
