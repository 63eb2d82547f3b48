"""The times of documents: those that are none, and those outside of what was asked for."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import OutsideWindowError
from domain.window import Window
from providers.export_service.normalize import normalize
from tests.providers.export_service.harness import DAY, NOON, PLAIN, meant, payload, points, rejected


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, "no_time"),
        ("1748779200000", "wrong_type"),
        ("2025-06-01T12:00:00", "wrong_type"),
        ("", "no_time"),
        ("2025-02-30T12:00:00Z", "implausible_time"),
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


@pytest.mark.parametrize("text", ["2025-06-01T12:00Z", "2025-06-01T14:00:00.000+0200", "2025-06-01 12:00:00+00"])
def test_a_text_with_an_offset_is_a_time_beside_numbers_and_alone(text: str) -> None:
    at = int(datetime(2025, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
    for others in ([], [{"timestamp": at + 1000, "P_W": 2}], [{"timestamp": float(at + 1000), "P_W": 2}]):
        batch = meant([{"timestamp": text, "P_W": 1}, *others])
        assert points(batch.measurements) == [("grid/P_W", at, 1.0), *(("grid/P_W", at + 1000, 2.0) for _ in others)]
        assert not len(batch.rejected)


def test_one_instant_that_is_spelled_in_two_ways_is_one_document() -> None:
    noon = [{"timestamp": at, "P_W": 1} for at in ("2025-06-01T12:00Z", "2025-06-01T14:00:00+0200", 1748779200000)]
    batch = meant(noon)
    assert points(batch.measurements) == [("grid/P_W", 1748779200000, 1.0)]
    assert (batch.n_duplicates, len(batch.rejected)) == (2, 0)


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


@pytest.mark.parametrize(
    "at", [int(DAY.start.timestamp() * 1000) - 3_600_001, int(DAY.end.timestamp() * 1000) + 3_600_001]
)
def test_a_document_outside_of_what_was_asked_for_stops_the_load(at: float) -> None:
    with pytest.raises(OutsideWindowError, match="1 of 2 documents"):
        meant([{"timestamp": NOON, "P_W": 1}, {"timestamp": at, "P_W": 1}])


def test_a_narrower_window_takes_its_own_documents_alone() -> None:
    hour = Window(datetime(2025, 6, 1, 12, tzinfo=UTC), datetime(2025, 6, 1, 13, tzinfo=UTC))
    times = [NOON - 1, NOON, NOON + 3_599_999, NOON + 3_600_000]
    batch = meant([{"timestamp": at, "P_W": 1} for at in times], window=hour)
    assert [at for _, at, _ in points(batch.measurements)] == times[1:3]
    assert batch.n_received == 2
