"""A document that is read piece by piece says what it says as a whole, and is refused where it would be."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PayloadUnreadableError
from providers import _json_pieces as module
from providers._json import read_json
from providers._json_pieces import ListInPieces

_TEXTS = st.text(alphabet='a],}{["\\\\ \ud800\n', max_size=8)
_LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_infinity=False) | _TEXTS
_ELEMENTS = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3), max_leaves=6
)


@pytest.fixture(autouse=True, scope="module")
def _short_pieces() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", 5)
        yield


def read(body: bytes, closing: bytes, start: int = 1) -> list[Any]:
    pieces = ListInPieces(body, start, closing, place="test", fix="look at it")
    found = [item for items in pieces for item in items]
    return found + (pieces.rest if isinstance(pieces.rest, list) else pieces.rest["data"])


@settings(max_examples=300, deadline=None)
@given(
    elements=st.lists(_ELEMENTS, max_size=8), closing=st.sampled_from([b"}", b"]"]), indent=st.sampled_from([None, 1])
)
def test_all_elements_come_once_and_in_order(elements: list[Any], closing: bytes, indent: int | None) -> None:
    """Whatever brackets, commas, quotes and escapes stand in texts, and however large or not-a-number numbers are."""
    body = json.dumps(elements, indent=indent).encode()
    whole = read_json(body, place="test", fix="look at it")

    assert repr(read(body, closing)) == repr(whole)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"a":2},{"a":3},]',
        b'[{"a":1},{"a":2},{"a":3}',
        b'[{"a":1},{"a":2},{"a":3}] x',
        b'[{"a":1},{"a":2},{"a":3,"a":4},{"a":5},{"a":6}]',
        b'[{"a":1},,{"a":2},{"a":3}]',
        b'[{"a":1},{"a":2} {"a":3}]',
        b'[{"a":"\xff"},{"a":2},{"a":3}]',
        b'[{"a":1},{"a":' + b"[" * 70 + b"]" * 70 + b'},{"a":3}]',
    ],
)
def test_what_is_refused_as_a_whole_is_refused_in_pieces(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError) as whole:
        read_json(body, place="test", fix="look at it")
    with pytest.raises(PayloadUnreadableError) as pieces:
        read(body, b"}")
    assert str(pieces.value) == str(whole.value)


def test_a_key_that_comes_again_behind_the_list_is_refused() -> None:
    body = b'{"data":[[1],[2],[3],[4],[5]],"data":[[6]]}'
    with pytest.raises(PayloadUnreadableError, match="twice"):
        read(body, b"]", start=9)


def test_a_long_list_is_never_held_as_a_whole() -> None:
    pieces = ListInPieces(json.dumps([[number] for number in range(1_000)]).encode(), 1, b"]", place="test", fix="")
    assert max(len(items) for items in pieces) <= 3
    assert len(pieces.rest) <= 3
