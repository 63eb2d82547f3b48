"""Implausible series and suspect days are told as they were judged, by a real webhook: once, and once when over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from assets.troubles import troubles
from domain.window import Window
from pipelines.notifications.notifier import LOOKED_FOR, Notifier, project_notifier
from pipelines.notifications.states import source_states
from resources.settings import Settings
from tests.fakes.days import facts
from tests.fakes.points import load
from tests.fakes.webhook import DirectSender, Webhook
from warehouse.store import TimescaleWarehouse


@pytest.fixture
def notifier(webhook: Webhook) -> Notifier:
    made = project_notifier(Settings({"NOTIFY_URLS": webhook.apprise_url}), [facts()])
    return replace(made, sender=DirectSender(made.sender.environment))


def look(notifier: Notifier, warehouse: TimescaleWarehouse, now: datetime) -> None:
    found = troubles(source_states([facts()], warehouse, now), now)
    notifier.tell(warehouse.notifications, found, now, judged=LOOKED_FOR)


def flag(database: str, key: str, days: dict[date, str]) -> None:
    """Days on which a series is implausible from now on, and on no other."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "DELETE FROM series_flag USING series WHERE series.series_id = series_flag.series_id AND key = %s", [key]
        )
        for day, evidence in days.items():
            connection.execute(
                "INSERT INTO series_flag SELECT series_id, %s, 'stuck', %s FROM series WHERE key = %s",
                [day, evidence, key],
            )


def test_implausible_series_are_told_once_while_they_are_and_a_new_one_beside_them_is_told_too(
    warehouse: TimescaleWarehouse, webhook: Webhook, database: str, notifier: Notifier
) -> None:
    said = {(key, 15 * n): float(n) for key in "ab" for n in range(96)}

    def night(n: int, flags: dict[str, dict[date, str]]) -> str:
        """What is said behind the load of a day."""
        for key, days in flags.items():
            flag(database, key, days)
        load(warehouse, said, "roof", Window.of_day(date(2026, 1, n)))
        warehouse.completeness.assess("roof", date(2026, 1, n), now=Window.of_day(date(2026, 1, n)).end)
        n_before, morning = len(webhook.texts), datetime(2026, 1, n + 1, 6, tzinfo=UTC)
        look(notifier, warehouse, morning)
        look(notifier, warehouse, morning + timedelta(minutes=30))
        return "\n".join(webhook.texts[n_before:])

    assert night(4, {}) == ""
    first = night(5, {"a": {date(2026, 1, 5): "42 for 24 hours"}})
    assert first.splitlines()[1] == "roof: 1 series is implausible since 2026-01-05: a: stuck (42 for 24 hours)."
    assert night(6, {"a": {date(2026, 1, 5): "42 for 24 hours", date(2026, 1, 6): "42 for 48 hours"}}) == ""
    beside = night(7, {"b": {date(2026, 1, 7): "7 for 24 hours"}})
    assert beside.splitlines()[1] == "roof: 1 series is implausible since 2026-01-07: b: stuck (7 for 24 hours)."
    # Mended and judged again, the one is over; the other still is what it was.
    assert night(8, {"b": {}}).splitlines()[1].startswith("Over: roof: 1 series is implausible since 2026-01-07: b:")
    assert night(12, {}) == ""
    assert night(13, {}).splitlines()[1].startswith("Over: roof: 1 series is implausible since 2026-01-05: a:")


def test_a_suspect_day_is_told_as_it_was_judged_and_is_over_when_a_person_confirms_it(
    warehouse: TimescaleWarehouse, webhook: Webhook, notifier: Notifier
) -> None:
    full = {("a", 60 * hour): 1.0 for hour in range(24)}
    for n in range(1, 7):
        load(warehouse, full if n != 4 else {("a", 0): 1.0}, "roof", Window.of_day(date(2026, 1, n)))
    assert [one.day for one in warehouse.ledger.suspects.days("roof")] == [date(2026, 1, 4)]

    def said(now: datetime) -> list[str]:
        n_before = len(webhook.texts)
        look(notifier, warehouse, now)
        return [text for text in webhook.texts[n_before:] if "suspect" in text]

    now = datetime.now(UTC)
    [text] = said(now)
    assert "roof: 2026-01-04 is suspect. 2026-01-04: 1 points where 24 are usual." in text
    assert said(now + timedelta(hours=1)) == []
    warehouse.ledger.suspects.confirm("roof", date(2026, 1, 4))
    [over] = said(now + timedelta(hours=2))
    assert "Over: roof: 2026-01-04 is suspect." in over
