"""Credentials that the Export Service rejects, over HTTP, and what must come of it."""

import time

import pytest

from domain.errors import CredentialsRejectedError, RequestRejectedError
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import (
    DAY,
    EXPECTED_35,
    ORGANIZATION,
    PRODUCT,
    Hub,
    hub,
    minutes,
    n_measured,
)


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
        assert n_measured(served, kept) == 35
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
    account = AccountConfig(ORGANIZATION, products=(PRODUCT, "secret_product"))
    with hub(minutes(1), account=account, forbidden_products=("secret_product",)) as served:
        served.twin.add("secret_product", minutes(1))
        with pytest.raises(CredentialsRejectedError, match="secret_product") as caught:
            served.fetch()
        assert len([entry for entry in served.asked() if entry["status"] == 403]) == 1
        assert caught.value.code == "credentials_rejected"


def test_an_unknown_product_fails_the_fetch_by_name() -> None:
    with hub(account=AccountConfig(ORGANIZATION, products=("nowhere",))) as served:
        with pytest.raises(RequestRejectedError, match="nowhere"):
            served.fetch()
        assert len(served.asked()) == 1
