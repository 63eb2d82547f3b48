import json

import pandas as pd
import pytest

from pipelines.local.verification import compare, series_by_labels, true_points

NOON = pd.Timestamp("2026-11-20T12:00:00Z")


def points(*rows: tuple[str, int, float | str]) -> pd.DataFrame:
    """Points as (series, minutes after noon, value)."""
    return pd.DataFrame(
        [(series, NOON + pd.Timedelta(minutes=minutes), value) for series, minutes, value in rows],
        columns=["series", "measured_at", "value"],
    )


SERVED = points(("grid/P_kW", 0, 1.5), ("grid/P_kW", 1, 2.5), ("grid/U_V", 0, 230.0))


def test_equal_points_are_equal_in_any_order() -> None:
    comparison = compare(SERVED, SERVED.iloc[::-1])
    assert comparison.is_equal
    assert (comparison.n_served, comparison.n_loaded, comparison.n_equal) == (3, 3, 3)
    assert comparison.difference == ""


def test_a_point_that_the_warehouse_lacks_is_named() -> None:
    comparison = compare(SERVED, SERVED.drop(index=1))
    assert not comparison.is_equal
    assert comparison.difference == (
        "grid/P_kW at 2026-11-20T12:01:00+00:00: the sandbox serves 2.5, the warehouse has nothing"
    )


def test_a_point_that_nobody_served_is_named() -> None:
    comparison = compare(SERVED.drop(index=2), SERVED)
    assert not comparison.is_equal
    assert "grid/U_V at 2026-11-20T12:00:00+00:00" in comparison.difference
    assert "the sandbox serves nothing" in comparison.difference


def test_the_first_value_that_differs_is_named_with_both_values() -> None:
    loaded = SERVED.assign(value=[1.5, 2.5000001, 231.0])
    comparison = compare(SERVED, loaded)
    assert comparison.n_equal == 1
    assert comparison.difference == (
        "grid/U_V at 2026-11-20T12:00:00+00:00: the sandbox serves 230.0, the warehouse has 231.0"
    )


def test_a_point_served_twice_is_one_point() -> None:
    assert compare(pd.concat([SERVED, SERVED.head(1)]), SERVED).is_equal


def test_a_point_served_with_two_values_is_never_equal() -> None:
    twofold = pd.concat([SERVED, points(("grid/P_kW", 0, 9.0))])
    assert not compare(twofold, SERVED).is_equal


@pytest.mark.parametrize("value", ["on", ""])
def test_texts_are_compared_like_numbers(value: str) -> None:
    served = points(("battery/mode", 0, "on"))
    assert compare(served, points(("battery/mode", 0, value))).is_equal == (value == "on")


def test_nothing_equals_nothing() -> None:
    assert compare(SERVED.head(0), SERVED.head(0)).is_equal


CATALOGUE = pd.DataFrame(
    [
        ("p/a/P_kW", "power", "kW", {"product": "p", "field": "P_kW", "vehicle": "a"}),
        ("p/b/P_kW", "power", "kW", {"product": "p", "field": "P_kW", "vehicle": "b"}),
        ("p/a/cell.T_degC", "temperature", "K", {"product": "p", "field": "cell.T_degC", "vehicle": "a"}),
        ("p/a/mode", "state", "", {"product": "p", "field": "mode", "vehicle": "a"}),
        ("p/a/is_on", "state", "", {"product": "p", "field": "is_on", "vehicle": "a"}),
    ],
    columns=["key", "quantity", "provider_unit", "labels"],
)
NOON_MS = int(NOON.timestamp() * 1000)


def truth(*points: tuple[str, str, float | str]) -> list[bytes]:
    """Points of product `p` at noon, as (vehicle, field, value)."""
    return [
        json.dumps(
            {"labels": {"product": "p", "field": field, "vehicle": vehicle}, "at": NOON_MS, "value": value}
        ).encode()
        for vehicle, field, value in points
    ]


def test_a_truth_becomes_points_by_the_labels_of_the_catalogue_alone() -> None:
    served = true_points(
        truth(
            ("a", "P_kW", 1.5), ("a", "cell.T_degC", 300), ("b", "P_kW", 2), ("a", "mode", "go"), ("a", "is_on", "true")
        ),
        series_by_labels(CATALOGUE),
    )
    assert served.numbers.to_dict("list") == {
        "series": ["p/a/P_kW", "p/a/cell.T_degC", "p/b/P_kW"],
        "measured_at": [NOON, NOON, NOON],
        "value": [1500.0, 300 - 273.15, 2000.0],
    }
    assert served.texts.to_dict("list") == {
        "series": ["p/a/mode", "p/a/is_on"],
        "measured_at": [NOON, NOON],
        "value": ["go", "true"],
    }
    assert served.unmapped == {}


def test_a_point_that_the_catalogue_does_not_know_is_counted_and_never_dropped_in_silence() -> None:
    served = true_points(truth(("a", "x", 1), ("c", "P_kW", 1)), series_by_labels(CATALOGUE))
    assert served.unmapped == {"x": 1, "P_kW": 1}
    assert served.numbers.empty


def test_a_text_where_the_catalogue_has_a_number_is_a_difference() -> None:
    served = true_points(truth(("a", "P_kW", "n/a")), series_by_labels(CATALOGUE))
    assert not compare(served.texts, served.texts.head(0)).is_equal


@pytest.mark.parametrize(("loaded", "is_equal"), [(0.1 + 0.2, True), (0.3 * (1 + 1e-11), False), (-0.3, False)])
def test_only_the_last_bits_of_a_number_may_differ(loaded: float, is_equal: bool) -> None:
    assert compare(points(("s", 0, 0.3)), points(("s", 0, loaded))).is_equal == is_equal
