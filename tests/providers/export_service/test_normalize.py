"""What documents mean: every value is a point, a rejected value, a duplicate or unmapped, and none is lost."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.contract import Payload, Series
from domain.errors import OutsideWindowError, PayloadUnreadableError, ProviderError
from domain.measurement import Normalized, concat
from domain.window import Window
from providers.export_service.account import Account, FieldMeaning
from providers.export_service.normalize import normalize
from providers.export_service.points import MAX_TEXT
from tests.providers.export_service.test_wire import DOCUMENTED

DAY = Window.of_day(date(2025, 6, 1))
NOON = 1748779200000
PRODUCT = "grid"
PLAIN = Account("hub")
EACH_VEHICLE = Account("hub", identity={"*": ("vehicle",)})


def payload(rows: Sequence[Any] | bytes, *, window: Window = DAY, page: int = 1) -> Payload:
    body = rows if isinstance(rows, bytes) else json.dumps({"numResults": len(rows), "result": rows}).encode()
    received_at = datetime(2025, 6, 3, tzinfo=UTC)
    return Payload("query", {}, window, PRODUCT, page, received_at, "application/json", body, "content-length")


def meant(rows: Sequence[Any] | bytes, account: Account = PLAIN, *, window: Window = DAY) -> Normalized:
    (batch,) = normalize([payload(rows)], window, account)
    batch.check(place="test")
    return batch


def points(frame: pd.DataFrame) -> list[tuple[str, int, Any]]:
    millis = frame["measured_at"].astype("int64") // 1000
    return sorted(zip(frame["series"].astype("str"), millis, frame["value"], strict=True))


def measured(row: Mapping[str, Any], account: Account = PLAIN) -> dict[str, float]:
    frame = meant([{"timestamp": NOON, **row}], account).measurements
    return {key.removeprefix("grid/"): value for key, _, value in points(frame)}


def rejected(rows: Sequence[Any] | bytes, account: Account = PLAIN) -> list[tuple[str, str]]:
    frame = meant(rows, account).rejected
    return sorted(zip(frame["reason"], frame["raw"], strict=True))


def reasons(row: Mapping[str, Any], account: Account = PLAIN) -> list[str]:
    return [reason for reason, _ in rejected([{"timestamp": NOON, **row}], account)]


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
    account = Account(
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


def test_a_number_that_is_declared_a_state_is_its_text() -> None:
    account = Account("hub", fields={"code": FieldMeaning("state")})
    rows = [{"timestamp": NOON + i, "code": code} for i, code in enumerate([7, 1.5, "E9", True, [1], 2.0**60])]
    batch = meant(rows, account)
    assert [value for _, _, value in points(batch.states)] == ["7", "1.5", "E9", "true"]
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


@pytest.mark.parametrize("value", ["12", "n/a", "", True, [1.0]])
def test_anything_but_a_number_where_a_number_belongs_is_rejected_with_its_document(value: object) -> None:
    rows = [{"timestamp": NOON, "P_kW": value}, {"timestamp": NOON + 1, "P_kW": 1}]
    assert rejected(rows) == [("wrong_type", f'"P_kW" of {json.dumps(rows[0], sort_keys=True)}')]
    assert len(meant(rows).measurements) == 1


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
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
    account = Account("hub", fields={"E": FieldMeaning("energy_register", "J")})
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


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, "no_time"),
        ("1748779200000", "wrong_type"),
        ("2025-06-01T12:00:00Z", "wrong_type"),
        (True, "wrong_type"),
        ([NOON], "wrong_type"),
        (NOON + 0.5, "wrong_type"),
        (NOON // 1000, "implausible_time"),
        (NOON * 1000, "implausible_time"),
        (0, "implausible_time"),
        (-1, "implausible_time"),
        (2**63, "implausible_time"),
        (1e300, "implausible_time"),
        (253402300800000, "implausible_time"),
        (946684799999, "implausible_time"),
    ],
)
def test_every_value_of_a_document_without_a_usable_time_is_rejected(time: object, reason: str) -> None:
    rows = [{"timestamp": time, "P_W": 1, "mode": "eco", "n": 4, "gone": None}, {"timestamp": NOON, "P_W": 2}]
    batch = meant(rows)
    assert list(batch.rejected["reason"]) == [reason, reason]
    assert batch.unmapped == {"grid/n": 1}
    assert points(batch.measurements) == [("grid/P_W", NOON, 2.0)]


def test_documents_without_any_timestamp_field_are_rejected_one_by_one() -> None:
    assert [reason for reason, _ in rejected([{"P_W": 1}, {"n": 2}, {}])] == ["no_time"] * 3


def test_a_whole_number_written_as_a_float_is_a_time() -> None:
    assert points(meant([{"timestamp": float(NOON), "P_W": 1}]).measurements) == [("grid/P_W", NOON, 1.0)]


def test_a_clock_may_be_fifteen_minutes_ahead_of_ours_and_no_more() -> None:
    window = Window(datetime(2025, 6, 2, tzinfo=UTC), datetime(2025, 6, 5, tzinfo=UTC))
    received = datetime(2025, 6, 3, tzinfo=UTC)
    ahead = [int((received + timedelta(minutes=15, milliseconds=extra)).timestamp() * 1000) for extra in (0, 1)]
    sent = payload([{"timestamp": at, "P_W": 1} for at in ahead], window=window)
    (batch,) = normalize([sent], window, PLAIN)
    assert points(batch.measurements) == [("grid/P_W", ahead[0], 1.0)]
    assert list(batch.rejected["reason"]) == ["implausible_time"]


@pytest.mark.parametrize("row", [1, "text", None, [], [{}], True])
def test_an_element_that_is_no_document_is_rejected_as_it_came(row: object) -> None:
    rows = [row, {"timestamp": NOON, "P_W": 1}]
    assert rejected(rows) == [("malformed_row", json.dumps(row))]


def test_a_document_at_the_very_end_belongs_to_the_next_window_and_is_left_out_unsaid() -> None:
    end = int(DAY.end.timestamp() * 1000)
    start = int(DAY.start.timestamp() * 1000)
    batch = meant([{"timestamp": at, "P_W": 1, "n": 1} for at in (start, end - 1, end)])
    assert [at for _, at, _ in points(batch.measurements)] == [start, end - 1]
    assert batch.n_received == 2
    assert batch.unmapped == {"grid/n": 2}


@pytest.mark.parametrize("at", [int(DAY.start.timestamp() * 1000) - 1, int(DAY.end.timestamp() * 1000) + 1])
def test_a_document_outside_of_what_was_asked_for_stops_the_load(at: int) -> None:
    with pytest.raises(OutsideWindowError, match="1 of 2 documents"):
        meant([{"timestamp": NOON, "P_W": 1}, {"timestamp": at, "P_W": 1}])


def test_a_narrower_window_takes_its_own_documents_alone() -> None:
    hour = Window(datetime(2025, 6, 1, 12, tzinfo=UTC), datetime(2025, 6, 1, 13, tzinfo=UTC))
    times = [NOON - 1, NOON, NOON + 3_599_999, NOON + 3_600_000]
    batch = meant([{"timestamp": at, "P_W": 1} for at in times], window=hour)
    assert [at for _, at, _ in points(batch.measurements)] == times[1:3]
    assert batch.n_received == 2


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
    account = Account("hub", identity={"*": ("nothing",), "grid": ("site.id", "n")})
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


def test_an_empty_answer_is_an_empty_batch() -> None:
    batch = meant([])
    assert batch.n_received == 0
    assert len(batch.rejected) == 0


def test_every_page_is_a_batch_of_its_own() -> None:
    pages = [payload([{"timestamp": NOON + n, "P_W": n}], page=n) for n in (1, 2, 3)]
    batches = list(normalize(iter(pages), DAY, PLAIN))
    assert [len(batch.measurements) for batch in batches] == [1, 1, 1]
    assert len(concat(batches).series) == 1


def test_a_rejected_value_names_the_answer_it_came_in() -> None:
    sent = payload([{"timestamp": NOON, "P_W": "x"}])
    (batch,) = normalize([sent], DAY, PLAIN)
    assert list(batch.rejected["payload"]) == [sent.sha256]


def test_a_rejected_document_of_megabytes_is_kept_in_part() -> None:
    ((_, raw),) = rejected([{"timestamp": NOON, "P_W": "x" * 1_000_000}])
    assert len(raw) < 5_000


def test_a_series_stands_where_the_account_says() -> None:
    (series,) = meant([{"timestamp": NOON, "P_W": 1}], Account("hub", site="Ingolstadt")).series
    assert series.site == "Ingolstadt"


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
    return sum(value is not None and name not in apart for name, value in flat.items())


@given(st.lists(DOCUMENTS, max_size=12), st.sampled_from([PLAIN, EACH_VEHICLE]), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_every_value_is_accounted_for_in_any_order(
    rows: list[dict[str, Any]], account: Account, shuffler: random.Random
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
