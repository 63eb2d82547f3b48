"""Every fault on the way from the Export Service, over HTTP, and what must come of it.

Credentials that the Export Service rejects, over HTTP, and what must come of it.
"""

import time

import pytest

from domain.errors import (
    CredentialsRejectedError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
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


@pytest.mark.parametrize(
    ("framing", "fraction"),
    [(framing, fraction) for framing in ("content_length", "chunked", "gzip") for fraction in (0.0, 0.5, 0.99)],
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
    assert n_measured(served, payloads) == 35


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


@pytest.mark.parametrize("retry_after", ["1", "1.0", "1, 1", "PT1S", None, "0", "garbage"])
def test_too_many_requests_are_answered_by_waiting(served: Hub, retry_after: str | None) -> None:
    served.twin.fault("status", code=429, retry_after=retry_after, page=2, times=1)
    assert served.values() == EXPECTED_35
    assert len(served.naps.seconds) == 1
    if retry_after is not None and "1" in retry_after:
        assert 1 <= served.naps.seconds[0] <= 2


def test_a_long_retry_after_is_waited_for_once_in_a_window_and_then_passed_up(served: Hub) -> None:
    served.twin.fault("status", code=429, retry_after="600", page=2, times=1)
    assert served.values() == EXPECTED_35
    served.naps.seconds.clear()
    served.twin.fault("status", code=429, retry_after="600", page=2)
    with pytest.raises(RateLimitedError) as caught:
        served.fetch()
    assert caught.value.retry_after_seconds == 600
    assert [round(seconds, -1) for seconds in served.naps.seconds] == [600]


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
