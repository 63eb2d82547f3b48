"""Every kind of continue token of the Export Service, over HTTP, and those that do harm."""

import pytest

from domain.errors import AnswerTooLargeError, PagingLoopError, RequestRejectedError, TruncationSuspectedError
from providers.export_service import bounds, paging
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import (
    DAY,
    EXPECTED_35,
    ORGANIZATION,
    PRODUCT,
    SEMANTICS,
    Hub,
    hub,
    minutes,
    n_measured,
    tied,
)


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
    account = AccountConfig(ORGANIZATION, products=(PRODUCT,), identity={"*": ("vehicle",)})
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


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_a_token_that_repeats_is_a_paging_loop_within_one_repeat(cycle: int) -> None:
    with hub(minutes(95)) as served:
        served.twin.fault("token_repeats", cycle=cycle)
        with pytest.raises(PagingLoopError, match=PRODUCT):
            served.fetch()
        assert len(served.asked()) == cycle + 1


@pytest.mark.parametrize("rows", ["last", "empty"])
def test_tokens_that_never_end_are_stopped_at_a_cap(served: Hub, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    monkeypatch.setattr(bounds, "MAX_PAGES", 12)
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
    assert n_measured(served, payloads[2:]) == 35


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
    (first, second, *_) = served.asked()
    assert second["query"] == {**first["query"], "continueToken": token}
    assert second["path"] == first["path"]


def test_a_token_of_a_megabyte_is_not_sent(served: Hub) -> None:
    body = '{"continueToken":"%s","numResults":0,"result":[]}' % ("x" * 2**20)
    served.twin.fault("answer", body=body, times=1)
    with pytest.raises(AnswerTooLargeError):
        served.fetch()
    assert len(served.asked()) == 1
