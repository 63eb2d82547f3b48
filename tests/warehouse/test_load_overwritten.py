"""Zeros, or one value in place of several, are held back like a loss; values that somebody measured are not."""

from collections.abc import Callable

import pytest

from domain.errors import OverwriteRefusedError
from tests.fakes.points import DAY, Said, load, table
from warehouse.store import TimescaleWarehouse

LEVELS: Said = {(key, minute): float(1 + minute % 3) for key in "ab" for minute in range(20)}
MODES: Said = {("m", minute): ("heat", "cool", "off")[minute % 3] for minute in range(20)}


def _replaced(by: Callable[[str, int, float], float]) -> Said:
    return {(key, minute): by(key, minute, float(value)) for (key, minute), value in LEVELS.items()}


OUTAGES: dict[str, Said] = {
    "zeros": _replaced(lambda *_: 0.0),
    "negative zeros": _replaced(lambda *_: -0.0),
    "zeros of the morning": _replaced(lambda _, minute, value: value if minute >= 9 else 0.0),
    "every fourth is a zero": _replaced(lambda _, minute, value: value if minute % 4 else 0.0),
    "one value": _replaced(lambda *_: 7.5),
    "frozen at a value of its own": _replaced(lambda key, *_: 2.0 if key == "a" else 3.0),
    "one series of two": _replaced(lambda key, _, value: value if key == "a" else 3.0),
    "zeros, and gaps": dict(list(_replaced(lambda _, minute, value: value if minute < 16 else 0.0).items())[:-5]),
    "states": {**LEVELS, **dict.fromkeys(MODES, "unavailable")},
}


def test_zeros_or_one_value_over_a_fifth_of_the_points_are_refused_unless_they_are_a_correction(
    warehouse: TimescaleWarehouse,
) -> None:
    for name, said in OUTAGES.items():
        good = {**LEVELS, **MODES} if name == "states" else LEVELS
        load(warehouse, good, is_correction=True)
        with pytest.raises(OverwriteRefusedError, match=rf"^of {len(good)} points \d+ would become zeros or one value"):
            load(warehouse, said)
        assert (name, table(warehouse)) == (name, good)
        assert warehouse.ledger.entries("hub", DAY)[-1].reason == "overwrite_refused"
        load(warehouse, said, is_correction=True)
        assert (name, table(warehouse)) == (name, said)


RESTATED: dict[str, tuple[Said, Said]] = {
    "an offset": (LEVELS, _replaced(lambda _, __, value: value + 0.5)),
    "a factor and a sign": (LEVELS, _replaced(lambda _, __, value: -1000 * value)),
    "moved by a minute": (LEVELS, _replaced(lambda _, minute, __: float(1 + (minute + 1) % 3))),
    "zeros moved by a minute": (
        _replaced(lambda _, minute, __: float(minute % 2)),
        _replaced(lambda _, minute, __: float((minute + 1) % 2)),
    ),
    "levels moved by two minutes": (
        _replaced(lambda _, minute, __: float(1 + minute**2 % 5)),
        _replaced(lambda _, minute, __: float(1 + (minute + 2) ** 2 % 5)),
    ),
    "another setting": (_replaced(lambda *_: 20.0), _replaced(lambda *_: 21.0)),
    "were zeros": (_replaced(lambda *_: 0.0), LEVELS),
    "a fifth is zero": (LEVELS, _replaced(lambda _, minute, value: value if minute >= 4 else 0.0)),
    "another word": (MODES, {key: ("on", "cool", "off")[key[1] % 3] for key in MODES}),
}


def test_values_that_are_restated_or_moved_and_a_fifth_of_zeros_are_a_correction_as_any(
    warehouse: TimescaleWarehouse,
) -> None:
    for name, (before, now) in RESTATED.items():
        load(warehouse, before, is_correction=True)
        load(warehouse, now)
        assert (name, table(warehouse)) == (name, now)
