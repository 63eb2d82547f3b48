"""What a continueToken means, three ways."""

import time
from datetime import datetime
from typing import Any

import pytest

from sandbox.export_service.days import VOLUME_PRODUCT
from sandbox.export_service.twin import ExportService
from tests.sandbox.export_service.harness import DAY, GRID, VEHICLES, ExportCaller, ms, rows

SEMANTICS = ("scroll", "search_after", "offset")


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("size", [7, 480, 1439, 1440, 1441])
def test_all_rows_come_once_and_in_order(caller: ExportCaller, twin: ExportService, semantics: str, size: int) -> None:
    twin.configure(semantics=semantics)
    end = "2026-06-01T02:00:00" if size == 7 else DAY[1]
    pages = caller.pages(numRows=size, endDate=end)
    assert rows(pages) == twin.documents(GRID, DAY[0], end)
    assert all(page["numResults"] == len(page["result"]) for page in pages)
    assert len({page["continueToken"] for page in pages}) == len(pages)


def test_a_scroll_ends_with_an_empty_page_and_search_after_with_a_full_one(
    caller: ExportCaller, twin: ExportService
) -> None:
    counts = {}
    for semantics in SEMANTICS:
        twin.configure(semantics=semantics)
        counts[semantics] = [page["numResults"] for page in caller.pages(numRows=720)]
    assert counts == {"scroll": [720, 720, 0], "search_after": [720, 720], "offset": [720, 720]}


def test_what_fits_into_one_page_has_no_token_unless_scrolls_always_send_one(
    caller: ExportCaller, twin: ExportService
) -> None:
    assert [page["numResults"] for page in caller.pages(numRows=1440)] == [1440]
    twin.configure(is_token_always_sent=True)
    assert [page["numResults"] for page in caller.pages()] == [1440, 0]


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("empty", '"continueToken":"",'),
        ("null", '"continueToken":null,'),
        ("base64_null", '"continueToken":"bnVsbA==",'),
        ("omitted", ""),
    ],
)
def test_the_last_page_ends_the_way_it_is_told(
    caller: ExportCaller, twin: ExportService, marker: str, said: str
) -> None:
    twin.configure(end_marker=marker)
    assert caller.query().text.startswith("{" + said + '"numResults":1440,')


def test_a_scroll_sees_its_snapshot_and_the_others_see_what_is_new(caller: ExportCaller, twin: ExportService) -> None:
    for semantics, seen in (("scroll", 0), ("search_after", 1), ("offset", 1)):
        twin.reset()
        twin.configure(semantics=semantics)
        first = caller.page(numRows=1000)
        twin.add(GRID, [{"P_kW": 7.25, "timestamp": ms("2026-06-01T23:59:59")}])
        late = caller.page(numRows=1000, continueToken=first["continueToken"])
        assert sum(row["P_kW"] == 7.25 for row in late["result"]) == seen


def test_search_after_loses_the_rest_of_a_tie_or_repeats_it(caller: ExportCaller, twin: ExportService) -> None:
    truth = twin.documents(VEHICLES, *DAY)
    twin.configure(semantics="search_after")
    lost = rows(caller.pages(VEHICLES, numRows=1000))
    assert len(truth) - len(lost) == 4  # twice, a page of 1000 ended after 4 of 6 vehicles
    assert {key_of(row) for row in lost} < {key_of(row) for row in truth}
    twin.configure(is_tie_repeated=True)
    repeated = rows(caller.pages(VEHICLES, numRows=1000))
    assert len(repeated) > len(truth)
    assert {key_of(row) for row in repeated} == {key_of(row) for row in truth}


def key_of(row: dict[str, Any]) -> tuple[int, str]:
    return row["timestamp"], row["vehicleId"]


def test_a_row_inserted_before_the_offset_shows_a_row_twice(caller: ExportCaller, twin: ExportService) -> None:
    twin.configure(semantics="offset")
    first = caller.page(numRows=1000)
    twin.add(GRID, [{"P_kW": 7.25, "timestamp": ms(DAY[0]) + 1}])
    second = caller.page(numRows=1000, continueToken=first["continueToken"])
    assert second["result"][0] == first["result"][-1]


def test_offset_stops_at_its_cap_as_if_that_were_all(caller: ExportCaller, twin: ExportService) -> None:
    twin.configure(semantics="offset", volume_documents=25_000)
    assert [page["numResults"] for page in caller.pages(VOLUME_PRODUCT, numRows=4000)] == [4000, 4000, 2000]
    twin.configure(is_cap_an_error=True)
    token = None
    for _ in range(2):
        token = caller.page(VOLUME_PRODUCT, numRows=4000, continueToken=token)["continueToken"]
    beyond = caller.query(VOLUME_PRODUCT, numRows=4000, continueToken=token)
    assert (beyond.status_code, beyond.json()["errorCode"]) == (422, 10002)


def test_a_product_can_have_semantics_of_its_own(caller: ExportCaller, twin: ExportService) -> None:
    twin.configure(product_semantics={GRID: "offset"})
    assert len(caller.pages(numRows=720)) == 2
    assert len(caller.pages(VEHICLES, numRows=1440)) == 3


@pytest.mark.parametrize("status", [404, 410, 422, 400])
def test_a_scroll_that_nobody_used_for_a_while_is_dead(caller: ExportCaller, twin: ExportService, status: int) -> None:
    twin.configure(scroll_seconds=0.1, dead_token_status=status)
    token = caller.page(numRows=700)["continueToken"]
    assert caller.query(numRows=700, continueToken=token).status_code == 200
    time.sleep(0.15)
    answer = caller.query(numRows=700, continueToken=token)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, 10002)


def test_a_page_can_be_asked_for_again_with_the_same_token(caller: ExportCaller, twin: ExportService) -> None:
    for semantics in SEMANTICS:
        twin.configure(semantics=semantics)
        token = caller.page(numRows=500)["continueToken"]
        once, again = (caller.page(numRows=500, continueToken=token) for _ in range(2))
        assert once["result"] == again["result"]


def test_a_token_needs_encoding_and_belongs_to_its_query(caller: ExportCaller) -> None:
    token = caller.page(numRows=700)["continueToken"]
    assert token.endswith("==")
    assert caller.query(numRows=700, continueToken=token, endDate="2026-06-01T23:00:00").status_code == 400


def test_killed_listings_are_dead(caller: ExportCaller, twin: ExportService) -> None:
    token = caller.page(numRows=700)["continueToken"]
    twin.kill_listings()
    assert caller.query(numRows=700, continueToken=token).status_code == 404


def test_a_window_over_many_days_is_one_listing(caller: ExportCaller, twin: ExportService) -> None:
    start, end = "2026-05-30T12:00:00", "2026-06-03T12:00:00"
    got = rows(caller.pages(numRows=1000, startDate=start, endDate=end))
    assert got == twin.documents(GRID, datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert len(got) == 5760


def test_a_window_backwards_is_empty(caller: ExportCaller) -> None:
    assert caller.page(startDate=DAY[1], endDate=DAY[0])["result"] == []
