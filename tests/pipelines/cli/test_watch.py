"""`joulehouse watch` and `joulehouse doctor` say who is told."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli.application import application
from pipelines.cli.doctor import notifications
from pipelines.cli.findings import Finding, Health
from pipelines.local.project import Project
from resources.settings import Settings
from tests.fakes.webhook import Webhook


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULEHOUSE_HOME", str(tmp_path / "home"))


def watch(*words: str) -> Result:
    return CliRunner().invoke(application, ["watch", *words])


def doctor(**environment: str) -> list[Finding]:
    return list(notifications(Project(Settings(environment))))


def test_a_test_message_reaches_everybody_and_says_who_was_not(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", f"{webhook.apprise_url} nosuch://hunter2secret")
    asked = watch("--test")
    assert asked.exit_code == 1
    assert "NOTIFY_URLS 1: sent." in asked.output
    assert "NOTIFY_URLS 2: it is no address that Apprise understands." in asked.output
    assert "hunter2" not in asked.output
    [text] = webhook.texts
    assert text.startswith("Joulehouse: test\n")


def test_without_anybody_a_test_message_is_refused() -> None:
    asked = watch("--test")
    assert asked.exit_code == 1
    assert "nobody can be told: NOTIFY_URLS is not set" in asked.output


def test_a_look_by_hand_says_what_is_wrong_where_nobody_else_is_told(tmp_path: Path) -> None:
    asked = watch("--once")
    assert asked.exit_code == 0, asked.output
    assert "for 0 recipients; Ctrl-C ends it." in asked.output
    assert "The database is down. WarehouseUnavailableError:" in asked.output
    assert not (tmp_path / "home" / "warehouse").exists(), "the watch started what it watches"


def test_a_mistake_in_the_settings_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_DIGEST_AT", "soon")
    asked = watch("--once")
    assert asked.exit_code == 1
    assert "'soon' is no time of day (NOTIFY_DIGEST_AT)" in asked.output


def test_the_doctor_says_in_one_line_who_is_told(webhook: Webhook) -> None:
    [nobody] = doctor()
    sentence = "Nobody is told of troubles, since NOTIFY_URLS is not set; no watchdog (WATCH_PING_URL)."
    assert nobody == Finding("notifications", Health.LATER, sentence)
    [known] = doctor(NOTIFY_URLS=webhook.apprise_url, WATCH_PING_URL="https://hc.example.org/hunter2")
    assert known == Finding("notifications", Health.GOOD, "NOTIFY_URLS 1; a watchdog is pinged.")
    [wrong] = doctor(NOTIFY_URLS=f"{webhook.apprise_url} nosuch://hunter2")
    assert wrong.health is Health.WRONG
    assert wrong.sentence == "NOTIFY_URLS 2: it is no address that Apprise understands."
    assert (webhook.texts, webhook.pings) == ([], [])
