"""What a counter has counted, told from readings of which some are wrong: each kind of event by its own numbers."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pytest

from domain.registers import FLAGS, Intervals, judge, register_of

BEGIN_S = 1_760_918_400  # 2025-10-20T00:00Z
MINUTE, QUARTER, HOUR, DAY = 60, 900, 3600, 86_400
STEPS = (40.0, 60.0, 50.0, 120.0, 80.0, 50.0, 100.0, 30.0)
WATER = (0.02, 0.0, 0.03, 0.01, 0.0, 0.02, 0.04)


def judged(values: Sequence[float], every: int = QUARTER, unit: str = "kWh") -> Intervals:
    quantity = "volume_register" if unit == "m³" else "energy_register"
    at_us = (BEGIN_S + np.arange(len(values), dtype=np.int64) * every) * 1_000_000
    return judge(at_us, np.array(values, dtype=np.float64), register_of(quantity, unit))


def total(found: Intervals) -> float:
    return float(found.amount.sum())


def flags(found: Intervals) -> list[str]:
    """Those that are not plainly measured, in order."""
    return [FLAGS[flag] for flag in found.flag.tolist() if FLAGS[flag] != "measured"]


def counted(steps: Sequence[float], start: float, zeros: Sequence[int] = ()) -> list[float]:
    return [0.0 if n in zeros else value for n, value in enumerate(accumulate(steps, initial=start))]


@pytest.mark.parametrize(
    ("start", "steps", "zeros", "every", "unit"),
    [
        pytest.param(20_000.0, STEPS, [4], QUARTER, "kWh", id="a young meter"),
        pytest.param(5e6, STEPS, [4], QUARTER, "kWh", id="an old meter"),
        pytest.param(5e6, [100.0] * 24, range(8, 16), QUARTER, "kWh", id="two hours of zeros"),
        pytest.param(5e6, [10.0] * 600, range(100, 400), MINUTE, "kWh", id="five hours of minutes"),
        pytest.param(812.0, WATER, [4], HOUR, "m³", id="water read every hour"),
        pytest.param(18.0, WATER, [4], QUARTER, "m³", id="young water"),
        pytest.param(20_000.0, [1_500.0] * 8, [3], DAY, "kWh", id="a reading a day"),
        pytest.param(20_000.0, [0.0] * 12, [5], QUARTER, "kWh", id="a counter that stands still"),
        pytest.param(5e6, [50.0] * 12, [4, 6], QUARTER, "kWh", id="twice, and right once in between"),
        pytest.param(5e6, [50.0] * 12, [4, 5, 9], QUARTER, "kWh", id="several in a day"),
    ],
)
def test_a_counter_that_reads_zero_and_comes_back_loses_nothing_and_invents_nothing(
    start: float, steps: Sequence[float], zeros: Sequence[int], every: int, unit: str
) -> None:
    found = judged(counted(steps, start, zeros), every, unit)

    assert total(found) == pytest.approx(sum(steps))
    assert set(flags(found)) == {"glitch"}


@pytest.mark.parametrize(("n_zeros", "first"), [(96, 96), (110, 90), (140, 94), (120, 96), (180, 100)])
def test_zeros_that_cover_a_whole_day_lose_nothing(n_zeros: int, first: int) -> None:
    """What was counted meanwhile is booked to the day on which the counter is seen again."""
    found = judged(counted([50.0] * 480, 5e6, range(first, first + n_zeros)))

    assert total(found) == pytest.approx(50 * 480)
    assert flags(found) == ["glitch"]
    assert (found.begun_us[1:] == found.ended_us[:-1]).all()


def test_a_peak_that_comes_back_down_is_left_out() -> None:
    found = judged([5e6 + 50 * n + (20_000 if n == 5 else 0) for n in range(12)])

    assert total(found) == pytest.approx(550)
    assert flags(found) == ["glitch"]


def test_an_old_value_shown_again_after_midnight_is_left_out() -> None:
    """A counter of the day that shows yesterday's 12 kWh once more at sunrise."""
    climb = [100.0, 400.0, 900.0, 1_500.0, 2_200.0]
    found = judged([12_000.0] * 4 + [0.0] * 20 + [12_000.0, *climb])

    assert total(found) == pytest.approx(2_200)


@pytest.mark.parametrize(("unit", "digits"), [("kWh", 5), ("MJ", 5), ("kJ", 8), ("Wh", 9), ("MWh", 3)])
def test_a_counter_rolls_over_at_a_power_of_ten_of_its_own_unit(unit: str, digits: int) -> None:
    scale = register_of("energy_register", unit).scale
    top, step = 10**digits, 20_000 / scale
    found = judged([((top - 2.5 * step + n * step) % top) * scale for n in range(8)], HOUR, unit)

    assert total(found) == pytest.approx(140_000)
    assert flags(found) == ["rollover"]


def test_a_counter_that_is_reset_every_midnight_counts_each_day_whole() -> None:
    day = [0.0] * 6 + [200.0 * n * n for n in range(12)] + [200.0 * 121] * 6
    found = judged(day * 3, HOUR)

    assert total(found) == pytest.approx(3 * 200 * 121)
    assert flags(found) == ["reset", "reset"]


def test_a_counter_that_is_reset_and_climbs_beyond_where_it_stood_by_usual_steps_is_no_glitch() -> None:
    found = judged([0.0, 2_000, 5_000, 8_000, 8_000, 8_000, 0, 2_700, 5_500, 8_200, 8_200, 8_200])

    assert total(found) == pytest.approx(8_000 + 8_200)
    assert flags(found) == ["reset"]


def test_where_both_explanations_fit_the_smaller_energy_is_booked_and_the_interval_says_so() -> None:
    """20 kWh read once a day, of a counter that uses as much in a day: reset and used, or never away."""
    found = judged([20_000.0 + 15_000 * n for n in range(4)] + [0.0, 67_000.0] + [82_000.0, 97_000.0, 112_000.0], DAY)

    assert total(found) == pytest.approx(112_000 - 20_000)
    assert flags(found) in (["ambiguous"], ["glitch"])


def test_a_counter_that_counts_both_ways_gives_and_takes() -> None:
    at_us = np.arange(9, dtype=np.int64) * 900_000_000
    value = np.array([467.0, 417, 367, 300, 320, 350, 100, -50, -80])
    found = judge(at_us, value, register_of("net_energy_register", "kWh"))

    assert found.amount.tolist() == np.diff(value).tolist()
    assert flags(found) == []


@pytest.mark.parametrize(
    "wrong", [(40, 41, 9_000.0), (94, 99, 9_000.0), (94, 99, -20_000.0), (90, 98, None), (96, 192, None)]
)
def test_what_jumps_away_and_back_is_no_energy_of_a_counter_that_counts_both_ways(
    wrong: tuple[int, int, float | None],
) -> None:
    """Also across a midnight, where it would be energy of one day taken back on the next. None: it shows zero."""
    at_us = (BEGIN_S + np.arange(480, dtype=np.int64) * QUARTER) * 1_000_000
    true = 467_000 + np.cumsum(50 * np.sin(np.arange(480) / 15.0) + 3)
    shown = true.copy()
    first, end, height = wrong
    shown[first:end] = 0.0 if height is None else shown[first:end] + height
    register = register_of("net_energy_register", "kWh")
    found = judge(at_us, shown, register)
    ended = np.searchsorted(at_us, found.ended_us)

    assert flags(found) == ["glitch"]
    assert found.amount == pytest.approx(true[ended] - true[np.searchsorted(at_us, found.begun_us)])
    assert set(flags(judge(at_us, true, register))) == set()


def test_another_counter_and_a_first_reading_that_is_wrong_invent_nothing() -> None:
    first = judged([0.0] + [5e6 + 50 * n for n in range(12)])
    lower = judged([5e6 + 50 * n for n in range(6)] + [812_000.0 + 50 * n for n in range(6)])

    assert total(first) == pytest.approx(550)
    assert total(lower) == pytest.approx(500)
    assert flags(first) == flags(lower) == ["replacement"]


@pytest.mark.parametrize("n_wrong", [25, 40])
def test_many_readings_that_are_wrong_in_a_row_and_each_in_its_own_way_invent_nothing(n_wrong: int) -> None:
    values = [5e6 + 50 * n for n in range(480)]
    values[200 : 200 + n_wrong] = [float(n * 7_919_387 % 10_000_019) for n in range(1, n_wrong + 1)]
    found = judged(values)

    assert total(found) == pytest.approx(50 * 479)
    assert flags(found) == ["glitch"]


def test_two_counters_that_answer_in_turn_are_not_added_up() -> None:
    found = judged([5e6 + n if n % 2 else 20_000.0 + n for n in range(20)])

    assert total(found) == pytest.approx(18)


def test_a_whole_day_that_may_be_wrong_is_never_left_out_in_silence() -> None:
    """Of a counter that is reset each midnight and stands as high each evening: the second day may be a dip."""
    day = [1_000.0 * (n // 12) for n in range(48)]
    found = judged([*day, *day, *(value + 1_000 for value in day)], 1_800)

    assert len(found.amount) == 143
    assert "reset" in flags(found)


def test_a_counter_of_the_day_that_ends_near_a_power_of_ten_is_reset_and_does_not_roll_over() -> None:
    """9,245 Wh in the evening: to 10,000 Wh it would be no more than what is counted in half an hour of sun."""
    day = [0.0] * 12 + [745.0 * n for n in range(12)] + [745.0 * 11 + 525 * (n > 11) for n in range(24)]
    day[-12:] = [9_245.0] * 12
    found = judged(day * 4, 1_800, "Wh")

    assert total(found) == pytest.approx(4 * 9_245)
    assert flags(found) == ["reset"] * 3


@pytest.mark.parametrize(
    ("values", "every"),
    [
        pytest.param([100.0, 236, 530, 0, 991, 1_276, 1_782, 2_100, 2_400], 2 * HOUR, id="beside a power of ten"),
        pytest.param([100.0, 147, 196, 245, 66_245, 0, 294, 343, 392, 441], QUARTER, id="a peak, and then zero"),
        pytest.param([100.0, 147, 196, 245, 0, 0, 66_245, 0, 0, 294, 343, 392, 441], QUARTER, id="a peak among zeros"),
        pytest.param([16_000.0 + 50 * n for n in range(30)][:20] + [12_000.0] * 8 + [17_500.0, 17_550], QUARTER,
                     id="an old value for hours"),
    ],
)  # fmt: skip
def test_a_counter_that_has_counted_little_and_shows_something_else_for_a_while_invents_nothing(
    values: list[float], every: int
) -> None:
    assert total(judged(values, every)) == pytest.approx(values[-1] - values[0])


def test_what_is_lower_for_longer_than_a_reading_says_so_until_it_is_higher_than_it_was() -> None:
    at_once = judged([100.0, 150, 200, 250, 240, 290, 340, 390, 440, 490])
    later = judged([100.0, 150, 200, 250, 170, 220, 270, 320, 370, 420])

    assert total(at_once) == pytest.approx(390)
    assert flags(at_once) == ["jitter"]
    assert total(later) == pytest.approx(320)
    assert flags(later) == ["jitter", "jitter", "jitter"]


def test_much_energy_of_one_quarter_stays_on_its_day_although_the_counter_jitters_hours_later() -> None:
    quarters = 24 * 4
    values = 5e7 + 100.0 * np.arange(4 * quarters)
    values[quarters + 88 :] += 2000  # on the second day at 22:00
    values[2 * quarters + 4] = values[2 * quarters + 3] - 10  # on the third at 01:00: a digit less

    found = judged(values.tolist())

    day = (found.ended_us // 1_000_000 - BEGIN_S - 1) // DAY
    assert [float(found.amount[day == n].sum()) for n in (1, 2)] == [11_600, 9_600]
    assert set(flags(found)) == {"jitter"}
