import pandas as pd
import pytest

from pipelines.command_line.verification import compare

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
