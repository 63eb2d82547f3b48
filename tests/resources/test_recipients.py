"""Who is told, as the environment says it."""

from datetime import UTC, datetime

import pytest

from domain.errors import ConfigurationError
from domain.troubles import Severity
from resources.recipients import digest_instant, ping_url, recipients, variable_of
from resources.settings import Settings

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)


def names(owners: tuple[str, ...], **environment: str) -> list[str]:
    known = recipients(Settings(environment), ["team:data-platform", "ada@example.org", "team:nobody"])
    return [recipient.name for recipient in known.of(owners)]


def test_each_address_is_a_recipient_and_has_a_severity() -> None:
    found = recipients(Settings({"NOTIFY_URLS": "json://a,b=1@host/?x=1 critical=slack://t warning=json://z\n"}), [])
    assert [(one.name, one.url.reveal(), one.least) for one in found.known] == [
        ("NOTIFY_URLS 1", "json://a,b=1@host/?x=1", Severity.WARNING),
        ("NOTIFY_URLS 2", "slack://t", Severity.CRITICAL),
        ("NOTIFY_URLS 3", "json://z", Severity.WARNING),
    ]


def test_owners_are_told_as_far_as_they_can_be_reached_and_else_everybody() -> None:
    reached = {"NOTIFY_URLS": "json://all", "NOTIFY_URLS_DATA_PLATFORM": "json://team", "NOTIFY_MAIL_URL": "mailto://m"}
    assert names(("team:data-platform",), **reached) == ["NOTIFY_URLS_DATA_PLATFORM 1"]
    assert names(("team:data-platform", "ada@example.org"), **reached) == [
        "ada@example.org",
        "NOTIFY_URLS_DATA_PLATFORM 1",
    ]
    assert names(("team:nobody",), **reached) == ["NOTIFY_URLS 1"]
    assert names((), **reached) == ["NOTIFY_URLS 1"]
    assert names(("ada@example.org",), NOTIFY_URLS="json://all") == ["NOTIFY_URLS 1"]
    assert names((), NOTIFY_MAIL_URL="mailto://m") == []


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("mailtos://u:p@smtp.example.org", "mailtos://u:p@smtp.example.org?to=ada%40example.org"),
        ("mailto://s?from=x@y.org", "mailto://s?from=x@y.org&to=ada%40example.org"),
    ],
)
def test_an_owner_with_a_mail_address_is_written_to_through_the_configured_server(server: str, address: str) -> None:
    [found] = recipients(Settings({"NOTIFY_MAIL_URL": server}), ["ada@example.org", "ada@example.org"]).known
    assert found.url.reveal() == address


@pytest.mark.parametrize("text", ["hunter2", "urgent=json://hunter2", "json://a hunter2"])
def test_what_is_no_address_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no address \(NOTIFY_URLS\)") as caught:
        recipients(Settings({"NOTIFY_URLS": text}), [])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["ftp://example.org/x", "example.org/hunter2", "https://a b"])
def test_a_watchdog_is_on_the_web(text: str) -> None:
    with pytest.raises(ConfigurationError, match="WATCH_PING_URL"):
        ping_url(Settings({"WATCH_PING_URL": text}))
    assert ping_url(Settings({})) is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [("", 7), ("06:30", 6), ("07:00 Europe/Berlin", 5), ("never", None), ("00:00 Pacific/Auckland", 12)],
)
def test_the_digest_has_an_hour_in_a_zone(text: str, hour: int | None) -> None:
    instant = digest_instant(Settings({"NOTIFY_DIGEST_AT": text}), NOW)
    assert (instant and instant.astimezone(UTC).hour) == hour


@pytest.mark.parametrize("text", ["7", "25:00", "07:00 Nowhere", "soon", "07:00+02:00x"])
def test_what_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="NOTIFY_DIGEST_AT"):
        digest_instant(Settings({"NOTIFY_DIGEST_AT": text}), NOW)


def test_a_team_s_variable_is_its_name_in_capitals() -> None:
    assert variable_of("team:Data.platform-2") == "NOTIFY_URLS_DATA_PLATFORM_2"
