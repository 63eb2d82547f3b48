"""How Climkit is asked: the fewest requests, tokens that expire, and what stands in the way."""

import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
import pytest

from assets.steps import land
from domain.errors import (
    ConfigurationError,
    CredentialsRejectedError,
    IngestError,
    PayloadUnreadableError,
    ProviderUnavailableError,
    RequestRejectedError,
)
from domain.measurement import concat
from domain.records import Progress
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.buckets import end_of, first_at_or_after
from sandbox.climkit.house import METERS, PRODUCER, SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, HEATING, apartments, at, values
from warehouse.store import open_warehouse

FEW = replace(ACCOUNT, meters=(FLAT, PRODUCER), has_sensors=False, has_registers=False, has_site_totals=False)
QUARTERS = replace(ACCOUNT, has_sensors=False, has_registers=False, has_site_totals=False)


def test_ninety_days_of_twenty_meters_are_the_fewest_requests_and_the_ledger_says_so(
    database: str, tmp_path: Path
) -> None:
    window = Window.of_days(date(2025, 1, 1), date(2025, 3, 31))
    assert window.seconds == 90 * 86_400
    with apartments(account=QUARTERS) as made:
        planned = made.provider.plan([window])
        n_before = made.n_requests
        with open_warehouse(database, tmp_path) as warehouse:
            report = land(made.provider, warehouse, "house", window)
        n_sent = made.n_requests - n_before
        asked = made.asked()

    # Three windows of thirty days for each of twenty meters, and the two lists of the site.
    assert planned == 2 + 3 * len(METERS) == 62
    assert (report.n_requests, n_sent, len(asked) - 2) == (planned, planned, planned)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT n_requests, n_payloads FROM pull").fetchall() == [(62, 62)]


def test_nothing_is_asked_for_that_the_account_leaves_out() -> None:
    with apartments(account=FEW) as made:
        made.fetch()
        paths = [request["path"] for request in made.asked()]
    lists = [f"installation_infos/{SITE}", f"meter_info/{SITE}"]
    assert paths == [*lists, f"meter_data/{SITE}/{FLAT}", f"meter_data/{SITE}/{PRODUCER}"]


def test_rule_meters_have_no_registers_and_are_not_asked_for_any() -> None:
    with apartments() as made:
        made.fetch()
        raw = {request["path"].rpartition("/")[2] for request in made.asked("meter_data_raw")}
    assert raw == {meter.id for meter in METERS.values() if not meter.is_rule}


@pytest.mark.parametrize("shape", ["objects", "texts"])
@pytest.mark.parametrize("prim_ad", ["number", "text"])
def test_sites_and_addresses_are_listed_in_any_shape(shape: str, prim_ad: str) -> None:
    with apartments(account=replace(FEW, sites=None), sites_shape=shape, prim_ad=prim_ad) as made:
        parts = {payload.part for payload in made.fetch()}
    assert parts == {"/installations", SITE}


def test_the_times_that_are_asked_for_are_naive_utc() -> None:
    with apartments(account=FEW) as made:
        made.fetch()
        request = made.asked("meter_data")[0]
    assert (request["t_s"], request["t_e"]) == ("2025-06-01T00:00:00", "2025-06-02T00:00:01")


@pytest.mark.parametrize("is_end_included", [True, False])
def test_whether_the_end_is_included_changes_nothing(*, is_end_included: bool) -> None:
    with apartments(account=FEW, is_end_included=is_end_included) as made:
        found = values(made.load(), f"{SITE}/{FLAT}/total")
    assert len(found) == 96
    assert (min(found), max(found)) == (DAY.start, DAY.end - timedelta(minutes=15))


@pytest.mark.parametrize(("day", "n_quarters"), [(date(2025, 3, 30), 92), (date(2025, 10, 26), 100)])
def test_the_days_of_the_clock_change_have_92_and_100_quarters(day: date, n_quarters: int) -> None:
    zone = ZoneInfo("Europe/Zurich")
    window = Window.of_days(day - timedelta(days=1), day)
    with apartments(account=FEW) as made:
        found = values(made.load(window), f"{SITE}/{FLAT}/total")
    local = [moment for moment in found if moment.astimezone(zone).date() == day]
    assert len(local) == n_quarters


@pytest.mark.parametrize(
    ("first", "behind", "n_days"),
    [
        ("2025-03-27T23:00:00", "2025-04-01T22:00:00", 5),
        ("2025-10-23T22:00:00", "2025-10-28T23:00:00", 5),
        pytest.param("2025-02-28T23:00:00", "2026-02-28T23:00:00", 365, marks=pytest.mark.prove),
    ],
    ids=["into summer time", "out of it", "a year"],
)
def test_day_totals_are_the_sum_of_the_quarters_for_every_meter_over_both_clock_changes(
    first: str, behind: str, n_days: int
) -> None:
    zone, window = ZoneInfo("Europe/Zurich"), Window(at(first), at(behind))
    totals: dict[bool, list[pd.Series]] = {True: [], False: []}
    with apartments(account=replace(QUARTERS, frequencies=("15T", "D"))) as made:
        for batch in made.provider.normalize(made.provider.fetch(window, {}), window):
            frame = batch.measurements
            local = frame["measured_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.floor("D")
            summed = frame["value"].groupby([frame["series"], local], observed=True).sum()
            is_day = batch.series[0].key.endswith("/D")
            totals[is_day].append(summed.rename(index=lambda key: str(key).removesuffix("/D"), level=0))
    days, quarters = (pd.concat(parts).groupby(level=[0, 1]).sum() for parts in (totals[True], totals[False]))
    assert days.index.get_level_values(0).nunique() == len(METERS) + 2 * 16  # those that consume have two more
    assert len(days) == len(quarters) > (n_days - 1) * 52
    assert (days - quarters).abs().max() < 1e-6


@pytest.mark.parametrize("frequency", ["H", "D", "M", "Y"])
def test_every_frequency_is_asked_by_whole_intervals_of_the_sites_own_time(frequency: str) -> None:
    zone, window = ZoneInfo("Europe/Zurich"), Window(at("2024-12-31T23:00:00"), at("2025-12-30T23:00:00"))
    account = replace(FEW, meters=(FLAT,), frequencies=(frequency,))
    with apartments(account=account) as made:
        found = values(made.load(window), f"{SITE}/{FLAT}/total/{frequency}")
        requests = made.asked("meter_data")
    for request in requests:
        for name in ("t_s", "t_e"):
            bound = at(request[name])
            assert first_at_or_after(bound, frequency, zone) == bound
    assert len(found) >= {"H": 8_600, "D": 363, "M": 11, "Y": 0}[frequency]
    assert all(end_of(start, frequency, zone) > start for start in found)


def test_an_interrupted_pull_goes_on_behind_the_last_answer_and_lists_nothing_twice() -> None:
    with apartments(account=FEW) as made:
        fetching = made.provider.fetch(DAY, {})
        payloads = [next(fetching) for _ in range(3)]
        progress = {SITE: Progress(payloads[-1].page, payloads[-1].cursor)}
        rest = made.fetch(DAY, progress)
        assert [payload.page for payload in payloads + rest] == [1, 2, 3, 4]
        assert len(made.asked()) == 4


def test_a_cursor_that_cannot_be_read_begins_the_site_anew() -> None:
    with apartments(account=FEW) as made:
        pages = [payload.page for payload in made.fetch(DAY, {SITE: Progress(3, '{"id": 5}')})]
    assert pages == [1, 2, 3, 4]


def test_a_token_that_expires_in_the_middle_costs_one_login_and_no_row() -> None:
    with apartments(account=QUARTERS) as made:
        whole = made.load()
    with apartments(account=QUARTERS, token_seconds=3.0) as made:
        fetching = made.provider.fetch(DAY, {})
        payloads = [next(fetching) for _ in range(10)]
        time.sleep(3.1)
        payloads += fetching
        logins = made.login.n_requests
        again = concat(made.provider.normalize(payloads, DAY))
        n_asked = made.provider.n_requests

    assert logins == 2
    assert n_asked == len(payloads) == 22  # a question whose token had died would have been asked twice
    assert again.measurements.equals(whole.measurements)
    assert again.n_duplicates == 0


def test_a_token_that_is_revoked_in_the_middle_costs_one_login_and_no_row() -> None:
    with apartments(account=QUARTERS) as made:
        whole = made.load()
        fetching = made.provider.fetch(DAY, {})
        payloads = [next(fetching) for _ in range(10)]
        made.twin.revoke_tokens()
        payloads += fetching
        assert made.login.n_requests == 2
        assert concat(made.provider.normalize(payloads, DAY)).measurements.equals(whole.measurements)


def test_a_login_that_does_not_say_how_long_its_token_lives_is_believed_for_a_while() -> None:
    with apartments(account=FEW) as made:
        made.twin.fault("no_valid_until")
        made.fetch()
        made.fetch()
        assert made.login.n_requests == 1


def test_a_wrong_password_is_sent_once() -> None:
    with apartments(account=FEW, password="wrong") as made:
        for _ in range(3):
            with pytest.raises(CredentialsRejectedError, match="our user"):
                made.fetch()
        assert (made.login.n_requests, made.provider.n_requests) == (1, 0)


@pytest.mark.parametrize("said", ["none", "seconds", "date"])
def test_too_many_requests_are_waited_for_whatever_the_answer_says(said: str) -> None:
    with apartments(account=FEW, requests_per_second=0.0, retry_after=said) as made:
        made.twin.fault("status", code=429, times=1, retry_after=None if said == "none" else 1, as_date=said == "date")
        assert len(made.fetch()) == 4
        assert len(made.naps.seconds) == 1
        assert made.naps.seconds[0] > 0


@pytest.mark.parametrize("fault", [{"name": "latency", "seconds": 1.0}, {"name": "status", "code": 503}])
def test_a_timeout_is_a_known_failure_and_is_asked_again(fault: dict[str, object]) -> None:
    options = {name: value for name, value in fault.items() if name != "name"}
    with apartments(account=FEW, limits={"read_seconds": 0.3}) as made:
        made.twin.fault(str(fault["name"]), times=1, **options)
        assert len(made.fetch()) == 4


def test_a_provider_that_never_answers_is_unavailable() -> None:
    with apartments(account=FEW) as made:
        made.twin.fault("status", code=500)
        with pytest.raises(ProviderUnavailableError):
            made.fetch()


def test_an_early_start_that_is_cut_in_silence_leaves_points_absent_and_none_zero() -> None:
    with apartments(account=FEW, oldest_day=date(2025, 6, 2)) as made:
        whole = made.load(Window.of_days(date(2025, 6, 1), date(2025, 6, 2)))
    assert min(values(whole, f"{SITE}/{FLAT}/total")) >= at("2025-06-01T23:45:00")


def test_an_early_start_that_is_refused_names_what_may_not_be_read() -> None:
    with apartments(account=FEW, oldest_day=date(2025, 6, 2), is_oldest_refused=True) as made:
        with pytest.raises(RequestRejectedError, match=f"may not read this .*meter_data/{SITE}") as caught:
            made.fetch()
        assert caught.value.status == 403


def test_a_site_that_does_not_exist_is_refused_by_name() -> None:
    with apartments(account=replace(FEW, sites=("nowhere",))) as made, pytest.raises(IngestError, match="nowhere"):
        made.fetch()


def test_an_error_with_status_200_is_no_answer() -> None:
    with apartments(account=FEW) as made:
        made.twin.fault("error_object")
        with pytest.raises(PayloadUnreadableError, match="object, not a list"):
            made.fetch()


def test_an_empty_list_is_an_answer() -> None:
    with apartments(account=FEW) as made:
        payloads = made.fetch(Window.of_day(date(2024, 6, 1)))
        assert [payload.body for payload in payloads[2:]] == [b"[]", b"[]"]


def test_what_a_rule_restates_is_said_by_the_next_pull() -> None:
    with apartments(account=FEW) as made:
        before = values(made.load(), f"{SITE}/{FLAT}/total")
        made.twin.restate({"meter": FLAT, "start": "2025-06-01T12:00:00", "end": "2025-06-01T13:00:00", "percent": 200})
        after = values(made.load(), f"{SITE}/{FLAT}/total")
    changed = {moment for moment in before if before[moment] != after[moment]}
    assert len(changed) == 4
    assert min(changed) == at("2025-06-01T12:00:00")


def test_quarters_that_are_validated_late_are_absent_and_come_later() -> None:
    with apartments(account=FEW, last_day=DAY.day, late_quarters=8) as made:
        early = values(made.load(), f"{SITE}/{FLAT}/total")
        made.twin.configure(late_quarters=0)
        late = values(made.load(), f"{SITE}/{FLAT}/total")
    assert (len(early), len(late)) == (88, 96)
    assert early.items() <= late.items()


def test_faulty_rows_cost_themselves_alone() -> None:
    with apartments(account=FEW) as made:
        clean = made.load()
        made.twin.fault("unordered")
        made.twin.fault("extra_field")
        made.twin.fault("duplicates", rows=2)
        odd = made.load()
    assert odd.n_duplicates == 3 + 1  # a flat has three fields, the roof one; the other row lies before the window
    assert sorted(values(odd, f"{SITE}/{FLAT}/total").items()) == sorted(values(clean, f"{SITE}/{FLAT}/total").items())
    assert odd.unmapped == {"meter_data of electricity/tariff": 194}


def test_discovery_lists_what_the_document_promises_without_asking_for_data() -> None:
    with apartments() as made:
        series = {one.key: one for one in made.provider.discover()}
        asked = made.asked()
        loaded = made.load()
    assert len(asked) == 3
    assert {f"{SITE}/{PRODUCER}/total", f"{SITE}/{FLAT}/self", f"{SITE}/{HEATING}/heat_energy_kwh"} <= set(series)
    assert f"{SITE}/{PRODUCER}/self" not in series
    described = {one.key: one for one in loaded.series}
    common = set(series) & set(described)
    assert len(common) > 80
    assert {series[key] == described[key] for key in common} == {True}


def test_production_meters_have_only_a_total() -> None:
    with apartments(account=FEW) as made:
        keys = {one.key for one in made.load().series if PRODUCER in one.key}
    assert keys == {f"{SITE}/{PRODUCER}/total"}


@pytest.mark.parametrize(
    "account",
    [
        {"sites": ()},
        {"sites": ("a/b",)},
        {"sites": ("a", "a")},
        {"meters": ()},
        {"frequencies": ()},
        {"frequencies": ("5T",)},
        {"frequencies": ("D", "D")},
        {"sensors": {"x": ("warmth", "K")}},
        {"sensors": {"x": ("temperature", "kWh")}},
    ],
)
def test_an_account_that_cannot_work_is_refused_before_any_request(account: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        AccountConfig(**account)


def test_every_account_that_asks_for_something_else_has_a_fingerprint_of_its_own() -> None:
    accounts = [ACCOUNT, FEW, QUARTERS, replace(FEW, frequencies=("D",)), replace(FEW, sites=None)]
    prints = set()
    for account in accounts:
        with apartments(account=account) as made:
            prints.add(made.provider.fingerprint)
    assert len(prints) == len(accounts)


def test_the_twins_truth_is_what_the_provider_reads() -> None:
    account = replace(ACCOUNT, frequencies=("15T", "D"))
    with apartments(account=account, last_day=date(2025, 6, 3)) as made:
        window = Window(at("2025-05-31T22:00:00"), at("2025-06-02T22:00:00"))
        whole = made.load(window)
        start, end = (int(bound.timestamp() * 1000) for bound in (window.start, window.end))
        truth = list(made.twin.truth(start, end, {"frequencies": "15T,D"}))
    labels = {series.key: tuple(sorted(series.labels.items())) for series in whole.series}
    factors = {series.key: 1000 if series.provider_unit == "kWh" else 1 for series in whole.series}
    read = {
        (labels[key], int(moment.timestamp() * 1000)): value / factors[key]
        for key, moment, value in whole.measurements.astype({"series": "str"}).itertuples(index=False)
    }
    meant = {(tuple(sorted(point.labels.items())), point.at): point.value for point in truth}
    assert len(meant) == len(truth)
    assert read.keys() == meant.keys()
    assert max(abs(value - float(meant[place])) for place, value in read.items()) < 1e-9
