"""Who is told, once, by a real webhook and a real mail server; the table says who was."""

import email.message
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler
from aiosmtpd.smtp import AuthResult

from assets.troubles import SourceState
from domain.troubles import Severity, Trouble, TroubleKind
from domain.window import Window
from pipelines.notifications.notifier import LOOKED_FOR, PAUSE, Notifier, project_notifier
from pipelines.notifications.sender import Message, Sender
from pipelines.notifications.states import source_states
from providers._http_types import Secret
from resources.settings import Settings
from tests.fakes.connect_proxy import ConnectProxy
from tests.fakes.days import facts
from tests.fakes.points import load
from tests.fakes.webhook import DirectSender, Webhook, listening
from warehouse.embedded.host import free_port
from warehouse.ledger import DayStatus
from warehouse.notifications import CLAIM
from warehouse.store import TimescaleWarehouse, open_warehouse

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def trouble(source: str = "roof", severity: Severity = Severity.WARNING, since: datetime = NOON) -> Trouble:
    return Trouble(TroubleKind.FAILED_DAYS, source, "", severity, f"{source}: it failed.", since, "Tried.", "Do it.")


def notifier_of(**environment: str) -> Notifier:
    sources = [facts(), facts("yard", owners=("team:gardeners",)), facts("cellar", owners=("ada@example.org",))]
    made = project_notifier(Settings({"UI_ORIGINS": "https://energy.example.org", **environment}), sources)
    return replace(made, sender=DirectSender(made.sender.environment))


def tell(notifier: Notifier, warehouse: TimescaleWarehouse, lasting: list[Trouble], now: datetime) -> list[str]:
    return notifier.tell(warehouse.notifications, lasting, now, judged=LOOKED_FOR)


def test_a_trouble_is_told_once_while_it_lasts_and_once_when_it_is_over(
    warehouse: TimescaleWarehouse, webhook: Webhook
) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    for minutes in (0, 1, 60, 600):
        assert tell(notifier, warehouse, [trouble()], NOON + minutes * MINUTE) == []
    for minutes in (601, 602, 700):
        tell(notifier, warehouse, [], NOON + minutes * MINUTE)
    new, over = webhook.texts
    assert new.splitlines() == [
        "Joulehouse: roof: failed days",
        "roof: it failed.",
        "Since 2026-01-10 12:00 UTC (0 min).",
        "Tried.",
        "Do: Do it.",
        "https://energy.example.org/assets/roof/measurements",
        "#1",
    ]
    assert over.splitlines() == ["Joulehouse: 1 over", "Over: roof: it failed.", "It lasted 10 h 1 min. #1 over"]
    # It comes back, and that is another one.
    tell(notifier, warehouse, [trouble()], NOON + timedelta(days=1))
    assert webhook.texts[-1].endswith("#2")


def test_a_storm_of_500_failures_is_one_message(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    storm = [trouble(f"source_{n}") for n in range(500)]
    tell(notifier, warehouse, storm[:400], NOON)
    for minutes in range(1, 4):  # what comes a little later waits for the next message
        tell(notifier, warehouse, storm, NOON + minutes * MINUTE)
    [text] = webhook.texts
    assert text.startswith("Joulehouse: 400 troubles\n")
    assert "And 392 more troubles: failed days 392. joulehouse status names them." in text
    assert len(text) < 2000
    tell(notifier, warehouse, storm, NOON + PAUSE)
    assert webhook.texts[1].startswith("Joulehouse: 100 troubles\n")
    tell(notifier, warehouse, [], NOON + 2 * PAUSE)
    assert webhook.texts[2].startswith("Joulehouse: 500 over\n")


def test_what_is_critical_waits_for_no_pause(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    tell(notifier, warehouse, [trouble()], NOON)
    tell(notifier, warehouse, [trouble(), trouble("yard", Severity.CRITICAL)], NOON + MINUTE)
    assert [text.splitlines()[0] for text in webhook.texts] == [
        "Joulehouse: roof: failed days",
        "Joulehouse: yard: failed days",
    ]


def test_of_many_processes_that_look_at_once_one_sends(database: str, tmp_path: Path, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    barrier = threading.Barrier(6)

    def look() -> None:
        with open_warehouse(database, tmp_path) as warehouse:
            barrier.wait()
            tell(notifier, warehouse, [trouble(f"source_{n}") for n in range(20)], NOON)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [word for text in webhook.texts for word in text.split() if word.startswith("#")]
    assert len(numbers) == len(set(numbers))
    assert sum("20 troubles" in text for text in webhook.texts) == 1
    assert len(webhook.texts) == 1


def test_who_looked_before_a_trouble_was_found_does_not_call_it_over(
    warehouse: TimescaleWarehouse, webhook: Webhook
) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    tell(notifier, warehouse, [trouble()], NOON)
    tell(notifier, warehouse, [], NOON - MINUTE)  # a look that began earlier and comes to its end now
    tell(notifier, warehouse, [trouble()], NOON + 10 * MINUTE)
    assert len(webhook.texts) == 1


def test_a_trouble_that_one_process_does_not_look_for_is_not_over_for_it(
    warehouse: TimescaleWarehouse, webhook: Webhook
) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    tell(notifier, warehouse, [trouble()], NOON)
    notifier.tell(warehouse.notifications, [], NOON + timedelta(hours=1), judged={TroubleKind.DAEMON})
    assert len(webhook.texts) == 1


def test_what_could_not_be_sent_is_sent_later_and_less_and_less_often(
    warehouse: TimescaleWarehouse, webhook: Webhook, database: str
) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    webhook.status = 503
    assert tell(notifier, warehouse, [trouble()], NOON) == [
        "NOTIFY_URLS 1: the service refused it, or did not answer in time."
    ]
    assert tell(notifier, warehouse, [trouble()], NOON + 0.5 * MINUTE) == []
    assert len(tell(notifier, warehouse, [trouble()], NOON + MINUTE)) == 1
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT n_failed, failure, claimed_until FROM notification").fetchone()
    assert row == (2, "the service refused it, or did not answer in time", NOON + 3 * MINUTE)
    webhook.status = 200
    assert tell(notifier, warehouse, [trouble()], NOON + 3 * MINUTE) == []
    assert len(webhook.texts) == 1


def test_a_redirect_is_no_delivery(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    """Apprise would follow it as a GET without the message, and say that all is well."""
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    webhook.status, webhook.location = 302, f"http://127.0.0.1:{webhook.port}/elsewhere"
    assert len(tell(notifier, warehouse, [trouble()], NOON)) == 1
    assert webhook.pings == []


def test_a_claim_of_a_process_that_has_died_lapses(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    assert len(warehouse.notifications.claim("NOTIFY_URLS 1", [trouble()], NOON)) == 1
    tell(notifier, warehouse, [trouble()], NOON + CLAIM - MINUTE)
    assert webhook.texts == []
    tell(notifier, warehouse, [trouble()], NOON + CLAIM)
    assert len(webhook.texts) == 1


def test_one_that_hangs_holds_up_neither_us_nor_another(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    with listening() as hanging:
        hanging.wait = 30.0
        quick = notifier_of(NOTIFY_URLS=f"{hanging.apprise_url}?rto=60 {webhook.apprise_url}")
        notifier = replace(quick, sender=Sender({}, seconds=2.5))
        began = time.monotonic()
        complaints = tell(notifier, warehouse, [trouble()], NOON)
        hanging.wait = 0.0
    assert time.monotonic() - began < 10
    assert complaints == ["NOTIFY_URLS 1: it was not sent within 2.5 s."]
    assert len(webhook.texts) == 1


def test_owners_are_told_of_their_sources_and_everybody_else_of_the_rest(
    warehouse: TimescaleWarehouse, webhook: Webhook
) -> None:
    with listening() as gardeners, listening() as pager:
        notifier = notifier_of(
            NOTIFY_URLS=f"{webhook.apprise_url} critical={pager.apprise_url}",
            NOTIFY_URLS_GARDENERS=gardeners.apprise_url,
        )
        lasting = [trouble("yard"), trouble("roof"), trouble("cellar", Severity.CRITICAL)]
        tell(notifier, warehouse, lasting, NOON)
        assert [text.splitlines()[0] for text in gardeners.texts] == ["Joulehouse: yard: failed days"]
        assert [text.splitlines()[0] for text in pager.texts] == ["Joulehouse: cellar: failed days"]
        assert [text.splitlines()[0] for text in webhook.texts] == ["Joulehouse: 2 troubles"]


def test_the_digest_comes_once_in_the_morning(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    loaded = [DayStatus(date(2026, 1, 9), 1, 1, NOON, 10, 0, None, None)]
    states = [SourceState(facts(), loaded, date(2026, 1, 9), ended_at=NOON), SourceState(facts("yard"))]
    at = datetime(2026, 1, 10, 7, tzinfo=UTC)
    for minutes in (-1, 0, 1, 60, 300):
        notifier.tell(
            warehouse.notifications,
            [trouble(since=at)],
            at + minutes * MINUTE,
            judged=LOOKED_FOR,
            states=states,
            digest_at=at,
        )
    [_, digest] = webhook.texts
    assert digest.splitlines()[:7] == [
        "Joulehouse: 2026-01-10",
        "roof: loaded to 2026-01-09",
        "yard: nothing is loaded",
        "The night has not ended: yard.",
        "",
        "1 trouble lasts:",
        "- roof: it failed. Since 2026-01-10 07:00 UTC.",
    ]


def test_the_digest_says_when_the_night_ended_or_which_load_has_not(
    warehouse: TimescaleWarehouse, webhook: Webhook
) -> None:
    """By the ledger: what a load of the newest day was the last to say."""
    day = Window.of_day(date(2026, 1, 9))
    sources = [facts(), facts("yard", schedule="40 4 * * *"), facts("by_hand", schedule=None)]
    load(warehouse, {("a", 0): 1.0}, "roof", day)
    at = datetime(2026, 1, 10, 7, tzinfo=UTC)
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)

    def line(now: datetime) -> str:
        states = source_states(sources, warehouse, now)
        notifier.tell(warehouse.notifications, [], now, judged=LOOKED_FOR, states=states, digest_at=now)
        [said] = [one for one in webhook.texts[-1].splitlines() if one.startswith("The night")]
        return said

    assert line(at) == "The night has not ended: yard."
    for source in ("roof", "yard"):
        load(warehouse, {("a", 0): 1.0}, source, Window.of_day(date(2026, 1, 10)))
    [loaded] = warehouse.ledger.unjudged_days("yard")
    assert loaded.loaded_at is not None
    ended = f"{loaded.loaded_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, with yard."
    assert line(at + timedelta(days=1)) == f"The night ended at {ended}"


def test_a_device_may_be_called_anything(warehouse: TimescaleWarehouse, webhook: Webhook) -> None:
    notifier = notifier_of(NOTIFY_URLS=webhook.apprise_url)
    odd = Trouble(
        TroubleKind.SILENT_DEVICE,
        "roof",
        "a\nSubject: *x*\x00",
        Severity.WARNING,
        "29. a\n*b* <i>c</i>\x00",
        NOON,
        "",
        "x" * 5000,
    )
    tell(notifier, warehouse, [odd], NOON)
    tell(notifier, warehouse, [odd], NOON + timedelta(hours=1))
    [text] = webhook.texts
    assert text.splitlines()[:2] == ["Joulehouse: roof, a Subject: *x* : silent device", "29. a *b* <i>c</i>"]
    assert len(text) < 1000


def test_an_owner_gets_a_mail_from_a_real_server_and_no_secret_is_shown(
    warehouse: TimescaleWarehouse, caplog: pytest.LogCaptureFixture, database: str
) -> None:
    mails: list[email.message.Message] = []

    class Mailbox(Handler):
        def handle_message(self, message: email.message.Message) -> None:
            mails.append(message)

    def login(*_: object) -> AuthResult:
        return AuthResult(success=True)

    server = Controller(Mailbox(), hostname="127.0.0.1", port=free_port(), auth_require_tls=False, authenticator=login)
    server.start()
    try:
        mail = f"mailto://joule:hunter2secret@127.0.0.1:{server.port}?from=joulehouse@example.org&mode=insecure"
        notifier = notifier_of(NOTIFY_MAIL_URL=mail, NOTIFY_URLS="json://nobody:hunter2secret@127.0.0.1:9/")
        notifier = replace(notifier, sender=Sender(notifier.sender.environment))
        complaints = tell(notifier, warehouse, [trouble("cellar"), trouble("roof")], NOON)
    finally:
        server.stop()
    [message] = mails
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Joulehouse: cellar: failed days"
    text = message.get_payload()
    assert "cellar: it failed." in str(text)
    assert "<br" not in str(text)
    assert len(complaints) == 1
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT * FROM notification").fetchall()
    for shown in (caplog.text, str(complaints), str(rows), repr(notifier), str(text)):
        assert "hunter2" not in shown


def test_what_apprise_does_not_understand_is_said_and_not_sent() -> None:
    sender = Sender({})
    urls = [Secret("nosuchservice://hunter2"), Secret("json://127.0.0.1")]
    assert sender.check(urls) == ["it is no address that Apprise understands", ""]
    assert sender.send([Message(urls[0], "title", "body")]) == ["it is no address that Apprise understands"]
    assert sender.send([]) == []


def test_a_process_that_cannot_send_says_so_at_once(tmp_path: Path) -> None:
    (tmp_path / "apprise.py").write_text("import os; os._exit(3)\n")
    sent = Sender({"PYTHONPATH": str(tmp_path)}).send([Message(Secret("json://127.0.0.1"), "title", "body")])
    assert sent == ["the process that sends has ended with 3"]


def test_the_process_that_sends_gets_no_secret_but_the_addresses(tmp_path: Path) -> None:
    (tmp_path / "apprise.py").write_text("import os; os._exit(4 if 'WAREHOUSE_PASSWORD' in os.environ else 5)\n")
    sender = Sender({"PYTHONPATH": str(tmp_path), "WAREHOUSE_PASSWORD": "hunter2"})
    assert sender.send([Message(Secret("json://127.0.0.1"), "t", "b")]) == ["the process that sends has ended with 5"]


def test_messages_and_pings_go_through_the_proxy_of_all_and_to_this_machine_without() -> None:
    with ConnectProxy({}, proof="me:p@ss") as proxy, listening() as webhook:
        ours = proxy.url.replace("p@ss", "p%40ss")
        settings = Settings({"JOULEHOUSE_PROXY": ours, "https_proxy": "http://127.0.0.1:1", "NO_PROXY": "x"})
        sender = project_notifier(settings, []).sender
        messages = [Message(Secret(url), "t", "b") for url in ("jsons://hook.example", webhook.apprise_url)]
        assert [bool(failure) for failure in sender.send(messages)] == [True, False]
        assert sender.ping(Secret("https://watchdog.example/x"))
        assert sender.ping(Secret(f"http://127.0.0.1:{webhook.port}/here")) == ""
        assert (set(proxy.asked), proxy.n_refused) == ({"hook.example:443", "watchdog.example:443"}, 0)
        assert (len(webhook.received), webhook.pings) == (1, ["/here"])


def test_without_a_proxy_of_ours_messages_find_the_variables_of_the_environment_as_they_are() -> None:
    assert project_notifier(Settings({"HTTPS_PROXY": "x"}), []).sender.environment == {"HTTPS_PROXY": "x"}
