"""How many faults are found, and how many flags are raised where there is none."""

import math
import sys
from collections import Counter, defaultdict
from typing import Final

import pytest

from domain.plausibility.shape import SETTLED_HISTORY
from tests.domain.plausibility.faults import KINDS, Fault, Kind, faults
from tests.domain.plausibility.judged import begun_anywhere, is_visible, said_of, untouched
from tests.domain.plausibility.measured_series import all_series

FOUND: Final[dict[Kind, float]] = {
    "factor": 0.95,
    "sign": 0.95,
    "yesterday": 0.95,
    "zeros": 0.93,
    "stuck": 0.91,
    "shift": 0.9,
    "total": 0.9,
}
"""What is found at least. Stuck values of the home battery in weeks in which it is often empty or full, and shifts by a
quarter or two of a temperature that is never dark and has no sibling, look like what they have shown."""

FOUND_VISIBLE: Final = 0.93
"""Of the shifts of series that are dark at night, or have a sibling with which they go together at one lag."""

MOST_FALSE: Final = 0.001
"""From the tenth day of a series on. Below `SETTLED_HISTORY`, wherever it begins, no more."""


@pytest.mark.parametrize(
    ("kind", "least"),
    [("factor", 0.8), ("sign", 0.8), ("yesterday", 0.8), ("zeros", 0.6), ("stuck", 0.6), ("total", 0.6)],
)
def test_most_faults_are_found_by_the_day_after(kind: Kind, least: float) -> None:
    drawn = list(faults(kind, 8, all_series(), seed=21))
    assert sum(bool(said_of(fault)) for fault in drawn) >= least * len(drawn)


def test_a_plant_as_it_was_measured_raises_no_flag_but_its_known_faults() -> None:
    n_days, flags = untouched(["poa_irradiance_dW_m2"])
    assert n_days > 300
    assert flags == []


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_faults_of_each_kind_are_found(kind: Kind) -> None:
    drawn = list(faults(kind, 1000, all_series(), seed=2026))
    said = [said_of(fault) for fault in drawn]
    _printed(kind, drawn, said)
    assert sum(map(bool, said)) >= FOUND[kind] * len(drawn)
    if kind == "shift":
        seen = [bool(kinds) for fault, kinds in zip(drawn, said, strict=True) if is_visible(fault)]
        say(f"  of the {len(seen)} that somebody can see: {sum(seen) / len(seen):.1%}")
        assert sum(seen) >= FOUND_VISIBLE * len(seen)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("judged", ["from the tenth day on", "series that begin anywhere, until they are settled"])
def test_the_data_as_they_were_measured_raise_few_flags(judged: str) -> None:
    n_days, flags = untouched() if judged == "from the tenth day on" else begun_anywhere(SETTLED_HISTORY)
    say(f"\n{judged}")
    for series, day, flag in flags:
        say(f"{series.name}, day {day.day}: {flag.kind}, {flag.evidence}")
    low, high = _wilson(len(flags), n_days)
    say(f"{len(flags)} flags on {n_days} days of series: {1000 * len(flags) / n_days:.2f} in 1,000")
    say(f"95 % interval: {low:.2f} to {high:.2f}")
    assert len(flags) <= MOST_FALSE * n_days


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _printed(kind: Kind, drawn: list[Fault], said: list[set[str]]) -> None:
    by_magnitude: dict[float, list[bool]] = defaultdict(list)
    for fault, kinds in zip(drawn, said, strict=True):
        by_magnitude[_bucket(fault)].append(bool(kinds))
    n = len(drawn)
    right = sum(kind in kinds for kinds in said)
    say(f"\n{kind}: found {sum(map(bool, said)) / n:.1%}, by its own name {right / n:.1%}")
    for magnitude, found in sorted(by_magnitude.items()):
        say(f"  {magnitude:g}: {sum(found)} of {len(found)}")
    missed = [fault for fault, kinds in zip(drawn, said, strict=True) if not kinds]
    say(f"  missed: {dict(Counter(fault.series.column for fault in missed).most_common())}")
    for fault in missed[:20]:
        say(f"    {fault.series.name}, {fault.magnitude:g}, from {fault.begin}")


def _bucket(fault: Fault) -> float:
    """A factor, minutes of a shift, or days and hours begun."""
    if fault.kind == "stuck":
        return math.ceil(fault.magnitude / 24) * 24
    return abs(fault.magnitude)


def _wilson(n_hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, in thousandths."""
    z = 1.96
    share = n_hits / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1000 / (1 + z * z / n)
    return (middle - half) * scale, (middle + half) * scale
