"""JSON: the export in both shapes that it may have, the statistics, and what is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import OutsideWindowError, PayloadUnreadableError
from domain.measurement import Normalized, concat
from domain.quantities import conversion
from domain.records import Reason
from domain.window import Window
from providers.voltstorage.account import AccountConfig, FieldMeaning
from providers.voltstorage.cells import read_cells
from providers.voltstorage.normalize import normalize
from providers.voltstorage.wire import parse_latest, parse_products
from tests.providers.voltstorage.harness import exported, points_of, summed_up

DAY = Window(datetime(2020, 3, 22, tzinfo=UTC), datetime(2020, 3, 23, tzinfo=UTC))
NOON = datetime(2020, 3, 22, 12, tzinfo=UTC)
RECORDS = [
    {"Time": "2020-03-22T12:00:00.000Z", "Power_PV": 1.5, "Power_Grid": None, "Status": "idle"},
    {"Time": "2020-03-22T12:00:01.000Z", "Power_PV": 2.5, "Power_Grid": -1},
]
DOCUMENTED: dict[str, Any] = {
    "timespan_start": 1584835200,
    "pv-total": 0,
    "pv-activity": 0,
    "consumption-total": 1538060,
    "storage-total-released": 22079844,
    "storage-total-stored": 21982919,
    "max-temperature": 35.9471,
    "own-consumption": {"nSamples": 1438, "value": 0},
    "electrolyte-temp": {"nSamples": 1438, "value": 34.1388342837275},
    "pump-temp": {"nSamples": 1438, "value": 38.67160097357442},
    "dc-capacity": {"nSamples": 1438, "value": 18154876.06536853},
    "ac-capacity": {"nSamples": 1438, "value": 15697997.574408904},
    "dc-efficiency": {"nSamples": 1438, "value": 0.9184715034770791},
    "ac-efficiency": {"nSamples": 1438, "value": 0.7138800556328048},
    "self-sufficiency": {"totalWeight": 1538060, "value": 0.455623577171242},
}


def read(document: object) -> Normalized:
    body = document if isinstance(document, str) else json.dumps(document)
    return concat(normalize([exported(body, DAY, export_format="json")], DAY, AccountConfig()))


def summed(rows: list[dict[str, Any]], timespan: str = "day") -> Normalized:
    return concat(normalize([summed_up(rows, DAY, timespan)], DAY, AccountConfig()))


def test_records_and_columns_say_the_same() -> None:
    names = ["Time", "Power_PV", "Power_Grid", "Status"]
    columns = {"fields": names, "data": [[record.get(name) for name in names] for record in RECORDS]}
    assert points_of(read(RECORDS)) == points_of(read(columns))
    assert len(points_of(read(RECORDS))) == 4


def test_a_byte_order_mark_before_an_export_changes_nothing() -> None:
    for shape in (RECORDS, {"fields": ["Time", "Power_PV"], "data": [["2020-03-22T12:00:00Z", 1.5]]}):
        assert points_of(read(f"\ufeff{json.dumps(shape)}")) == points_of(read(shape))


def test_a_number_that_is_declared_a_state_is_its_text_as_it_was_written() -> None:
    account = AccountConfig(fields={"Version": FieldMeaning("state")})
    digits = ["1.10", "8.9490200001234567890e19", "89490200001234567890", "7"]
    rows = [(f"2020-03-22T12:00:0{second}Z", digit) for second, digit in enumerate(digits)]
    records = ",".join(f'{{"Time":"{time}","Version":{digit}}}' for time, digit in rows)
    data = ",".join(f'["{time}",{digit}]' for time, digit in rows)
    for body in (f"[{records}]", f'{{"fields":["Time","Version"],"data":[{data}]}}'):
        whole = concat(normalize([exported(body, DAY, export_format="json")], DAY, account))
        assert list(whole.states["value"]) == digits


def test_of_a_state_of_whole_numbers_or_of_words_the_answer_is_not_read_a_second_time() -> None:
    def look_up(cell: object) -> str:
        raise AssertionError(cell)

    state = conversion("state", "text", place="a test")
    assert read_cells([3, True, "on"], state, are_texts=False, text_of=look_up).texts == ["3", "true", "on"]


def test_a_number_that_comes_as_a_text_is_rejected() -> None:
    whole = read([{"Time": "2020-03-22T12:00:00Z", "Power_PV": "1.5"}])
    assert whole.rejected["reason"].tolist() == [Reason.WRONG_TYPE]


@pytest.mark.parametrize(
    "body",
    ["", "{}", "null", '"text"', '{"fields":["Power_PV"],"data":[]}', '[{"Time":"x","Time":"y"}]', "[" * 100_000,
     '{"fields":["Time","Time"],"data":[]}', json.dumps(RECORDS)[:-1]],
)  # fmt: skip
def test_what_is_neither_shape_is_unreadable(body: str) -> None:
    with pytest.raises(PayloadUnreadableError):
        read(body)


@pytest.mark.parametrize("text", ["1.5", "1,5", "1.5 kW", "\u22125"])
def test_a_number_as_a_text_of_a_column_that_nobody_knows_is_unmapped_and_no_state(text: str) -> None:
    found = read([{"Time": "2020-03-22T12:00:00Z", "Power_New": text, "Status": "charging"}])
    assert (list(found.states["value"]), sum(found.unmapped.values())) == (["charging"], 1)


def test_a_number_that_is_not_finite_is_rejected() -> None:
    whole = read('[{"Time":"2020-03-22T12:00:00Z","Power_PV":-Infinity,"Power_Grid":1e999}]')
    assert whole.rejected["reason"].tolist() == [Reason.NOT_FINITE] * 2


def test_the_documents_statistics_are_watt_seconds_converted_once_and_said_to_be_inferred() -> None:
    whole = summed([DOCUMENTED])
    found = points_of(whole)
    assert found["77/day/storage-total-released", DAY.start] == pytest.approx(6133.29, abs=0.01)
    assert found["77/day/dc-capacity", DAY.start] == pytest.approx(5043.02, abs=0.01)
    assert found["77/day/max-temperature", DAY.start] == 35.9471
    assert found["77/day/self-sufficiency", DAY.start] == 0.455623577171242
    assert found["77/day/electrolyte-temp.nSamples", DAY.start] == 1438
    units = {series.labels["statistic"]: series.labels.get("unit", "") for series in whole.series}
    assert units["pv-total"] == units["ac-capacity"] == "Ws (inferred)"
    assert units["max-temperature"] == ""


def test_statistics_that_nobody_explains_are_unmapped_by_name() -> None:
    assert summed([DOCUMENTED]).unmapped == {
        "77/day/pv-activity": 1,
        "77/day/own-consumption": 1,
        "77/day/self-sufficiency.totalWeight": 1,
    }


def test_a_days_statistics_begin_at_midnight_in_utc_whatever_the_products_time_zone() -> None:
    assert {at for _, at in points_of(summed([DOCUMENTED]))} == {datetime(2020, 3, 22, tzinfo=UTC)}


def test_a_span_that_begins_before_the_window_is_left_to_the_window_in_which_it_begins() -> None:
    month = {"timespan_start": int(datetime(2020, 3, 1, tzinfo=UTC).timestamp()), "pv-total": 1}
    assert points_of(summed([month], "month")) == {}


def test_a_span_that_was_not_asked_for_makes_the_answer_unusable() -> None:
    with pytest.raises(OutsideWindowError, match="a 'day' of the statistics"):
        summed([DOCUMENTED | {"timespan_start": 1584835200 - 86_400 * 3}])


def test_a_span_in_milliseconds_is_refused_and_not_guessed() -> None:
    with pytest.raises(PayloadUnreadableError, match="no epoch in seconds"):
        summed([DOCUMENTED | {"timespan_start": 1584835200000}])


def test_products_may_be_online_with_errors_and_without_owner() -> None:
    said = [{"id": 77, "ownerName": None, "timezone": "Europe/Berlin", "group": {"name": "G"}, "errors": ["x"],
             "online": True}]  # fmt: skip
    [product] = parse_products(json.dumps(said).encode(), place="")
    assert (product.id, product.time_zone, product.group) == (77, "Europe/Berlin", "G")


@pytest.mark.parametrize("body", [b"{}", b"[{}]", b'[{"id":"77"}]', b'[{"id":true}]', b"[null]"])
def test_a_list_of_products_without_numbers_is_unreadable(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        parse_products(body, place="")


def test_latest_values_are_read_with_and_without_their_time() -> None:
    assert parse_latest(b'{"time":1575154800,"data":{"pvPower":421}}', place="") == (1575154800, {"pvPower": 421})
    assert parse_latest(b'{"pvPower":421,"dcVoltage":26.3}', place="") == (None, {"pvPower": 421, "dcVoltage": 26.3})
