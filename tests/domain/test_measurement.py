"""What `normalize` hands on is checked where it is made."""

import pandas as pd
import pytest

from domain.errors import NormalizationError
from domain.measurement import Normalized, concat
from domain.records import Series

POWER = Series(key="meter/P_kW", quantity="power", device="meter")


def points(*values: float, key: str = "meter/P_kW") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series": pd.Categorical([key] * len(values)),
            "measured_at": pd.date_range("2026-03-29", periods=len(values), freq="min", tz="UTC", unit="us"),
            "value": pd.Series(values, dtype="float64"),
        }
    )


def test_a_batch_that_fits_the_schema_passes() -> None:
    Normalized(series=(POWER,), measurements=points(1, 2)).check(place="a test")
    Normalized().check(place="a test")


@pytest.mark.parametrize(
    ("frame", "culprit"),
    [
        (points(1).rename(columns={"value": "power"}), "columns"),
        (points(1).astype({"series": "str"}), "not a category"),
        (points(1).assign(measured_at=lambda f: f["measured_at"].dt.tz_localize(None)), "measured_at"),
        (
            points(1).assign(measured_at=lambda f: f["measured_at"].dt.as_unit("ns")),
            r"measured_at of measurements is datetime64\[ns",
        ),
        (points(1).astype({"value": "int64"}), "values are int64"),
        (points(1, key="nobody"), "no description of the series nobody"),
    ],
)
def test_a_batch_that_breaks_the_schema_is_our_bug_by_name(frame: pd.DataFrame, culprit: str) -> None:
    with pytest.raises(NormalizationError, match=culprit):
        Normalized(series=(POWER,), measurements=frame).check(place="a test")


def test_batches_join_to_what_they_say_together() -> None:
    other = Series(key="meter/U_V", quantity="voltage", device="meter")
    left = Normalized(series=(POWER,), measurements=points(1, 2), n_duplicates=1, unmapped={"foo": 2})
    right = Normalized(series=(other,), measurements=points(3, key="meter/U_V"), unmapped={"foo": 1, "bar": 1})
    whole = concat([left, right])
    assert whole.series == (POWER, other)
    assert whole.measurements["value"].tolist() == [1.0, 2.0, 3.0]
    assert whole.n_received == 4
    assert whole.unmapped == {"foo": 3, "bar": 1}
    whole.check(place="a test")


def test_nothing_joined_is_nothing_and_still_fits_the_schema() -> None:
    assert concat([]).n_received == 0
    concat([]).check(place="a test")


def test_rejected_rows_join_whether_or_not_they_say_whose_they_are() -> None:
    told = pd.DataFrame({"raw": ["a"], "reason": ["wrong_type"], "payload": [""], "series": ["meter/P_kW"]})
    whole = concat([Normalized(rejected=told), Normalized(rejected=told.drop(columns="series"))])
    assert whole.rejected["series"].tolist() == ["meter/P_kW", ""]
    whole.check(place="a test")
    with pytest.raises(NormalizationError, match="rejected rows have the columns"):
        Normalized(rejected=told.rename(columns={"series": "whose"})).check(place="a test")
