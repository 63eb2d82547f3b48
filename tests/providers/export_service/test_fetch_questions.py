"""What the Export Service is asked for, over HTTP.

Wrong cells and wrong documents of the Export Service, over HTTP, and what must come of them.
"""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import CredentialsRejectedError, PayloadUnreadableError
from domain.records import Progress
from domain.window import Window
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import DAY, EXPECTED_35, MIDNIGHT, ORGANIZATION, PRODUCT, Hub, hub, minutes


def test_a_question_is_as_documented_with_naive_dates_that_mean_utc(served: Hub) -> None:
    (first, *_) = served.fetch()
    assert first.params == {
        "organization": ORGANIZATION,
        "product": PRODUCT,
        "startDate": "2025-06-01T00:00:00",
        "endDate": "2025-06-02T00:00:00",
        "numRows": "10",
    }
    assert served.asked()[0]["query"] == first.params
    assert first.endpoint == "query"
    assert first.media_type == "application/json"
    assert first.window == DAY
    assert first.part == PRODUCT


def test_a_space_is_asked_for_where_the_account_has_one() -> None:
    account = AccountConfig(ORGANIZATION, space="ladedaten", products=(PRODUCT,))
    with hub(minutes(1), account=account) as served:
        assert served.fetch()[0].params["space"] == "ladedaten"


def test_all_listed_products_are_parts_where_the_account_names_none() -> None:
    with hub(minutes(1), account=AccountConfig(ORGANIZATION), page_rows=10_000) as served:
        (listed, *pages) = served.fetch()
        assert sorted({payload.part for payload in pages}) == sorted(served.twin.products())
        assert (listed.part, listed.endpoint, listed.page, listed.cursor) == ("/products", "products", 1, None)
        assert sorted(json.loads(listed.body)) == sorted(served.twin.products())
        assert listed.proof.endswith(", closed document")


def test_the_list_of_products_means_no_point_and_is_not_read_as_documents() -> None:
    with hub(minutes(1), account=AccountConfig(ORGANIZATION), page_rows=10_000) as served:
        (listed, *pages) = served.fetch()
        assert list(served.provider.normalize([listed], DAY)) == []
        assert len(list(served.provider.normalize([listed, *pages], DAY))) == len(pages)


def test_a_list_without_a_product_is_an_error_and_not_an_empty_day() -> None:
    with hub(minutes(1), account=AccountConfig(ORGANIZATION)) as served:
        served.twin.fault("answer", body="[]", endpoint="products")
        with pytest.raises(CredentialsRejectedError, match=f"lists no product.*{ORGANIZATION}"):
            served.fetch()
        with pytest.raises(CredentialsRejectedError, match="lists no product"):
            served.provider.discover()
        assert served.asked() == []


def test_an_interrupted_fetch_of_all_listed_products_asks_for_the_list_and_for_what_is_missing() -> None:
    with hub(minutes(1), account=AccountConfig(ORGANIZATION), page_rows=10_000) as served:
        payloads = served.fetch()
        finished = {payload.part: Progress(payload.page, None) for payload in payloads if payload.part != PRODUCT}
        assert [payload.part for payload in served.fetch(DAY, finished)] == ["/products", PRODUCT]


def test_a_window_of_odd_bounds_is_asked_for_in_whole_milliseconds_that_cover_it(served: Hub) -> None:
    start = datetime(2025, 6, 1, 0, 5, 0, 1, tzinfo=UTC)
    window = Window(start, start + timedelta(seconds=60, microseconds=999))
    assert served.values(window) == EXPECTED_35[6:7]
    assert served.asked()[0]["query"]["startDate"] == "2025-06-01T00:05:00"
    assert served.asked()[0]["query"]["endDate"] == "2025-06-01T00:06:00.001"


def test_several_days_are_several_listings_of_one_part() -> None:
    with hub(minutes(3, step=86_400_000)) as served:
        window = Window.of_days(date(2025, 6, 1), date(2025, 6, 3))
        payloads = served.fetch(window)
        assert [payload.page for payload in payloads] == [1, 2, 3]
        assert [payload.window for payload in payloads] == [Window.of_day(day) for day in window.days()]
        assert [millis for millis, _ in served.values(window)] == [MIDNIGHT + n * 86_400_000 for n in range(3)]


def test_an_empty_window_is_one_empty_answer() -> None:
    with hub() as served:
        served.twin.add(PRODUCT, [{"timestamp": 0}])
        (payload,) = served.fetch()
        assert payload.cursor is None
        assert payload.proof.endswith("closed document, short last page")


def test_a_document_at_midnight_is_loaded_by_one_of_two_days(served: Hub) -> None:
    served.twin.add(PRODUCT, [{"P_kW": 1.0, "timestamp": MIDNIGHT + 86_400_000}])
    both = Window.of_days(date(2025, 6, 1), date(2025, 6, 2))
    next_day = Window.of_day(date(2025, 6, 2))
    assert len(served.values(DAY)) == 35
    assert len(served.values(next_day)) == 1
    assert len(served.values(both)) == 36


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('"n/a"', "wrong_type"),
        ('"1.5"', "wrong_type"),
        ("true", "wrong_type"),
        ("[1.5]", "wrong_type"),
        ("Infinity", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e999", "not_finite"),
        ("1e15", "out_of_limits"),
        ("18446744073709551617", "out_of_limits"),
    ],
)
def test_a_wrong_cell_is_quarantined_with_its_reason_and_the_rest_is_loaded(served: Hub, raw: str, reason: str) -> None:
    served.twin.fault("cell", field="P_kW", raw=raw, page=2)
    batch = served.load()
    assert list(batch.rejected["reason"]) == [reason]
    assert len(batch.measurements) == 34


@pytest.mark.parametrize("raw", ["null", "{}", "NaN"])
def test_an_absent_cell_is_no_value(served: Hub, raw: str) -> None:
    served.twin.fault("cell", field="P_kW", raw=raw, page=1)
    assert served.values() == EXPECTED_35[1:]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("1748736000", "implausible_time"), ('"2025-06-01T00:00:00"', "wrong_type"), ("null", "no_time")],
)
def test_a_wrong_timestamp_is_quarantined(served: Hub, raw: str, reason: str) -> None:
    served.twin.fault("cell", field="timestamp", raw=raw, page=1)
    batch = served.load()
    assert list(batch.rejected["reason"]) == [reason]
    assert len(batch.measurements) == 34


def test_a_field_that_appears_overnight_is_loaded_or_counted_by_name(served: Hub) -> None:
    served.twin.fault("extra_field", field="Q_kvar", raw="1.5", page=1)
    assert len(served.load().measurements) == 36
    served.twin.clear_faults()
    served.twin.fault("extra_field", field="energy_kWh", raw="1.5", page=1)
    assert served.load().unmapped == {"grid/energy_kWh": 1}


def test_a_text_with_a_nul_is_quarantined(served: Hub) -> None:
    served.twin.fault("extra_field", field="mode", raw=r'"a\u0000b"', page=1)
    assert list(served.load().rejected["reason"]) == ["not_storable_text"]


def test_a_key_that_comes_twice_is_refused_by_name(served: Hub) -> None:
    served.twin.fault("duplicate_keys", field="P_kW", page=1)
    with pytest.raises(PayloadUnreadableError, match="'P_kW' twice"):
        served.fetch()


def test_a_hundred_thousand_levels_of_nesting_are_refused(served: Hub) -> None:
    served.twin.fault("deep_nesting")
    with pytest.raises(PayloadUnreadableError, match="levels deep"):
        served.fetch()


def test_a_byte_order_mark_is_passed_and_utf_16_is_refused(served: Hub) -> None:
    served.twin.fault("bom")
    assert served.values() == EXPECTED_35
    served.twin.clear_faults()
    served.twin.fault("utf16")
    with pytest.raises(PayloadUnreadableError):
        served.fetch()
