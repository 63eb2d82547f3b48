"""The shape of an answer, and everything that is not that shape."""

import json
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import AnswerTooLargeError, PayloadUnreadableError, ProviderError
from providers.export_service.spec import MAX_TOKEN_BYTES
from providers.export_service.wire import Page, parse_page, parse_products

DOCUMENTED = b"""{
	"continueToken": "",
	"numResults": 4,
	"result": [
		{"Pset_kW": 90.0, "P_kW": 120.0, "timestamp": 1748817901101},
		{"Pset_kW": 100.0, "P_kW": 100.0, "timestamp": 1748817961100},
		{"Pset_kW": 90.0, "P_kW": 90.0, "timestamp": 1748818021100},
		{"Pset_kW": 95.0, "P_kW": 95.0, "timestamp": 1748818081100}
	]
}"""


def page(rows: str, *, count: int = 1, token: str = '""') -> bytes:
    return f'{{"continueToken":{token},"numResults":{count},"result":[{rows}]}}'.encode()


def refusal(body: bytes) -> str:
    with pytest.raises(PayloadUnreadableError) as caught:
        parse_page(body, place="grid 2025-06-01, page 1")
    assert "grid 2025-06-01, page 1" in str(caught.value)
    return caught.value.culprit


def read(body: bytes) -> Page:
    return parse_page(body, place="here")


def test_the_documented_example_is_read_as_documented() -> None:
    said = read(DOCUMENTED)
    assert said.token == ""
    assert len(said.rows) == 4
    assert said.rows[0] == {"Pset_kW": 90.0, "P_kW": 120.0, "timestamp": 1748817901101}


@pytest.mark.parametrize("token", ['""', "null", '"bnVsbA=="'])
def test_every_known_mark_of_the_end_is_the_end(token: str) -> None:
    assert read(page("{}", token=token)).token == ""


def test_a_missing_token_is_the_end() -> None:
    assert read(b'{"numResults":0,"result":[]}') == Page("", [])


def test_a_token_is_kept_letter_by_letter() -> None:
    hostile = "../../?a=b&admin=1\r\nX: y"
    assert read(page("", count=0, token=json.dumps(hostile))).token == hostile


@pytest.mark.parametrize("token", ["1", "true", "{}", "[]", r'"\u0000"', r'"\ud800"'])
def test_a_token_that_is_no_sendable_text_is_refused(token: str) -> None:
    assert "continueToken" in refusal(page("", count=0, token=token))


def test_a_token_of_the_longest_length_is_read_and_a_longer_one_refused() -> None:
    longest = "x" * MAX_TOKEN_BYTES
    assert read(page("", count=0, token=f'"{longest}"')).token == longest
    with pytest.raises(AnswerTooLargeError, match="continueToken has 8,193 bytes"):
        read(page("", count=0, token=f'"{longest}x"'))


@pytest.mark.parametrize("count", [0, 2, -1])
def test_a_count_that_disagrees_with_the_documents_is_refused(count: int) -> None:
    assert refusal(page("{}", count=count)) == f"the answer says numResults {count} and holds 1 documents"


@pytest.mark.parametrize(
    "body", [b'{"result":[]}', b'{"numResults":"0","result":[]}', b'{"numResults":true,"result":[{}]}']
)
def test_an_answer_without_a_count_is_refused(body: bytes) -> None:
    assert "numResults" in refusal(body)


@pytest.mark.parametrize("result", ["null", "{}", '"x"', "1"])
def test_a_result_that_is_no_list_is_refused(result: str) -> None:
    assert "not a list" in refusal(f'{{"numResults":0,"result":{result}}}'.encode())


def test_an_error_message_with_status_200_is_refused_by_its_code_and_not_quoted() -> None:
    body = b'{"timestamp":1,"status":422,"error":"Unprocessable Entity","errorCode":10002,"message":"secret token abc"}'
    culprit = refusal(body)
    assert "10002" in culprit
    assert "secret" not in culprit


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_answer_is_refused(body: bytes) -> None:
    assert "empty" in refusal(body) or "no JSON document" in refusal(body)


def test_a_document_cut_at_any_byte_is_refused() -> None:
    for end in range(len(DOCUMENTED) - 1):
        refusal(DOCUMENTED[:end])


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"<html></html>", DOCUMENTED + b"{}"])
def test_an_answer_that_is_not_one_object_is_refused(body: bytes) -> None:
    refusal(body)


def test_utf_16_and_broken_utf_8_are_refused_and_a_mark_before_utf_8_is_not() -> None:
    refusal(DOCUMENTED.decode().encode("utf-16"))
    assert "not UTF-8" in refusal(page('{"a":"\xff"}').decode("utf-8").encode("latin-1"))
    assert len(read(b"\xef\xbb\xbf" + DOCUMENTED).rows) == 4


@pytest.mark.parametrize(
    "rows",
    [
        '{"P_kW":1,"P_kW":2}',
        '{"P_kW" : 1, "P_kW" : 2}',
        '{"P_kW"\n:1,"P_kW":2}',
        '{"a":{"b":1,"b":2}}',
        '{"a":[{"b":1,"b":2}]}',
        '{"a":":","a":":"}',
        '{"a":"x\\":y","a":1}',
        r'{"a":1,"\u0061":2}',
    ],
)
def test_a_key_that_stands_twice_in_an_object_is_refused_by_name(rows: str) -> None:
    assert "twice" in refusal(page(rows))


def test_a_top_level_key_that_stands_twice_is_refused() -> None:
    assert "'numResults'" in refusal(b'{"numResults":1,"numResults":0,"result":[]}')


@pytest.mark.parametrize("rows", ['{"a":"12:30:00"}', r'{"a":"x\":y"}', '{"a" : "b : c"}', '{"a:b":1,"c:d":{"e":":"}}'])
def test_colons_within_texts_are_no_keys(rows: str) -> None:
    assert read(page(rows)).rows == [json.loads(rows)]


def test_not_a_number_is_null_and_infinity_is_left_to_the_quarantine() -> None:
    (row,) = read(page('{"a":NaN,"b":Infinity,"c":-Infinity,"d":1e999}')).rows
    assert repr(row) == "{'a': None, 'b': inf, 'c': -inf, 'd': inf}"


def test_a_lone_surrogate_is_read_and_left_to_the_quarantine() -> None:
    assert read(page(r'{"a":"\ud800"}')).rows == [{"a": "\ud800"}]


def test_nesting_is_read_to_the_bound_and_refused_beyond() -> None:
    assert read(page("{}").replace(b"{}", b'{"a":' * 64 + b"1" + b"}" * 64)).rows
    for depth in (66, 1_000, 100_000):
        nested = page("{}").replace(b"[{}]", b'[{"a":' + b"[" * depth + b"]" * depth + b"}]")
        assert "levels deep" in refusal(nested)


def test_an_integer_of_thousands_of_digits_is_refused() -> None:
    assert "integer of thousands of digits" in refusal(page('{"a":' + "1" * 5_000 + "}"))


def test_a_hundred_thousand_equal_keys_are_refused_in_a_moment() -> None:
    began = time.monotonic()
    refusal(page("{" + ",".join(['"a":1'] * 100_000) + "}"))
    assert time.monotonic() - began < 5


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_document_is_read_or_refused_in_our_words(document: object) -> None:
    for body in (json.dumps(document), json.dumps({"numResults": 1, "result": [document]}, ensure_ascii=False)):
        try:
            rows = read(body.encode(errors="surrogatepass")).rows
        except ProviderError:
            continue
        assert repr(rows) == repr([document])


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused_in_our_words(junk: bytes) -> None:
    for body in (junk, DOCUMENTED[:40] + junk + DOCUMENTED[60:]):
        try:
            read(body)
        except ProviderError as error:
            assert error.place == "here"  # noqa: PT017 - either outcome is right


def test_the_list_of_products_is_sorted_and_each_name_is_once_in_it() -> None:
    assert parse_products(b'["b","a","b"]', place="here") == ("a", "b")
    assert parse_products(b"[]", place="here") == ()


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'[""]', b'["a/b"]', b'["a\\nb"]', b"null", b'"a"', b"["])
def test_a_list_of_anything_but_product_names_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        parse_products(body, place="here")


def test_ten_thousand_documents_are_read_as_the_plain_parser_reads_them() -> None:
    rows = [{"P_kW": index / 7, "timestamp": 1748817901101 + index} for index in range(10_000)]
    assert read(orjson.dumps({"continueToken": "t", "numResults": 10_000, "result": rows})) == Page("t", rows)
