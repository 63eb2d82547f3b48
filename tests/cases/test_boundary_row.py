"""A provider sends the last value before the window along, so that a series of changes has a beginning."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import OutsideWindowError
from domain.measurement import Normalized, concat
from domain.window import Window
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.servitly.normalize import normalize as servitly
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from providers.voltstorage.normalize import normalize as voltstorage
from tests.fakes.zips import answer, zipped
from tests.providers.voltstorage.harness import exported

DAY = Window.of_day(date(2025, 6, 1))
SECOND = timedelta(seconds=1)


def of_servitly(instants: Sequence[datetime]) -> Normalized:
    rows = "".join(f"{at.astimezone(UTC).isoformat(timespec='milliseconds')},21.5\n" for at in instants)
    landed = answer(zipped([("B1.csv", f"TIMESTAMP,T [°C]\n{rows}")]), DAY)
    return concat(servitly([landed], DAY, ServitlyAccount(tenant="acme")))


def of_voltstorage(instants: Sequence[datetime]) -> Normalized:
    rows = "".join(f"{at.astimezone(UTC).isoformat()},5\r\n" for at in instants)
    landed = exported(f"sep=,\r\nTime,Power_PV\r\n{rows}", DAY)
    return concat(voltstorage([landed], DAY, VoltStorageAccount()))


Reader = Callable[[Sequence[datetime]], Normalized]
READERS = pytest.mark.parametrize("read", [of_servitly, of_voltstorage])


@READERS
def test_rows_of_the_window_are_all_points(read: Reader) -> None:
    whole = read([DAY.start, DAY.start + SECOND])
    assert (len(whole.measurements), len(whole.rejected)) == (2, 0)


@READERS
@pytest.mark.parametrize("at", [DAY.start - timedelta(milliseconds=1), DAY.end + SECOND])
def test_a_row_beside_the_window_is_left_out_as_outside_and_the_other_is_loaded(read: Reader, at: datetime) -> None:
    whole = read([DAY.start + SECOND, at])
    assert [one.to_pydatetime() for one in whole.measurements["measured_at"]] == [DAY.start + SECOND]
    assert list(whole.rejected["reason"]) == ["outside"]


@READERS
def test_a_row_at_the_very_end_belongs_to_the_next_window(read: Reader) -> None:
    whole = read([DAY.start + SECOND, DAY.end])
    assert [one.to_pydatetime() for one in whole.measurements["measured_at"]] == [DAY.start + SECOND]


@READERS
def test_a_row_three_hours_before_refuses_the_answer(read: Reader) -> None:
    with pytest.raises(OutsideWindowError, match=r"1 of 2 rows .* the first at 2025-05-31T21:00:00Z"):
        read([DAY.start - timedelta(hours=3), DAY.start + SECOND])
