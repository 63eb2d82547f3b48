"""Histories of counters that know the truth: what was counted, what happened, and what the counter showed.

Nothing here is taken from the engine. A history is drawn from its number alone, by kind of event: at any cadence, in
any unit, with any number of digits, of any load and any total; events fall where they will, at the edges of days, too.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY: Final = 86_400
BEGIN: Final = 20_300 * DAY
"""A midnight in 2025."""

UNITS: Final = {
    # unit: (canonical units in one, quantity, what one digit may stand for, in the unit)
    "Wh": (1.0, "energy_register", (1.0, 10.0)),
    "kWh": (1e3, "energy_register", (1e-3, 1e-2, 0.1, 1.0)),
    "MWh": (1e6, "energy_register", (1e-6, 1e-3)),
    "MJ": (1e6 / 3600, "energy_register", (1e-3, 1.0)),
    "kJ": (1e3 / 3600, "energy_register", (1.0,)),
    "m³": (1.0, "volume_register", (1e-3, 1e-2, 0.1)),
    "l": (1e-3, "volume_register", (1.0,)),
}
CADENCES: Final = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, DAY)
LOADS: Final = ("constant", "noisy", "solar", "bursty", "frozen")

GLITCHES: Final = ("zero", "zeros", "peak", "peaks", "old value", "two glitches", "day edge")
MIXED: Final = ("old values", "young", "beside a gap", "beside a reset", "beside a rollover", "beside midnight")
"""Glitches of the shown past for hours, of a counter that has counted little, and near other events."""

KINDS: Final = (
    "untouched", *GLITCHES, "reset", "midnight resets", "rollover", "replacement lower", "replacement higher", "gap",
    "jitter", "first reading", "last reading", "several", *MIXED,
)  # fmt: skip
"""A history is drawn from its number and the place of its kind: new kinds are added at the end."""


@dataclass
class History:
    """What a counter showed, and the truth.

    Attributes:
        kind: What happened.
        at_us: When it was read.
        shown: What it showed, canonical.
        counted: What was truly counted since the first reading, as its digits say it.
        odd: The readings at which something happened.
        hidden: Those at which it began anew, or was replaced, and showed as much as before, or more: nobody can tell.
        usual: The most that is counted from one reading to the next.
    """

    kind: str
    unit: str
    every: int
    load: str
    digit: float
    at_us: Ints
    shown: Floats
    counted: Floats
    usual: float
    odd: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)

    @property
    def true(self) -> float:
        """All that was counted."""
        return float(self.counted[-1] - self.counted[0])


def history(number: int, kind: str) -> History:
    """The history of this number, with this kind of event."""
    chance = np.random.default_rng([number, KINDS.index(kind)])
    unit = str(chance.choice(list(UNITS)))
    scale, quantity, digits = UNITS[unit]
    digit = float(chance.choice(digits)) * scale
    every = int(chance.choice(CADENCES))
    # One to five days, and at a short cadence some hours of it, a midnight among them where it fits.
    n = int(chance.integers(20, 60) if every >= 21_600 else chance.integers(40, 240))
    n = min(n, 5 * DAY // every) if every < 21_600 else n
    if kind in ("midnight resets", "beside midnight"):
        every = max(every, 1_800) if every < DAY // 4 else 3_600
        n = int(chance.integers(2, 5)) * DAY // every
    at = BEGIN + chance.integers(0, DAY) // every * every + np.arange(n, dtype=np.int64) * every
    if kind in ("midnight resets", "beside midnight"):
        at = BEGIN + np.arange(n, dtype=np.int64) * every
    elif every < DAY and chance.random() < 0.5:
        at = at - int(n * chance.random()) * every  # so that a midnight lies anywhere in it
    at_us = at * 1_000_000
    if chance.random() < 0.4:  # a clock that is never quite on time
        at_us = at_us + chance.integers(-every * 200_000, every * 200_000, n)
    load = str(chance.choice(LOADS))
    most = 10 ** chance.uniform(1.3, 4.2) if quantity == "energy_register" else 10 ** chance.uniform(-3, 0)
    counted = _counted(chance, at_us, load, most)
    begun = 0.0 if chance.random() < 0.1 else 10 ** chance.uniform(2, 7.5) * (1 if most > 5 else 1e-3)
    if kind == "young":
        begun = chance.random() * float(counted[-1]) * DAY / max(DAY, n * every)  # less than a day of this one
    total = np.floor((begun + counted) / digit + 1e-9) * digit
    made = History(kind, unit, every, load, digit, at_us, total.copy(), total, max(float(np.diff(total).max()), digit))
    _happen(chance, made, scale)
    return made


def _counted(chance: np.random.Generator, at_us: Ints, load: str, most: float) -> Floats:
    """What a load of at most so many units an hour has counted at each instant."""
    hours = np.diff(at_us) / 3.6e9
    n = len(hours)
    if load == "constant":
        rate = np.full(n, 0.5)
    elif load == "noisy":
        rate = chance.uniform(0.05, 1, n)
    elif load == "solar":
        of_day = (at_us[1:] / 1e6 % DAY) / DAY
        rate = np.clip(np.sin((of_day - 0.25) * 2 * np.pi), 0, 1) * chance.uniform(0.5, 1, n)
    elif load == "bursty":
        rate = np.repeat(chance.random(n) < 0.2, chance.integers(1, 9, n))[:n] * chance.uniform(0.6, 1, n)
    else:
        rate = (chance.random(n) < 0.04) * chance.random(n)
    return np.concatenate([[0.0], np.cumsum(rate * hours * most)])


def _happen(chance: np.random.Generator, made: History, scale: float) -> None:
    n = len(made.shown)
    kind = made.kind
    where = int(chance.integers(2, n - 2))
    if kind == "several":
        for _ in range(int(chance.integers(2, 5))):
            what = str(chance.choice(["zero", "zeros", "peak", "peaks", "old value"]))
            _glitch(chance, made, what, int(chance.integers(1, n - 2)))
    elif kind == "two glitches":
        _glitch(chance, made, str(chance.choice(["zero", "peak", "old value"])), min(where, n - 6))
        _glitch(chance, made, str(chance.choice(["zero", "peak"])), min(where, n - 6) + int(chance.integers(1, 4)))
    elif kind == "day edge":
        edges = np.flatnonzero(np.diff(made.at_us // (DAY * 1_000_000))) + int(chance.integers(0, 2))
        edges = edges[(edges > 0) & (edges < n - 1)]
        at = int(chance.choice(edges)) if len(edges) else where
        _glitch(chance, made, str(chance.choice(["zero", "peak"])), at)
    elif kind in GLITCHES or kind == "old values":
        _glitch(chance, made, kind, where)
    elif kind == "young":
        _glitch(chance, made, str(chance.choice(["zero", "zeros", "peak", "peaks", "old value"])), where)
    elif kind.startswith("beside"):
        _beside(chance, made, scale)
    elif kind == "first reading":
        _glitch(chance, made, str(chance.choice(["zero", "peak"])), 0)
    elif kind == "last reading":
        _glitch(chance, made, str(chance.choice(["zero", "peak"])), n - 1)
    else:
        _change(chance, made, where, scale)


def _beside(chance: np.random.Generator, made: History, scale: float) -> None:
    """Something happens, and one to three readings before or behind it a reading is wrong."""
    what = {"gap": "gap", "reset": "reset", "rollover": "rollover", "midnight": "midnight resets"}[
        made.kind.split()[-1]
    ]
    _change(chance, made, int(chance.integers(6, len(made.shown) - 6)), scale, what)
    n = len(made.shown)
    at = int(chance.choice(sorted(made.odd))) if made.odd else n // 2
    offsets = [one for one in (-4, -3, -2, 1, 2, 3) if 0 < at + one < n - 1]
    if offsets:
        _glitch(chance, made, str(chance.choice(["zero", "peak"])), at + int(chance.choice(offsets)))


def _glitch(chance: np.random.Generator, made: History, what: str, where: int) -> None:
    n = len(made.shown)
    # For hours, up to three quarters of a day; at a long cadence some readings.
    most = max(6, 3 * DAY // 4 // made.every)
    long = min(int(chance.integers(2, 1 + min(most, max(3, n // 2)))), n - 1 - where) if what.endswith("s") else 1
    span = slice(where, where + long)
    if what.startswith("zero"):
        made.shown[span] = 0.0
    elif what.startswith("peak"):
        height = max(made.usual * 10 ** chance.uniform(1, 3), 10 * made.digit)
        rising = made.counted[span] if chance.random() < 0.5 else made.counted[where]
        made.shown[span] = rising + np.ceil(height / made.digit) * made.digit
    else:
        made.shown[span] = made.shown[int(chance.integers(0, where))]
    made.odd.update(range(where, where + long + 1))


def _change(chance: np.random.Generator, made: History, where: int, scale: float, kind: str = "") -> None:
    kind, n = kind or made.kind, len(made.shown)
    behind = slice(where, None)
    step = float(made.counted[where] - made.counted[where - 1])
    made.odd.add(where)
    if kind == "untouched":
        made.odd.clear()
    elif kind == "reset":
        kept = np.floor(chance.random() * step / made.digit) * made.digit
        before = float(made.shown[where - 1])
        made.shown[behind] = made.counted[behind] - made.counted[where] + kept
        made.hidden = {where} if made.shown[where] >= before else set()
    elif kind == "midnight resets":
        days = made.at_us // (DAY * 1_000_000)
        firsts = np.flatnonzero(np.diff(days, prepend=days[:1]))
        made.odd = set(firsts.tolist())
        begun = np.zeros(n)
        for first in firsts.tolist():
            begun[first:] = made.counted[first - 1]
        begun[: firsts[0] if len(firsts) else n] = made.counted[0]
        made.shown[:] = made.counted - begun
        made.hidden = {first for first in firsts.tolist() if first and made.shown[first] >= made.shown[first - 1]}
    elif kind == "rollover":
        # The digits of a counter last for years: it does not roll over twice in its history.
        fewest = int(np.ceil(np.log10(max(10 * made.true, 1e3 * made.digit) / scale)))
        top = 10.0 ** max(5, fewest, int(chance.integers(4, 9))) * scale
        start = (
            top - np.ceil((made.counted[where] - made.counted[0] - step * chance.random()) / made.digit) * made.digit
        )
        made.shown[:] = (made.counted - made.counted[0] + start + made.digit / 4) % top - made.digit / 4
        made.shown[:] = np.abs(
            np.rint(made.shown / made.digit) * made.digit
        )  # it shows digits, and no rest of a division
        fallen = np.flatnonzero(np.diff(made.shown) < 0) + 1
        made.odd = set(fallen.tolist())
    elif kind.startswith("replacement"):
        now = made.counted[where - 1]
        # Farther than a house can count in the time, 100 kW or 100 m³ an hour.
        hours = (made.at_us[where] - made.at_us[where - 1]) / 3.6e9
        far = max(110 * made.usual, 1.1 * hours * (1e5 if made.unit not in ("m³", "l") else 100.0))
        to = now * chance.uniform(0.05, 0.8) if kind.endswith("lower") else now + far * 10 ** chance.uniform(0.1, 3)
        before = float(made.shown[where - 1])
        made.shown[behind] += np.floor((to - made.counted[where]) / made.digit) * made.digit
        made.hidden = {where} if kind.endswith("lower") and made.shown[where] >= before else set()
    elif kind == "gap":
        gone = np.arange(where, min(n - 1, where + int(chance.integers(3, 20))))
        made.odd = {where}
        for name in ("at_us", "shown", "counted"):
            setattr(made, name, np.delete(getattr(made, name), gone))
    elif kind == "jitter":
        back = np.ceil(chance.random() * made.usual / made.digit) * made.digit
        made.shown[where] = max(0.0, made.counted[where - 1] - back)
        made.odd.add(where + 1)
