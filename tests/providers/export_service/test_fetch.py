"""Every fault of the Export Service, over HTTP, and what must come of it."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.contract import Payload, Progress
from domain.errors import (
    AnswerTooLargeError,
    CredentialsRejectedError,
    IncompleteAnswerError,
    IngestError,
    OutsideWindowError,
    PagingLoopError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
    TruncationSuspectedError,
)
from domain.window import Window
from providers.export_service import paging
from providers.export_service.account import Account
from tests.fakes.hub import ACCOUNT, DAY, MIDNIGHT, ORGANIZATION, PRODUCT, Document, Hub, hub, minutes

SEMANTICS = ("scroll", "search_after", "offset")
EXPECTED_35 = [(MIDNIGHT + n * 60_000, n * 100.0) for n in range(35)]


@pytest.fixture
def served() -> Iterator[Hub]:
    """A provider over 35 documents, ten to a page."""
    with hub(minutes(35)) as made:
        yield made


def tied(n_documents: int, width: int) -> list[Document]:
    """Documents of which `width` at a time share a millisecond, each of a vehicle of its own."""
    return [
        {"vehicle": f"v{n % width}", "P_kW": n / 10, "timestamp": MIDNIGHT + n // width * 1000}
        for n in range(n_documents)
    ]


def values(payloads: list[Payload], served: Hub) -> int:
    return sum(len(batch.measurements) for batch in served.provider.normalize(payloads, DAY))


# --- asking


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
    account = Account(ORGANIZATION, space="ladedaten", products=(PRODUCT,))
    with hub(minutes(1), account=account) as served:
        assert served.fetch()[0].params["space"] == "ladedaten"


def test_all_listed_products_are_parts_where_the_account_names_none() -> None:
    with hub(minutes(1), account=Account(ORGANIZATION), page_rows=10_000) as served:
        assert sorted({payload.part for payload in served.fetch()}) == sorted(served.twin.products())


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


# --- three kinds of tokens


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("marker", ["empty", "omitted", "null", "base64_null"])
def test_every_document_comes_once_behind_every_kind_of_token_and_end(semantics: str, marker: str) -> None:
    with hub(minutes(35), semantics=semantics, end_marker=marker) as served:
        batch = served.load()
        assert len(batch.measurements) == 35
        assert batch.n_duplicates == 0
        assert served.values() == EXPECTED_35


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_a_listing_that_ends_with_a_full_page_is_whole(semantics: str) -> None:
    with hub(minutes(30), semantics=semantics) as served:
        assert served.values() == EXPECTED_35[:30]


def test_a_listing_by_offset_that_ends_at_its_cap_is_asked_for_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "RESULT_WINDOW", 20)
    with hub(minutes(35), semantics="offset", offset_cap=20) as served:
        assert served.values() == EXPECTED_35


def test_a_listing_by_offset_that_refuses_to_go_beyond_its_cap_is_asked_for_in_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "RESULT_WINDOW", 20)
    with hub(minutes(35), semantics="offset", offset_cap=20, is_cap_an_error=True) as served:
        assert served.values() == EXPECTED_35


def test_documents_that_a_search_loses_at_the_end_of_a_page_are_asked_for_again() -> None:
    account = Account(ORGANIZATION, products=(PRODUCT,), identity={"*": ("vehicle",)})
    with hub(tied(60, 4), account=account, semantics="search_after", page_rows=10) as served:
        assert len(served.values()) == 60
    with hub(tied(60, 4), account=account, semantics="search_after", is_tie_repeated=True) as served:
        assert len(served.values()) == 60


def test_a_millisecond_that_fills_a_page_of_a_search_is_never_called_complete() -> None:
    with hub(tied(40, 20), semantics="search_after") as served, pytest.raises(TruncationSuspectedError):
        served.fetch()


def test_a_scroll_that_always_sends_a_token_ends_with_its_empty_page() -> None:
    with hub(minutes(5), semantics="scroll", is_token_always_sent=True) as served:
        assert [payload.page for payload in served.fetch()] == [1, 2]
        assert len(served.values()) == 5


# --- tokens that do harm


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_a_token_that_repeats_is_a_paging_loop_within_one_repeat(cycle: int) -> None:
    with hub(minutes(95)) as served:
        served.twin.fault("token_repeats", cycle=cycle)
        with pytest.raises(PagingLoopError, match=PRODUCT):
            served.fetch()
        assert len(served.asked()) == cycle + 1


@pytest.mark.parametrize("rows", ["last", "empty"])
def test_tokens_that_never_end_are_stopped_at_a_cap(served: Hub, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 12)
    served.twin.fault("token_never_ends", rows=rows)
    with pytest.raises(PagingLoopError if rows == "empty" else AnswerTooLargeError):
        served.fetch()
    assert len(served.asked()) <= 13


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_listing_whose_token_dies_begins_anew_with_page_1(served: Hub, status: int) -> None:
    served.twin.fault("token_dies", status=status, after_page=2, page=3, times=1)
    payloads = served.fetch()
    assert [payload.page for payload in payloads] == [1, 2, 1, 2, 3, 4]
    assert payloads[-1].cursor is None
    assert values(payloads[2:], served) == 35


def test_a_listing_whose_tokens_always_die_fails_after_the_second_restart(served: Hub) -> None:
    served.twin.fault("token_dies", status=404, after_page=1)
    with pytest.raises(RequestRejectedError, match=PRODUCT) as caught:
        served.fetch()
    assert caught.value.status == 404
    assert len(served.asked()) == 6


def test_a_token_that_expires_while_the_caller_is_busy_is_survived() -> None:
    with hub(minutes(35), scroll_seconds=600, reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching), next(fetching)]
        served.twin.kill_listings()
        kept += fetching
        assert [payload.page for payload in kept] == [1, 2, 1, 2, 3, 4]


def test_a_rejection_without_a_token_is_not_asked_again(served: Hub) -> None:
    served.twin.fault("status", code=400)
    with pytest.raises(RequestRejectedError):
        served.fetch()
    assert len(served.asked()) == 1


@pytest.mark.parametrize("token", ["../../admin", "a&numRows=1&x=", "a#b?c", "ü €\r\nHost: evil", "%2e%2e%2f", " "])
def test_a_hostile_token_travels_as_one_encoded_value_and_nothing_else(served: Hub, token: str) -> None:
    escaped = token.encode("unicode_escape").decode("latin-1").replace("\\x", "\\u00")
    body = f'{{"continueToken":"{escaped}","numResults":0,"result":[]}}'
    served.twin.fault("answer", body=body, times=1)
    served.twin.fault("answer", body='{"numResults":0,"result":[]}', from_request=2, times=1)
    served.fetch()
    (first, second) = served.asked()
    assert second["query"] == {**first["query"], "continueToken": token}
    assert second["path"] == first["path"]


def test_a_token_of_a_megabyte_is_not_sent(served: Hub) -> None:
    body = '{"continueToken":"%s","numResults":0,"result":[]}' % ("x" * 2**20)
    served.twin.fault("answer", body=body, times=1)
    with pytest.raises(AnswerTooLargeError):
        served.fetch()
    assert len(served.asked()) == 1


# --- pages that mislead


def test_an_empty_page_with_a_token_is_passed(served: Hub) -> None:
    served.twin.fault("empty_page", page=2)
    assert served.values() == EXPECTED_35


@pytest.mark.parametrize("page", [1, 2])
def test_a_full_page_without_a_token_is_not_believed(served: Hub, page: int) -> None:
    served.twin.fault("full_page_without_token", page=page, times=1)
    assert served.values() == EXPECTED_35


def test_full_pages_that_never_have_a_token_are_bisected(served: Hub) -> None:
    served.twin.fault("full_page_without_token")
    batch = served.load()
    assert len(batch.measurements) == 35
    assert batch.n_duplicates == 0


def test_a_full_page_without_a_token_about_one_millisecond_is_never_called_complete() -> None:
    with hub(tied(11, 11)) as served:
        served.twin.fault("full_page_without_token")
        with pytest.raises(TruncationSuspectedError, match=PRODUCT):
            served.fetch()


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
@pytest.mark.parametrize("semantics", SEMANTICS)
def test_the_order_of_documents_changes_nothing(served: Hub, order: str, semantics: str) -> None:
    served.twin.configure(semantics=semantics)
    served.twin.fault("unordered", order=order)
    assert served.values() == EXPECTED_35


def test_a_page_that_comes_again_under_a_fresh_token_is_loaded_once(served: Hub) -> None:
    served.twin.fault("no_progress", page=2, times=1)
    assert served.values() == EXPECTED_35


def test_documents_sent_twice_are_counted_once_and_as_duplicates(served: Hub) -> None:
    served.twin.fault("duplicates", rows=3, page=1)
    batch = served.load()
    assert len(batch.measurements) == 35
    assert batch.n_duplicates == 3


@pytest.mark.parametrize("fault", ["rows_inserted", "rows_removed"])
@pytest.mark.parametrize("semantics", ["scroll", "search_after"])
def test_documents_that_come_and_go_between_pages_never_break_a_load(served: Hub, fault: str, semantics: str) -> None:
    served.twin.configure(semantics=semantics)
    served.twin.fault(fault, page=1, times=1)
    assert set(EXPECTED_35[1:]) <= set(served.values())


def test_late_documents_come_with_the_next_fetch(served: Hub) -> None:
    served.twin.configure(semantics="scroll")
    served.twin.fault("late_documents", every=5, times=1)
    assert len(served.values()) == 28
    assert served.values() == EXPECTED_35


@pytest.mark.parametrize("where", ["before", "after"])
def test_documents_outside_of_the_window_stop_the_load(served: Hub, where: str) -> None:
    served.twin.fault("outside_rows", where=where, seconds=1.0, times=1)
    with pytest.raises(OutsideWindowError, match=PRODUCT):
        served.load()


@pytest.mark.parametrize("off", [None, -1, 1])
def test_a_count_that_is_wrong_or_missing_is_refused(served: Hub, off: int | None) -> None:
    served.twin.fault("num_results", off=off)
    with pytest.raises(PayloadUnreadableError, match=PRODUCT):
        served.fetch()
    assert len(served.asked()) == 1


# --- cells


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ('"n/a"', "wrong_type"),
        ('"1.5"', "wrong_type"),
        ("true", "wrong_type"),
        ("[1.5]", "wrong_type"),
        ("NaN", "not_finite"),
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


@pytest.mark.parametrize("raw", ["null", "{}"])
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


# --- the transport


@pytest.mark.parametrize(
    ("framing", "fraction"),
    [(framing, fraction) for framing in ("content_length", "chunked") for fraction in (0.0, 0.5, 0.99)]
    + [("gzip", 0.5), ("gzip", 0.99)],  # cut to nothing, it is an empty answer of a right length
)
def test_a_body_cut_once_is_asked_for_again(served: Hub, framing: str, fraction: float) -> None:
    served.twin.fault("cut", framing=framing, fraction=fraction, page=2, times=1)
    assert served.values() == EXPECTED_35


@pytest.mark.parametrize("framing", ["content_length", "chunked", "gzip"])
def test_a_body_that_is_always_cut_is_never_landed(served: Hub, framing: str) -> None:
    served.twin.fault("cut", framing=framing, page=1)
    with pytest.raises(IncompleteAnswerError):
        next(served.provider.fetch(DAY, {}))
    assert len(served.asked()) == 5


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_body_whose_end_only_the_document_shows_is_incomplete_if_it_does_not(served: Hub, fraction: float) -> None:
    served.twin.fault("cut", framing="close", fraction=fraction, page=2)
    with pytest.raises(IncompleteAnswerError, match="before the document was"):
        served.fetch()


def test_a_body_whose_end_only_the_document_shows_is_whole_if_it_does(served: Hub) -> None:
    served.twin.fault("cut", framing="close", fraction=1.0)
    payloads = served.fetch()
    assert payloads[0].proof == "connection closed, closed document, more follows"
    assert values(payloads, served) == 35


def test_the_proof_of_an_ordinary_answer_names_transport_document_and_paging(served: Hub) -> None:
    served.twin.configure(is_gzip=False)
    assert [payload.proof for payload in served.fetch()] == [
        *["content-length, closed document, more follows"] * 4,
        "content-length, closed document, short last page",
    ][-4:]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_error_is_survived_if_it_passes_and_named_if_it_stays(served: Hub, status: int) -> None:
    served.twin.fault("status", code=status, times=2, page=2)
    assert served.values() == EXPECTED_35
    served.twin.fault("status", code=status)
    with pytest.raises(ProviderUnavailableError):
        served.fetch()


@pytest.mark.parametrize("retry_after", ["1", None, "0", "garbage"])
def test_too_many_requests_are_answered_by_waiting(served: Hub, retry_after: str | None) -> None:
    served.twin.fault("status", code=429, retry_after=retry_after, page=2, times=1)
    assert served.values() == EXPECTED_35
    assert len(served.naps.seconds) == 1
    if retry_after == "1":
        assert served.naps.seconds[0] >= 1


def test_a_long_retry_after_is_passed_up_and_not_slept(served: Hub) -> None:
    served.twin.fault("status", code=429, retry_after="600", page=2)
    with pytest.raises(RateLimitedError) as caught:
        served.fetch()
    assert caught.value.retry_after_seconds == 600
    assert served.naps.seconds == []


def test_a_login_page_with_status_200_is_refused_by_its_media_type(served: Hub) -> None:
    served.twin.fault("html_200", page=2)
    with pytest.raises(PayloadUnreadableError, match="web page"):
        served.fetch()


def test_html_that_calls_itself_json_is_refused(served: Hub) -> None:
    served.twin.fault("answer", body="<html>Sign in</html>")
    with pytest.raises(PayloadUnreadableError, match="no JSON document"):
        served.fetch()


def test_an_error_message_with_status_200_is_refused(served: Hub) -> None:
    served.twin.fault("answer", body='{"status":422,"error":"Unprocessable Entity","errorCode":10002}')
    with pytest.raises(PayloadUnreadableError, match="10002"):
        served.fetch()


# --- credentials


def test_a_token_revoked_amid_the_pages_is_renewed_once_and_the_page_asked_again(served: Hub) -> None:
    served.twin.fault("revoke", page=3, times=1)
    assert served.values() == EXPECTED_35
    assert served.logins() == 2


def test_tokens_that_live_for_moments_are_renewed_between_pages() -> None:
    with hub(minutes(35), token_seconds=0.2, reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching)]
        time.sleep(0.3)  # longer than the token lives
        kept += fetching
        assert values(kept, served) == 35
        assert served.logins() >= 2


def test_a_token_that_is_always_rejected_costs_two_logins_and_no_more(served: Hub) -> None:
    served.twin.fault("revoke")
    with pytest.raises(CredentialsRejectedError):
        served.fetch()
    assert served.logins() <= 2


def test_a_wrong_secret_is_rejected_credentials_and_is_not_shown() -> None:
    with hub(minutes(1), secret="wrong-secret-canary") as served:
        with pytest.raises(CredentialsRejectedError) as caught:
            served.fetch()
        assert "canary" not in str(caught.value)
        assert served.logins() == 1


def test_a_forbidden_product_fails_the_fetch_by_name() -> None:
    account = Account(ORGANIZATION, products=(PRODUCT, "secret_product"))
    with hub(minutes(1), account=account, forbidden_products=("secret_product",)) as served:
        served.twin.add("secret_product", minutes(1))
        with pytest.raises(CredentialsRejectedError, match="secret_product") as caught:
            served.fetch()
        assert len([entry for entry in served.asked() if entry["status"] == 403]) == 1
        assert caught.value.code == "credentials_rejected"


def test_an_unknown_product_fails_the_fetch_by_name() -> None:
    with hub(account=Account(ORGANIZATION, products=("nowhere",))) as served:
        with pytest.raises(RequestRejectedError, match="nowhere"):
            served.fetch()
        assert len(served.asked()) == 1


# --- going on


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_listing_goes_on_behind_its_last_page(semantics: str, stop: int) -> None:
    with hub(minutes(35), semantics=semantics, reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching) for _ in range(stop)]
        fetching.close()  # type: ignore[attr-defined]  # a generator
        rest = served.fetch(DAY, {PRODUCT: Progress(kept[-1].page, kept[-1].cursor)})
        n_pages = 5 if semantics == "scroll" else 4  # a scroll ends with an empty page
        assert [payload.page for payload in kept + rest] == list(range(1, n_pages + 1))
        assert values(kept + rest, served) == 35
        assert len(served.asked()) == n_pages


def test_an_interrupted_listing_whose_token_has_died_begins_anew() -> None:
    with hub(minutes(35), reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching), next(fetching)]
        fetching.close()  # type: ignore[attr-defined]  # a generator
        served.twin.kill_listings()
        rest = served.fetch(DAY, {PRODUCT: Progress(2, kept[-1].cursor)})
        assert [payload.page for payload in rest] == [1, 2, 3, 4]


def test_a_cursor_that_nobody_wrote_begins_anew(served: Hub) -> None:
    assert [payload.page for payload in served.fetch(DAY, {PRODUCT: Progress(2, "junk")})] == [1, 2, 3, 4]


def test_a_finished_part_is_not_asked_for_again(served: Hub) -> None:
    assert served.fetch(DAY, {PRODUCT: Progress(4, None)}) == []
    assert served.asked() == []


def test_reading_ahead_asks_for_at_most_one_page_more_than_was_taken(served: Hub) -> None:
    fetching = served.provider.fetch(DAY, {})
    next(fetching)
    fetching.close()  # type: ignore[attr-defined]  # a generator
    assert len(served.asked()) <= 2


def test_an_error_of_a_page_read_ahead_comes_behind_the_page_before_it(served: Hub) -> None:
    served.twin.fault("status", code=409, page=2)
    fetching = served.provider.fetch(DAY, {})
    assert next(fetching).page == 1
    with pytest.raises(IngestError):
        next(fetching)


# --- discovering


def recent(n_documents: int, *, days_ago: float = 1, **fields: float | str) -> list[Document]:
    start = int((datetime.now(UTC) - timedelta(days=days_ago)).timestamp() * 1000)
    return [{**fields, "timestamp": start + n * 1000} for n in range(n_documents)]


def test_the_fields_of_recent_documents_are_series() -> None:
    with hub(recent(3, P_kW=1.5, mode="eco", n=4)) as served:
        assert {series.key: series.quantity for series in served.provider.discover()} == {
            "grid/P_kW": "power",
            "grid/mode": "state",
        }


def test_documents_of_the_last_month_are_looked_at_where_the_last_days_have_none() -> None:
    with hub(recent(1, days_ago=20, U_V=230)) as served:
        assert [series.key for series in served.provider.discover()] == ["grid/U_V"]
        assert len(served.asked()) == 2


def test_a_product_that_cannot_be_read_is_logged_by_name_and_the_others_are_discovered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(ORGANIZATION, products=("closed", PRODUCT))
    with hub(recent(1, P_kW=1), account=account, forbidden_products=("closed",)) as served:
        served.twin.add("closed", recent(1, P_kW=1))
        assert [series.key for series in served.provider.discover()] == ["grid/P_kW"]
        assert "closed" in caplog.text


def test_nothing_to_discover_because_of_an_error_is_that_error() -> None:
    with hub(account=ACCOUNT, forbidden_products=(PRODUCT,)) as served:
        served.twin.add(PRODUCT, recent(1, P_kW=1))
        with pytest.raises(CredentialsRejectedError, match=PRODUCT):
            list(served.provider.discover())
