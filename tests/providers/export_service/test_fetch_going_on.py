"""An interrupted fetch from the Export Service goes on where it stopped; reading ahead changes nothing.

Pages of the Export Service that mislead, over HTTP, and what must come of them.
"""

import json
import threading
import time

import pytest

from domain.errors import (
    IngestError,
    OutsideWindowError,
    PayloadUnreadableError,
    RequestRejectedError,
    TruncationSuspectedError,
)
from domain.measurement import concat
from domain.records import Payload, Progress
from providers.export_service.client import ExportService
from tests.fakes.api import api
from tests.fakes.harness import interrupt
from tests.fakes.raw_server import RawServer, answer
from tests.providers.export_service.harness import (
    ACCOUNT,
    DAY,
    EXPECTED_35,
    MIDNIGHT,
    PRODUCT,
    SEMANTICS,
    Hub,
    hub,
    minutes,
    n_measured,
    tied,
)


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_listing_goes_on_behind_its_last_page(semantics: str, stop: int) -> None:
    with hub(minutes(35), semantics=semantics, reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching) for _ in range(stop)]
        interrupt(fetching)
        rest = served.fetch(DAY, {PRODUCT: Progress(kept[-1].page, kept[-1].cursor)})
        n_pages = 5 if semantics == "scroll" else 4  # a scroll ends with an empty page
        assert [payload.page for payload in kept + rest] == list(range(1, n_pages + 1))
        assert n_measured(served, kept + rest) == 35
        assert len(served.asked()) == n_pages + 1  # and one question for what lies behind the last document


def test_an_interrupted_listing_whose_token_has_died_begins_anew() -> None:
    with hub(minutes(35), reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching), next(fetching)]
        interrupt(fetching)
        served.twin.kill_listings()
        rest = served.fetch(DAY, {PRODUCT: Progress(2, kept[-1].cursor)})
        assert [payload.page for payload in rest] == [1, 2, 3, 4]


def test_a_listing_that_died_three_times_goes_on_once_the_provider_is_well(served: Hub) -> None:
    fault = served.twin.fault("token_dies", status=404, after_page=1)
    kept: list[Payload] = []
    with pytest.raises(RequestRejectedError):
        kept.extend(served.provider.fetch(DAY, {}))
    assert [payload.page for payload in kept] == [1, 1, 1]
    served.twin.clear_faults(fault)
    served.twin.kill_listings()
    rest = served.fetch(DAY, {PRODUCT: Progress(1, kept[-1].cursor)})
    assert [payload.page for payload in rest] == [1, 2, 3, 4]
    assert n_measured(served, rest) == 35


def test_a_cursor_that_nobody_wrote_begins_anew(served: Hub) -> None:
    assert [payload.page for payload in served.fetch(DAY, {PRODUCT: Progress(2, "junk")})] == [1, 2, 3, 4]


def test_a_finished_part_is_not_asked_for_again(served: Hub) -> None:
    assert served.fetch(DAY, {PRODUCT: Progress(4, None)}) == []
    assert served.asked() == []


def test_reading_ahead_asks_for_at_most_one_page_more_than_was_taken(served: Hub) -> None:
    fetching = served.provider.fetch(DAY, {})
    next(fetching)
    interrupt(fetching)
    assert len(served.asked()) <= 2


def test_an_error_of_a_page_read_ahead_comes_behind_the_page_before_it(served: Hub) -> None:
    served.twin.fault("status", code=409, page=2)
    fetching = served.provider.fetch(DAY, {})
    assert next(fetching).page == 1
    with pytest.raises(IngestError):
        next(fetching)


def test_stopping_does_not_wait_for_an_answer_that_was_asked_for_early() -> None:
    page = json.dumps({"continueToken": "more", "numResults": 10, "result": minutes(10)}).encode()
    with RawServer([answer(page), (60.0, *answer(page))]) as server, api(server, read_seconds=90.0) as http:
        fetching = ExportService(http, ACCOUNT, page_rows=10).fetch(DAY, {})
        assert next(fetching).page == 1
        began = time.monotonic()
        interrupt(fetching)
        assert time.monotonic() - began < 5
        left = [thread for thread in threading.enumerate() if thread.name.startswith("export_service")]
        assert [thread.daemon for thread in left] == [True]  # the end of the process does not wait for it either


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
    assert len(served.values()) == 29  # the last one has come when it is asked for what lies behind the listing
    assert served.values() == EXPECTED_35


@pytest.mark.parametrize("where", ["before", "after"])
def test_documents_outside_of_the_window_stop_the_load(served: Hub, where: str) -> None:
    served.twin.fault("outside_rows", where=where, seconds=7_200.0, times=1)
    with pytest.raises(OutsideWindowError, match=PRODUCT):
        served.load()


def test_times_in_microseconds_are_landed_and_never_become_a_question() -> None:
    with hub() as served:
        served.twin.add(PRODUCT, [{"timestamp": 0}])
        served.twin.fault("answer", body=_in_microseconds(10, token="more"), page=1, times=1)
        served.twin.fault("answer", body=_in_microseconds(10, token="still more"), from_request=2, times=1)
        served.twin.fault("answer", body=_in_microseconds(1, token=""), from_request=3, times=1)
        payloads = served.fetch()
        assert len(payloads) == 3
        assert {entry["query"]["startDate"] for entry in served.asked()} == {
            "2025-06-01T00:00:00",
            "2025-06-01T12:00:00",  # of the count in halves
        }
        assert len(concat(served.provider.normalize(payloads, DAY)).rejected) == 21


def _in_microseconds(n_documents: int, *, token: str) -> str:
    """A page of documents, two to an instant, none of which has the same instant as one of another page."""
    first = 1000 * (MIDNIGHT + 1000 * len(token))
    rows = [{"P_kW": n / 10, "timestamp": first + n // 2} for n in range(n_documents)]
    return json.dumps({"continueToken": token, "numResults": n_documents, "result": rows})


@pytest.mark.parametrize("off", [None, -1, 1])
def test_a_count_that_is_wrong_or_missing_is_refused(served: Hub, off: int | None) -> None:
    served.twin.fault("num_results", off=off)
    with pytest.raises(PayloadUnreadableError, match=PRODUCT):
        served.fetch()
    assert len(served.asked()) == 1
