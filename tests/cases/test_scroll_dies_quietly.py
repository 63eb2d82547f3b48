"""A listing whose shards fail ends early, with status 200 and a correct mark of the end."""

import json

import pytest

from domain.errors import PayloadUnreadableError
from tests.providers.export_service.harness import EXPECTED_35, SEMANTICS, hub, minutes

THE_END = json.dumps({"continueToken": "", "numResults": 0, "result": []})


@pytest.mark.parametrize("semantics", SEMANTICS)
def test_a_listing_of_four_pages_is_whole(semantics: str) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        assert made.values() == EXPECTED_35


@pytest.mark.xfail(raises=AssertionError, reason="the mark of the end is believed wherever it stands")
@pytest.mark.parametrize("times", [{"times": 1}, {}], ids=["once", "always"])
@pytest.mark.parametrize("semantics", SEMANTICS)
def test_an_end_that_comes_too_early_loses_no_document(semantics: str, times: dict[str, int]) -> None:
    with hub(minutes(35), semantics=semantics) as made:
        made.twin.fault("answer", endpoint="query", page=3, body=THE_END, **times)
        assert made.values() == EXPECTED_35


@pytest.mark.xfail(raises=AssertionError, reason="the mark of the end is believed wherever it stands")
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
