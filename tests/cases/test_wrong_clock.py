"""One of forty devices has lost its clock, and dates its rows to where clocks begin, or to another day."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.errors import OutsideWindowError
from domain.measurement import Normalized
from tests.providers.export_service.harness import MIDNIGHT, PLAIN, meant

ACCOUNT = replace(PLAIN, identity={"*": ("device",)})
LOST = 7
N_DEVICES, N_MINUTES = 40, 200
HOUR = 3_600_000


def read(begins: int) -> Normalized:
    """A minute's document of each device; the clock of one begins at `begins`, in epoch milliseconds."""
    rows = [
        {"device": f"b{device}", "P_kW": 1.0, "timestamp": (begins if device == LOST else MIDNIGHT) + n * 60_000}
        for n in range(N_MINUTES)
        for device in range(N_DEVICES)
    ]
    return meant(rows, ACCOUNT)


@pytest.mark.parametrize("year", [1970, 2000])
def test_a_clock_that_begins_anew_costs_its_own_device_alone(year: int) -> None:
    whole = read(int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000))
    assert len(whole.measurements) == (N_DEVICES - 1) * N_MINUTES
    assert not whole.measurements["series"].astype("str").str.contains(f"/b{LOST}/").any()
    assert list(whole.rejected["reason"]) == ["implausible_time"] * N_MINUTES


def test_a_clock_that_is_a_day_ahead_refuses_the_answer() -> None:
    with pytest.raises(OutsideWindowError, match="lie outside of what was asked for, the first at 2025-06-02T0"):
        read(MIDNIGHT + 24 * HOUR)


def test_a_clock_that_is_hours_ahead_within_the_day_cannot_be_told_and_is_loaded() -> None:
    whole = read(MIDNIGHT + 3 * HOUR)
    assert (len(whole.measurements), len(whole.rejected)) == (N_DEVICES * N_MINUTES, 0)
