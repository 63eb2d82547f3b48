"""Raw data are a counter's readings or a load curve, and nothing says which: no curve is ever read as a counter."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from domain.measurement import Normalized, concat
from domain.quantities import Kind
from domain.window import Window
from providers.climkit.account import AccountConfig
from providers.climkit.document import falls_like_no_counter
from sandbox.climkit.house import GRID, PRODUCER, SITE
from tests.providers.climkit.harness import ACCOUNT, DAY, FLAT, WATER, Apartments, apartments, at, values

RAW = replace(ACCOUNT, meters=(FLAT, WATER), has_sensors=False, has_site_totals=False)


def curved(made: Apartments, *meters: str) -> None:
    for meter in meters:
        made.twin.happen({"meter": meter, "event": "curve", "at": "2025-01-01T00:00:00"})


def test_a_curve_that_nobody_has_named_is_unmapped_by_name_and_never_a_register() -> None:
    with apartments(account=RAW) as made:
        registers = {one.key for one in made.load().series if "register" in one.quantity}
        curved(made, FLAT)
        whole = made.load()
    assert {f"{SITE}/{FLAT}/en_im", f"{SITE}/{WATER}/vol_m3"} <= registers
    assert whole.unmapped == {"meter_data_raw of electricity/en_im (a load curve)": 96}
    found = {one.key for one in whole.series if "register" in one.quantity}
    assert found == registers - {f"{SITE}/{FLAT}/en_im"}


def test_a_curve_that_the_account_names_says_what_the_validated_quarters_say() -> None:
    account = replace(RAW, load_curves={FLAT: 15, WATER: 15})
    with apartments(account=account, is_end_included=False) as made:
        curved(made, FLAT, WATER)
        whole = made.load()
    for meter, field, quantity in ((FLAT, "en_im", "energy"), (WATER, "vol_m3", "volume")):
        curve, quarters = values(whole, f"{SITE}/{meter}/{field}/15min"), values(whole, f"{SITE}/{meter}/total")
        assert curve == pytest.approx(quarters)
        assert (len(curve), min(curve)) == (96, at("2025-06-01T00:00:00"))  # labelled by starts, like all intervals
        (described,) = [one for one in whole.series if one.key.endswith(f"{field}/15min")]
        assert (described.quantity, described.resolution) == (quantity, timedelta(minutes=15))
    assert whole.unmapped == {}


def test_whether_it_is_a_curve_is_told_by_the_whole_answer_and_not_by_a_day_of_it() -> None:
    """A night without sun looks like a counter that stands still; the days beside it do not."""
    window = Window.of_days(date(2025, 6, 1), date(2025, 6, 5))
    with apartments(account=replace(RAW, meters=(PRODUCER,))) as made:
        curved(made, PRODUCER)
        payloads = made.fetch(window)
        hours = [Window(at(f"2025-06-0{day}T00:00:00"), at(f"2025-06-0{day}T02:00:00")) for day in range(1, 6)]
        nights = [concat(made.provider.normalize(payloads, night)) for night in hours]
    name = "meter_data_raw of electricity/en_ex (a load curve)"
    assert [night.unmapped.get(name) for night in nights] == [8] * 5


@pytest.mark.parametrize(
    "event",
    [
        {"event": "replace", "at": "2025-06-01T12:00:00", "to": 0},
        {"event": "swap", "at": "2025-06-01T12:00:00"},
        {"event": "rollover", "at": "2025-06-01T12:00:00", "digits": 3},
        {"event": "jitter", "at": "2025-06-01T12:00:00", "by": 0.5},
        {"event": "duplicate", "at": "2025-06-01T12:00:00"},
    ],
)
def test_whatever_happens_to_a_counter_it_stays_one(event: dict[str, object]) -> None:
    with apartments(account=replace(RAW, meters=(FLAT, GRID))) as made:
        made.twin.happen({"meter": GRID, **event})
        whole = made.load(DAY)
    assert f"{SITE}/{GRID}/en_im" in {one.key for one in whole.series}
    assert whole.unmapped == {}


@pytest.mark.parametrize("zeros", [[40], [40, 70], [0, 95], [10, 11, 12, 50, 51, 80], list(range(23))])
def test_a_slow_counter_that_reads_0_for_a_moment_is_no_curve_even_on_its_first_day(zeros: list[int]) -> None:
    readings = np.array([812.0 + 0.01 * (n // 24) for n in range(96)])
    readings[zeros] = 0.0
    assert not falls_like_no_counter(readings)


def test_what_the_catalogue_calls_a_register_is_read_as_one_whatever_an_answer_looks_like() -> None:
    key = f"{SITE}/{FLAT}/en_im"
    with apartments(account=RAW) as made:
        curved(made, FLAT)
        payloads = made.fetch()
        new = concat(made.provider.normalize(payloads, DAY))
        known = concat(made.provider.normalize(payloads, DAY, {key: Kind.REGISTER}))
    assert (len(values(new, key)), new.unmapped) == (0, {"meter_data_raw of electricity/en_im (a load curve)": 96})
    assert (len(values(known, key)), known.unmapped) == (96, {})


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
    st.floats(0, 1e6),
    st.lists(st.tuples(st.integers(0, 199), st.floats(0, 0.002)), max_size=99),
)
def test_a_counter_that_jitters_by_its_last_digits_is_never_taken_for_a_curve(
    steps: list[float], begun: float, jitters: list[tuple[int, float]]
) -> None:
    readings = 1.0 + begun + np.cumsum(steps)
    for index, by in jitters:
        readings[index % len(readings)] -= by
    assert not falls_like_no_counter(readings)


def test_nothing_is_concluded_from_a_few_values_or_from_none() -> None:
    assert not falls_like_no_counter(np.array([]))
    assert not falls_like_no_counter(np.array([0.3, 0.1, 0.2, 0.1]))
    assert not falls_like_no_counter(np.zeros(96))
    assert not falls_like_no_counter(np.array([np.nan, np.inf, -np.inf, np.nan]))
    assert falls_like_no_counter(np.array([0.3, 0.0, 0.4, 0.1, 0.5]))


@pytest.mark.parametrize("curves", [{"a/b": 15}, {"a": 0}, {"a": 7}, {"a": 120}])
def test_a_curve_that_cannot_be_is_refused_before_any_request(curves: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        AccountConfig(load_curves=curves)


def test_naming_a_curve_changes_how_it_is_read_and_not_whose_answer_it_is() -> None:
    prints: set[str] = set()
    wholes: list[Normalized] = []
    for account in (RAW, replace(RAW, load_curves={FLAT: 15})):
        with apartments(account=account) as made:
            curved(made, FLAT)
            prints.add(made.provider.fingerprint)
            wholes.append(made.load())
    assert len(prints) == 1
    assert len(wholes[1].measurements) == len(wholes[0].measurements) + 96
