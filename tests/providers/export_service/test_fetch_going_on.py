"""An interrupted fetch from the Export Service goes on where it stopped; reading ahead changes nothing."""

import json
import threading
import time

import pytest

from domain.errors import IngestError, RequestRejectedError
from domain.records import Payload, Progress
from providers.export_service.client import ExportService
from tests.fakes.api import api
from tests.fakes.raw_server import RawServer, answer
from tests.providers.export_service.harness import ACCOUNT, DAY, PRODUCT, SEMANTICS, Hub, hub, minutes, n_measured


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
        assert n_measured(served, kept + rest) == 35
        assert len(served.asked()) == n_pages + 1  # and one question for what lies behind the last document


def test_an_interrupted_listing_whose_token_has_died_begins_anew() -> None:
    with hub(minutes(35), reads_ahead=False) as served:
        fetching = served.provider.fetch(DAY, {})
        kept = [next(fetching), next(fetching)]
        fetching.close()  # type: ignore[attr-defined]  # a generator
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
    fetching.close()  # type: ignore[attr-defined]  # a generator
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
        fetching.close()  # type: ignore[attr-defined]  # a generator
        assert time.monotonic() - began < 5
        left = [thread for thread in threading.enumerate() if thread.name.startswith("export_service")]
        assert [thread.daemon for thread in left] == [True]  # the end of the process does not wait for it either
