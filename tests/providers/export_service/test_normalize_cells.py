"""Values, texts and names that nothing can hold are rejected, each alone."""

import json

import pytest

from providers._points import MAX_TEXT
from providers.export_service.account import AccountConfig, FieldMeaning
from tests.providers.export_service.harness import NOON, meant, measured, reasons, rejected


@pytest.mark.parametrize("value", ["12", "n/a", "", True, [1.0]])
def test_anything_but_a_number_where_a_number_belongs_is_rejected_with_its_document(value: object) -> None:
    rows = [{"timestamp": NOON, "P_kW": value}, {"timestamp": NOON + 1, "P_kW": 1}]
    assert rejected(rows) == [("wrong_type", f'"P_kW" of {json.dumps(rows[0], sort_keys=True)}')]
    assert len(meant(rows).measurements) == 1


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_rejected_alone(text: str) -> None:
    body = f'{{"numResults":1,"result":[{{"timestamp":{NOON},"P_kW":{text},"U_V":1}}]}}'.encode()
    batch = meant(body)
    assert list(batch.rejected["reason"]) == ["not_finite"]
    assert len(batch.measurements) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("f_Hz", -1), ("T_degC", -300), ("P_MW", 1e9), ("P_W", 2**64), ("P_W", -(2**70)), ("soc_pct", 1001)],
)
def test_a_physically_impossible_number_is_rejected(name: str, value: float) -> None:
    assert reasons({name: value}) == ["out_of_limits"]


def test_the_limit_itself_is_possible() -> None:
    assert measured({"T_degC": -273.15, "soc_pct": 1000}) == {"T_degC": -273.15, "soc_pct": 10.0}


def test_an_integer_that_no_double_holds_is_rejected_and_its_neighbour_is_not() -> None:
    account = AccountConfig("hub", fields={"E": FieldMeaning("energy_register", "J")})
    assert reasons({"E": 2**53 + 1}, account) == ["not_finite"]
    assert measured({"E": 2**53 + 2}, account) == {"E": (2**53 + 2) / 3600}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_no_database_holds_is_rejected_and_stays_readable(text: str) -> None:
    ((reason, raw),) = rejected([{"timestamp": NOON, "mode": text}])
    assert reason == "not_storable_text"
    assert "\0" not in raw
    raw.encode()


def test_a_text_as_long_as_a_file_is_rejected() -> None:
    assert reasons({"mode": "x" * (MAX_TEXT + 1)}) == ["malformed_row"]
    assert reasons({"mode": "x" * MAX_TEXT}) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0_W", "not_storable_text"),
        ("\ud800", "not_storable_text"),
        ("x" * 257, "malformed_row"),
        ("", "malformed_row"),
    ],
)
def test_a_field_whose_name_no_key_can_hold_is_rejected(name: str, reason: str) -> None:
    assert reasons({name: "on", "P_W": 1}) == [reason]
