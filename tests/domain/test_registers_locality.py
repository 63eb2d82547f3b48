"""The intervals of a day are a function of its neighbourhood, to the last bit: days may be loaded in any order."""

import random
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pytest

from domain.registers import HOP_READINGS, HOPS, Intervals, Register, judge
from domain.registers.days import DAY_US

Ints = npt.NDArray[np.int64]
REGISTER = Register(1000.0)


def history(seed: int) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Twelve days of a counter to which things happen, some of them at the edges of days."""
    chance = random.Random(seed)
    every = chance.choice([86_400, 43_200, 21_600, 3_600, 900])
    value, usual = chance.choice([0.0, 20_000.0, 5e6]), chance.choice([0.0, 50.0, 4_000.0])
    readings: dict[int, float] = {}
    at = 0
    while at < 12 * 86_400:
        value += usual * chance.random()
        what = chance.random()
        if what < 0.02:
            value = chance.choice([0.0, value + 2e7, value / 2])
        shown = chance.choice([0.0, value + 2e4, max(0.0, value - 500.0)]) if 0.02 <= what < 0.06 else value
        n_alike = chance.choice([1, 1, 1, 20, 100]) if 0.02 <= what < 0.06 else 1
        for _ in range(n_alike):
            readings[at * 1_000_000] = shown
            at += every if what < 0.98 else every * chance.randrange(1, 60)
    instants = sorted(readings)
    return np.array(instants, dtype=np.int64), np.array([readings[one] for one in instants])


def context(at_us: Ints, value: npt.NDArray[np.float64], day: int) -> slice:
    """Whole days, hop by hop, written out as the promise says it."""
    days = np.unique(at_us // DAY_US)
    shown = [value[at_us // DAY_US == one].tolist() for one in days.tolist()]
    first = last = int(np.searchsorted(days, day))
    for _ in range(HOPS):
        seen: list[float] = []
        n_more = 1
        while first > 0 and (len(seen) < HOP_READINGS or (len(set(seen)) == 1 and n_more)):
            n_more -= len(seen) >= HOP_READINGS
            first -= 1
            seen += shown[first]
        seen, n_more = [], 1
        while last + 1 < len(days) and (len(seen) < HOP_READINGS or (len(set(seen)) == 1 and n_more)):
            n_more -= len(seen) >= HOP_READINGS
            last += 1
            seen += shown[last]
    return slice(*np.searchsorted(at_us, [days[first] * DAY_US, (days[last] + 1) * DAY_US]).tolist())


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_what_lies_farther_away_than_the_hops_changes_nothing(first: int) -> None:
    for seed in range(first, first + 20):
        at_us, value = history(seed)
        whole = judge(at_us, value, REGISTER)
        for day in np.unique(at_us // DAY_US).tolist():
            near = context(at_us, value, day)
            bounds = {"first_us": day * DAY_US, "end_us": (day + 1) * DAY_US}
            alone = judge(at_us[near], value[near], REGISTER, **bounds)
            assert_same(alone, whole.ending(day * DAY_US, (day + 1) * DAY_US - 1))


def assert_same(one: Intervals, other: Intervals) -> None:
    for field in fields(Intervals):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
