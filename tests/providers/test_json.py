"""JSON, read strictly: one key once, bounded depth, UTF-8 alone, and never slowly."""

import json
import math
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PayloadUnreadableError
from domain.texts import is_storable
from providers._json import MAX_DEPTH, kind_of, read_exactly, read_json
from providers.voltstorage.wire import parse_json

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(body: bytes) -> object:
    return read_json(body, place="here", fix="look")


@given(ANYTHING, st.booleans())
def test_a_document_is_read_as_it_was_written_by_both_ways(document: object, is_spaced: bool) -> None:
    separators = (" , ", " : ") if is_spaced else (",", ":")
    body = json.dumps(document, separators=separators).encode("utf-8", "surrogatepass")
    assert read(body) == document
    assert read_exactly(body, place="here", fix="look") == document


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        (b'{"a":1,"a":2}', "the key 'a' twice"),
        (b'[{"a":{"b":1,"c":":","b":2}}]', "the key 'b' twice"),
        (b'{"a" :1,"a" :2}', "the key 'a' twice"),
        (b"", "is empty"),
        (b"  ", "is empty"),
        (b'{"a":1', "no JSON document"),
        (b'{"a":1}x', "no JSON document"),
        (b"\xff\xfe[\0]\0", "not UTF-8"),
        (b"[" + b"9" * 5000 + b"]", "thousands of digits"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "more than 64 levels deep"),
        (b"[" * 100_000, "more than 64 levels deep"),
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused_by_name(body: bytes, culprit: str) -> None:
    with pytest.raises(PayloadUnreadableError, match=culprit):
        read(body)


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    assert read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


@pytest.mark.parametrize("is_last", [True, False])
def test_one_key_twice_among_a_hundred_thousand_is_found_in_a_moment(*, is_last: bool) -> None:
    names = [f'"k{n}":0' for n in range(100_000)]
    twice = [*names, '"k99999":1'] if is_last else ['"k0":1', *names]
    began = time.monotonic()
    with pytest.raises(PayloadUnreadableError, match="twice"):
        read(f"{{{','.join(twice)}}}".encode())
    assert time.monotonic() - began < 5


def test_a_mark_before_utf_8_is_passed_and_a_lone_surrogate_is_left_to_the_quarantine() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
    text = read(b'["\\ud800"]')
    assert isinstance(text, list)
    assert not is_storable(text[0])
    assert not is_storable("a\0b")
    assert is_storable("°C")


def test_what_json_calls_a_value_is_known() -> None:
    values: list[object] = [{}, [], "", True, 1, 1.5, None]
    said = [kind_of(one) for one in values]
    assert said == ["object", "list", "text", "boolean", "number", "number", "null"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a"  :2}',
        b'{"a":1,"a"\n  :2}',
        b'{"a":1,"a"\t\t:2}',
        b'{"a":1,"a" \r\n :2}',
        b'{"t":"x\\":","a"  :1,"a"  :2}',
        b'{"a":1,"\\u0061":2}',
        b'[{"n":{"a"  :1,"\\u0061"   :2}}]',
        b'{"t":": :","a":1,"a":2}',
    ],
)
def test_a_key_twice_is_refused_however_it_is_spaced_and_written(body: bytes) -> None:
    for read_it in (read, lambda sent: read_exactly(sent, place="here", fix="look"), voltstorage):
        with pytest.raises(PayloadUnreadableError, match="twice in one object"):
            read_it(body)


LONG = (
    "9223372036854775807", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "89490200001234567890", "-89490200001234567890", "1" + "0" * 40,
    "123456789012345678901234567890.5", "0.00012345678901234567891", "-0", "-0.0", "1E400", "-1E400", "1e-400",
)  # fmt: skip


@pytest.mark.parametrize("number", LONG)
@pytest.mark.parametrize("around", ["{}", "[{}]", "[1,{}]", '{{"a":{}}}', '{{"a": {} }}', '{{"a":{{"b":[0,\n{}\n]}}}}'])
def test_a_number_is_the_same_whatever_else_is_in_the_page_and_whoever_reads_it(number: str, around: str) -> None:
    body = around.format(number).encode()
    exactly = read_exactly(body, place="here", fix="look")
    assert repr(read(body)) == repr(exactly) == repr(voltstorage(body))
    if number.lstrip("-").isdigit():
        assert json.dumps(exactly).replace(" ", "").replace("\n", "") == re.sub(
            r"\s|-(?=0\b)", "", around.format(number)
        )


@given(st.lists(st.dictionaries(st.text(max_size=2), st.integers(-(10**25), 10**25) | st.floats(allow_nan=False))))
def test_no_integer_loses_a_digit(document: object) -> None:
    assert read(json.dumps(document, separators=(",", ":")).encode()) == document


def test_not_a_number_is_null_and_infinity_is_not() -> None:
    body = b'{"a":NaN,"b":[NaN],"c":Infinity,"d":-Infinity}'
    for read_it in (read, voltstorage):
        assert read_it(body) == {"a": None, "b": [None], "c": math.inf, "d": -math.inf}


def voltstorage(body: bytes) -> object:
    return parse_json(body, place="here")
