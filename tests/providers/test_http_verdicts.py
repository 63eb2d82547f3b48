import inspect
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import httpx
import pytest

from domain import errors
from domain.errors import (
    AddressRefusedError,
    AnswerTooLargeError,
    CredentialsRejectedError,
    IncompleteAnswerError,
    PayloadUnreadableError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRejectedError,
)
from providers._http_errors import (
    FAILURES,
    Failure,
    failure_of_exception,
    failure_of_status,
    unexpected_type,
)
from providers._retry_after import retry_after


def expected_verdict(status: int) -> type[ProviderError] | None:
    special: dict[int, type[ProviderError] | None] = {
        200: None, 201: None, 202: None, 203: None, 204: None, 205: None,
        206: IncompleteAnswerError, 226: IncompleteAnswerError,
        401: CredentialsRejectedError, 403: CredentialsRejectedError,
        408: ProviderUnavailableError, 425: ProviderUnavailableError, 429: RateLimitedError,
    }  # fmt: skip
    by_class = {3: AddressRefusedError, 4: RequestRejectedError, 5: ProviderUnavailableError}
    return special[status] if status in special else by_class.get(status // 100, PayloadUnreadableError)


@pytest.mark.parametrize("status", [*range(100, 600), 600, 999])
def test_every_status_has_its_verdict(status: int) -> None:
    failure = failure_of_status(status, {})
    expected = expected_verdict(status)
    assert (failure.kind if failure else None) is expected
    if failure:
        assert str(status) in str(failure.error("place"))
        assert failure.may_retry is (status in {408, 425, 429} or 500 <= status < 600)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0), ("7", 7), (" 7 ", 7), ("007", 7), ("900", 900), ("901", 901), ("86400", 86_400), ("86401", 86_400),
        ("1000000000", 86_400), ("9" * 5000, 86_400), ("1.5", 1.5), ("0.493", 0.493), ("60.", 60), (".5", 0.5),
        ("7, 8", 8), ("8,7", 8), ("60, soon", 60), ("PT60S", 60), ("pt1m30s", 90), ("PT0.5S", 0.5), ("PT1,5S", 1.5),
        ("PT1H", 3600), ("P1D", 86_400), ("P1W", 86_400), ("P1M", 86_400), ("PT5S, 60", 60),
        ("Wed, 21 Oct 2099 07:28:00 GMT, 60", 86_400), ("60, Wed, 21 Oct 2099 07:28:00 GMT", 86_400),
        ("-5", None), ("+5", None), ("1e9", None), ("soon", None), ("", None), ("٣", None), ("P", None), ("PT", None),
        ("30s", 30), ("500ms", 0.5), ("1m30s", 90), ("1 h 2 min", 3720), ("2 minutes", 120), ("45 Seconds", 45),
        ('"120"', 120), ("1d", None), ("s", None),
        ("PT-5S", None), ("1.5.2", None), (",", None), ("0x10", None), ("Fri, 99 Foo 2026 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_a_retry_after_is_obeyed_however_it_is_written_up_to_a_day(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}) == seconds


def test_without_a_retry_after_nothing_is_asked_for() -> None:
    assert retry_after({}) is None


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90), (-90, 0), (0, 0)])
@pytest.mark.parametrize("skew", [timedelta(hours=-1), timedelta(0)])
def test_an_instant_is_compared_with_the_providers_clock_however_it_is_written(
    ahead: int, seconds: float, skew: timedelta
) -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) + skew
    until, epoch = theirs + timedelta(seconds=ahead), int(theirs.timestamp()) + ahead
    zoned = until.astimezone(timezone(timedelta(hours=2)))
    spellings = [
        f"{until:%A, %d-%b-%y %H:%M:%S} GMT",
        f"{until:%a %b %d %H:%M:%S %Y}",
        format_datetime(zoned),
        until.isoformat(),
        f"{until:%Y-%m-%dT%H:%M:%SZ}",
        f"{epoch}",
        f"{epoch}.0",
        f"{epoch}000",
    ]
    date = format_datetime(theirs, usegmt=True)
    assert {said: retry_after({"retry-after": said, "date": date}) for said in spellings} == dict.fromkeys(
        spellings, seconds
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": "1m30s"}, 90),
        ({"x-rate-limit-reset": "5"}, 5),
        ({"x-ratelimit-reset": "30", "x-ratelimit-remaining": "7"}, None),
        ({"ratelimit-reset": "30", "retry-after": "2"}, 2),
        ({"ratelimit-reset": "30", "retry-after": "soon"}, 30),
        ({"ratelimit-reset": "soon"}, None),
    ],
)
def test_the_renewal_of_a_quota_is_a_wish_where_the_quota_is_used_up(
    headers: dict[str, str], seconds: float | None
) -> None:
    limited, away = failure_of_status(429, headers), failure_of_status(503, headers)
    assert limited is not None
    assert away is not None
    assert limited.wait_seconds == seconds
    assert away.wait_seconds == (2 if headers.get("retry-after") == "2" else None)


@pytest.mark.parametrize(("ahead", "seconds"), [(12, 12), (0, 0), (-3600, 0), (10**8, 86_400)])
@pytest.mark.parametrize("skew", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
def test_a_date_is_compared_with_the_clock_of_the_provider(ahead: int, seconds: float, skew: timedelta) -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) + skew
    until = theirs + timedelta(seconds=ahead)
    headers = {"retry-after": format_datetime(until, usegmt=True), "date": format_datetime(theirs, usegmt=True)}
    assert retry_after(headers) == seconds


def test_a_date_alone_is_compared_with_our_clock() -> None:
    until = datetime.now(UTC) + timedelta(seconds=60)
    wait = retry_after({"retry-after": format_datetime(until, usegmt=True)})
    assert wait is not None
    assert 57 <= wait <= 60


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://evil.example/login?token=SECRET", "the host evil.example"),
        ("https://user:SECRET@evil.example/", "the host evil.example"),
        ("//evil.example:81/x", "the host evil.example"),
        ("/login?next=SECRET", "its own host"),
        ("", "its own host"),
        ("https://[::1", "an unreadable address"),
        ("https://ev\x1b[31mil/SECRET", "an unreadable address"),
        ("https://" + "a" * 300 + "/", "an unreadable address"),
    ],
)
def test_a_redirect_is_named_by_its_host_alone(location: str, shown: str) -> None:
    failure = failure_of_status(302, {"location": location})
    assert failure is not None
    assert shown in failure.culprit
    assert "SECRET" not in failure.culprit
    assert failure.culprit.isprintable()


@pytest.mark.parametrize(
    ("url", "location", "shown"),
    [
        ("http://127.0.0.1:9/v1/x", "https://127.0.0.1:9/v1/x", "its own host, with https in place of http,"),
        ("http://a.example/x", "https://a.example/x", "its own host, with https in place of http,"),
        ("https://a.example/x", "https://a.example:8443/x", "its own host, with port 8443,"),
        ("https://a.example/x", "http://a.example:8080/x", "its own host, with http in place of https and port 8080,"),
        ("https://a.example/v1/x", "/v1/x/", "its own host, with the path /v1/x/,"),
        ("https://a.example/v1/x", "login", "its own host, with the path /v1/login,"),
        ("https://a.example/x", "https://a.example/y", "its own host, with the path /y,"),
        ("https://a.example/x?a=1", "/x?a=SECRET", "its own host, with other parameters,"),
        ("https://a.example/x", "https://a.example/x", "its own host, and the very same address,"),
        ("https://a.example/x", "/files/" + "SECRET" * 9, "its own host, with another path,"),
        ("https://a.example/x", "/t/eyJhbGciOi.SECRET", "its own host, with another path,"),
        ("https://a.example/x", "/a%0d%0aSECRET", "its own host, with another path,"),
        ("https://a.example/x", "/x;jsessionid=SECRET", "its own host, with another path,"),
        ("https://a.example/x", "https://b.example/SECRET", "the host b.example,"),
        ("https://a.example/x", "https://a.example:99999/", "an unreadable address,"),
    ],
)
def test_a_redirect_says_what_differs(url: str, location: str, shown: str) -> None:
    failure = failure_of_status(302, {"location": location}, url)
    assert failure is not None
    assert f"a redirect to {shown} which is not followed" in failure.culprit
    assert "SECRET" not in failure.culprit


def test_a_strange_media_type_cannot_break_the_line() -> None:
    failure = unexpected_type("a/b\r\n2026-11-21 ERROR forged", ("application/json",))
    assert failure.culprit.isprintable()


def exception_classes() -> list[type[Exception]]:
    found = {member for _, member in inspect.getmembers(httpx, inspect.isclass) if issubclass(member, Exception)}
    return sorted(found, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", exception_classes())
def test_no_exception_of_httpx_is_without_a_verdict(cls: type[Exception]) -> None:
    assert cls in FAILURES
    try:
        error = cls("https://user:SECRET@api.example/?key=SECRET")
    except TypeError:  # some take a request as well, or nothing
        error = cls.__new__(cls)
    for in_body in (False, True):
        failure = failure_of_exception(error, in_body=in_body, is_late=False)
        assert isinstance(failure.error("place"), ProviderError)
        assert "SECRET" not in failure.culprit


def test_a_cut_body_is_incomplete_and_a_cut_head_is_not_an_answer() -> None:
    error = httpx.RemoteProtocolError("x")
    assert failure_of_exception(error, in_body=True, is_late=False).kind is IncompleteAnswerError
    assert failure_of_exception(error, in_body=False, is_late=False).kind is ProviderUnavailableError


def test_what_may_be_sent_again_is_what_waiting_can_help() -> None:
    for cls in exception_classes():
        failure = failure_of_exception(cls.__new__(cls), in_body=False, is_late=False)
        assert failure.may_retry == failure.kind.retryable


@pytest.mark.parametrize("kind", [RequestRejectedError, RateLimitedError, AnswerTooLargeError])
def test_a_failure_says_how_many_tries_it_took(kind: type[ProviderError]) -> None:
    error = Failure(kind, "it broke", "mend it").error("here", n_tries=5)
    assert str(error) == "it broke, in 5 tries (here): mend it."
    assert isinstance(error, errors.IngestError)
