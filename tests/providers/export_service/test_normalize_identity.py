"""Which documents are the same, which contradict each other, and which device speaks.

Every value is a point, a rejected value, a duplicate or unmapped, and none is lost, whatever is sent.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ProviderError
from providers.export_service.account import AccountConfig
from tests.providers.export_service.harness import EACH_VEHICLE, NOON, PLAIN, PRODUCT, meant, points


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


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(-100, 100)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.sampled_from(["U_V", "x"]), st.integers(0, 3) | st.text(max_size=2), max_size=2)
)
DOCUMENTS = st.fixed_dictionaries(
    {"timestamp": st.integers(NOON, NOON + 5) | st.sampled_from([None, "x", 0, NOON + 0.5, float(NOON)])},
    optional=dict.fromkeys(("P_kW", "vehicle", "mode", "n", "nested"), VALUES),
)


def n_values(document: Mapping[str, Any], apart: Sequence[str]) -> int:
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update((f"{name}.{inner}", its) for inner, its in value.items())
        else:
            flat[name] = value
    # Not-a-number is sent where nothing was measured, and equals nothing, itself included.
    said = {name for name, value in flat.items() if value is not None and value == value}  # noqa: PLR0124
    return len(said - set(apart))


@given(st.lists(DOCUMENTS, max_size=12), st.sampled_from([PLAIN, EACH_VEHICLE]), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_every_value_is_accounted_for_in_any_order(
    rows: list[dict[str, Any]], account: AccountConfig, shuffler: random.Random
) -> None:
    apart = ("timestamp", *account.identity_of(PRODUCT))
    batch = meant(rows, account)
    # A rejected document without any value is one entry of its own.
    n_empty = sum('" of {' not in raw for raw in batch.rejected["raw"])
    total = sum(n_values(row, apart) for row in rows)
    assert batch.n_received - n_empty + sum(batch.unmapped.values()) == total
    shuffled = shuffler.sample(rows, len(rows))
    again = meant(shuffled, account)
    assert points(again.measurements) == points(batch.measurements)
    assert points(again.states) == points(batch.states)
    assert sorted(again.rejected["reason"]) == sorted(batch.rejected["reason"])
    assert (again.n_duplicates, again.unmapped) == (batch.n_duplicates, batch.unmapped)


@given(
    st.lists(st.recursive(VALUES, lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3)), max_size=5)
)
@settings(max_examples=100, deadline=None)
def test_no_document_makes_anything_but_a_batch_or_an_error_of_ours(rows: list[Any]) -> None:
    try:
        meant(rows)
    except ProviderError as error:
        assert "grid" in error.place  # noqa: PT017 - either outcome is right
