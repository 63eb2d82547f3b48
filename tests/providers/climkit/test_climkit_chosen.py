"""Which meters an account means: asked for, promised and refused by one rule.

Values of days, months and years of a site's own calendar: where they stand, and when they are final.
"""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.steps import land
from domain.errors import RequestRejectedError
from domain.measurement import concat
from domain.records import Progress
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.requests import require_meters
from providers.climkit.wire import Meter, Site
from sandbox.climkit.house import METERS, SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, apartments, at, values
from warehouse.store import open_warehouse

MISTYPED = "6a1b2c3d4e5f60718293ffff"
ONE = replace(ACCOUNT, meters=(FLAT,), has_sensors=False)
WRONG = replace(ONE, meters=(FLAT, MISTYPED))


def test_a_meter_that_no_site_lists_is_refused_by_name_before_any_data_are_asked_for(
    database: str, tmp_path: Path
) -> None:
    with apartments(account=WRONG) as made, open_warehouse(database, tmp_path) as warehouse:
        with pytest.raises(RequestRejectedError, match=f"no site lists the meter {MISTYPED}") as caught:
            land(made.provider, warehouse, "house", DAY)
        assert FLAT not in str(caught.value)
        # Nor is a pull left behind that would go on with the lists of today for ever.
        assert not warehouse.begin_pull("house", DAY, fingerprint=made.provider.fingerprint).progress
        paths = [request["path"] for request in made.asked()]
    assert paths == [f"installation_infos/{SITE}", f"meter_info/{SITE}"]


@pytest.mark.parametrize("verb", ["discover", "plan"])
def test_neither_is_it_promised_nor_counted(verb: str) -> None:
    with apartments(account=WRONG) as made, pytest.raises(RequestRejectedError, match=MISTYPED):
        made.provider.discover() if verb == "discover" else made.provider.plan([DAY])


def test_a_load_curve_of_a_meter_that_no_site_lists_is_refused_too() -> None:
    with (
        apartments(account=replace(ACCOUNT, load_curves={MISTYPED: 15})) as made,
        pytest.raises(RequestRejectedError, match=MISTYPED),
    ):
        made.fetch()


def test_a_site_that_the_provider_does_not_know_is_refused_by_name() -> None:
    with (
        apartments(account=replace(ONE, sites=("5f3c1d2e4b6a7c8d9e0fffff",))) as made,
        pytest.raises(RequestRejectedError, match="5f3c1d2e4b6a7c8d9e0fffff"),
    ):
        made.fetch()


def test_a_meter_may_be_of_any_of_the_sites_and_few_of_many_are_named() -> None:
    sites = [Site(name, meters={meter: Meter(meter, "electricity")}) for name, meter in (("a", "1"), ("b", "2"))]
    require_meters(sites, AccountConfig(meters=("1", "2")))
    with pytest.raises(RequestRejectedError, match=r"no site lists the meter 3, 4, 5, 6, 7 and 2 more"):
        require_meters(sites, AccountConfig(meters=tuple("123456789")))


def test_what_an_account_discovers_is_what_it_loads_when_it_names_its_meters() -> None:
    with apartments(account=ONE) as made:
        discovered = {one.key for one in made.provider.discover()}
        loaded = {one.key for one in made.load().series}
    others = set(METERS) - {FLAT}
    assert discovered
    assert {key for key in discovered if any(f"/{other}/" in key for other in others)} == set()
    # What the site sends beside the documented fields is not promised; a house that feeds nothing in has no such row.
    assert {key for key in discovered - loaded if f"/{FLAT}/" in key} <= {f"{SITE}/{FLAT}/en_ex"}


def test_a_pull_that_goes_on_after_its_lists_asks_for_none_of_them_again() -> None:
    with apartments(account=ONE) as made:
        payloads = made.fetch()
        n_lists = sum("info" in payload.endpoint for payload in payloads)
        so_far = {SITE: Progress(n_lists, payloads[n_lists - 1].cursor)}
        rest = made.fetch(progress=so_far)
    assert [payload.page for payload in rest] == [payload.page for payload in payloads[n_lists:]]


ONE_OF_RAW_DATA = replace(ACCOUNT, meters=(FLAT,), has_sensors=False, has_registers=False, has_site_totals=False)
TOTAL = f"{SITE}/{FLAT}/total"
EVE = Window.of_day(date(2024, 12, 31))  # on which January and the year begin in Zurich
ENDS = {"D": "2025-01-01T23:00:00", "M": "2025-01-31T23:00:00", "Y": "2025-12-31T23:00:00"}


def test_months_are_the_sum_of_their_days_and_stand_where_they_begin() -> None:
    """Ten months with both clock changes; the twin's year has no beginning, and so it says nothing about it."""
    window = Window(at("2025-01-31T00:00:00"), at("2025-11-30T00:00:00"))
    with apartments(account=replace(ONE_OF_RAW_DATA, frequencies=("D", "M"))) as made:
        whole = made.load(window)
        eve = made.load(Window.of_day(date(2025, 3, 31)))
    days, months = (values(whole, f"{TOTAL}/{frequency}") for frequency in "DM")
    assert (len(days), len(months)) == (303, 10)
    assert min(days) == min(months) == at("2025-01-31T23:00:00")
    assert sum(days.values()) == pytest.approx(sum(months.values()))
    april = at("2025-03-31T22:00:00")  # it begins in summer time
    assert values(eve, f"{TOTAL}/M") == {april: months[april]}  # the whole month, although it is one day's pull


@pytest.mark.parametrize("frequency", ["D", "M", "Y"])
def test_a_span_is_loaded_by_the_first_pull_that_comes_after_it(frequency: str) -> None:
    body = b'[{"timestamp": "2025-01-01 00:00:00+01:00", "total": 1.0}]'
    over = at(ENDS[frequency])
    found = []
    with apartments(account=replace(ONE_OF_RAW_DATA, frequencies=(frequency,))) as made:
        *lists, said = made.fetch(EVE)
        for received_at in (over - timedelta(seconds=1), over):
            payloads = [*lists, replace(said, body=body, received_at=received_at)]
            found.append(values(concat(made.provider.normalize(payloads, EVE)), f"{TOTAL}/{frequency}"))
    assert found == [{}, {at("2024-12-31T23:00:00"): 1000.0}]


@pytest.mark.parametrize(
    ("frequencies", "spans"), [(("15T", "H"), ()), (("D",), ("day",)), (("Y", "M", "15T"), ("month", "year"))]
)
def test_an_account_says_over_which_spans_its_values_reach(
    frequencies: tuple[str, ...], spans: tuple[str, ...]
) -> None:
    assert AccountConfig(frequencies=frequencies).spans == spans


def test_a_series_of_months_or_years_says_so_in_a_label_because_no_resolution_can() -> None:
    with apartments(account=replace(ONE_OF_RAW_DATA, frequencies=("15T", "H", "D", "M", "Y"))) as made:
        series = {one.key: one for one in made.provider.discover()}
        whole = made.load(Window.of_days(DAY.day, date(2025, 6, 30)))
        first, last = (int(at(day).timestamp() * 1000) for day in ("2025-06-01", "2025-07-02"))
        truth = made.twin.truth(first, last, {"frequencies": "M"})
        meant = {point.labels["span"] for point in truth if point.labels.get("sampling_frequency") == "M"}
    spans = {key.removeprefix(TOTAL): one.labels.get("span") for key, one in series.items() if key.startswith(TOTAL)}
    assert spans == {"": None, "/H": None, "/D": None, "/M": "month", "/Y": "year"}
    assert {one.key: one for one in whole.series}[f"{TOTAL}/M"].labels["span"] == "month"
    assert meant == {"month"}
