"""Not-a-number is null in every provider; what is rejected names its series, so that it costs no other one's day."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.measurement import Normalized, concat
from domain.records import Payload
from domain.window import Window
from providers.climkit import normalize as climkit
from providers.climkit.account import AccountConfig as ClimkitAccount
from providers.servitly import normalize as servitly
from providers.servitly.account import AccountConfig as ServitlyAccount
from providers.smart_house import normalize as smart_house
from providers.smart_house.account import AccountConfig as HomeAccount
from providers.voltstorage import normalize as voltstorage
from providers.voltstorage.account import AccountConfig as VoltStorageAccount
from tests.fakes.zips import answer, zipped
from tests.providers.export_service.harness import EACH_VEHICLE, NOON, meant
from tests.providers.smart_house import harness as smart_homes
from tests.providers.voltstorage.harness import exported, summed_up

DAY = Window.of_day(date(2025, 6, 1))
AT = DAY.start + timedelta(hours=12)
RECEIVED = datetime(2025, 7, 1, tzinfo=UTC)


def of_export_service(cell: str) -> Normalized:
    document = f'{{"timestamp":{NOON},"vehicle":"a/b","T_degC":{cell}}}'
    return meant(f'{{"numResults":1,"result":[{document}]}}'.encode(), EACH_VEHICLE)


def of_climkit(cell: str) -> Normalized:
    def landed(endpoint: str, body: str, page: int) -> Payload:
        return Payload(endpoint, {}, DAY, "s1", page, RECEIVED, "application/json", body.encode(), "content-length")

    sensors = [{"id": "t1", "type": "temperature", "unit": "°C", "name": "Flat"}]
    payloads = [
        landed("installation_infos/s1", '{"name":"House","timezone":"UTC"}', 1),
        landed("meter_info/s1", "[]", 2),
        landed("s1/sensors_list", json.dumps(sensors), 3),
        landed("s1/sensor_data/t1", f'[{{"timestamp":{int(AT.timestamp())},"value":{cell}}}]', 4),
    ]
    return concat(climkit.normalize(payloads, DAY, ClimkitAccount()))


def of_servitly(cell: str) -> Normalized:
    payload = answer(zipped([("B/1.csv", f"TIMESTAMP,T [°C]\n{AT.isoformat()},{cell}\n")]), DAY)
    return concat(servitly.normalize([payload], DAY, ServitlyAccount(tenant="acme")))


def of_voltstorage_csv(cell: str) -> Normalized:
    payload = exported(f"Time,Power_PV\r\n{AT.isoformat()},{cell}\r\n", DAY)
    return concat(voltstorage.normalize([payload], DAY, VoltStorageAccount()))


def of_statistics(cell: str) -> Normalized:
    said = f'[{{"timespan_start":{int(DAY.start.timestamp())},"max-temperature":{cell}}}]'
    payload = replace(summed_up([], DAY, "day"), body=said.encode())
    return concat(voltstorage.normalize([payload], DAY, VoltStorageAccount()))


def of_smart_house(cell: str) -> Normalized:
    attributes = "{unit_of_measurement=°C}"
    change = smart_homes.change("2025-06-03T10:00:00.000000+01:00", cell, attributes)
    packed = smart_homes.archive([smart_homes.row(sensor_x=[change])])
    return concat(smart_house.normalize([smart_homes.payload(packed)], smart_homes.DAY, HomeAccount()))


READERS = {
    "export_service": of_export_service,
    "climkit": of_climkit,
    "servitly": of_servitly,
    "voltstorage_csv": of_voltstorage_csv,
    "voltstorage_statistics": of_statistics,
    "smart_house": of_smart_house,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_not_a_number_is_null(read: Callable[[str], Normalized]) -> None:
    assert read("NaN").n_received == 0


@pytest.mark.parametrize("cell", ["-1e12", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_an_impossible_value_names_the_series_that_it_would_have_been_a_point_of(
    read: Callable[[str], Normalized], cell: str
) -> None:
    (series,) = read("5").series
    whole = read(cell)
    whole.check(place="a test")
    assert list(whole.rejected["series"]) == [series.key]
    assert list(whole.rejected["reason"]) == ["out_of_limits" if math.isfinite(float(cell)) else "not_finite"]


@pytest.mark.parametrize("cell", ["nan", "NaN", "NAN", "-nan"])
@pytest.mark.parametrize("read", [of_servitly, of_voltstorage_csv, of_smart_house])
def test_not_a_number_is_null_in_every_way_of_writing_it(read: Callable[[str], Normalized], cell: str) -> None:
    assert read(cell).n_received == 0


def test_not_a_number_makes_no_text_of_a_column_that_nobody_knows() -> None:
    payload = exported(f"Time,Power_New\r\n{AT.isoformat()},NaN\r\n{AT.isoformat()},5\r\n", DAY)
    whole = concat(voltstorage.normalize([payload], DAY, VoltStorageAccount()))
    assert (len(whole.states), sum(whole.unmapped.values())) == (0, 1)


def test_a_word_for_no_value_is_no_text_of_a_column_with_a_unit_and_stays_a_state_elsewhere() -> None:
    text = f"TIMESTAMP,Energy [kWh],Mode\n{AT.isoformat()},null,null\n{AT.isoformat()},,\n"
    whole = concat(servitly.normalize([answer(zipped([("B1.csv", text)]), DAY)], DAY, ServitlyAccount(tenant="acme")))
    assert (list(whole.states["value"]), whole.n_absent, whole.unmapped) == (["null"], 1, {})


def test_a_row_of_no_time_and_of_words_for_no_value_is_rejected_once() -> None:
    payload = exported("Time,Power_PV,Power_Grid\r\nyesterday,null,unknown\r\nyesterday,null,5\r\n", DAY)
    whole = concat(voltstorage.normalize([payload], DAY, VoltStorageAccount()))
    assert list(whole.rejected["series"]) == ["77/", "77/Power_Grid"]


@pytest.mark.parametrize("read", [of_export_service, of_climkit])
def test_where_json_has_null_a_word_in_a_numbers_place_is_rejected(read: Callable[[str], Normalized]) -> None:
    assert list(read('"null"').rejected["reason"]) == ["wrong_type"]
    assert read("null").n_received == 0


def test_rows_of_a_lost_clock_name_their_device() -> None:
    rows = [{"timestamp": 1000, "vehicle": "v7", "P_kW": 1, "U_V": 230}, {"timestamp": 1000, "vehicle": "v7"}]
    keys = list(meant([{"timestamp": NOON, "vehicle": "v1", "P_kW": 1}, *rows], EACH_VEHICLE).rejected["series"])
    assert keys == ["grid/v7/P_kW", "grid/v7/U_V", "grid/v7/"]
    payload = answer(zipped([("B1.csv", "TIMESTAMP,T [°C]\n1970-01-01T00:00:00Z,21.5\n")]), DAY)
    whole = concat(servitly.normalize([payload], DAY, ServitlyAccount(tenant="acme")))
    assert list(whole.rejected["series"]) == ["B1/"]
    lost = exported("Time,Power_PV\r\n1970-01-01T00:00:00Z,5\r\n1970-01-01T00:00:00Z,\r\n", DAY)
    whole = concat(voltstorage.normalize([lost], DAY, VoltStorageAccount()))
    assert list(whole.rejected["series"]) == ["77/Power_PV", "77/"]


def test_a_row_of_nobody_names_no_series() -> None:
    whole = meant(["no object", {"timestamp": NOON, "vehicle": None, "P_kW": 1}], EACH_VEHICLE)
    assert list(whole.rejected["series"]) == ["", ""]


def test_a_long_id_is_read_and_a_rejected_row_keeps_its_digits() -> None:
    for beside in ("1", "NaN", "1e999"):
        rows = f'[{{"timestamp":{NOON},"vehicle":89490200001234567890,"P_kW":1e15,"x":{beside}}}]'
        whole = meant(f'{{"numResults":1,"result":{rows}}}'.encode(), EACH_VEHICLE)
        assert list(whole.rejected["series"]) == ["grid/89490200001234567890/P_kW"]
        assert '"vehicle": 89490200001234567890' in whole.rejected["raw"].iloc[0]


def of_voltstorage_records(cell: str) -> Normalized:
    rows = f'[{{"Time":"{AT.isoformat()}","Power_PV":{cell}}}]'
    return concat(voltstorage.normalize([exported(rows, DAY, export_format="json")], DAY, VoltStorageAccount()))


def of_voltstorage_fields(cell: str) -> Normalized:
    rows = f'{{"fields":["Time","Power_PV"],"data":[["{AT.isoformat()}",{cell}]]}}'
    return concat(voltstorage.normalize([exported(rows, DAY, export_format="json")], DAY, VoltStorageAccount()))


@pytest.mark.parametrize("cell", ['"NaN"', '"nan"', '"-NaN"', '"NAN"'])
@pytest.mark.parametrize(
    "read", [of_export_service, of_climkit, of_statistics, of_voltstorage_records, of_voltstorage_fields]
)
def test_not_a_number_is_null_where_a_writer_of_json_puts_it_in_quotes(
    read: Callable[[str], Normalized], cell: str
) -> None:
    """Jackson does, unless it is told otherwise."""
    assert read(cell).n_received == 0


@pytest.mark.parametrize("cell", ["Infinity", "-inf", "\u221e", "-\u221e"])
def test_infinity_and_not_a_number_make_no_text_of_a_field_that_nobody_knows(cell: str) -> None:
    unknown = {"timestamp": NOON, "vehicle": "v", "a": {"foo": "NaN"}, "bar": cell}
    found = [meant([unknown, {"timestamp": NOON + 1, "vehicle": "v", "bar": 1}], EACH_VEHICLE)]
    text = f"Time,foo,Bar\r\n{AT.isoformat()},NaN,{cell}\r\n{DAY.start.isoformat()},,1\r\n"
    found += [concat(voltstorage.normalize([exported(text, DAY)], DAY, VoltStorageAccount()))]
    archive = answer(zipped([("B1.csv", text.replace("Bar", "Bar [rpm]"))]), DAY)
    found += [concat(servitly.normalize([archive], DAY, ServitlyAccount(tenant="acme")))]
    assert [(len(whole.states), sum(whole.unmapped.values())) for whole in found] == [(0, 2)] * 3


def of_smart_house_number(cell: str) -> Normalized:
    change = smart_homes.change("2025-06-03T10:00:00.000000+01:00", "X")
    packed = smart_homes.archive(json.dumps([smart_homes.row(sensor_x=[change])]).replace('"X"', cell).encode())
    return concat(smart_house.normalize([smart_homes.payload(packed)], smart_homes.DAY, HomeAccount()))


def of_smart_house_csv(cell: str) -> Normalized:
    change = repr([smart_homes.change("2025-06-03T10:00:00.000000+01:00", "X")]).replace("'X'", cell)
    packed = smart_homes.archive(f'id,year,month,day,sensor_x\n0,2025,6,3,"{change}"\n'.encode(), "csv")
    return concat(smart_house.normalize([smart_homes.payload(packed, "csv")], smart_homes.DAY, HomeAccount()))


def test_not_a_number_costs_no_other_change_of_its_cell_and_a_cell_of_it_is_empty() -> None:
    assert (of_smart_house_csv("nan").n_absent, of_smart_house_csv("nan").n_received) == (1, 0)
    rows = b"id,year,month,day,sensor_x,sensor_y\n0,2025,6,3,nan,NaN\n"
    landed = smart_homes.payload(smart_homes.archive(rows, "csv"), "csv")
    assert concat(smart_house.normalize([landed], smart_homes.DAY, HomeAccount())).n_received == 0


@pytest.mark.parametrize("digits", ["1e15", "1.50E+15", "1000000000000000.10", "1234567890123456789.5", "1e999"])
@pytest.mark.parametrize(
    "read",
    [*READERS.values(), of_voltstorage_records, of_voltstorage_fields, of_smart_house_number, of_smart_house_csv],
)
def test_what_is_rejected_keeps_its_digits_as_they_were_written(read: Callable[[str], Normalized], digits: str) -> None:
    (raw,) = read(digits).rejected["raw"]
    assert digits in raw


def test_the_digits_of_every_value_of_a_rejected_row_are_kept_whatever_became_of_the_row() -> None:
    """Flattened, merged with another one or put into pieces; and two spellings of one number stay two."""
    sent = '"P_kW": 1e15, "T_degC": 0.10000000000000000555, "a": {"b_V": 0.10, "c_V": [1.0, 1.00]}'
    other = f'{{"timestamp":{NOON},"vehicle":"v","I_A":2.50}}'
    rows = f'[{{{sent}, "timestamp": {NOON}, "vehicle": "v"}},{other}]'
    of_power, of_list = meant(f'{{"numResults":2,"result":{rows}}}'.encode(), EACH_VEHICLE).rejected["raw"]
    for digits in ("1e15", "0.10000000000000000555", '"a.b_V": 0.10,', "[1.0, 1.00]", '"I_A": 2.50'):
        assert digits in of_power
        assert digits in of_list
    records = ",".join(f'{{"Time":"{AT.isoformat()}","Power_PV":1e15,"Other":{n}.50}}' for n in range(9_000))
    payload = exported(f"[{records}]", DAY, export_format="json")
    found = [raw for one in voltstorage.normalize([payload], DAY, VoltStorageAccount()) for raw in one.rejected["raw"]]
    assert (len(found), len(set(found))) == (9_000, 9_000)
    assert all('"Power_PV": 1e15, "Other": ' in raw and raw.endswith(".50}") for raw in found)
