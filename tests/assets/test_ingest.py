"""Days asked for together: as few pulls as the provider bears, and still each day on its own."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.failure_policy import PATIENCE
from assets.ingest import ingest_days
from domain.errors import (
    CredentialsRejectedError,
    ExportPendingError,
    IngestError,
    PayloadUnreadableError,
    ProviderUnavailableError,
)
from domain.records import Payload, Progress
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse
from warehouse.store import open_warehouse

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(10)]


def served(*failing: int, kind: type[IngestError] = PayloadUnreadableError) -> FakeProvider:
    error = kind("it went wrong", place="here", fix="mend it")
    return FakeProvider({day: hourly(day) for day in DAYS}, failures={DAYS[n]: error for n in failing})


def spans(provider: FakeProvider) -> list[int]:
    """How many days each pull asked for."""
    return [len(list(window.days())) for window in provider.asked]


def test_days_in_a_row_are_asked_for_together_and_loaded_one_by_one() -> None:
    provider, warehouse = served(), FakeWarehouse()
    list(ingest_days(DAYS, provider, warehouse, "s", pull_days=4))
    assert spans(provider) == [4, 4, 2]
    assert [report.window for report in warehouse.reports] == [Window.of_day(day) for day in DAYS]


def test_days_that_do_not_follow_one_another_are_asked_for_apart() -> None:
    provider = served()
    list(ingest_days([DAYS[0], DAYS[1], DAYS[5], DAYS[6]], provider, FakeWarehouse(), "s", pull_days=30))
    assert [(window.start.date(), len(list(window.days()))) for window in provider.asked] == [
        (DAYS[0], 2),
        (DAYS[5], 2),
    ]


def test_what_a_pull_cost_is_counted_once_over_its_days() -> None:
    provider = served()
    outcomes = list(ingest_days(DAYS, provider, FakeWarehouse(), "s", pull_days=5))
    assert [outcome.pull.n_requests for outcome in outcomes if outcome.pull] == [1, 0, 0, 0, 0] * 2
    assert provider.n_requests == 2


def test_a_bad_day_among_days_asked_for_together_is_found_and_fails_alone() -> None:
    provider, warehouse = served(6), FakeWarehouse()
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert [outcome.day for outcome in outcomes if outcome.error] == [DAYS[6]]
    assert [outcome.day for outcome in outcomes] == DAYS
    assert [report.window.day for report in warehouse.reports] == DAYS[:6] + DAYS[7:]
    assert [(window.day, why.code) for _, window, why in warehouse.failures] == [(DAYS[6], "payload_unreadable")]


def test_rejected_credentials_are_tried_once_however_many_days_were_asked_for() -> None:
    provider, warehouse = served(5, kind=CredentialsRejectedError), FakeWarehouse()
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert spans(provider) == [10]
    assert [outcome.was_tried for outcome in outcomes] == [True] + [False] * 9
    assert [window.day for _, window, _ in warehouse.failures] == [DAYS[0]]


def test_an_export_that_is_not_there_yet_is_not_divided_into_more_orders() -> None:
    provider = served(5, kind=ExportPendingError)
    outcomes = list(ingest_days(DAYS, provider, FakeWarehouse(), "s", pull_days=10))
    assert spans(provider) == [10]
    assert [outcome.was_tried for outcome in outcomes] == [True] + [False] * 9


def test_a_provider_that_is_away_is_left_alone_after_few_questions() -> None:
    provider = served(*range(10), kind=ProviderUnavailableError)
    outcomes = list(ingest_days(DAYS, provider, FakeWarehouse(), "s", pull_days=10))
    assert all(outcome.error for outcome in outcomes)
    assert sum(outcome.was_tried for outcome in outcomes) == PATIENCE
    assert spans(provider) == [10, *[1] * PATIENCE]


def test_what_every_day_of_a_pull_fails_for_is_not_asked_for_day_after_day() -> None:
    """An export job costs minutes: sixty-one of them for one damaged month are too many."""
    provider = served(*range(10), kind=PayloadUnreadableError)
    outcomes = list(ingest_days(DAYS, provider, FakeWarehouse(), "s", pull_days=10))
    assert all(outcome.error for outcome in outcomes)
    assert spans(provider) == [10, 5, 2, *[1] * PATIENCE]


@pytest.mark.parametrize("failing", [0, 1, 6, 9])
def test_a_day_that_the_provider_cannot_answer_now_fails_alone_among_many(failing: int) -> None:
    provider, warehouse = served(failing, kind=ProviderUnavailableError), FakeWarehouse()
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
    assert [outcome.day for outcome in outcomes] == DAYS
    assert [outcome.day for outcome in outcomes if outcome.error] == [DAYS[failing]]
    assert len(spans(provider)) <= 9


def test_a_day_is_read_from_the_answers_that_touch_it_and_from_no_other(database: str, tmp_path: Path) -> None:
    provider = served()
    with open_warehouse(database, tmp_path) as warehouse:
        outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=5))
        assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [24] * 10
        again = list(ingest_days(DAYS, provider, warehouse, "s", lands=False))
        assert [outcome.load.n_written for outcome in again if outcome.load] == [0] * 10
        assert len(warehouse.payloads("s", Window.of_day(DAYS[7])).sha256s) == 1


def test_days_that_were_pulled_anew_meanwhile_are_not_overwritten_by_the_older_answers(
    database: str, tmp_path: Path
) -> None:
    """A wide pull has asked for a day; somebody backfills that day, corrected, before the wide pull is finished."""

    class Overtaken(FakeProvider):
        def fetch(self, window: Window, progress: Mapping[str, Progress]) -> Iterator[Payload]:
            yield from super().fetch(window, progress)
            if window == Window.of_days(DAYS[0], DAYS[-1]):
                self.points[DAYS[4]] = hourly(DAYS[4], low=500.0)
                list(ingest_days([DAYS[4]], FakeProvider(self.points), warehouse, "s"))

    provider = Overtaken({day: hourly(day) for day in DAYS})
    with open_warehouse(database, tmp_path) as warehouse:
        outcomes = list(ingest_days(DAYS, provider, warehouse, "s", pull_days=10))
        values = warehouse.reading.measurements("s", Window.of_day(DAYS[4]))["value"]
    assert [outcome.day for outcome in outcomes if outcome.error] == []
    assert values.min() == 500.0
    assert spans(provider) == [10, 5, 5]
