"""Statistics of months and years: asked for and loaded when they are over, and on the day on which they begin."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import pandas as pd
import pytest

from domain.measurement import Normalized, concat
from domain.window import Window
from providers.voltstorage.account import AccountConfig
from providers.voltstorage.client import VoltStorage
from providers.voltstorage.naming import Device, Naming
from sandbox.voltstorage.twin import STATISTICS
from tests.fakes.harness import ProviderOver
from tests.providers.voltstorage.harness import ACCOUNT, Battery, at, battery

ENERGIES = ("pv-total", "consumption-total", "storage-total-released", "storage-total-stored")


def loaded(home: Battery, account: AccountConfig, window: Window, now: datetime) -> Normalized:
    """What a pull of `window` says that is begun at `now`."""
    provider = ProviderOver(VoltStorage(home.clients[0], account, now=lambda: now), account)
    payloads = [replace(payload, received_at=now) for payload in provider.fetch(window, {})]
    return concat(provider.normalize(payloads, window))


def sums(whole: Normalized, timespan: str) -> pd.Series:
    totals: pd.Series = whole.measurements.groupby("series", observed=True)["value"].sum()
    return pd.Series([totals[f"77/{timespan}/{name}"] for name in ENERGIES], index=ENERGIES)


def test_a_months_value_is_the_sum_of_its_days_and_stands_on_its_first_one() -> None:
    june = Window(at("2025-06-01"), at("2025-07-01"))
    now = at("2025-07-01T04:30")
    account = replace(ACCOUNT, statistics=("day", "month"), export_fields=("Power_PV",), tolerance=1.0)
    with battery(account=account) as home:
        month = loaded(home, account, Window.of_day(date(2025, 6, 1)), now)
        [asked] = [one["query"] for one in home.asked(STATISTICS) if one["query"]["timespan"] == "month"]
        days = loaded(home, replace(account, statistics=("day",)), june, now)
    assert (asked["tstart"], asked["tend"]) == (
        "1748736000",
        "1751328000",
    )  # the whole month, although it is one day's pull
    assert sums(month, "month").to_list() == pytest.approx(sums(days, "day").to_list(), rel=1e-12)
    at_month = month.measurements[month.measurements["series"].astype("str").str.startswith("77/month/")]["measured_at"]
    assert set(at_month) == {pd.Timestamp("2025-06-01T00:00", tz="UTC")}


@pytest.mark.parametrize("timespan", ["month", "year"])
def test_of_a_month_or_a_year_that_is_not_over_nothing_is_asked(timespan: str) -> None:
    account = replace(ACCOUNT, statistics=(timespan,))
    with battery(account=account) as home:
        whole = loaded(home, account, Window.of_day(date(2025, 1, 1)), at("2025-01-31T23:59"))
        assert home.asked(STATISTICS) == []
    assert not [one.key for one in whole.series if timespan in one.key]


def test_a_month_that_is_said_before_it_is_over_is_left_out() -> None:
    account = replace(ACCOUNT, statistics=("month",))
    window = Window.of_day(date(2025, 6, 1))
    with battery(account=account) as home:
        payloads = [payload for payload in home.fetch(window) if "statistics" in payload.part]
        assert len(json.loads(payloads[0].body)) == 1
        for received, n_points in (("2025-06-30T23:59:59", 0), ("2025-07-01T00:00:00", 1)):
            early = [replace(payload, received_at=at(received)) for payload in payloads]
            keys = concat(home.provider.normalize(early, window)).measurements["series"]
            assert (keys == "77/month/pv-total").sum() == n_points


def test_a_day_on_which_no_month_begins_costs_no_question_about_one() -> None:
    account = replace(ACCOUNT, statistics=("month", "year"))
    window = Window.of_days(date(2025, 5, 30), date(2025, 6, 3))
    with battery(account=account) as home:
        loaded(home, account, window, at("2026-02-01"))
        assert [one["query"]["timespan"] for one in home.asked(STATISTICS)] == ["month"]


def test_an_interrupted_pull_asks_for_the_months_that_are_left() -> None:
    account = replace(ACCOUNT, statistics=("month",), export_fields=("Power_PV",), tolerance=1.0)
    window = Window(at("2025-03-01"), at("2025-06-01"))
    with battery(account=account) as home:
        provider = VoltStorage(home.clients[0], account, slice_of=timedelta(days=1), now=lambda: at("2025-08-01"))
        parts = [payload for payload in provider.fetch(window, {}) if payload.part == "77/statistics/month"]
        assert [payload.page for payload in parts] == [1, 2, 3]
        assert [payload.params["tstart"] for payload in parts] == ["1740787200", "1743465600", "1746057600"]
        assert parts[0].cursor == "1743465600000"
        assert parts[2].cursor is None


def test_a_lifetime_is_asked_for_and_read_while_its_day_runs() -> None:
    account = replace(ACCOUNT, statistics=("lifetime",))
    window, now = Window.of_days(date(2025, 6, 1), date(2025, 6, 3)), at("2025-06-03T12:00")
    with battery(account=account) as home:
        whole = loaded(home, account, window, now)
        [asked] = [one["query"]["timespan"] for one in home.asked(STATISTICS)]
        *_, answer = VoltStorage(home.clients[0], account, now=lambda: now).fetch(window, {})
    assert asked == "lifetime"
    counter = whole.measurements[whole.measurements["series"] == "77/lifetime/pv-total"]
    assert [one.quantity for one in whole.series if one.key == "77/lifetime/pv-total"] == ["energy_register"]
    assert counter["measured_at"].to_list() == [pd.Timestamp(now)]
    [said] = json.loads(answer.body)
    assert counter["value"].to_list() == pytest.approx([said["pv-total"] / 3600])
    assert counter["value"].item() > 0


def test_of_a_day_that_is_over_no_lifetime_is_asked_for_however_soon() -> None:
    account = replace(ACCOUNT, statistics=("lifetime",))
    window = Window.of_day(date(2025, 6, 1))
    with battery(account=account) as home:
        for now in (at("2025-06-02T00:00:02"), at("2025-06-02T04:30"), at("2025-06-05")):
            whole = loaded(home, account, window, now)
            assert not [one.key for one in whole.series if "lifetime" in one.key]
        assert home.provider.plan([window]) == 1  # the export
        assert home.asked(STATISTICS) == []


@pytest.mark.parametrize(("timespan", "span"), [("hour", None), ("day", None), ("month", "month"), ("year", "year")])
def test_a_series_whose_length_no_resolution_says_has_it_in_a_label(timespan: str, span: str | None) -> None:
    series = Naming(AccountConfig()).of_statistic(Device("product", "77"), timespan, "pv-total")
    assert (series.resolution is None, series.labels.get("span")) == (span is not None, span)


def test_an_account_says_which_spans_outlive_its_days() -> None:
    assert AccountConfig(statistics=("hour", "day")).spans == ()
    assert AccountConfig(statistics=("hour", "year", "month", "lifetime")).spans == ("month", "year")
