"""Python's texts are read as data: by a closed grammar, with bounds, and never evaluated."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.smart_house.literal import LiteralError, parse_literal

LITERALS: st.SearchStrategy[Any] = st.recursive(
    st.text() | st.integers(-(10**12), 10**12) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(LITERALS)
def test_whatever_python_writes_is_read_back(value: Any) -> None:  # noqa: ANN401  # a literal is anything
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
        "nan",
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
