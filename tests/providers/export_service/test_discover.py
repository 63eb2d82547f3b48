"""What the Export Service's recent documents say about its series, over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import CredentialsRejectedError
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import ACCOUNT, ORGANIZATION, PRODUCT, Document, hub


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
