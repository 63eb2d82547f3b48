"""Each fault does what its line in the table says, seen from the other end of the wire."""

import json
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from sandbox.export_service.settings import FAULTS
from sandbox.export_service.twin import ExportService
from sandbox.settings import SettingError
from tests.sandbox.export_service.harness import DAY, GRID, VEHICLES, ExportCaller, ms, rows

Switch = Callable[..., int]


@pytest.fixture
def switch(twin: ExportService) -> Switch:
    return twin.fault


@pytest.mark.parametrize("code", [400, 404, 409, 422, 429, 500, 502, 503, 504])
def test_a_status_is_answered_with_the_platforms_error_body(caller: ExportCaller, switch: Switch, code: int) -> None:
    switch("status", code=code, times=1)
    failed = caller.query()
    assert (failed.status_code, failed.json()["status"]) == (code, code)
    assert "retry-after" not in failed.headers
    assert caller.query().status_code == 200


@pytest.mark.parametrize("value", [2, 0, -5, 1_000_000_000, "soon"])
def test_retry_after_is_sent_as_given(caller: ExportCaller, switch: Switch, value: object) -> None:
    switch("status", code=429, retry_after=value, body="text")
    failed = caller.query()
    assert failed.headers["retry-after"] == str(value)
    assert failed.headers["content-type"].startswith("text/plain")


def test_retry_after_can_be_a_date(caller: ExportCaller, switch: Switch) -> None:
    switch("status", code=503, retry_after=30, as_date=True, body="empty")
    failed = caller.query()
    assert 25 < parsedate_to_datetime(failed.headers["retry-after"]).timestamp() - time.time() <= 30
    assert failed.content == b""


def test_html_comes_with_200(caller: ExportCaller, switch: Switch) -> None:
    switch("html_200")
    answer = caller.query()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_any_answer_can_be_given_word_for_word(caller: ExportCaller, switch: Switch) -> None:
    switch("answer", status=302, body='{"error": 1}', headers={"location": "http://127.0.0.1:1/"}, endpoint="products")
    answer = caller.products()
    assert (answer.status_code, answer.text, answer.headers["location"]) == (302, '{"error": 1}', "http://127.0.0.1:1/")
    assert caller.query().status_code == 200


def test_a_bearer_is_revoked_in_the_middle_of_a_listing(caller: ExportCaller, switch: Switch) -> None:
    switch("revoke", page=2, times=1)
    token = caller.page(numRows=700)["continueToken"]
    assert caller.query(numRows=700, continueToken=token).status_code == 401
    assert caller.query(numRows=700, continueToken=token).status_code == 401
    caller.bearer = caller.fresh_bearer()
    assert caller.page(numRows=700, continueToken=token)["numResults"] == 700


def test_the_token_answer_can_lie_and_leave_out(caller: ExportCaller, switch: Switch) -> None:
    switch("token_fields", set={"expires_in": "soon"}, drop=["access_token"])
    content = caller.token().json()
    assert content["expires_in"] == "soon"
    assert "access_token" not in content


@pytest.mark.parametrize("semantics", ["scroll", "search_after", "offset"])
@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_tokens_repeat_in_a_cycle(
    caller: ExportCaller, twin: ExportService, switch: Switch, semantics: str, cycle: int
) -> None:
    twin.configure(semantics=semantics)
    switch("token_repeats", cycle=cycle)
    tokens = [page["continueToken"] for page in caller.pages(numRows=100, limit=9)]
    assert len(set(tokens)) == cycle
    assert tokens == (tokens[:cycle] * 9)[:9]


@pytest.mark.parametrize("status", [404, 410, 422, 400])
def test_a_token_dies_and_the_listing_can_begin_anew(caller: ExportCaller, switch: Switch, status: int) -> None:
    switch("token_dies", status=status, after_page=2, page=3, times=1)
    pages = caller.pages(numRows=400, limit=2)
    dead = caller.query(numRows=400, continueToken=pages[-1]["continueToken"])
    assert (dead.status_code, dead.json()["errorCode"]) == (status, 10002)
    assert len(rows(caller.pages(numRows=400))) == 1440


@pytest.mark.parametrize("shape", ["last", "empty"])
@pytest.mark.parametrize("semantics", ["scroll", "search_after", "offset"])
def test_tokens_never_end(
    caller: ExportCaller, twin: ExportService, switch: Switch, semantics: str, shape: str
) -> None:
    count = 440 if shape == "last" else 0
    twin.configure(semantics=semantics)
    switch("token_never_ends", rows=shape)
    pages = caller.pages(numRows=1000, limit=12)
    assert len({page["continueToken"] for page in pages}) == 12
    assert rows(pages)[:1440] == twin.documents(GRID, *DAY)
    assert {page["numResults"] for page in pages[-5:]} == ({0} if semantics == "scroll" else {count})


@pytest.mark.parametrize("semantics", ["scroll", "search_after", "offset"])
def test_an_empty_page_hides_rows_behind_its_token(
    caller: ExportCaller, twin: ExportService, switch: Switch, semantics: str
) -> None:
    twin.configure(semantics=semantics)
    switch("empty_page", page=2)
    pages = caller.pages(numRows=720)
    assert [page["numResults"] for page in pages][:3] == [720, 0, 720]
    assert rows(pages) == twin.documents(GRID, *DAY)


def test_a_full_page_without_a_token_although_more_rows_exist(caller: ExportCaller, switch: Switch) -> None:
    switch("full_page_without_token", page=1)
    page = caller.page(numRows=1000)
    assert (page["numResults"], page["continueToken"]) == (1000, "")


def test_fresh_tokens_can_lead_nowhere(caller: ExportCaller, switch: Switch) -> None:
    switch("no_progress")
    pages = caller.pages(numRows=100, limit=4)
    assert len({page["continueToken"] for page in pages}) == 4
    assert all(page["result"] == pages[0]["result"] for page in pages)


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_a_page_is_out_of_order_and_whole(
    caller: ExportCaller, twin: ExportService, switch: Switch, order: str
) -> None:
    switch("unordered", order=order)
    result = caller.page()["result"]
    truth = twin.documents(GRID, *DAY)
    assert result != truth
    assert sorted(result, key=lambda row: row["timestamp"]) == truth


def test_ties_stand_across_page_boundaries(caller: ExportCaller, switch: Switch) -> None:
    switch("ties", width=4)
    first, second, *_ = caller.pages(numRows=1002)
    assert first["result"][-1]["timestamp"] == second["result"][0]["timestamp"]
    assert len({row["timestamp"] for row in first["result"][:4]}) == 1


@pytest.mark.parametrize(("where", "time_of"), [("before", ms(DAY[0]) - 3_600_000), ("after", ms(DAY[1]) + 3_600_001)])
def test_rows_outside_the_window_are_added(caller: ExportCaller, switch: Switch, where: str, time_of: int) -> None:
    switch("outside_rows", where=where, rows=2)
    page = caller.page()
    assert page["numResults"] == 1442
    assert [row["timestamp"] for row in page["result"][-2:]] == [time_of, time_of + 1]


def test_rows_come_twice(caller: ExportCaller, switch: Switch) -> None:
    switch("duplicates", rows=3)
    page = caller.page()
    assert page["numResults"] == 1443
    assert page["result"][:3] == page["result"][3:6]


def test_late_documents_appear_after_some_requests(caller: ExportCaller, switch: Switch) -> None:
    switch("late_documents", every=10, times=2)
    assert [caller.page()["numResults"] for _ in range(3)] == [1296, 1296, 1440]


def test_rows_come_and_go_between_two_pages(caller: ExportCaller, twin: ExportService, switch: Switch) -> None:
    twin.configure(semantics="offset")
    switch("rows_inserted", page=1, times=1, rows=2)
    inserted = rows(caller.pages(numRows=720))
    assert len(inserted) == 1442
    assert inserted[718:720] == inserted[720:722]
    twin.reset()
    twin.configure(semantics="offset")
    whole = twin.documents(GRID, *DAY)
    switch("rows_removed", page=1, times=1, rows=2)
    shifted = rows(caller.pages(numRows=720))
    assert shifted == whole[:720] + whole[722:]
    assert twin.documents(GRID, *DAY) == whole[2:]


@pytest.mark.parametrize(
    "raw", ['"12,5"', "null", "true", "NaN", "-Infinity", "1e999", '"\\u0000"', '"\\ud800"', "{}", "9" * 400]
)
def test_a_cell_holds_what_it_is_told(caller: ExportCaller, switch: Switch, raw: str) -> None:
    switch("cell", field="P_kW", raw=raw, rows=2)
    text = caller.query().text
    assert text.count(f'"P_kW":{raw},') == 2
    assert text.count('"P_kW":') == 1440


def test_a_field_is_missing_a_field_is_new_and_a_key_comes_twice(caller: ExportCaller, switch: Switch) -> None:
    switch("missing_field", field="Pset_kW", rows=1)
    switch("extra_field", field="Q_kvar", raw="0.5", rows=1)
    switch("duplicate_keys", field="P_kW", rows=1)
    answer = caller.query()
    first = json.loads(answer.text, object_pairs_hook=list)
    document = dict(first)["result"][0]
    assert [name for name, _ in document] == ["P_kW", "timestamp", "Q_kvar", "P_kW"]


def test_a_document_nests_deeper_than_any_parser_likes(caller: ExportCaller, switch: Switch) -> None:
    switch("deep_nesting", depth=100_000)
    assert b"[" * 100_000 in caller.query().content


@pytest.mark.parametrize(("off", "said"), [(1, 1441), (-1, 1439), (None, None)])
def test_the_count_lies_or_is_missing(caller: ExportCaller, switch: Switch, off: int | None, said: int | None) -> None:
    switch("num_results", off=off)
    assert caller.page().get("numResults") == said


def test_the_encoding_is_another(caller: ExportCaller, twin: ExportService, switch: Switch) -> None:
    plain = caller.query().content
    switch("bom")
    assert caller.query().content == b"\xef\xbb\xbf" + plain
    twin.clear_faults()
    switch("utf16")
    assert caller.query().content.decode("utf-16") == plain.decode()


def test_the_label_does_not_tell_the_content(caller: ExportCaller, switch: Switch) -> None:
    switch("label", status=206, content_type="text/csv")
    answer = caller.query()
    assert (answer.status_code, answer.headers["content-type"], answer.json()["numResults"]) == (206, "text/csv", 1440)


def test_the_first_byte_can_be_late_and_the_rest_can_drip(
    caller: ExportCaller, twin: ExportService, switch: Switch
) -> None:
    switch("latency", seconds=0.3)
    began = time.monotonic()
    caller.query()
    assert time.monotonic() - began >= 0.3
    twin.clear_faults()
    switch("drip", bytes=20_000, seconds=0.1)
    began = time.monotonic()
    assert len(rows([caller.query(endDate="2026-06-01T12:00:00").json()])) == 720
    caller.http.headers["accept-encoding"] = "identity"
    assert caller.query().json()["numResults"] == 1440
    caller.http.headers["accept-encoding"] = "gzip"
    assert time.monotonic() - began >= 0.4


def test_a_cut_by_content_length_promises_more_than_it_sends(caller: ExportCaller, switch: Switch) -> None:
    switch("cut", framing="content_length", fraction=0.5)
    head, _, body = caller.raw().partition(b"\r\n\r\n")
    promised = int(dict(line.split(b": ") for line in head.split(b"\r\n")[1:])[b"content-length"])
    assert len(body) == promised // 2
    with pytest.raises(httpx.RemoteProtocolError):
        caller.query()


def test_a_cut_in_chunks_has_no_last_chunk(caller: ExportCaller, switch: Switch) -> None:
    switch("cut", framing="chunked", fraction=0.5)
    received = caller.raw()
    assert b"transfer-encoding: chunked\r\n" in received
    assert not received.endswith(b"0\r\n\r\n")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.query()


def test_a_cut_without_any_length_looks_like_an_end(caller: ExportCaller, switch: Switch) -> None:
    switch("cut", framing="close", fraction=0.9)
    head, _, body = caller.raw().partition(b"\r\n\r\n")
    assert b"content-length" not in head
    assert b"transfer-encoding" not in head
    assert body.startswith(b'{"continueToken"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    switch("cut", framing="close", fraction=1.0)
    assert json.loads(caller.raw().partition(b"\r\n\r\n")[2])["numResults"] == 1440


def test_a_compressed_stream_is_cut_where_its_length_says(caller: ExportCaller, switch: Switch) -> None:
    switch("cut", framing="gzip", fraction=0.5)
    head, _, body = caller.raw(accept_encoding="gzip").partition(b"\r\n\r\n")
    headers = dict(line.split(b": ") for line in head.split(b"\r\n")[1:])
    assert headers[b"content-encoding"] == b"gzip"
    assert int(headers[b"content-length"]) == len(body)
    truncated = caller.query()
    with pytest.raises(json.JSONDecodeError):
        truncated.json()


def test_a_cut_can_end_in_a_reset(caller: ExportCaller, switch: Switch) -> None:
    switch("cut", framing="content_length", reset=True)
    assert caller.raw().endswith(b"RST")


def test_a_body_can_be_huge_and_a_compressed_one_a_bomb(caller: ExportCaller, switch: Switch) -> None:
    switch("huge_body", mib=8, gzip=True)
    bomb = caller.query()
    assert bomb.headers["content-encoding"] == "gzip"
    assert int(bomb.headers["content-length"]) < 2**20 < 8 * 2**20 < len(bomb.content)
    assert bomb.json()["numResults"] == 1440


def test_a_body_can_be_endless(caller: ExportCaller, switch: Switch) -> None:
    switch("endless_body")
    params = {"organization": "audicharginghub", "product": GRID, "startDate": DAY[0], "endDate": DAY[1]}
    received = 0
    with caller.http.stream(
        "GET",
        "/charginghubexporter/api/v1/export/query",
        params=params,
        headers={"Authorization": f"Bearer {caller.bearer}"},
    ) as answer:
        assert "content-length" not in answer.headers
        for part in answer.iter_raw():
            received += len(part)
            if received > 4 * 2**20:
                break
    assert caller.products().status_code == 200


def test_a_fault_is_limited_to_a_product_a_day_a_page_an_endpoint_and_a_number_of_times(
    caller: ExportCaller, twin: ExportService, switch: Switch
) -> None:
    switch("status", code=500, product=GRID, day="2026-06-02", times=1, from_request=2)
    assert caller.query().status_code == 200  # touches midnight only
    assert caller.query(VEHICLES, endDate="2026-06-03T00:00:00").status_code == 200
    answers = [caller.query(endDate="2026-06-03T00:00:00").status_code for _ in range(3)]
    assert answers == [200, 500, 200]
    assert [(fault["n_matched"], fault["n_fired"]) for fault in twin.faults()] == [(3, 1)]
    switch("status", code=502, endpoint="token")
    assert caller.token().status_code == 502
    assert caller.products().status_code == 200


def test_a_fault_by_chance_is_the_same_chance_every_time(
    caller: ExportCaller, twin: ExportService, switch: Switch
) -> None:
    drawn = []
    for _ in range(2):
        twin.clear_faults()
        switch("status", probability=0.5, seed=7)
        drawn.append([caller.query(numRows=1).status_code for _ in range(20)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 503}


def test_a_fault_can_be_switched_off_again(caller: ExportCaller, twin: ExportService, switch: Switch) -> None:
    first, _ = switch("status", code=500), switch("latency", seconds=0.0)
    assert twin.clear_faults(first) == 1
    assert caller.query().status_code == 200
    assert twin.clear_faults() == 1


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("explode", {}, "there is no fault 'explode'; the faults are status,"),
        ("status", {"cod": 500}, "the fault status has no option 'cod'"),
        ("cut", {"framing": "torn"}, "it is one of content_length, chunked, close, gzip"),
        ("status", {"endpoint": "all"}, "it is one of query, products, token, any"),
        ("status", {"day": "yesterday"}, "day"),
        ("status", {"times": "twice"}, "times"),
    ],
)
def test_a_switch_that_is_not_there_is_said_so(
    twin: ExportService, name: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        twin.fault(name, **options)


def test_every_fault_of_the_table_is_tried_in_this_file() -> None:
    tried = set(re.findall(r'switch\(\s*"(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tried == set(FAULTS)
