"""Gaps filled by the export: which questions are asked, how often, and what one that cannot be answered may hold up."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from domain.live import Gap
from domain.window import Window
from pipelines.live.filler import Filler, export_requests
from pipelines.live.settings import LiveSettings
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.live import VoltStorageFeed
from sandbox.voltstorage.twin import EXPORT_CSV, EXPORT_JSON
from tests.fakes.live_house import SOURCE
from tests.providers.voltstorage.harness import Battery, battery
from warehouse.live import OpenGap
from warehouse.store import TimescaleWarehouse, open_warehouse

ACCOUNT = AccountConfig(products=(77,), statistics=("hour",))
NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Filling:
    """A filler on a clock of the test's.

    Attributes:
        home: The twin, with a row a minute.
        warehouse: Where the gaps are.
        now: The time it is.
        stopping: As the service's.
    """

    home: Battery
    warehouse: TimescaleWarehouse
    now: datetime = NOON
    stopping: threading.Event = field(default_factory=threading.Event)

    def filler(self, settings: LiveSettings = LiveSettings()) -> Filler:
        home = self.home
        feed = VoltStorageFeed(home.provider.client, home.clients[0].origin, home.login, account=ACCOUNT, source=SOURCE)
        return Filler(
            home.provider, feed, self.warehouse, SOURCE, settings, stopping=self.stopping, now=lambda: self.now
        )

    def mark(self, *gaps: tuple[datetime, timedelta], reason: str = "disconnected", part: str = "77") -> None:
        self.warehouse.live.put(SOURCE, [], gaps=[Gap(part, start, start + span, reason) for start, span in gaps])

    def rows(self) -> dict[date, tuple[int, str | None, datetime | None]]:
        """Of the open gaps: the day → how often and why in vain, and when next."""
        window = Window(NOON - timedelta(days=400), NOON + timedelta(days=400))
        return {
            one["gap_start"].astimezone(UTC).date(): (one["n_failed"], one["failure"], one["next_try_at"])
            for one in self.warehouse.live.gaps(SOURCE, window)
            if one["filled_at"] is None
        }

    def asked(self) -> list[Window]:
        """The questions to the export so far, in order."""
        found = []
        for one in self.home.asked(EXPORT_CSV, EXPORT_JSON):
            start, end = (datetime.fromtimestamp(float(one["query"][name]), UTC) for name in ("from", "to"))
            found.append(Window(start, end))
        return found


@pytest.fixture
def filling(database: str, tmp_path: Path) -> Iterator[Filling]:
    with battery(account=ACCOUNT) as home, open_warehouse(database, tmp_path / "landing") as warehouse:
        yield Filling(home, warehouse)


def day(days_ago: int) -> date:
    return (NOON - timedelta(days=days_ago)).date()


def on(days_ago: int) -> tuple[datetime, timedelta]:
    """A minute of a day."""
    return NOON - timedelta(days=days_ago), MINUTE


def open_gap(start: datetime, end: datetime, number: int = 1) -> OpenGap:
    return OpenGap(number, Gap("77", start, end, "disconnected"))


def test_days_that_are_over_are_asked_for_whole_and_of_today_what_follows_the_first_gap() -> None:
    midnight = NOON.replace(hour=0)
    over = open_gap(midnight - 3 * MINUTE, midnight)
    early, late = open_gap(NOON - 40 * MINUTE, NOON - 30 * MINUTE), open_gap(NOON - 9 * MINUTE, NOON - 8 * MINUTE)
    found = export_requests([over, early, late], NOON)
    assert [request.window for request in found] == [Window(NOON - 40 * MINUTE, NOON), Window.of_day(day(1))]
    assert [list(request.gaps) for request in found] == [[early, late], [over]]


def test_a_question_is_asked_in_whole_seconds_and_reaches_as_far_back_as_the_gap() -> None:
    start = NOON - 5 * MINUTE + timedelta(seconds=0.75)
    [request] = export_requests([open_gap(start, start + MINUTE)], NOON)
    assert request.window == Window(NOON - 5 * MINUTE, NOON)


def test_a_gap_that_was_marked_over_several_days_is_part_of_each(filling: Filling) -> None:
    spanning = open_gap(NOON - timedelta(days=2), NOON - timedelta(hours=1))
    found = export_requests([spanning], NOON)
    assert [request.window.day for request in found] == [day(0), day(1), day(2)]
    filling.mark((NOON - timedelta(days=2), timedelta(days=1, hours=23)))
    filling.filler().fill_due()
    assert filling.rows() == {}
    assert {window.start.date() for window in filling.asked()} == {day(0), day(1), day(2)}


def test_a_gap_is_filled_with_what_the_export_says(filling: Filling) -> None:
    filling.mark((NOON - 30 * MINUTE, 10 * MINUTE))
    filling.filler().fill_due()
    assert filling.rows() == {}
    window = Window(NOON - 30 * MINUTE, NOON - 20 * MINUTE)
    held = filling.warehouse.reading.measurements(SOURCE, window)
    [house] = [one for one in filling.home.twin.store.homes(filling.home.twin.settings) if one.number == 77]
    start, end = (int(bound.timestamp() * 1000) for bound in (window.start, window.end))
    n_meant = sum(
        isinstance(cell, float) for _, row in filling.home.twin.rows(house, start, end) for cell in row.values()
    )
    assert len(held[~held["series"].astype("str").str.contains("/hour/")]) == n_meant > 20


@pytest.mark.parametrize(
    ("fault", "options", "failure"),
    [
        ("status", {"code": 503}, "provider_unavailable"),
        ("status", {"code": 404}, "request_rejected"),
        ("status", {"code": 403}, "credentials_rejected"),
        ("outside_rows", {"seconds": 90_000.0}, "outside_window"),
        ("html_200", {}, "payload_unreadable"),
    ],
)
def test_one_bad_day_holds_up_no_other_day_and_ends_nothing(
    filling: Filling, fault: str, options: dict[str, float], failure: str
) -> None:
    filling.home.twin.fault(fault, day=day(5), **options)
    filling.mark(*(on(days_ago) for days_ago in (7, 5, 3, 0)))
    filling.now += 5 * MINUTE
    filling.filler().fill_due()
    assert [(one, *said[:2]) for one, said in filling.rows().items()] == [(day(5), 1, failure)]
    filling.home.twin.clear_faults()
    filling.now += timedelta(hours=1)
    filling.filler().fill_due()
    assert filling.rows() == {}


def test_days_are_asked_for_backwards(filling: Filling) -> None:
    filling.mark(*(on(days_ago) for days_ago in (7, 3, 5)))
    filling.filler().fill_due()
    assert [window.start.date() for window in filling.asked()] == [day(3), day(5), day(7)]


def test_a_provider_that_is_down_is_asked_for_three_days_and_then_left_alone(filling: Filling) -> None:
    filling.home.twin.fault("status", code=503)
    filling.mark(*(on(2 * days_ago) for days_ago in range(1, 7)))
    filling.filler().fill_due()
    assert sorted(said[0] for said in filling.rows().values()) == [0, 0, 0, 1, 1, 1]
    # The next round begins with those that were not tried: none waits for ever behind one that fails.
    filling.now += timedelta(seconds=30)
    filling.filler().fill_due()
    assert [said[0] for said in filling.rows().values()] == [1] * 6


def test_a_provider_that_asks_to_be_left_alone_is(filling: Filling) -> None:
    filling.home.twin.fault("status", code=429, retry_after="600")
    filling.mark(*(on(2 * days_ago) for days_ago in (1, 2, 3)))
    filler = filling.filler()
    filler.fill_due()
    assert sorted(said[0] for said in filling.rows().values()) == [0, 0, 1]
    n_asked = len(filling.asked())
    filling.now += timedelta(seconds=590)
    filler.fill_due()
    assert len(filling.asked()) == n_asked
    filling.home.twin.clear_faults()
    filling.now += timedelta(seconds=20)
    filler.fill_due()
    assert filling.rows() == {}


def test_a_day_that_fails_rests_ever_longer_and_one_where_waiting_seldom_helps_longest(filling: Filling) -> None:
    filling.home.twin.fault("status", code=503, day=day(5))
    filling.home.twin.fault("status", code=404, day=day(9))
    filling.mark(on(5), on(9))
    settings = LiveSettings()
    rests = []
    for _ in range(9):
        filling.filler(settings).fill_due()
        said = filling.rows()
        until = said[day(5)][2]
        assert until is not None
        rests.append((until - filling.now).total_seconds())
        if len(rests) == 1:
            assert said[day(9)][2] == filling.now + timedelta(hours=1)
        filling.now = until.astimezone(UTC)
    assert rests == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_why_a_gap_stays_open_is_said_once(filling: Filling, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="pipelines.live.filler")
    filling.home.twin.fault("status", code=404, day=day(5))
    filling.mark(on(5))
    for _ in range(3):
        filling.filler().fill_due()
        filling.now += timedelta(hours=2)
    assert len([one for one in caplog.records if one.name == "pipelines.live.filler"]) == 1


def test_a_gap_stays_open_until_the_export_has_come_as_far_as_its_end(filling: Filling) -> None:
    behind = (datetime.now(UTC) - NOON).total_seconds() + 600
    filling.home.twin.configure(export_lag_seconds=behind)
    filling.mark((NOON - 15 * MINUTE, 10 * MINUTE))
    filling.filler().fill_due()
    assert [said[:2] for said in filling.rows().values()] == [(1, "not_yet_published")]
    filling.home.twin.configure(export_lag_seconds=behind - 900)
    filling.now += 2 * MINUTE
    filling.filler().fill_due()
    assert filling.rows() == {}


def test_a_statistic_of_the_hour_does_not_prove_that_the_export_has_come_so_far(filling: Filling) -> None:
    # The hour of eleven is told, and the samples end before it.
    filling.home.twin.configure(export_lag_seconds=(datetime.now(UTC) - NOON).total_seconds() + 2 * 3600)
    filling.mark((NOON - timedelta(hours=3), timedelta(hours=1, minutes=30)))
    filling.filler().fill_due()
    assert [said[1] for said in filling.rows().values()] == ["not_yet_published"]
    held = filling.warehouse.reading.measurements(SOURCE, Window(NOON - timedelta(hours=1), NOON))
    assert held["series"].astype("str").str.contains("/hour/").any()


def test_a_gap_that_is_old_is_filled_by_what_there_is(filling: Filling) -> None:
    filling.home.twin.configure(export_lag_seconds=(datetime.now(UTC) - NOON).total_seconds() + 600)
    filling.mark((NOON - 15 * MINUTE, 10 * MINUTE))
    filling.now += timedelta(hours=23)
    filling.filler().fill_due()
    assert len(filling.rows()) == 1
    filling.now += timedelta(hours=2)
    filling.filler().fill_due()
    assert filling.rows() == {}


def test_a_gap_that_ends_at_midnight_is_proven_by_the_day_behind_it(filling: Filling) -> None:
    midnight = NOON.replace(hour=0)
    filling.now = midnight + timedelta(hours=1)
    filling.mark((midnight - 2 * MINUTE, 4 * MINUTE))
    filling.filler().fill_due()
    assert filling.rows() == {}


@pytest.mark.parametrize("spacing", [timedelta(seconds=10), timedelta(seconds=59)])
def test_gaps_that_never_end_cost_few_questions_in_an_hour(filling: Filling, spacing: timedelta) -> None:
    filler = filling.filler()
    end = NOON + timedelta(hours=3)
    while filling.now < end:
        filling.mark((filling.now - timedelta(seconds=5), timedelta(seconds=10)), reason="unreadable")
        filling.now += spacing
        filler.fill_due()
    assert 3 < len(filling.asked()) <= 12
    # Once it is over, what is left is filled in the next round, and the one after that comes soon again.
    filling.now += timedelta(hours=2)
    filler.fill_due()
    assert filling.rows() == {}


def test_reasons_that_do_not_repeat_are_looked_after_every_minute(filling: Filling) -> None:
    filler = filling.filler(replace(LiveSettings(), trust_after=timedelta(0)))
    for number in range(4):
        filling.mark((filling.now - MINUTE, timedelta(seconds=10)), reason=f"reason {number}")
        filler.fill_due()
        assert filling.rows() == {}
        filling.now += timedelta(seconds=61)


def test_nothing_more_is_asked_when_it_is_time_to_stop(filling: Filling) -> None:
    filling.mark(on(3), on(5))
    filling.stopping.set()
    filling.filler().fill_due()
    assert filling.asked() == []
    assert len(filling.rows()) == 2


def test_one_part_proves_nothing_about_another(filling: Filling) -> None:
    filling.mark((NOON - 30 * MINUTE, MINUTE), part="78")
    filling.filler().fill_due()
    assert [said[1] for said in filling.rows().values()] == ["not_yet_published"]
