"""What the fields of documents mean: names, units, states and nested objects."""

import pytest

from domain.errors import PayloadUnreadableError
from domain.records import Series
from providers.export_service.account import AccountConfig, FieldMeaning
from tests.providers.export_service.harness import NOON, meant, measured, points
from tests.providers.export_service.test_wire import DOCUMENTED


def test_the_documented_example_is_eight_points_in_watts() -> None:
    batch = meant(DOCUMENTED)
    assert points(batch.measurements) == [
        ("grid/P_kW", 1748817901101, 120_000.0),
        ("grid/P_kW", 1748817961100, 100_000.0),
        ("grid/P_kW", 1748818021100, 90_000.0),
        ("grid/P_kW", 1748818081100, 95_000.0),
        ("grid/Pset_kW", 1748817901101, 90_000.0),
        ("grid/Pset_kW", 1748817961100, 100_000.0),
        ("grid/Pset_kW", 1748818021100, 90_000.0),
        ("grid/Pset_kW", 1748818081100, 95_000.0),
    ]
    assert batch.n_received == 8
    assert not batch.unmapped
    assert batch.series[0] == Series(
        key="grid/P_kW",
        quantity="power",
        device="grid",
        provider_unit="kW",
        labels={"product": "grid", "field": "P_kW"},
    )


@pytest.mark.parametrize(
    ("name", "sent", "quantity", "value"),
    [
        ("P_W", 5, "power", 5.0),
        ("P_MW", 0.5, "power", 500_000.0),
        ("Q_kvar", 2, "reactive_power", 2_000.0),
        ("U_V", 230.5, "voltage", 230.5),
        ("I_A", -3, "current", -3.0),
        ("f_Hz", 50.01, "frequency", 50.01),
        ("cell_temperature_degC", 21, "temperature", 21.0),
        ("soc_pct", 50, "ratio", 0.5),
    ],
)
def test_the_unit_at_the_end_of_a_name_is_its_meaning(name: str, sent: float, quantity: str, value: float) -> None:
    batch = meant([{"timestamp": NOON, name: sent}])
    assert points(batch.measurements) == [(f"grid/{name}", NOON, value)]
    assert [series.quantity for series in batch.series] == [quantity]


@pytest.mark.parametrize("name", ["energy_kWh", "total_Wh", "power", "kW", "_kW", "P_KW", "P-kW", "n", "x_K"])
def test_a_number_that_nobody_explained_is_counted_by_name_and_never_guessed(name: str) -> None:
    batch = meant([{"timestamp": NOON, name: 5}, {"timestamp": NOON + 1, name: 6.5}])
    assert batch.unmapped == {f"grid/{name}": 2}
    assert batch.n_received == 0
    assert not batch.series


def test_the_account_says_what_a_name_does_not_and_its_word_wins() -> None:
    account = AccountConfig(
        "hub",
        fields={
            "energy_kWh": FieldMeaning("energy_register", "kWh"),
            "P_kW": FieldMeaning("power", "W"),
            "grid/P_kW": FieldMeaning("power", "MW"),
            "soc_pct": FieldMeaning("state_of_charge", "%"),
        },
    )
    assert measured({"energy_kWh": 2, "P_kW": 3, "soc_pct": 40}, account) == {
        "energy_kWh": 2_000.0,
        "P_kW": 3_000_000.0,
        "soc_pct": 0.4,
    }


def test_null_and_missing_are_no_values_and_never_zero() -> None:
    batch = meant(
        [{"timestamp": NOON, "P_kW": None, "U_V": 0}, {"timestamp": NOON + 1}, {"timestamp": NOON + 2, "P_kW": 1}]
    )
    assert points(batch.measurements) == [("grid/P_kW", NOON + 2, 1000.0), ("grid/U_V", NOON, 0.0)]
    assert batch.n_received == 2


def test_integers_and_floats_of_one_field_are_one_series() -> None:
    batch = meant([{"timestamp": NOON, "P_W": 1}, {"timestamp": NOON + 1, "P_W": 1.5}])
    assert points(batch.measurements) == [("grid/P_W", NOON, 1.0), ("grid/P_W", NOON + 1, 1.5)]


def test_texts_and_booleans_are_states() -> None:
    batch = meant(
        [{"timestamp": NOON, "mode": "Idle; DROP TABLE", "is_on": True}, {"timestamp": NOON + 1, "is_on": False}]
    )
    assert points(batch.states) == [
        ("grid/is_on", NOON, "true"),
        ("grid/is_on", NOON + 1, "false"),
        ("grid/mode", NOON, "Idle; DROP TABLE"),
    ]
    assert {series.quantity for series in batch.series} == {"state"}


@pytest.mark.parametrize("text", ["1.5", "1,5", "1.5 kW", "\u22125", " 7 ", "1 234,5"])
def test_a_number_as_a_text_of_a_field_that_nobody_explained_is_unmapped_and_never_a_state(text: str) -> None:
    batch = meant([{"timestamp": NOON, "x": text}, {"timestamp": NOON + 1, "x": "eco"}])
    assert (batch.unmapped, points(batch.states)) == ({"grid/x": 1}, [("grid/x", NOON + 1, "eco")])
    assert meant([{"timestamp": NOON, "x": text}]).unmapped == {"grid/x": 1}
    declared = AccountConfig("hub", fields={"x": FieldMeaning("state")})
    assert points(meant([{"timestamp": NOON, "x": text}], declared).states) == [("grid/x", NOON, text)]


def test_a_number_that_is_declared_a_state_is_its_text() -> None:
    account = AccountConfig("hub", fields={"code": FieldMeaning("state")})
    sent = ["7", "1.5", '"E9"', "true", "[1]", "1.10", "8.9490200001234567890e19", "89490200001234567890", "1e999"]
    rows = [f'{{"timestamp":{NOON + i},"code":{code}}}' for i, code in enumerate(sent)]
    batch = meant(f'{{"numResults":{len(rows)},"result":[{",".join(rows)}]}}'.encode(), account)
    as_sent = ["7", "1.5", "E9", "true", "1.10", "8.9490200001234567890e19", "89490200001234567890"]
    assert [value for _, _, value in points(batch.states)] == as_sent
    assert list(batch.rejected["reason"]) == ["wrong_type", "not_finite"]


def test_nested_objects_are_flattened_and_lists_are_unmapped() -> None:
    batch = meant(
        [{"timestamp": NOON, "grid": {"L1": {"U_V": 230}, "empty": {}}, "cells": [1, 2], "mode": {"name": "eco"}}]
    )
    assert points(batch.measurements) == [("grid/grid.L1.U_V", NOON, 230.0)]
    assert points(batch.states) == [("grid/mode.name", NOON, "eco")]
    assert batch.unmapped == {"grid/cells": 1}


def test_one_name_both_nested_and_flat_in_one_document_is_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match=r"'a\.b' twice"):
        meant([{"timestamp": NOON, "a.b": 1, "a": {"b": 2}}])


def test_more_fields_than_a_vocabulary_has_are_refused() -> None:
    with pytest.raises(PayloadUnreadableError, match="1,002 different fields"):
        meant([{"timestamp": NOON, **{f"f{n}_W": n for n in range(1001)}}])
