"""Which documents are the same, which contradict each other, and which device speaks."""

from typing import Any

import pytest

from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import EACH_VEHICLE, NOON, meant, points


def test_the_same_document_twice_is_one_document_and_its_points_are_counted() -> None:
    row = {"timestamp": NOON, "P_W": 1, "mode": "eco", "n": 3}
    batch = meant([row, row, {"timestamp": NOON + 1, "P_W": 2}, dict(reversed(row.items()))])
    assert len(batch.measurements) == 2
    assert len(batch.states) == 1
    assert batch.n_duplicates == 4
    assert batch.unmapped == {"grid/n": 3}


def test_an_integer_and_the_same_float_are_the_same_document() -> None:
    assert meant([{"timestamp": NOON, "P_W": 1}, {"timestamp": NOON, "P_W": 1.0}]).n_duplicates == 1


def test_documents_of_one_instant_with_different_fields_complete_each_other() -> None:
    batch = meant(
        [{"timestamp": NOON, "P_W": 1, "mode": "eco"}, {"timestamp": NOON, "U_V": 230, "mode": "eco", "P_W": None}]
    )
    assert points(batch.measurements) == [("grid/P_W", NOON, 1.0), ("grid/U_V", NOON, 230.0)]
    assert len(batch.states) == 1
    assert batch.n_duplicates == 1


@pytest.mark.parametrize(
    "other", [{"P_W": 2}, {"P_W": 1, "vehicle": "b"}, {"P_W": 1, "cells": [1]}, {"P_W": "1"}, {"P_W": True}]
)
def test_documents_of_one_instant_that_contradict_each_other_are_all_rejected(other: dict[str, Any]) -> None:
    one = {"timestamp": NOON, "P_W": 1, "vehicle": "a", "cells": [2]}
    rows = [one, {"timestamp": NOON, **other}, one, {"timestamp": NOON + 1, "P_W": 5}]
    batch = meant(rows)
    assert set(batch.rejected["reason"]) == {"ambiguous_identity"}
    assert points(batch.measurements) == [("grid/P_W", NOON + 1, 5.0)]
    assert batch.n_duplicates == 2


def test_identity_fields_tell_devices_of_one_instant_apart() -> None:
    rows = [{"timestamp": NOON, "vehicle": name, "P_kW": n, "mode": "x"} for n, name in enumerate(["b", "a/c", "a"])]
    batch = meant(rows, EACH_VEHICLE)
    assert points(batch.measurements) == [
        ("grid/a%2Fc/P_kW", NOON, 1000.0),
        ("grid/a/P_kW", NOON, 2000.0),
        ("grid/b/P_kW", NOON, 0.0),
    ]
    described = {series.key: series for series in batch.series}
    assert described["grid/a%2Fc/P_kW"].device == "grid/a%2Fc"
    assert described["grid/a%2Fc/P_kW"].labels == {"product": "grid", "field": "P_kW", "vehicle": "a/c"}
    assert described["grid/a/mode"].quantity == "state"
    assert len(batch.series) == 6


def test_a_device_that_never_says_a_field_has_no_series_of_it() -> None:
    rows = [{"timestamp": NOON, "vehicle": "a", "P_W": 1}, {"timestamp": NOON, "vehicle": "b", "U_V": 2}]
    assert {series.key for series in meant(rows, EACH_VEHICLE).series} == {"grid/a/P_W", "grid/b/U_V"}


def test_several_identity_fields_are_one_name_and_a_product_may_have_its_own() -> None:
    account = AccountConfig("hub", identity={"*": ("nothing",), "grid": ("site.id", "n")})
    batch = meant([{"timestamp": NOON, "site": {"id": "x"}, "n": 7, "P_W": 1}], account)
    assert points(batch.measurements) == [("grid/x/7/P_W", NOON, 1.0)]


@pytest.mark.parametrize(
    ("vehicle", "reason"),
    [
        (None, "malformed_row"),
        (1.5, "malformed_row"),
        (True, "malformed_row"),
        ("", "malformed_row"),
        ("x" * 300, "malformed_row"),
        ("\0", "not_storable_text"),
    ],
)
def test_a_document_whose_device_has_no_usable_name_is_rejected(vehicle: object, reason: str) -> None:
    rows = [
        {"timestamp": NOON, "vehicle": vehicle, "P_W": 1, "mode": "x"},
        {"timestamp": NOON, "vehicle": "a", "P_W": 1},
    ]
    batch = meant(rows, EACH_VEHICLE)
    assert list(batch.rejected["reason"]) == [reason, reason]
    assert points(batch.measurements) == [("grid/a/P_W", NOON, 1.0)]
