"""An account that could not work is refused before any request, in one sentence.

What the Export Service's recent documents say about its series, over HTTP.

What a walk knows of a page: the same, whether it is known at a glance or counted document by document.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError, CredentialsRejectedError
from providers.export_service.account import AccountConfig, FieldMeaning
from providers.export_service.facts import ASCENDING, DESCENDING, MIXED, UNKNOWN, PageFacts
from tests.providers.export_service.harness import ACCOUNT, ORGANIZATION, PRODUCT, Document, hub


@pytest.mark.parametrize(
    ("wrong", "culprit"),
    [
        ({"organization": " "}, "the organization is empty"),
        ({"time_field": ""}, "time_field is empty"),
        ({"products": ()}, "products is an empty list"),
        ({"products": ("a", "a")}, "the product 'a' is named twice"),
        ({"products": ("a/b",)}, "the product 'a/b' is no product name"),
        ({"products": ("",)}, "the product '' is no product name"),
        ({"fields": {"x": FieldMeaning("powr", "kW")}}, "the quantity 'powr' is unknown"),
        ({"fields": {"x": FieldMeaning("power", "kw")}}, "the unit 'kw' is unknown"),
        ({"fields": {"x": FieldMeaning("power", "kWh")}}, "the unit 'kWh' does not measure power"),
        ({"fields": {"": FieldMeaning("power", "kW")}}, "the field '' is no field name"),
        ({"fields": {"/x": FieldMeaning("power", "kW")}}, "the field '/x' is no field name"),
        ({"fields": {"timestamp": FieldMeaning("power", "kW")}}, "the field 'timestamp' is the timestamp"),
        ({"products": ("a",), "fields": {"b/x": FieldMeaning("power", "kW")}}, "the field 'b/x' names the product 'b'"),
        ({"products": ("a",), "identity": {"b": ("v",)}}, "identity names the product 'b'"),
        ({"identity": {"*": ("timestamp",)}}, "the identity of * holds the timestamp"),
        ({"identity": {"*": ("v", "v")}}, "an empty or a repeated field"),
        ({"identity": {"*": ("",)}}, "an empty or a repeated field"),
    ],
)
def test_a_wrong_account_is_refused_by_its_culprit(wrong: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AccountConfig(**{"organization": "hub", **wrong})
    assert caught.value.culprit.startswith(culprit) or culprit in caught.value.culprit
    assert str(caught.value).count(". ") == 0


def test_the_longer_key_of_a_field_wins_over_the_shorter_and_both_over_the_suffix() -> None:
    account = AccountConfig(
        "hub", fields={"P_kW": FieldMeaning("power", "W"), "grid/P_kW": FieldMeaning("power", "MW")}
    )
    units = [(account.meaning(product, "P_kW") or ("",))[0] for product in ("grid", "other")]
    assert units == ["MW", "W"]
    assert (AccountConfig("hub").meaning("grid", "P_kW") or ("",))[0] == "kW"


def test_a_product_may_have_an_identity_of_its_own_or_none() -> None:
    account = AccountConfig("hub", identity={"*": ("vehicle",), "grid": ()})
    assert account.identity_of("evs") == ("vehicle",)
    assert account.identity_of("grid") == ()
    assert AccountConfig("hub").identity_of("grid") == ()


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
    account = AccountConfig(ORGANIZATION, products=("closed", PRODUCT))
    with hub(recent(1, P_kW=1), account=account, forbidden_products=("closed",)) as served:
        served.twin.add("closed", recent(1, P_kW=1))
        assert [series.key for series in served.provider.discover()] == ["grid/P_kW"]
        assert "closed" in caplog.text


def test_nothing_to_discover_because_of_an_error_is_that_error() -> None:
    with hub(account=ACCOUNT, forbidden_products=(PRODUCT,)) as served:
        served.twin.add(PRODUCT, recent(1, P_kW=1))
        with pytest.raises(CredentialsRejectedError, match=PRODUCT):
            list(served.provider.discover())


SPAN = (1_000, 1_020)


def facts(times: Sequence[int]) -> PageFacts:
    rows = [{"timestamp": time, "P_kW": 1.0} for time in times]
    return PageFacts.of(rows, SPAN, token="t", n_bytes=7, time_field="timestamp")


@given(st.sets(st.integers(SPAN[0], SPAN[1]), min_size=2))
def test_a_page_in_order_is_known_as_well_at_a_glance_as_counted(times: set[int]) -> None:
    in_order = sorted(times)
    assert facts(in_order) == replace(facts(in_order[::-1]), order=ASCENDING)


def test_a_document_at_the_end_of_the_span_is_counted_as_such() -> None:
    assert [facts(times).n_at_end for times in ([1_001, 1_020], [1_001, 1_019])] == [1, 0]


@given(st.sets(st.integers(SPAN[0] - 5, SPAN[1] + 5), min_size=2))
def test_a_page_in_order_that_leaves_the_span_has_no_place_outside_of_it(times: set[int]) -> None:
    in_order = sorted(times)
    order = facts(in_order).order
    assert facts(in_order) == replace(facts(in_order[::-1]), order=order)


@pytest.mark.parametrize(
    ("times", "order"),
    [
        ([1_001, 1_001, 1_005], ASCENDING),
        ([1_005, 1_001, 1_001], DESCENDING),
        ([1_001, 1_005, 1_001], MIXED),
        ([1_005, 1_005], UNKNOWN),
        ([1_005], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_a_page_says_in_which_order_of_time_it_stands(times: list[int], order: int) -> None:
    assert facts(times).order == order


def test_halves_and_the_seconds_at_the_edges_are_counted_as_often_as_a_document_comes() -> None:
    times = [9_999, 500, 500, 1_400, 5_000, 9_100, 10_000]
    rows = [{"timestamp": time} for time in times]
    found = PageFacts.of(rows, (0, 10_000), token="", n_bytes=7, time_field="timestamp")
    assert (found.n_early, found.n_late, found.n_first, found.n_last) == (3, 3, 2, 0)
    found = PageFacts.of(rows[:-1], (0, 10_000), token="", n_bytes=7, time_field="timestamp")
    assert (found.n_early, found.n_late, found.n_first, found.n_last) == (3, 3, 2, 2)


def test_a_time_that_is_a_text_has_the_place_of_its_instant() -> None:
    texts = ["1970-01-01T00:00:01.001Z", "1970-01-01T01:00:01.0205+0100", "1970-01-01T00:00:01.005", "1005"]
    rows = [{"timestamp": text, "P_kW": 1.0} for text in texts]
    found = PageFacts.of(rows, SPAN, token="t", n_bytes=7, time_field="timestamp")
    assert (found.low, found.high, found.n_at_end, found.n_rows) == (1_001, 1_020, 1, 4)
