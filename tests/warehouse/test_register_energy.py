"""Counters become intervals: what was counted is conserved, and what happened to the counter is told apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import registers

BEGIN = datetime(2025, 10, 20, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
STEPS = [40.0, 60.0, 0.0, 120.0, 80.0, 50.0, 100.0, 30.0]
"""Watt-hours of eight quarters, as a flat uses them."""

Reading = tuple[datetime, float]


@dataclass
class Ground:
    """A database in which each question gets a counter of its own."""

    connection: psycopg.Connection
    n_counters: int = 0

    def intervals(self, readings: Sequence[Reading], unit: str = "kWh") -> list[tuple[datetime, datetime, float, str]]:
        """What the warehouse makes of `readings`: start, end, amount, flag."""
        self.n_counters += 1
        quantity, canonical = ("energy_register", "Wh") if unit == "kWh" else ("volume_register", "m³")
        made = self.connection.execute(
            "INSERT INTO series (source, key, quantity, unit, kind, device, site, provider_unit, time_zone, labels)"
            " VALUES ('house', %s, %s, %s, 'register', 'd', '', %s, 'UTC', '{}') RETURNING series_id",
            [str(self.n_counters), quantity, canonical, unit],
        ).fetchone()
        assert made is not None
        with self.connection.cursor() as cursor:
            rows = [(made[0], moment, value) for moment, value in readings]
            cursor.executemany("INSERT INTO measurement VALUES (%s, %s, %s)", rows)
        for window in registers.spans(self.connection, [made[0]]):
            registers.rewrite(self.connection, "house", [made[0]], window, place="house")
        return self.connection.execute(
            "SELECT measured_at, ended_at, amount, flag FROM register_energy WHERE series_id = %s ORDER BY 1", [made[0]]
        ).fetchall()


@pytest.fixture
def ground(database: str) -> Iterator[Ground]:
    with psycopg.connect(database) as connection:
        yield Ground(connection)


def counted(steps: Sequence[float], start: float = 5_000_000.0) -> list[Reading]:
    """The readings of a counter that stood at `start`."""
    readings = [(BEGIN, start)]
    for step in steps:
        readings.append((readings[-1][0] + QUARTER, readings[-1][1] + step))
    return readings


def flags(intervals: Sequence[tuple[datetime, datetime, float, str]]) -> list[str]:
    return [flag for _, _, _, flag in intervals]


def total(intervals: Sequence[tuple[datetime, datetime, float, str]]) -> float:
    return sum(amount for _, _, amount, _ in intervals)


def test_an_interval_begins_at_one_reading_and_ends_at_the_next(ground: Ground) -> None:
    intervals = ground.intervals(counted(STEPS))

    assert [amount for _, _, amount, _ in intervals] == pytest.approx(STEPS)
    assert set(flags(intervals)) == {"measured"}
    assert intervals[0][:2] == (BEGIN, BEGIN + QUARTER)


def test_a_gap_is_one_long_interval_with_all_its_energy(ground: Ground) -> None:
    readings = counted(STEPS)
    del readings[3:6]

    intervals = ground.intervals(readings)

    assert flags(intervals).count("gap") == 1
    begin, end, amount, flag = intervals[2]
    assert (begin, end, flag) == (BEGIN + 2 * QUARTER, BEGIN + 6 * QUARTER, "gap")
    assert amount == pytest.approx(120 + 80 + 50)
    assert total(intervals) == pytest.approx(sum(STEPS))


def test_a_reset_counts_what_was_counted_since_zero(ground: Ground) -> None:
    readings = counted(STEPS)
    readings[4:] = [(moment, value - readings[3][1] - 50) for moment, value in readings[4:]]

    intervals = ground.intervals(readings)

    _, _, amount, flag = intervals[3]
    assert flag == "reset"
    assert amount == pytest.approx(70)
    assert flags(intervals).count("measured") == len(STEPS) - 1


def test_a_rollover_counts_across_the_last_number(ground: Ground) -> None:
    wh = 100_000 * 1000
    readings = [(moment, value % wh) for moment, value in counted(STEPS, start=wh - 200)]

    intervals = ground.intervals(readings)

    assert flags(intervals).count("rollover") == 1
    assert total(intervals) == pytest.approx(sum(STEPS))


@pytest.mark.parametrize("to", [812_000.0, 4_000_000.0, 9_000_000.0, 80_000_000.0])
def test_another_meter_counts_on_and_nothing_is_invented(ground: Ground, to: float) -> None:
    readings = counted(STEPS)
    readings[4:] = [(moment, value - readings[4][1] + to) for moment, value in readings[4:]]

    intervals = ground.intervals(readings)

    assert intervals[3][2:] == (0, "replacement")
    assert total(intervals) == pytest.approx(sum(STEPS) - STEPS[3])


def test_a_reading_that_jitters_backwards_takes_nothing_away(ground: Ground) -> None:
    readings = counted(STEPS)
    readings[5] = (readings[5][0], readings[4][1] - 20)

    intervals = ground.intervals(readings)

    assert intervals[4][2:] == (0, "jitter")
    assert total(intervals) == pytest.approx(sum(STEPS))
    assert min(amount for _, _, amount, _ in intervals) >= 0


def test_water_is_counted_in_cubic_metres(ground: Ground) -> None:
    readings = [(BEGIN + n * QUARTER, 812.0 + n * 0.004) for n in range(10)]

    intervals = ground.intervals(readings, unit="m³")

    assert total(intervals) == pytest.approx(0.036)
    assert set(flags(intervals)) == {"measured"}


def test_a_flat_that_stood_empty_may_begin_to_use(ground: Ground) -> None:
    intervals = ground.intervals(counted([0.0] * 6 + [900.0, 1_200.0]))

    assert set(flags(intervals)) == {"measured"}
    assert total(intervals) == pytest.approx(2_100)


steps = st.lists(st.integers(1, 500).map(float), min_size=8, max_size=30)
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(steps=steps, missing=st.sets(st.integers(1, 29)))
def test_whatever_readings_are_missing_no_energy_is(ground: Ground, steps: list[float], missing: set[int]) -> None:
    whole = counted(steps)
    readings = [one for n, one in enumerate(whole) if n not in missing or n == len(whole) - 1]

    intervals = ground.intervals(readings)

    assert total(intervals) == pytest.approx(sum(steps))
    assert set(flags(intervals)) <= {"measured", "gap"}
    assert [end for _, end, _, _ in intervals[:-1]] == [start for start, _, _, _ in intervals[1:]]


@many
@given(steps=steps, where=st.integers(2, 6), back=st.integers(1, 500))
def test_however_a_reading_jitters_no_energy_is_lost_or_counted_twice(
    ground: Ground, steps: list[float], where: int, back: int
) -> None:
    readings = counted(steps)
    lower = readings[where][1] - min(float(back), max(steps))
    readings[where] = (readings[where][0], lower)

    intervals = ground.intervals(readings)

    assert total(intervals) == pytest.approx(sum(steps))
    assert min(amount for _, _, amount, _ in intervals) >= 0


@many
@given(steps=steps, digits=st.integers(4, 7), before=st.integers(1, 2000))
def test_a_rollover_loses_no_energy_wherever_it_happens(
    ground: Ground, steps: list[float], digits: int, before: int
) -> None:
    wh = 10**digits * 1000
    readings = [(moment, value % wh) for moment, value in counted(steps, start=float(wh - before))]

    intervals = ground.intervals(readings)

    assert total(intervals) == pytest.approx(sum(steps), abs=1e-6)
    assert flags(intervals).count("rollover") == (sum(steps) >= before)


@many
@given(steps=steps, where=st.integers(2, 6), to=st.integers(10_000, 4_000_000))
def test_no_amount_is_ever_negative_or_more_than_was_counted(
    ground: Ground, steps: list[float], where: int, to: int
) -> None:
    readings = counted(steps)
    shift = to - readings[where][1]
    readings[where:] = [(moment, value + shift) for moment, value in readings[where:]]

    intervals = ground.intervals(readings)

    assert flags(intervals)[where - 1] == "replacement"
    assert total(intervals) == pytest.approx(sum(steps) - steps[where - 1])
