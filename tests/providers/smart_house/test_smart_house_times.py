"""Three eras of time: whole, mangled, and taken out.

Python's texts are read as data: by a closed grammar, with bounds, and never evaluated.
"""

import json
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instants import EPOCH, MICROSECOND
from domain.measurement import Normalized, concat
from domain.records import Reason
from domain.window import Window
from providers.smart_house.literal import LiteralError, parse_literal
from providers.smart_house.normalize import normalize
from providers.smart_house.times import DAY_US, instants_of, midnight_of
from tests.providers.smart_house.harness import ACCOUNT, archive, change, payload, points_of, row

DAY = date(2025, 6, 3)
NOW = datetime(2025, 7, 1, tzinfo=UTC)
REDACTED = "{{REDACTED}}"


def said(*changes: object, window: Window | None = None) -> Normalized:
    body = archive([row(sensor_x=list(changes))])
    return concat(normalize([payload(body)], window or Window.of_day(DAY), ACCOUNT))


def instant_of(text: object, day: date, received_at: datetime) -> int | Reason | None:
    times, unusable = instants_of([text], np.array([midnight_of(day) + DAY_US]), received_at)
    return unusable.get(0, int(times[0]))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-06-03T12:46:04.198578+01:00", "2025-06-03T11:46:04.198578"),
        ("2025-06-03T12:46:04+01:00", "2025-06-03T11:46:04"),
        ("2025-06-03T12:46:04.5+00:00", "2025-06-03T12:46:04.500000"),
        ("2025-06-03T12:46:04Z", "2025-06-03T12:46:04"),
        ("2025-06-03 12:46:04+01", "2025-06-03T11:46:04"),
        ("2025-06-02T23:46:04.198578-05:00", "2025-06-03T04:46:04.198578"),
        # mangled: the plus became a point
        ("2025-06-03T19:20:51.548748.01:00", "2025-06-03T18:20:51.548748"),
        ("2025-06-03T19:20:51.01:00", "2025-06-03T18:20:51"),
        ("2025-06-03T19:20:51.548748123.01:00", "2025-06-03T18:20:51.548748"),
        ("2025-06-03T19:20:51.548748.00:00", "2025-06-03T19:20:51.548748"),
    ],
)
def test_whole_and_mangled_times_are_instants_with_their_own_offset(text: str, meant: str) -> None:
    at = instant_of(text, DAY, NOW)
    assert isinstance(at, int)
    assert EPOCH + at * MICROSECOND == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, Reason.NO_TIME),
        ("", Reason.NO_TIME),
        (1_748_908_800, Reason.WRONG_TYPE),
        ("2025-06-03T12:46:04", Reason.WRONG_TYPE),
        ("2025-06-03T12:46:04.0100", Reason.WRONG_TYPE),  # a fraction, and no offset
        ("٢٠٢٥-06-03T12:46:04+01:00", Reason.WRONG_TYPE),
        ("yesterday", Reason.WRONG_TYPE),
        ("2025-06-31T12:46:04+01:00", Reason.IMPLAUSIBLE_TIME),
        ("2025-06-03T12:46:04+25:00", Reason.IMPLAUSIBLE_TIME),
        ("2025-06-04T00:00:00+00:00", Reason.OUTSIDE),
        ("2025-06-04T00:59:59+00:00", Reason.OUTSIDE),
        ("2025-06-04T01:00:00+00:00", Reason.IMPLAUSIBLE_TIME),
        ("2025-05-31T23:59:59+00:00", Reason.OUTSIDE),
        ("2025-05-31T22:59:59+00:00", Reason.IMPLAUSIBLE_TIME),
        ("2000-01-01T00:00:10+00:00", Reason.IMPLAUSIBLE_TIME),
        ("1970-01-01T00:00:00+00:00", Reason.IMPLAUSIBLE_TIME),
        ("9999-12-31T23:59:59-23:00", Reason.IMPLAUSIBLE_TIME),
    ],
)
def test_what_is_no_instant_or_none_of_this_upload_is_rejected_by_name(text: object, reason: Reason) -> None:
    assert instant_of(text, DAY, NOW) is reason
    whole = said(change("2025-06-03T01:00:00+01:00", "5") | {"last_updated": text})
    assert list(whole.rejected["reason"]) == [reason.value]
    assert not len(whole.measurements)


def test_what_came_before_it_was_said_is_implausible() -> None:
    received = datetime(2025, 6, 3, 12, tzinfo=UTC)
    assert instant_of("2025-06-03T12:14:00+00:00", DAY, received) is not Reason.IMPLAUSIBLE_TIME
    assert instant_of("2025-06-03T12:16:00+00:00", DAY, received) is Reason.IMPLAUSIBLE_TIME


def test_a_time_that_was_taken_out_is_never_invented() -> None:
    whole = said(change(REDACTED, "21.5"), change(REDACTED, "unknown"), change(REDACTED, "21.7"))
    assert not len(whole.measurements)
    assert not len(whole.rejected)
    (series,) = whole.series
    assert series.key.endswith("/sensor_x/undated/W")
    assert (series.quantity, series.resolution) == ("state", timedelta(days=1))
    assert series.labels["time"] == "undated"
    ((_, at),) = points_of(whole)
    assert at == datetime(2025, 6, 3, tzinfo=UTC)
    (text,) = points_of(whole).values()
    assert json.loads(str(text)) == [["21.5", "unknown", "21.7"]]


def test_the_order_inside_an_upload_is_kept_and_that_of_uploads_is_not_claimed() -> None:
    rows = [row(sensor_x=[change(REDACTED, state) for state in states]) for states in (("9", "1"), ("2",), ("3", "0"))]
    texts = set()
    for order in (rows, rows[::-1]):
        whole = concat(normalize([payload(archive(order))], Window.of_day(DAY), ACCOUNT))
        texts |= set(map(str, points_of(whole).values()))
    assert texts == {'[["2"],["3","0"],["9","1"]]'}


def test_one_file_may_hold_every_era() -> None:
    whole = said(
        change("2025-06-03T10:00:00.100000+01:00", "1"),
        change("2025-06-03T11:00:00.100000.01:00", "2"),
        change(REDACTED, "3"),
    )
    assert sorted(whole.measurements["value"]) == [1.0, 2.0]
    assert list(whole.states["value"]) == ['[["3"]]']


def test_a_change_counts_for_the_day_of_its_update_whichever_upload_brought_it() -> None:
    changes = [change(f"2025-06-0{day}T12:00:00+00:00", str(day)) for day in (1, 2, 3)]
    for day in (1, 2, 3):
        whole = said(*changes, window=Window.of_day(date(2025, 6, day)))
        assert list(whole.measurements["value"]) == [float(day)]
        assert not len(whole.rejected)


def test_what_has_no_instant_is_rejected_once_on_the_day_of_its_upload() -> None:
    counts = [
        len(said(change("nonsense", "1"), window=Window.of_day(date(2025, 6, day))).rejected) for day in (1, 2, 3, 4)
    ]
    assert counts == [0, 0, 1, 0]


LITERALS: st.SearchStrategy[Any] = st.recursive(
    st.text() | st.integers(-(10**12), 10**12) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(LITERALS)
def test_whatever_python_writes_is_read_back(value: Any) -> None:
    try:
        assert parse_literal(repr(value)) == value
    except LiteralError as error:
        assert "deep" in str(error)  # noqa: PT017  # the only bound that a small literal can meet


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[]{}(),:='\"\\ Row01.eE-xuNone", max_size=60))
def test_whatever_is_sent_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        parse_literal(text)
    except LiteralError:
        return


def test_a_row_object_is_a_dictionary() -> None:
    text = """[Row(entity_id='sensor.x', state="it's", attributes='{a=b}'), {'state': 'x'}, ('a', 1)]"""
    assert parse_literal(text) == [
        {"entity_id": "sensor.x", "state": "it's", "attributes": "{a=b}"},
        {"state": "x"},
        ["a", 1],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[].__class__",
        "open('/etc/passwd')",
        "Row(a=__import__('os'))",
        "Row('a')",
        "Row(a=1, a=2)",
        "{'a': 1, 'a': 2}",
        "f'{1}'",
        "b'x'",
        "'a' 'b'",
        "1 + 1",
        "lambda: 1",
        "[1, 2",
        "[1]]",
        "{1: 2}",
        "{'a'}",
        "inf",
        "1e9999",
        "0x10",
        "1_000",
        "'\\q'",
        "'\\U99999999'",
        "'",
        "",
        "9" * 5000,
        "[" * 100 + "]" * 100,
    ],
)
def test_what_could_be_run_or_could_hurt_is_refused(text: str) -> None:
    with pytest.raises(LiteralError):
        parse_literal(text)


@pytest.mark.parametrize(
    "text", ["[" * 2_000_000, "'" + "\\x" * 1_000_000, "[" + "1," * 300_000, "-" * 2_000_000, " " * 10**7]
)
def test_a_hostile_text_is_refused_within_seconds(text: str) -> None:
    began = time.process_time()
    with pytest.raises(LiteralError):
        parse_literal(text)
    assert time.process_time() - began < 10
