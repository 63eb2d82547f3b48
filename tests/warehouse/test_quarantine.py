"""The threshold of rejected rows counts by series: what is broken is set aside, what is wrong altogether refused."""

import tracemalloc
from itertools import count

import psycopg
import pytest

from domain.errors import TooManyRejectedError
from domain.records import Reason
from tests.fakes.points import DAY, Said, batch, load
from warehouse.quarantine import KEPT_OF_SERIES, MOST_KEPT, Quarantine
from warehouse.store import TimescaleWarehouse


def rejected(counts: dict[str, int]) -> Quarantine:
    made, number = Quarantine(), count()
    for series, n in counts.items():
        for _ in range(n):
            made.add(f"row {next(number)}", Reason.OUT_OF_LIMITS, series=series)
    return made


def keys(n: int) -> frozenset[str]:
    return frozenset(f"s{number}" for number in range(n))


@pytest.mark.parametrize(
    ("counts", "n_series"),
    [
        ({"s7": 288}, 24),
        ({"gone": 86_400}, 2),  # all of it is rejected: it has no point, and is a series all the same
        ({"s0": 288, "s1": 288}, 4),
        ({"s0": 288} | {f"s{n}": 1 for n in range(1, 15)}, 15),
        ({f"s{n}": 288 for n in range(12)}, 24),  # a column that is mis-formatted, in every device
        ({"": 100, "s0": 288}, 24),
        ({"": 100, "s0": 50, "s1": 50}, 2),
    ],
)
def test_broken_series_are_set_aside_as_long_as_most_are_well(counts: dict[str, int], n_series: int) -> None:
    rejected(counts).check(10_000, keys(n_series), place="a test")


@pytest.mark.parametrize(
    ("counts", "n_series", "sentence"),
    [
        ({"s0": 101}, 1, "101 of 10000 rows were rejected .101 out_of_limits., 100 are allowed, and 1 of 1 series"),
        ({f"s{n}": 288 for n in range(13)}, 24, "3744 of 10000 rows .* 13 of 24 series have more than their part"),
        ({f"s{n}": 1 for n in range(150)}, 150, "150 of 150 series"),  # a value a day each, none of them good
        ({f"s{n}": 48 for n in range(4)}, 0, "4 of 4 series"),
        ({"": 101, "s0": 5}, 24, "101 of 10000 rows were rejected .* 100 are allowed of rows that belong to no series"),
    ],
)
def test_a_source_of_which_most_series_are_broken_is_refused(
    counts: dict[str, int], n_series: int, sentence: str
) -> None:
    with pytest.raises(TooManyRejectedError, match=sentence):
        rejected(counts).check(10_000, keys(n_series), place="a test")


def test_a_sensor_that_is_broken_every_second_is_counted_and_takes_no_more_memory() -> None:
    made = Quarantine()
    tracemalloc.start()
    for second in range(86_400):
        made.add(f"{second}: -3276.{second}", Reason.OUT_OF_LIMITS, series="battery/temperature")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20
    made.check(10_000_000, keys(3), place="a test")
    assert len(made) == 86_400


def test_what_is_counted_and_not_kept_says_so_in_the_table(
    warehouse: TimescaleWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.quarantine.KEPT_OF_SERIES", 3)
    ten: Said = {(key, minute): float(minute) for key in ("a", "b") for minute in range(10)}
    broken = [(f"{n}: -3276.8", "out_of_limits", "ab" * 32, "c") for n in range(288)]
    for _ in range(2):
        report = load(warehouse, batch(ten, rejected=broken))
    assert report.rejected_by_reason == {"out_of_limits": 288}

    kept = warehouse.reading.rejected("hub", DAY)
    assert kept["series_key"].tolist() == ["c"] * 4
    assert kept["n_rows"].sum() == 288
    assert kept.set_index("raw")["n_rows"]["further rows of c: counted, not kept"] == 285
    (worst,) = warehouse.reading.rejected_series("hub", DAY).to_dict("records")
    assert (worst["series_key"], worst["reason"], worst["n_rows"]) == ("c", "out_of_limits", 288)
    assert worst["example"].endswith(": -3276.8")


def test_values_that_contradict_one_another_name_their_series(warehouse: TimescaleWarehouse) -> None:
    said = [((key, 0), value) for key in ("a", "b") for value in (1.0, 2.0 if key == "b" else 1.0)]
    load(warehouse, batch(said))
    assert set(warehouse.reading.rejected("hub", DAY)["series_key"]) == {"b"}


def test_series_that_come_late_have_examples_too() -> None:
    made = rejected({f"s{n}": 2 * KEPT_OF_SERIES for n in range(12)})
    kept = {series for _, _, _, series in made._rows}
    assert kept == keys(12)
    assert len(made._rows) <= MOST_KEPT


def test_rows_rejected_before_series_were_named_stay_until_they_are_seen_again(
    warehouse: TimescaleWarehouse, database: str
) -> None:
    row = ("-3276.8", "out_of_limits", "ab" * 32)
    load(warehouse, batch({("a", 0): 1.0}, rejected=[row]))
    load(warehouse, batch({("a", 0): 1.0}, rejected=[(*row, "b")]))
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT series_key, first_load_id < last_load_id FROM rejected").fetchall() == [
            ("b", True)
        ]


def test_a_text_that_two_series_have_alike_is_listed_under_each(warehouse: TimescaleWarehouse) -> None:
    rows = [("-3276.8", "out_of_limits", "ab" * 32, series) for series in ("b", "a", "c", "a")]
    for _ in range(2):  # again: counted anew
        load(warehouse, batch({("a", 0): 1.0}, rejected=rows))

    listed = warehouse.reading.rejected_series("hub", DAY)
    assert sorted(zip(listed["series_key"], listed["n_rows"], listed["example"], strict=True)) == [
        ("a", 2, "-3276.8"),
        ("b", 1, "-3276.8"),
        ("c", 1, "-3276.8"),
    ]


def test_a_row_of_before_gets_the_name_of_one_series_and_the_others_are_added(warehouse: TimescaleWarehouse) -> None:
    row = ("-3276.8", "out_of_limits", "ab" * 32)
    load(warehouse, batch({("a", 0): 1.0}, rejected=[row, row]))
    load(warehouse, batch({("a", 0): 1.0}, rejected=[(*row, "b"), (*row, "c")]))
    kept = warehouse.reading.rejected("hub", DAY)
    assert sorted(zip(kept["series_key"], kept["n_rows"], strict=True)) == [("b", 1), ("c", 1)]

    load(warehouse, batch({("a", 0): 1.0}, rejected=[(*row, ""), (*row, "b")]))
    kept = warehouse.reading.rejected("hub", DAY)
    assert sorted(zip(kept["series_key"], kept["n_rows"], strict=True)) == [("", 1), ("b", 1), ("c", 1)]


def test_a_name_of_any_length_is_kept_and_told_apart(warehouse: TimescaleWarehouse) -> None:
    alphabet = "".join(chr(0x4E00 + number) for number in range(3_000))  # more than an index bears, packed or not
    rows = [("-3276.8", "out_of_limits", "ab" * 32, f"{alphabet}{number}") for number in range(2)]
    load(warehouse, batch({("a", 0): 1.0}, rejected=rows))
    assert warehouse.reading.rejected("hub", DAY)["series_key"].nunique() == 2
