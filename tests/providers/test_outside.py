"""Rows just outside of what was asked for are left out by name; those of a lost clock are rejected row by row.

Whose day a row without a usable time belongs to: exactly one.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import OutsideWindowError
from domain.instants import microseconds
from domain.measurement import Normalized, concat
from domain.records import Payload
from domain.window import Window
from providers._outside import neighbours, untimed_inside
from providers.climkit import normalize as climkit
from providers.climkit.account import AccountConfig as ClimkitAccount
from providers.export_service import normalize as export_service
from providers.export_service.account import AccountConfig as HubAccount
from providers.servitly import normalize as servitly
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.voltstorage import normalize as voltstorage
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from tests.fakes.zips import answer, zipped
from tests.providers.voltstorage.harness import exported, summed_up

DAY = Window.of_day(date(2025, 6, 1))
THREE = Window.of_days(date(2025, 6, 1), date(2025, 6, 3))
RECEIVED = datetime(2025, 7, 1, tzinfo=UTC)
SENSOR = [{"id": "t1", "type": "temperature", "unit": "°C", "name": "Flat"}]

Times = Sequence[datetime]


def of_servitly(times: Times, asked: Window, window: Window) -> Normalized:
    rows = "".join(f"{at.isoformat()},21.5\n" for at in times)
    payload = answer(zipped([("B1.csv", f"TIMESTAMP,T [°C]\n{rows}")]), asked)
    return concat(servitly.normalize([payload], window, ServitlyAccount(tenant="acme")))


def of_voltstorage(times: Times, asked: Window, window: Window) -> Normalized:
    rows = "".join(f"{at.isoformat()},5\r\n" for at in times)
    return concat(voltstorage.normalize([exported(f"Time,Power_PV\r\n{rows}", asked)], window, VoltStorageAccount()))


def of_export_service(times: Times, asked: Window, window: Window) -> Normalized:
    rows = [{"timestamp": int(at.timestamp() * 1000), "P_W": 1} for at in times]
    body = json.dumps({"numResults": len(rows), "result": rows}).encode()
    payload = Payload("query", {}, asked, "grid", 1, RECEIVED, "application/json", body, "content-length")
    return concat(export_service.normalize([payload], window, HubAccount("hub")))


def of_climkit(times: Times, asked: Window, window: Window) -> Normalized:
    def landed(endpoint: str, said: object, page: int) -> Payload:
        body = json.dumps(said).encode()
        return Payload(endpoint, {}, asked, "s1", page, RECEIVED, "application/json", body, "content-length")

    rows = [{"timestamp": int(at.timestamp()), "value": 21.5} for at in times]
    payloads = [
        landed("installation_infos/s1", {"name": "House", "timezone": "Europe/Zurich"}, 1),
        landed("meter_info/s1", [], 2),
        landed("s1/sensors_list", SENSOR, 3),
        landed("s1/sensor_data/t1", rows, 4),
    ]
    return concat(climkit.normalize(payloads, window, ClimkitAccount(sites=("s1",))))


READERS: dict[str, Callable[[Times, Window, Window], Normalized]] = {
    "servitly": of_servitly,
    "voltstorage": of_voltstorage,
    "export_service": of_export_service,
    "climkit": of_climkit,
}
every_provider = pytest.mark.parametrize("read", READERS.values(), ids=READERS)
Read = Callable[[Times, Window, Window], Normalized]

NOON = DAY.start + timedelta(hours=12)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@every_provider
@pytest.mark.parametrize("near", [DAY.start - SECOND, DAY.start - HOUR, DAY.end + SECOND, DAY.end + HOUR])
def test_a_row_that_was_sent_along_is_left_out_by_name_and_costs_no_other(read: Read, near: datetime) -> None:
    whole = read([near, NOON], DAY, DAY)
    assert list(whole.measurements["measured_at"]) == [NOON]
    assert list(whole.rejected["reason"]) == ["outside"]
    assert whole.n_received == 2


@every_provider
@pytest.mark.parametrize("far", [DAY.start - HOUR - SECOND, DAY.end + HOUR + SECOND, DAY.start - timedelta(days=30)])
def test_a_row_farther_away_refuses_the_answer(read: Read, far: datetime) -> None:
    with pytest.raises(OutsideWindowError, match="outside of what was asked for"):
        read([far, NOON], DAY, DAY)


def series_of(step: timedelta) -> list[datetime]:
    return [NOON + number * step for number in range(40)]


MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE


@every_provider
@pytest.mark.parametrize("step", [SECOND, MINUTE])
def test_a_row_farther_away_than_an_interval_of_its_series_refuses_the_answer(read: Read, step: timedelta) -> None:
    for stray in [at for far in (2 * step, 30 * MINUTE) for at in (DAY.start - far, DAY.end + far)]:
        with pytest.raises(OutsideWindowError, match="outside of what was asked for"):
            read([stray, *series_of(step)], DAY, DAY)


@every_provider
@pytest.mark.parametrize("step", [SECOND, MINUTE, QUARTER, HOUR])
def test_a_row_of_the_interval_before_or_behind_is_left_out_by_name_and_its_clock_may_jitter(
    read: Read, step: timedelta
) -> None:
    inner = [at for at in series_of(step) if at < DAY.end]
    late = step // 4 if step in {MINUTE, QUARTER} else timedelta(0)  # an hour is the most; Climkit has whole seconds
    whole = read([DAY.start - step - late, *inner, DAY.end + step], DAY, DAY)
    assert list(whole.measurements["measured_at"]) == inner
    assert list(whole.rejected["reason"]) == ["outside", "outside"]


def test_the_interval_is_that_of_the_series_and_not_of_the_rows_of_all() -> None:
    """A column that speaks every quarter of an hour, beside one of each second: its value of the quarter before."""
    quarters = [DAY.start + number * QUARTER for number in range(-1, 4)]
    seconds = [NOON + number * SECOND for number in range(40)]

    rows = [*((at, "7", "") for at in quarters), *((at, "", "5") for at in seconds)]
    text = "".join(f"{at.isoformat()},{slow},{fast}\n" for at, slow, fast in rows)
    payload = answer(zipped([("B1.csv", f"TIMESTAMP,T [°C],P [W]\n{text}")]), DAY)
    in_servitly = concat(servitly.normalize([payload], DAY, ServitlyAccount(tenant="acme")))

    text = "".join(f"{at.isoformat()},{slow},{fast}\r\n" for at, slow, fast in rows)
    exports = [exported(f"Time,Power_PV,Power_Grid\r\n{text}", DAY)]
    in_voltstorage = concat(voltstorage.normalize(exports, DAY, VoltStorageAccount()))
    for whole in (in_servitly, in_voltstorage):
        assert list(whole.rejected["reason"]) == ["outside"]
        assert whole.n_received == len(rows)


def test_the_interval_of_a_device_is_its_own_however_many_speak_in_turn() -> None:
    """Twenty devices, each every quarter of an hour, one after the other."""
    rows = [
        {
            "timestamp": int((DAY.start + number * QUARTER + SECOND * device).timestamp() * 1000),
            "P_W": 1,
            "d": str(device),
        }
        for number in range(-1, 4)
        for device in range(20)
    ]
    body = json.dumps({"numResults": len(rows), "result": rows}).encode()
    payload = Payload("query", {}, DAY, "grid", 1, RECEIVED, "application/json", body, "content-length")
    account = HubAccount("hub", identity={"grid": ("d",)})
    whole = concat(export_service.normalize([payload], DAY, account))
    assert list(whole.rejected["reason"]) == ["outside"] * 20
    assert len(whole.measurements) == 80


def test_the_interval_of_a_file_does_not_follow_how_it_is_cut_into_pieces() -> None:
    """The first value behind the day comes in a piece of its own, after many rows of a second each."""
    n_rows = 80_000
    rows = "".join(f"{(DAY.start + number * SECOND).isoformat()},21.5\n" for number in range(n_rows))
    for behind, is_near in ((SECOND, True), (30 * MINUTE, False)):
        text = f"TIMESTAMP,T [°C]\n{rows}{(DAY.end + behind).isoformat()},21.5\n"
        payload = answer(zipped([("B1.csv", text)]), DAY)
        if is_near:
            whole = concat(servitly.normalize([payload], DAY, ServitlyAccount(tenant="acme")))
            assert list(whole.rejected["reason"]) == ["outside"]
        else:
            with pytest.raises(OutsideWindowError):
                list(servitly.normalize([payload], DAY, ServitlyAccount(tenant="acme")))


@every_provider
def test_the_very_end_is_the_next_windows_and_is_not_counted(read: Read) -> None:
    whole = read([NOON, DAY.end], DAY, DAY)
    assert whole.n_received == 1


@every_provider
def test_of_a_wide_answer_the_adjoining_day_alone_counts_what_was_sent_along(read: Read) -> None:
    """A row of another day of the same answer is no row outside: it is that day's."""
    inner = [THREE.start + timedelta(days=day, hours=hour) for day in range(3) for hour in (0, 23)]
    times = [THREE.start - timedelta(minutes=5), *inner, THREE.end + timedelta(minutes=5)]
    days = [read(times, THREE, Window.of_day(day)) for day in THREE.days()]
    assert [list(day.rejected["reason"]) for day in days] == [["outside"], [], ["outside"]]
    assert [at for day in days for at in day.measurements["measured_at"]] == inner
    assert sum(day.n_received for day in days) == len(times)


@every_provider
@pytest.mark.parametrize("lost", ["1970-01-01", "1980-01-06", "2000-01-01", "2000-01-01T04:17:09"])
def test_a_clock_that_was_lost_is_rejected_row_by_row(read: Read, lost: str) -> None:
    began = datetime.fromisoformat(lost).replace(tzinfo=UTC)
    whole = read([began, began + timedelta(minutes=1), NOON], DAY, DAY)
    assert list(whole.measurements["measured_at"]) == [NOON]
    assert list(whole.rejected["reason"]) == ["implausible_time"] * 2


def statistics(starts: Sequence[float], timespan: str = "hour") -> Normalized:
    rows = [{"timespan_start": start, "pv-total": 3.6e6} for start in starts]
    return concat(voltstorage.normalize([summed_up(rows, DAY, timespan)], DAY, VoltStorageAccount()))


def test_a_statistic_of_the_hour_before_or_behind_is_left_out_by_name() -> None:
    start, end, noon = (at.timestamp() for at in (DAY.start, DAY.end, NOON))
    whole = statistics([start - 3_600, noon, end + 3_600])
    assert len(whole.measurements) == 1
    assert list(whole.rejected["reason"]) == ["outside", "outside"]
    for far in (start - 3_601, end + 3_601):
        with pytest.raises(OutsideWindowError):
            statistics([far])
    with pytest.raises(OutsideWindowError):
        statistics([start - 86_400], "day")  # a whole day away


def test_a_statistic_of_a_lost_clock_is_rejected_by_itself() -> None:
    whole = statistics([0, 946_684_800, 2_085_978_496, 253_402_300_799, -62_135_596_800, NOON.timestamp()])
    assert len(whole.measurements) == 1
    assert list(whole.rejected["reason"]) == ["implausible_time"] * 5


FIRST = date(2025, 6, 1)
MONTH = Window.of_days(FIRST, date(2025, 6, 30))
DAYS = [Window.of_day(FIRST + timedelta(days=number)) for number in range(30)]


def at(day: int, hour: int = 0) -> int:
    return microseconds(datetime(2025, 6, day, hour, tzinfo=UTC))


def array(*times: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(times, dtype=np.int64)


def test_a_row_without_a_time_stands_where_the_row_before_it_does() -> None:
    assert neighbours(array(at(3), 0, 0, at(5)), [1, 2], 0) == {1: at(3), 2: at(3)}


def test_in_front_of_all_it_stands_where_the_first_row_after_it_does() -> None:
    assert neighbours(array(0, 0, at(5), at(7)), [1, 0], 0) == {0: at(5), 1: at(5)}


def test_where_no_row_has_a_time_it_stands_at_the_default() -> None:
    assert neighbours(array(1, 2), [0, 1], at(1)) == {0: at(1), 1: at(1)}
    assert neighbours(array(1, 2), [], at(1)) == {}


def test_a_piece_of_an_answer_goes_on_where_the_one_before_ended() -> None:
    times = array(0, at(9), 0)
    assert untimed_inside(times, [0, 2], MONTH, DAYS[8]) == [0, 2]
    assert untimed_inside(times, [0, 2], MONTH, DAYS[8], before=at(4)) == [2]
    assert untimed_inside(times, [0, 2], MONTH, DAYS[3], before=at(4)) == [0]


def test_behind_the_end_that_was_asked_for_it_belongs_to_the_last_day() -> None:
    end = microseconds(MONTH.end)
    assert untimed_inside(array(at(2), end, 0), [2], MONTH, DAYS[-1]) == [2]


@given(
    st.lists(st.one_of(st.none(), st.integers(at(1), at(30, 23))), max_size=40),
    st.one_of(st.none(), st.integers(at(1), at(30, 23))),
)
def test_every_such_row_is_counted_in_exactly_one_day(times: list[int | None], before: int | None) -> None:
    odd = [index for index, time in enumerate(times) if time is None]
    sent = array(*[time or 0 for time in times])
    counted = [index for day in DAYS for index in untimed_inside(sent, odd, MONTH, day, before=before)]
    assert sorted(counted) == odd
