"""Values of days, months and years of a site's own calendar: where they stand, and when they are final."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.measurement import concat
from domain.window import Window
from providers.climkit.account import AccountConfig
from sandbox.climkit.house import SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, apartments, at, values

ONE = replace(ACCOUNT, meters=(FLAT,), has_sensors=False, has_registers=False, has_site_totals=False)
TOTAL = f"{SITE}/{FLAT}/total"
EVE = Window.of_day(date(2024, 12, 31))  # on which January and the year begin in Zurich
ENDS = {"D": "2025-01-01T23:00:00", "M": "2025-01-31T23:00:00", "Y": "2025-12-31T23:00:00"}


def test_months_are_the_sum_of_their_days_and_stand_where_they_begin() -> None:
    """Ten months with both clock changes; the twin's year has no beginning, and so it says nothing about it."""
    window = Window(at("2025-01-31T00:00:00"), at("2025-11-30T00:00:00"))
    with apartments(account=replace(ONE, frequencies=("D", "M"))) as made:
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
    with apartments(account=replace(ONE, frequencies=(frequency,))) as made:
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
    with apartments(account=replace(ONE, frequencies=("15T", "H", "D", "M", "Y"))) as made:
        series = {one.key: one for one in made.provider.discover()}
        whole = made.load(Window.of_days(DAY.day, date(2025, 6, 30)))
        first, last = (int(at(day).timestamp() * 1000) for day in ("2025-06-01", "2025-07-02"))
        truth = made.twin.truth(first, last, {"frequencies": "M"})
        meant = {point.labels["span"] for point in truth if point.labels.get("sampling_frequency") == "M"}
    spans = {key.removeprefix(TOTAL): one.labels.get("span") for key, one in series.items() if key.startswith(TOTAL)}
    assert spans == {"": None, "/H": None, "/D": None, "/M": "month", "/Y": "year"}
    assert {one.key: one for one in whole.series}[f"{TOTAL}/M"].labels["span"] == "month"
    assert meant == {"month"}
