"""A listing whose shards fail ends early, with status 200 and a correct mark of the end."""

import json

import pytest

from domain.errors import PayloadUnreadableError, TruncationSuspectedError
from tests.providers.export_service.harness import EXPECTED_35, SEMANTICS, hub, minutes

THE_END = json.dumps({"continueToken": "", "numResults": 0, "result": []})


def an_end(first: int, n_documents: int) -> str:
    """The end of the listing, behind `n_documents` from the `first` on."""
    rows = minutes(first + n_documents)[first:]
    return json.dumps({"continueToken": "", "numResults": len(rows), "result": rows})


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_a_listing_of_four_pages_is_whole(semantics: str) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        assert made.values() == EXPECTED_35


@pytest.mark.parametrize("times", [{"times": 1}, {}], ids=["once", "always"])
@pytest.mark.parametrize("semantics", SEMANTICS)
def test_an_end_that_comes_too_early_loses_no_document(semantics: str, times: dict[str, int]) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        made.twin.fault("answer", endpoint="query", page=3, body=THE_END, **times)
        assert made.values() == EXPECTED_35


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("page", [1, 2, 3, 4])
@pytest.mark.parametrize("n_left", [0, 4])
def test_nor_does_it_on_another_page_or_amid_one(semantics: str, page: int, n_left: int) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        made.twin.fault("answer", endpoint="query", page=page, body=an_end((page - 1) * 10, n_left), times=1)
        assert made.values() == EXPECTED_35


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_a_provider_that_shows_nothing_from_then_on_is_not_believed(semantics: str) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        made.twin.fault("answer", endpoint="query", from_request=3, body=THE_END)
        with pytest.raises(TruncationSuspectedError, match="shows nothing where it showed documents"):
            made.values()


@pytest.mark.parametrize(("n_documents", "n_requests"), [(35, 5), (5, 2), (1, 3), (0, 3)])
def test_what_it_costs_is_one_request_in_order_of_time_and_two_otherwise(n_documents: int, n_requests: int) -> None:
    with hub([{"timestamp": 0}, *minutes(n_documents)]) as made:
        payloads = made.fetch()
        assert len(made.asked()) == n_requests
        assert (len(payloads), payloads[-1].cursor) == (max(1, -(-n_documents // 10)), None)


def test_a_listing_in_no_order_of_time_is_counted_and_not_kept_twice() -> None:
    with hub(minutes(35), semantics="scroll") as made:
        made.twin.fault("unordered", order="shuffled")
        batch = made.load()
        assert (len(batch.measurements), batch.n_duplicates, len(made.asked())) == (35, 0, 5 + 5 + 1)


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_nor_does_it_where_pages_are_not_in_order_of_time(order: str) -> None:
    with hub(minutes(35), semantics="scroll") as made:
        made.twin.fault("unordered", order=order)
        made.twin.fault("answer", endpoint="query", page=3, body=THE_END, times=1)
        assert made.values() == EXPECTED_35


def test_an_answer_that_says_more_than_it_holds_is_refused() -> None:
    with hub(minutes(35)) as made:
        body = json.dumps({"continueToken": "", "numResults": 9, "result": []})
        made.twin.fault("answer", endpoint="query", page=1, body=body)
        with pytest.raises(PayloadUnreadableError, match="says numResults 9 and holds 0 documents"):
            made.values()
