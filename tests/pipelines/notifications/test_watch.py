"""`joulehouse watch` on a moved clock: the daemon, the database, a night that never ran, and a watchdog outside."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.ingest import ingest_days
from assets.source import SourceFacts
from assets.troubles import DAEMON
from domain.errors import (
    RequestRejectedError,
    WarehouseError,
    WarehouseUnavailableError,
    WarehouseUnsuitableError,
)
from domain.records import Series
from domain.troubles import TroubleKind
from domain.window import Window
from pipelines.notifications.notifier import project_notifier
from pipelines.notifications.sensor import notifications_sensor
from pipelines.notifications.watch import Watch, WatchSettings
from providers._http_types import Secret
from resources.settings import Settings
from tests.fakes.days import days, facts, provider_of
from tests.fakes.points import load
from tests.fakes.webhook import DirectSender, Webhook, listening
from warehouse.store import TimescaleWarehouse, open_warehouse

DAYS = days(3)
TICK = datetime(2026, 1, 4, 4, 30, tzinfo=UTC)  # the schedule's, behind the last of the days
MINUTE = timedelta(minutes=1)


@dataclass
class Scene:
    """A watch over a real ledger, with everything that can go wrong on a switch."""

    warehouse: TimescaleWarehouse
    webhook: Webhook
    watchdog: Webhook
    now: datetime = TICK
    away: WarehouseError | None = None
    hung: threading.Event | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self) -> Iterator[TimescaleWarehouse]:
        if self.hung is not None:
            self.hung.wait()
        if self.away is not None:
            raise self.away
        yield self.warehouse

    def watch(self, of: Sequence[SourceFacts] = (), **settings: Any) -> Watch:
        sources = list(of) or [facts()]
        return Watch(
            self.open,
            sources,
            replace(project_notifier(Settings(self.settings), sources), sender=DirectSender({})),
            ping_url=Secret(f"http://127.0.0.1:{self.watchdog.port}/ping/secret-uuid"),
            digest_at=lambda _: None,
            now=lambda: self.now,
            settings=WatchSettings(**settings),
        )

    def look(self, watch: Watch, now: datetime, *, is_daemon_at_work: bool = True) -> tuple[list[str], int]:
        """The titles that one look sends, and its pings."""
        self.now = now
        if is_daemon_at_work:
            self.warehouse.notifications.beat(DAEMON, now)
        n_before, n_pings = len(self.webhook.texts), len(self.watchdog.pings)
        watch.look()
        titles = [text.splitlines()[0] for text in self.webhook.texts[n_before:]]
        return titles, len(self.watchdog.pings) - n_pings


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two days are loaded; the third night is to come."""
    with listening() as webhook, listening() as watchdog, open_warehouse(database, tmp_path / "landing") as warehouse:
        list(ingest_days(DAYS[:2], provider_of(3), warehouse, "roof"))
        yield Scene(
            warehouse, webhook, watchdog, settings={"NOTIFY_URLS": webhook.apprise_url, "NOTIFY_DIGEST_AT": "never"}
        )


def test_a_night_that_never_ran_is_told_within_two_hours_and_ten_minutes_and_the_pings_stop(scene: Scene) -> None:
    watch = scene.watch()
    for minutes in range(0, 120, 30):
        assert scene.look(watch, TICK + minutes * MINUTE) == ([], 1)
    told = scene.look(watch, TICK + 129 * MINUTE)
    assert told == (["Joulehouse: roof: overdue load"], 0)
    assert "roof: no load of 2026-01-03 has ended, well or not." in scene.webhook.texts[0]
    assert scene.look(watch, TICK + 180 * MINUTE) == ([], 0)
    list(ingest_days(DAYS[2:], provider_of(3), scene.warehouse, "roof"))
    assert scene.look(watch, TICK + 240 * MINUTE) == (["Joulehouse: 1 over"], 1)


def test_a_new_source_is_due_after_its_first_night_and_not_at_once(database: str, tmp_path: Path) -> None:
    with listening() as webhook, listening() as watchdog, open_warehouse(database, tmp_path / "landing") as warehouse:
        settings = {"NOTIFY_URLS": webhook.apprise_url, "NOTIFY_DIGEST_AT": "never"}
        scene = Scene(warehouse, webhook, watchdog, settings=settings)
        noon = TICK + timedelta(hours=8)
        assert scene.look(scene.watch(), noon) == ([], 1)
        assert scene.look(scene.watch(), noon + timedelta(hours=17)) == ([], 1)
        assert scene.look(scene.watch(), noon + timedelta(hours=18, minutes=9)) == (
            ["Joulehouse: roof: overdue load"],
            0,
        )


def test_a_due_load_that_has_failed_has_ended_and_the_pings_go_on(scene: Scene) -> None:
    provider = provider_of(3)
    provider.failures[DAYS[2]] = RequestRejectedError("they refuse", place="roof", fix="ask them")
    list(ingest_days(DAYS[2:], provider, scene.warehouse, "roof"))
    watch = scene.watch()
    assert scene.look(watch, TICK + timedelta(hours=3)) == (["Joulehouse: roof: failed days"], 1)
    assert "RequestRejectedError: they refuse" in scene.webhook.texts[0]


def test_a_device_that_is_silent_from_noon_is_told_by_name_and_the_pings_go_on(scene: Scene) -> None:
    window = [Window.of_day(date(2026, 2, n)) for n in range(1, 5)]
    yard = replace(facts(), slug="yard")
    described = [Series(one, "power", device=f"inverter {one}", resolution=timedelta(minutes=15)) for one in "ab"]
    scene.warehouse.catalogue("yard", described)
    for n in range(3):
        load(scene.warehouse, quarters("a", "b"), "yard", window[n])
    load(scene.warehouse, {**quarters("a"), **quarters("b", until=720)}, "yard", window[3])
    morning = window[3].end + timedelta(hours=5)
    scene.warehouse.completeness.assess("yard", window[3].day, now=morning)
    watch = scene.watch(of=[yard])
    assert scene.look(watch, morning) == (["Joulehouse: yard, inverter b: silent device"], 1)
    assert "Since 2026-02-04 11:45 UTC" in scene.webhook.texts[0]
    assert "joulehouse gaps yard --from 2026-02-04" in scene.webhook.texts[0]


def quarters(*devices: str, until: int = 1440) -> dict[tuple[str, int], float | str]:
    return {(device, minute): minute + 1.0 for device in devices for minute in range(0, until, 15)}


def test_a_daemon_that_is_down_is_told_and_the_pings_stop_until_it_is_back(scene: Scene) -> None:
    watch = scene.watch()
    assert scene.look(watch, TICK) == ([], 1)
    assert scene.look(watch, TICK + 5 * MINUTE, is_daemon_at_work=False) == ([], 1)
    assert scene.look(watch, TICK + 6 * MINUTE, is_daemon_at_work=False) == (["Joulehouse: daemon"], 0)
    assert scene.look(watch, TICK + 30 * MINUTE, is_daemon_at_work=False) == ([], 0)
    assert scene.look(watch, TICK + 40 * MINUTE) == (["Joulehouse: 1 over"], 1)


def test_a_stack_that_starts_is_given_five_minutes_and_no_ping(scene: Scene) -> None:
    scene.warehouse.notifications.beat(DAEMON, TICK - timedelta(hours=9))
    watch = scene.watch()
    assert scene.look(watch, TICK + MINUTE, is_daemon_at_work=False) == ([], 0)
    assert scene.look(watch, TICK + 6 * MINUTE, is_daemon_at_work=False) == (["Joulehouse: daemon"], 0)


def test_a_database_that_is_down_is_told_without_it_and_once_more_when_it_is_back(scene: Scene) -> None:
    watch = scene.watch()
    scene.look(watch, TICK)
    scene.away = WarehouseUnavailableError("nobody answers", place="db:5432/joulehouse", fix="start it")
    assert scene.look(watch, TICK + MINUTE) == ([], 0)
    assert scene.look(watch, TICK + 2 * MINUTE) == (["Joulehouse: database"], 0)
    assert scene.look(watch, TICK + 60 * MINUTE) == ([], 0)
    assert [trouble.kind for trouble in watch.troubles] == [TroubleKind.DATABASE]
    assert (
        "The database is down. WarehouseUnavailableError: nobody answers (db:5432/joulehouse)" in scene.webhook.texts[0]
    )
    scene.away = None
    assert scene.look(watch, TICK + 61 * MINUTE) == (["Joulehouse: 1 over"], 1)
    assert scene.look(watch, TICK + 62 * MINUTE) == ([], 1)


def test_a_database_that_refuses_us_is_not_called_down(scene: Scene) -> None:
    watch = scene.watch()
    scene.away = WarehouseUnsuitableError("the schema is at step 0001", place="db:5432", fix="migrate it")
    scene.look(watch, TICK)
    assert scene.look(watch, TICK + MINUTE) == (["Joulehouse: database"], 0)
    assert "The watch cannot ask the database. WarehouseUnsuitableError: " in scene.webhook.texts[0]
    assert "is down" not in scene.webhook.texts[0]


def test_a_database_that_hangs_is_down(scene: Scene) -> None:
    watch = scene.watch(answer_seconds=0.2)
    scene.hung, began = threading.Event(), time.monotonic()
    assert scene.look(watch, TICK) == ([], 0)
    assert time.monotonic() - began < 10
    assert scene.look(watch, TICK + MINUTE) == (["Joulehouse: database"], 0)
    assert threading.active_count() < 20
    scene.hung.set()
    scene.hung = None
    assert watch._asking is not None
    watch._asking.join()
    watch._settings = WatchSettings()
    assert scene.look(watch, TICK + 2 * MINUTE) == (["Joulehouse: 1 over"], 1)


def test_the_sensor_of_the_daemon_and_the_watch_never_both_send(scene: Scene) -> None:
    night = TICK + timedelta(hours=3)
    sensor = notifications_sensor([facts()], clock=lambda: night, settings=lambda: Settings(scene.settings))
    context = dg.build_sensor_context(resources={"warehouse": scene})
    skipped = sensor.evaluate_tick(context)
    assert skipped.skip_message == "1 troubles last."
    assert scene.warehouse.notifications.last_beat(DAEMON) == night
    assert len(scene.webhook.texts) == 1
    assert scene.look(scene.watch(), night + MINUTE) == ([], 0)


def test_nobody_is_told_where_nothing_is_configured_and_the_daemon_beats_all_the_same(scene: Scene) -> None:
    scene.settings = {}
    night = TICK + timedelta(hours=3)
    sensor = notifications_sensor([facts()], clock=lambda: night, settings=lambda: Settings({}))
    told = sensor.evaluate_tick(dg.build_sensor_context(resources={"warehouse": scene}))
    assert told.skip_message == "Nobody is told: NOTIFY_URLS is not set."
    assert scene.warehouse.notifications.last_beat(DAEMON) == night
    watch = scene.watch()
    assert scene.look(watch, night) == ([], 0)
    assert [trouble.kind for trouble in watch.troubles] == [TroubleKind.OVERDUE_LOAD]
    # Whoever is named later is told of what lasts.
    scene.settings = {"NOTIFY_URLS": scene.webhook.apprise_url}
    assert scene.look(scene.watch(), night + MINUTE) == (["Joulehouse: roof: overdue load"], 0)


def test_a_watchdog_that_sends_us_elsewhere_was_not_pinged(scene: Scene) -> None:
    scene.watchdog.status, scene.watchdog.location = 302, f"http://127.0.0.1:{scene.watchdog.port}/login"
    watch = scene.watch()
    scene.look(watch, TICK)
    assert scene.watchdog.pings == ["/ping/secret-uuid"]
    assert not watch.has_pinged
    assert watch.complaints == ["The watchdog was not pinged: HTTPError was raised."]
