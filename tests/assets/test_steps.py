from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.failure_policy import PATIENCE
from assets.ingest import ingest_days
from assets.steps import land, load
from domain.errors import (
    AccountingError,
    CredentialsRejectedError,
    IngestError,
    PagingLoopError,
    PayloadMissingError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
    StaleLoadError,
)
from domain.measurement import Normalized
from domain.records import LoadReport
from domain.window import Window
from tests.fakes.provider import FakeProvider, hourly
from tests.fakes.warehouse import FakeWarehouse
from warehouse.store import open_warehouse

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(8)]


def a_week(**failures: IngestError) -> FakeProvider:
    provider = FakeProvider({day: hourly(day) for day in DAYS})
    provider.failures = {FIRST + timedelta(days=int(name.removeprefix("day_"))): e for name, e in failures.items()}
    return provider


def error(kind: type[IngestError]) -> IngestError:
    return kind("it went wrong", place="here", fix="mend it")


def test_landing_reports_its_own_requests_only() -> None:
    provider, warehouse = a_week(), FakeWarehouse()
    provider.n_requests = 17
    assert land(provider, warehouse, "s", Window.of_day(FIRST)).n_requests == 1


def test_an_interrupted_landing_is_continued_and_does_not_count_before_it_is_whole() -> None:
    provider, warehouse = a_week(day_0=error(ProviderUnavailableError)), FakeWarehouse()
    provider.points[FIRST]["roof/Q"] = hourly(FIRST)["roof/P"]
    provider.n_good_pages = 1
    with pytest.raises(ProviderUnavailableError):
        land(provider, warehouse, "s", Window.of_day(FIRST))
    with pytest.raises(PayloadMissingError):
        load(provider, warehouse, "s", Window.of_day(FIRST))
    provider.failures.clear()
    report = land(provider, warehouse, "s", Window.of_day(FIRST))
    assert (report.is_resumed, report.n_requests, report.n_payloads) == (True, 3, 2)


@pytest.mark.parametrize("kind", [RequestRejectedError, PagingLoopError])
def test_what_waiting_does_not_mend_begins_afresh(kind: type[IngestError]) -> None:
    provider, warehouse = a_week(day_0=error(kind)), FakeWarehouse()
    provider.points[FIRST]["roof/Q"] = hourly(FIRST)["roof/P"]
    provider.n_good_pages = 1
    with pytest.raises(kind):
        land(provider, warehouse, "s", Window.of_day(FIRST))
    provider.failures.clear()
    report = land(provider, warehouse, "s", Window.of_day(FIRST))
    assert (report.is_resumed, report.n_requests, report.n_payloads) == (False, 2, 2)
    assert [pull.n_requests for pull in warehouse.pulls["s"]] == [2, 2]


def test_a_part_that_the_provider_no_longer_offers_fails_one_run_only(database: str, tmp_path: Path) -> None:
    window = Window.of_day(FIRST)
    provider = a_week()
    with open_warehouse(database, tmp_path / "landing") as warehouse:
        left = warehouse.begin_pull("s", window, fingerprint=provider.fingerprint)
        left.keep(replace(next(provider.fetch(window, {})), part="gone", cursor="token"))
        left.pause(n_requests=1)
        with pytest.raises(AccountingError, match="'gone'"):
            land(provider, warehouse, "s", window)
        report = land(provider, warehouse, "s", window)
    assert (report.pull_id != left.pull_id, report.is_resumed, report.n_payloads) == (True, False, 1)


def test_a_corrected_configuration_never_continues_what_the_old_one_had_begun() -> None:
    provider, warehouse = a_week(day_0=error(ProviderUnavailableError)), FakeWarehouse()
    provider.n_good_pages = 1
    with pytest.raises(ProviderUnavailableError):
        land(provider, warehouse, "s", Window.of_day(FIRST))
    provider.failures.clear()
    provider.fingerprint = "corrected"
    assert not land(provider, warehouse, "s", Window.of_day(FIRST)).is_resumed


def test_a_replay_sends_no_request() -> None:
    provider, warehouse = a_week(), FakeWarehouse()
    list(ingest_days(DAYS, provider, warehouse, "s"))
    before = provider.n_requests
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s", lands=False))
    assert provider.n_requests == before
    assert [outcome.load.n_written for outcome in outcomes if outcome.load] == [0] * len(DAYS)


def test_a_bad_day_fails_alone_and_by_name() -> None:
    provider, warehouse = a_week(day_3=error(PayloadUnreadableError)), FakeWarehouse()
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s"))
    assert [outcome.day for outcome in outcomes if outcome.error] == [DAYS[3]]
    assert [report.window.day for report in warehouse.reports] == DAYS[:3] + DAYS[4:]


def test_a_bug_of_ours_on_one_day_fails_that_day_and_no_other() -> None:
    provider, warehouse = a_week(), FakeWarehouse()
    provider.failures = {DAYS[3]: KeyError("nobody thought of it")}
    outcomes = list(ingest_days(DAYS, provider, warehouse, "s"))
    assert [(outcome.day, outcome.error.code) for outcome in outcomes if outcome.error] == [(DAYS[3], "unforeseen")]
    assert [report.window.day for report in warehouse.reports] == DAYS[:3] + DAYS[4:]
    assert [(window.day, why.code) for _, window, why in warehouse.failures] == [(DAYS[3], "unforeseen")]


def test_a_day_that_did_not_come_as_far_as_a_load_is_in_the_ledger() -> None:
    warehouse = FakeWarehouse()
    list(ingest_days(DAYS[:2], a_week(day_0=error(PayloadUnreadableError)), warehouse, "s"))
    list(ingest_days(DAYS[2:3], a_week(), warehouse, "s", lands=False))
    assert [(window.day, why.code) for _, window, why in warehouse.failures] == [
        (DAYS[0], "payload_unreadable"),
        (DAYS[2], "payload_missing"),
    ]


def test_rejected_credentials_are_not_tried_again_on_the_next_day() -> None:
    provider = a_week(day_2=error(CredentialsRejectedError))
    outcomes = list(ingest_days(DAYS, provider, FakeWarehouse(), "s"))
    assert len(provider.asked) == 3
    assert [outcome.was_tried for outcome in outcomes] == [True] * 3 + [False] * 5
    assert all(outcome.error for outcome in outcomes[2:])


def test_a_provider_that_is_away_is_left_alone_after_a_few_days_in_a_row() -> None:
    away = {f"day_{n}": error(ProviderUnavailableError) for n in range(1, 8)}
    provider = a_week(**away)
    list(ingest_days(DAYS, provider, FakeWarehouse(), "s"))
    assert len(provider.asked) == 1 + PATIENCE


def test_a_good_day_in_between_renews_the_patience() -> None:
    away = {f"day_{n}": error(ProviderUnavailableError) for n in (0, 1, 3, 4, 6, 7)}
    provider = a_week(**away)
    list(ingest_days(DAYS, provider, FakeWarehouse(), "s"))
    assert len(provider.asked) == len(DAYS)


def test_a_load_that_lost_against_a_newer_pull_reads_that_one() -> None:
    provider, warehouse = a_week(), FakeWarehouse(n_stale=1)
    pull = land(provider, warehouse, "s", Window.of_day(FIRST))
    report = load(provider, warehouse, "s", Window.of_day(FIRST))
    assert (report.n_inserted, report.pull_id) == (24, pull.pull_id + 1)


def test_a_load_goes_on_for_as_long_as_newer_pulls_come_in() -> None:
    provider, warehouse = a_week(), FakeWarehouse(n_stale=20)
    pull = land(provider, warehouse, "s", Window.of_day(FIRST))
    assert load(provider, warehouse, "s", Window.of_day(FIRST)).pull_id == pull.pull_id + 20


def test_a_load_that_always_loses_is_a_fault() -> None:
    provider, warehouse = a_week(), FakeWarehouse(n_stale=99)
    land(provider, warehouse, "s", Window.of_day(FIRST))
    with pytest.raises(StaleLoadError):
        load(provider, warehouse, "s", Window.of_day(FIRST))


def test_a_day_can_be_landed_and_yet_not_loaded() -> None:
    warehouse = FakeWarehouse(load_failures={DAYS[1]: error(PayloadUnreadableError)})
    outcomes = list(ingest_days(DAYS[:3], a_week(), warehouse, "s"))
    assert [bool(outcome.pull) for outcome in outcomes] == [True, True, True]
    assert [bool(outcome.load) for outcome in outcomes] == [True, False, True]


def test_a_shrinking_day_is_refused_unless_it_is_called_a_correction() -> None:
    provider, warehouse = a_week(), FakeWarehouse()
    list(ingest_days(DAYS[:1], provider, warehouse, "s"))
    provider.points[FIRST] = {}
    [refused] = ingest_days(DAYS[:1], provider, warehouse, "s")
    assert refused.error is not None
    assert refused.error.code == "shrink_refused"
    [corrected] = ingest_days(DAYS[:1], provider, warehouse, "s", is_correction=True)
    assert isinstance(corrected.load, LoadReport)
    assert corrected.load.n_removed == 24


def test_a_witness_sees_every_batch_and_changes_nothing() -> None:
    seen: list[Normalized] = []
    provider, warehouse = a_week(), FakeWarehouse()
    outcomes = list(
        ingest_days(DAYS[:2], provider, warehouse, "s", on_batch_of=lambda day: seen.append if day == DAYS[1] else None)
    )
    assert [len(batch.measurements) for batch in seen] == [24]
    assert [outcome.load.n_inserted for outcome in outcomes if outcome.load] == [24, 24]
