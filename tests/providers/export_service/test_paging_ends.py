"""The walk through a listing that ends early, with a correct mark of its end: what proves an end, and what it costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import TruncationSuspectedError
from providers.export_service.facts import ASCENDING, DESCENDING, PageFacts
from providers.export_service.requests import Request
from tests.providers.export_service.listing import SPAN, Document, Listing, documents, numbers, seeded, walk


@pytest.mark.parametrize(("times", "spans"), [((1, 2, 3), [(3, 1000)]), ((3, 2, 1), [(0, 2)])])
def test_a_listing_in_order_of_time_costs_one_question_for_what_lies_behind_it(
    times: tuple[int, ...], spans: list[tuple[int, int]]
) -> None:
    listing = Listing(documents(*times), "search_after", descending=times[0] > times[-1])
    assert len(walk(listing)) == 3
    assert listing.asked == [Request(SPAN), *(Request(span, is_probe=True) for span in spans)]


@pytest.mark.parametrize("times", [(), (5,), (5, 5), (3, 1, 2)])
def test_a_listing_in_no_order_of_time_is_counted_in_halves(times: tuple[int, ...]) -> None:
    index = documents(*times)
    asked: list[Request] = []

    def unordered(request: Request, _: int) -> tuple[list[Document], str]:
        asked.append(request)
        return [row for row in index if request.span[0] <= row["timestamp"] <= request.span[1]], ""

    assert walk(unordered) == index
    assert asked == [Request(SPAN), Request((0, 500), is_probe=True), Request((500, 1000), is_probe=True)]


def test_an_end_at_the_end_of_the_span_costs_no_question() -> None:
    listing = Listing(documents(1, 2, 1000), "search_after")
    walk(listing)
    assert listing.asked == [Request(SPAN)]


def test_documents_that_are_still_coming_prove_no_end() -> None:
    index = documents(*range(0, 500, 20))
    asked: list[Request] = []

    def growing(request: Request, n_rows: int) -> tuple[list[Document], str]:
        asked.append(request)
        index.append({"timestamp": index[-1]["timestamp"] + 1, "n": len(index)})
        return Listing(index, "offset")(request, n_rows)

    assert len(walk(growing, until=480)) == 28
    assert [request.span for request in asked] == [SPAN] * 3
    assert len(walk(Listing(documents(*range(0, 400, 16)), "offset"), until=490)) == 25


def test_an_end_that_shows_less_than_the_listing_did_is_never_called_complete() -> None:
    index = documents(*range(0, 1000, 40))
    listing = Listing(index)

    def dying(request: Request, n_rows: int) -> tuple[list[Document], str]:
        return listing(request, n_rows) if len(listing.asked) < 2 else ([], "")

    with pytest.raises(TruncationSuspectedError, match="shows nothing where it showed documents"):
        walk(dying)


@given(
    times=st.lists(st.integers(0, 999), min_size=1, max_size=60),
    kind=st.sampled_from(["scroll", "offset"]),
    page_rows=st.integers(2, 12),
    dies_at=st.integers(1, 8),
    n_left=st.integers(0, 3),
    dies_after=st.none() | st.integers(1, 4),
    order=st.sampled_from(["ascending", "descending", "shuffled"]),
)
@settings(max_examples=300, deadline=None)
def test_a_listing_that_ends_too_early_once_is_whole_or_called_incomplete(
    *, times: list[int], kind: str, page_rows: int, dies_at: int, n_left: int, dies_after: int | None, order: str
) -> None:
    index = documents(*times)
    listing = Listing(index, kind, descending=order == "descending", shuffle=seeded(3) if order == "shuffled" else None)

    orders: set[int] = set()

    def dying(request: Request, n_rows: int) -> tuple[list[Document], str]:
        rows, token = listing(request, n_rows)
        rows, token = (rows[:n_left], "") if len(listing.asked) == dies_at else (rows, token)
        orders.add(PageFacts.of(rows, SPAN, token=token, n_bytes=1, time_field="timestamp").order)
        return rows, token

    try:
        kept = walk(dying, page_rows=page_rows, dies_after=dies_after)
    except TruncationSuspectedError:
        return
    # A few documents may stand in order by chance; ten thousand do not.
    if order != "shuffled" or not orders & {ASCENDING, DESCENDING}:
        assert numbers(kept) == list(range(len(index)))
