"""JSON, read strictly: UTF-8 only, no key twice in one object, every integer exact, bounded depth. NaN is null.

The fast parser (orjson) keeps the last of two equal keys, knows no not-a-number and rounds integers beyond 64 bits, so
what it refuses or may hide is read again, exactly, by the slow one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from domain.errors import IncompleteAnswerError, PayloadUnreadableError
from domain.records import Json
from domain.texts import clipped, is_nan
from providers._http_types import UNPROVEN

MAX_DEPTH: Final = 64
"""Nested objects and lists; what is nested deeper is an attack, not telemetry."""

# Beyond 64 bits an integer has 19 digits at least. All digits alike, and all that may stand before a number.
_ALIKE: Final = bytes.maketrans(b"123456789 \t\r\n[,-", b"000000000:::::::")
_NINETEEN: Final = b"0" * 19
_NAN_IN_QUOTES: Final = (b'NaN"', b'nan"', b'NAN"', b'Nan"')
_LONG_INTEGER: Final = re.compile(rb"(?:^|[\s:\[,-])[0-9]{19,}(?:$|[\s,\]}])")


def read_json(body: bytes, *, place: str, fix: str, max_depth: int = MAX_DEPTH) -> Json:
    """The one document in `body`.

    Args:
        body: The bytes as received.
        place: Which answer this is, for messages.
        fix: What to do about an answer that cannot be read.
        max_depth: How many levels of objects and lists it may have.

    Raises:
        PayloadUnreadableError: It is no JSON document, is nested too deep, or has a key twice in one object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return read_exactly(body, place=place, fix=fix, max_depth=max_depth)
    if _is_flat(document, body) and _keeps_digits(body):
        return document
    if keeps_all(body, contents_of(document, place=place, fix=fix, max_depth=max_depth)):
        return document
    return read_exactly(body, place=place, fix=fix, max_depth=max_depth)


class Contents(NamedTuple):
    """What a document holds, at any depth.

    Attributes:
        n_keys: Keys of all objects.
        n_texts: Values that are texts.
        has_fractions: Whether a number is no integer.
    """

    n_keys: int
    n_texts: int
    has_fractions: bool


def keeps_all(body: bytes, contents: Contents) -> bool:
    """Whether the fast parser, which made `contents` of `body`, has certainly kept every key and every digit."""
    n_quotes = body.count(b'"')
    if b"\\" in body:
        n_quotes -= body.replace(b"\\\\", b"").count(b'\\"')  # those within texts
    # A key that was lost had two more.
    return n_quotes == 2 * (contents.n_keys + contents.n_texts) and _keeps_digits(body)


def _keeps_keys(body: bytes, n_keys: int) -> bool:
    """Whether `n_keys` keys are certainly all of `body`, by its colons alone."""
    if body.count(b":") == n_keys:  # one for each key: none was lost, and no text holds one
        return True
    # The colons left over may stand within texts: then one for each key stands right behind a text.
    is_spaced = any(blank in body and blank + b":" in body for blank in (b" ", b"\t", b"\n", b"\r"))
    return not is_spaced and body.count(b'":') == n_keys


def _keeps_digits(body: bytes) -> bool:
    """Whether the fast parser has certainly rounded no integer of `body`."""
    alike = body.translate(_ALIKE)
    may_be_long = b":" + _NINETEEN in alike or alike.startswith(_NINETEEN)
    return not may_be_long or _LONG_INTEGER.search(body) is None


def constant(name: str) -> float | None:
    """What the slow parser makes of a number that JSON does not know: not-a-number is where nothing was measured."""
    return None if name == "NaN" else float(name)


def nan_as_null(document: Json, body: bytes) -> Json:
    """The document of `body` with null for each text that is not-a-number: so Jackson writes what was not measured."""
    return _nan_as_null(document) if any(word in body for word in _NAN_IN_QUOTES) else document


def _nan_as_null(document: Json) -> Json:
    if isinstance(document, dict):
        return {name: _nan_as_null(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_nan_as_null(value) for value in document]
    return None if isinstance(document, str) and is_nan(document) else document


def read_exactly(body: bytes, *, place: str, fix: str, max_depth: int = MAX_DEPTH) -> Json:
    """The same by the slow parser alone, for a caller that has tried a fast one before.

    Raises:
        PayloadUnreadableError: As `read_json`.
    """
    if not body.strip():
        raise PayloadUnreadableError("the answer is empty", place=place, fix=fix)
    try:
        document = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_without_twins, parse_constant=constant)
    except _TwinKeyError as error:
        culprit = f"the answer has the key {error} twice in one object"
    except UnicodeDecodeError as error:
        culprit = f"the answer is not UTF-8 (byte {error.start})"
    except RecursionError:
        culprit = f"the answer is nested more than {MAX_DEPTH} levels deep"
    except json.JSONDecodeError as error:
        culprit = f"the answer is no JSON document ({error.msg}, character {error.pos})"
    except ValueError:
        culprit = "the answer holds an integer of thousands of digits"
    else:
        contents_of(document, place=place, fix=fix, max_depth=max_depth)
        return document
    raise PayloadUnreadableError(culprit, place=place, fix=fix) from None


def contents_of(document: Json, *, place: str, fix: str, max_depth: int = MAX_DEPTH) -> Contents:
    """What `document` holds.

    Raises:
        PayloadUnreadableError: It is nested deeper than `max_depth`.
    """
    n_keys = n_texts = 0
    has_fractions = False
    level: list[Json] = [document]
    kinds = {type(document)}
    n_texts += kinds == {str}
    for _ in range(max_depth):
        objects = level if kinds == {dict} else [value for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)] if list in kinds else []
        n_keys += sum(map(len, objects))
        of_each = list(map(type, _values(objects, lists)))
        n_texts += (n_of_these := of_each.count(str))
        kinds = {str} if n_of_these == len(of_each) else set(of_each)
        has_fractions |= float in kinds
        kinds &= {dict, list}
        if not kinds:
            return Contents(n_keys, n_texts, has_fractions)
        level = [value for value in _values(objects, lists) if isinstance(value, (dict, list))]
    raise PayloadUnreadableError(f"the answer is nested more than {MAX_DEPTH} levels deep", place=place, fix=fix)


def _values(objects: list[Json], lists: list[Json]) -> Iterator[Json]:
    return chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))


def kind_of(value: object) -> str:
    """What JSON calls `value`: object, list, text, boolean, number or null."""
    names = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


class _TwinKeyError(ValueError):
    """A JSON object has the same key twice."""


def _is_flat(document: Json, body: bytes) -> bool:
    """Whether a document, quickly seen, is a list of flat objects, or an object with one, with all keys of `body`."""
    if isinstance(document, dict):
        lists, n_objects = [value for value in document.values() if isinstance(value, list)], 1
    else:
        lists, n_objects = [document] if isinstance(document, list) else [], 0
    if len(lists) != 1 or body.count(b"[") != 1 or body.count(b"{") != len(lists[0]) + n_objects:
        return False
    rows = lists[0]
    if rows and set(map(type, rows)) != {dict}:
        return False
    return _keeps_keys(body, (len(document) if n_objects else 0) + sum(map(len, rows)))


def _without_twins(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwinKeyError(clipped(Counter(name for name, _ in pairs).most_common(1)[0][0]))
    return found


@contextmanager
def closed_by_document(proof: str, *, place: str) -> Iterator[None]:
    """Have a document that cannot be read in the block be incomplete, if its end is all that proves a body whole.

    Raises:
        IncompleteAnswerError: `proof` is `UNPROVEN`, and the document cannot be read.
    """
    try:
        yield
    except PayloadUnreadableError as error:
        if proof != UNPROVEN:
            raise
        raise IncompleteAnswerError(
            f"the connection was closed before the document was: {error.culprit}",
            place=place,
            fix="wait for the next try",
        ) from None
