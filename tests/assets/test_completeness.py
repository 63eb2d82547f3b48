"""The checks on series: which devices are silent and which lack points, by name, and in which colour."""

from datetime import UTC, date, datetime, timedelta

import pytest

from assets.completeness import Coverage, Finding, series_complete, series_fresh
from assets.source import Tolerance
from tests.fakes.days import facts
from warehouse.completeness import SeriesGap

DAY = date(2026, 3, 2)
END = datetime(2026, 3, 3, tzinfo=UTC)


def gap(verdict: str, device: str = "meter 7", *, hours: float = 12, n_missing: int = 48) -> SeriesGap:
    since = END - timedelta(hours=hours)
    return SeriesGap(1, f"{device}/P", device, "", verdict, since, n_missing, 96, [DAY])


def fresh(*gaps: SeriesGap, **tolerance: float) -> Finding:
    return series_fresh(facts(tolerance=Tolerance(**tolerance)), Coverage(END, gaps))


def complete(*gaps: SeriesGap, **tolerance: float) -> Finding:
    return series_complete(facts(tolerance=Tolerance(**tolerance)), Coverage(END, gaps))


def test_a_device_that_is_silent_from_noon_is_named_with_the_instant_and_red() -> None:
    found = fresh(gap("silent"), gap("silent", "meter 9", hours=3))
    assert not found.passed
    assert found.is_grave
    assert found.sentence == (
        "2 devices are silent: meter 9 since 2026-03-02T21:00Z, meter 7 since 2026-03-02T12:00Z."
        " `joulehouse gaps roof` shows them."
    )
    assert found.figures["silent_since"]["meter 7"] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize(("hours", "colour"), [(2, "green"), (4, "yellow"), (30, "red")])
def test_how_long_a_device_may_be_silent_is_configurable(hours: float, colour: str) -> None:
    found = fresh(gap("silent", hours=hours), silent_yellow_hours=3, silent_red_hours=24)
    assert (found.passed, found.is_grave) == (colour == "green", colour == "red")


@pytest.mark.parametrize(("n_missing", "colour"), [(3, "green"), (20, "yellow"), (96, "red")])
def test_how_many_points_of_a_week_may_be_missing_is_configurable(n_missing: int, colour: str) -> None:
    found = complete(gap("partial", n_missing=n_missing), missing_yellow=0.01, missing_red=0.1)
    assert (found.passed, found.is_grave) == (colour == "green", colour == "red")
    assert ("meter 7" in found.sentence) == (colour != "green")


def test_what_is_late_as_usual_and_what_was_never_loaded_is_no_fault_of_a_series() -> None:
    assert complete(gap("late"), gap("unknown")).passed
    assert "1 device as late as usual" in complete(gap("late")).sentence
    assert fresh(gap("late"), gap("absent")).passed


def test_a_new_device_is_said_and_a_retired_source_is_green() -> None:
    assert "New: meter 8." in series_fresh(facts(), Coverage(END, (), ["meter 8"])).sentence
    assert series_fresh(facts(was_retired=True), Coverage(END, [gap("silent")])).passed
    assert series_complete(facts(was_retired=True), Coverage(END, [gap("partial")])).passed
